"""The debugger on the batch of an update: a click or a key leads to another sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.debugger.commands import GoToAddress
from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import operations
from backpropviz.engine.training.checkpoints import Moment
from backpropviz.engine.training.run import Hyperparameters, new_run
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.engine.value import parse
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.scene.text import shown
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened
from backpropviz.ui.pointing import cell_text
from backpropviz.ui.top_bar import image_thumbnail
from backpropviz.ui.training.past import opened_update
from backpropviz.ui.workbench import Workbench
from tests.ui.bench import bench_of
from tests.ui.conftest import Open

VALUE = "conv1.weight.grad[0,0,1,1]"
SAMPLES = 4


@pytest.fixture
def bench(window: MainWindow, open_in: Open) -> Workbench:
    """LeNet on four random images, at a weight's gradient."""
    open_in("lenet")
    found = bench_of(window)
    assert found.controller.opened is not None
    found.controller.show(_on_a_batch(found.controller.opened))
    found.controller.dispatch(GoToAddress(parse(VALUE), Depth.ELEMENT))
    return found


def _on_a_batch(opened: Opened) -> Opened:
    model = opened.subject.model
    random = np.random.default_rng(2)
    images = np.maximum(random.standard_normal((SAMPLES, 1, 28, 28)), 0).astype(np.float32)
    tape = record(model.network, model.parameters, images, [3, 1, 4, 1], Sgd(0.1))
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer))
    view = View(model, tape, timeline, SessionState(), Scales(tape))
    return Opened(replace(opened.subject, image=images), view)


def now(bench: Workbench) -> Opened:
    assert bench.controller.opened is not None
    return bench.controller.opened


def test_a_click_on_a_sample_shows_it_in_the_same_value(bench: Workbench) -> None:
    before = now(bench).view.block
    bench.stage.clicked.emit("sample:2")
    assert now(bench).view.sample == 2
    assert now(bench).view.block == before
    assert now(bench).state.depth is Depth.ELEMENT


def test_the_chosen_sample_stays_for_the_next_values(bench: Workbench, window: MainWindow) -> None:
    bench.stage.clicked.emit("sample:2")
    window.actions_by_name["step_over"].trigger()
    assert now(bench).view.sample == 2


def test_where_a_step_is_in_one_sample_a_click_goes_to_the_same_place_in_another(
    bench: Workbench,
) -> None:
    bench.controller.dispatch(GoToAddress(parse("conv1.output[1,2,8,9]"), Depth.ELEMENT))
    bench.stage.clicked.emit("sample:3")
    assert str(now(bench).focus_address) == "conv1.output[3,2,8,9]"


def test_keys_turn_the_samples_around(bench: Workbench, window: MainWindow) -> None:
    window.actions_by_name["previous_sample"].trigger()
    assert now(bench).view.sample == SAMPLES - 1
    window.actions_by_name["next_sample"].trigger()
    assert now(bench).view.sample == 0


def test_one_sample_has_no_other(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    assert not window.actions_by_name["next_sample"].isEnabled()
    assert "one sample" in window.actions_by_name["next_sample"].toolTip()


def test_the_ledger_of_a_batch_has_three_orders(bench: Workbench, window: MainWindow) -> None:
    seen = []
    for order in ("size", "sample", "position"):
        bench.stage.clicked.emit(f"ledger:by_{order}")
        options = now(bench).view.options
        seen.append((options.ledger_by_size, options.ledger_by_sample))
    assert seen == [(True, False), (False, True), (False, False)]
    assert not window.actions_by_name["ledger_by_sample"].isChecked()


def test_the_picture_of_the_image_is_that_of_the_sample(bench: Workbench) -> None:
    first = image_thumbnail(now(bench), 24, LIGHT)
    bench.stage.clicked.emit("sample:3")
    bench._show_side_panels()
    assert bench.bar._sample == 3
    assert image_thumbnail(now(bench), 24, LIGHT) != first


def test_a_sample_of_an_update_is_called_by_its_name() -> None:
    """And each name stands for its own image, in the order of the batch."""
    model = load_network("lenet")
    images = np.random.default_rng(1).random((3, 1, 28, 28), np.float32)
    samples = Samples(images, np.array([3, 1, 4]), ("mnist:5", "mnist:7", "mnist:9"))
    names, preprocessing = model.class_names, model.preprocessing
    dataset = Dataset("three", "mnist", samples, None, names, preprocessing, ())
    run = new_run(model, dataset, Hyperparameters(Sgd(0.1), batch_size=3))
    opened = opened_update(Moment(run, run.start, 1), "")
    called = [opened.subject.sample_name(n) for n in range(3)]
    assert sorted(called) == sorted(samples.names)
    for name, image in zip(called, opened.view.tape[IMAGE], strict=True):
        np.testing.assert_array_equal(images[samples.names.index(name)], image)


def test_pointing_at_a_sample_tells_its_share(bench: Workbench) -> None:
    opened = now(bench)
    assert opened.view.shares is not None
    text = cell_text("sample:2", opened)
    assert text.startswith("Sample 2 of 4\nTarget 4, read as ")
    assert f"Adds {shown(float(opened.view.shares.values[2]), 6, signed=True)}" in text
