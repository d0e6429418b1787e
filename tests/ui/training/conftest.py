"""A small run on a few digits, and a controller that is closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.run import Hyperparameters, Initial, Run, new_run
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.engine.value import Array
from backpropviz.files.networks import load_network
from backpropviz.files.pictures import digit_set
from backpropviz.ui.training.controller import TrainingController, TrainingState

LONG_MS = 30_000


def small_run(learning_rate: float = 0.05, seed: int = 3) -> Run:
    """LeNet from fresh weights on 64 digits, 16 held out: an epoch has eight updates."""
    model = load_network("lenet")
    digits = digit_set("mnist")
    images = (digits.images[::25, None] / np.float32(255)).astype(np.float32)
    labels = digits.labels[::25].astype(np.int64)
    names = tuple(f"mnist:{25 * number}" for number in range(80))
    dataset = Dataset(
        "80 digits",
        "mnist",
        _part(images, labels, names, is_held_out=False),
        _part(images, labels, names, is_held_out=True),
        model.class_names,
        model.preprocessing,
    )
    settings = Hyperparameters(Sgd(learning_rate, 0.9), batch_size=8)
    return new_run(model, dataset, settings, Initial(seed), title="digits")


def _part(images: Array, labels: Array, names: tuple[str, ...], *, is_held_out: bool) -> Samples:
    """Every fifth is held out: the digits come in the order of their classes."""
    chosen = [k for k in range(len(names)) if (k % 5 == 0) == is_held_out]
    return Samples(images[chosen], labels[chosen], tuple(names[k] for k in chosen))


@pytest.fixture
def controller(qtbot: QtBot) -> Iterator[TrainingController]:
    """A controller without a window; errors fail the test."""
    made = TrainingController()
    errors: list[object] = []
    made.failed.connect(errors.append)
    yield made
    made.close()
    assert errors == []


Wait = Callable[..., TrainingState]


@pytest.fixture
def wait_for(controller: TrainingController, qtbot: QtBot) -> Wait:
    """Do something and wait until the state is as asked."""

    def waiting(
        act: Callable[[], object], is_there: Callable[[TrainingState], bool]
    ) -> TrainingState:
        with qtbot.waitSignal(
            controller.changed,
            timeout=LONG_MS,
            check_params_cb=lambda _, new: is_there(new),
        ):
            act()
        return controller.state

    return waiting


def stands_at(iteration: int) -> Callable[[TrainingState], bool]:
    """Whether the shown run has paused after an update."""

    def check(state: TrainingState) -> bool:
        run = state.run
        return run is not None and not state.is_running and run.now.iteration == iteration

    return check


def faster(run: Run, learning_rate: float) -> Hyperparameters:
    """The run's first settings with another learning rate."""
    settings = run.course.at(1)
    assert isinstance(settings.optimizer, Sgd)
    return replace(settings, optimizer=replace(settings.optimizer, learning_rate=learning_rate))
