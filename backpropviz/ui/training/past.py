"""The past of a run, computed again beside the window: its states, and its updates as passes.

While the slider is dragged, the newest wish waits for the way that is being gone; older ones are
dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, NoReturn

import numpy as np
from PySide6.QtCore import QObject, Signal

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.backprop import forward
from backpropviz.engine.kinds.protocol import Pattern
from backpropviz.engine.model import EVAL, Mode, with_mode
from backpropviz.engine.record import Settings
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.training.checkpoints import (
    Checkpoints,
    Moment,
    ReplayStoppedError,
    state_at,
)
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.trainer import measured_update
from backpropviz.engine.training.update import Trained, layer_workspaces
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.ui.background import Background
from backpropviz.ui.opened import Opened, Subject
from backpropviz.ui.training.worker import LiveRun

_REMEMBERED: Final = 8


@frozen(eq=False)
class Visited:
    """A past update that the slider shows; `now` is None until it has been computed again."""

    iteration: int
    now: Trained | None = None
    gradients: Mapping[Address, Array] = field(default_factory=dict)


class Past(QObject):
    """Emits what it found with the number of the run that it belongs to."""

    arrived = Signal(int, object)
    moment_found = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._generation = 0
        self._wanted: tuple[LiveRun, int] | None = None
        self._remembered: dict[tuple[int, int], Trained] = {}
        self._visitor, self._finder = Background(self), Background(self)
        self._visitor.answered.connect(self._take)
        self._visitor.failed.connect(self._fail)
        self._finder.answered.connect(self.moment_found)
        self._finder.failed.connect(self._fail)

    def visit(self, live: LiveRun, iteration: int) -> None:
        """Look for the state after an update, and for the gradients of that update."""
        self._wanted = live, iteration
        if not self._visitor.is_busy:
            self._go()

    def find_moment(self, live: LiveRun, iteration: int) -> None:
        """Look for the state from which an update started."""
        before = self._way(live, iteration - 1)
        run = live.run
        self._finder.run(lambda: Moment(run, before(), iteration))

    def leave(self) -> None:
        """Nobody looks at the past any more."""
        self._generation += 1
        self._wanted = None
        self._visitor.drop()

    def forget(self, number: int) -> None:
        """A run is let go of."""
        self._remembered = {k: v for k, v in self._remembered.items() if k[0] != number}

    def stop(self) -> None:
        """Give up and wait until no thread works for this."""
        self.leave()
        self._visitor.stop()
        self._finder.stop()

    def _go(self) -> None:
        if self._wanted is None:
            return
        (live, iteration), self._wanted = self._wanted, None
        before = self._way(live, max(0, iteration - 1))

        def job() -> tuple[int, Visited, Trained]:
            start = before()
            return live.number, _visited(live, start, iteration), start

        self._visitor.run(job)

    def _way(self, live: LiveRun, iteration: int) -> Callable[[], Trained]:
        """What computes a state on another thread, until somebody says `leave`."""
        generation, run = self._generation, live.run
        known = [
            trained
            for (number, at), trained in self._remembered.items()
            if number == live.number and at <= iteration
        ]

        def way() -> Trained:
            nearest = max((live.checkpoint(iteration), *known), key=lambda t: t.iteration)
            start = Checkpoints()
            start.add(nearest)
            return state_at(run, start, iteration, lambda: generation != self._generation)

        return way

    def _take(self, answer: tuple[int, Visited, Trained]) -> None:
        number, visited, before = answer
        self._remembered[number, before.iteration] = before
        while len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self.arrived.emit(number, visited)
        self._go()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, ReplayStoppedError):
            self.failed.emit(error)


def _visited(live: LiveRun, before: Trained, iteration: int) -> Visited:
    """The state after the update; the very first has none before it, and no gradients."""
    if iteration == before.iteration:
        return Visited(iteration, before)
    updated = measured_update(live.run, before, layer_workspaces(live.run.network), gradients=True)
    return Visited(iteration, updated.trained, updated.gradients)


@frozen(eq=False)
class UpdateSubject(Subject):
    """A subject whose pass is an update that was made: nothing about it can be changed."""

    moment: Moment | None = None
    names: tuple[str, ...] = ()

    def record(self) -> Tape:
        """The pass of the update; `next` are the trained weights, on one machine bit for bit."""
        if self.moment is None:
            raise UserError("This pass belongs to no update.")
        return self.moment.record()

    @property
    def network_title(self) -> str:
        """Its run is what it is called by."""
        return self.network

    @property
    def save_refusal(self) -> str:
        """An update is made again from its run."""
        return "An update of a run cannot be saved as a session: save the run instead."

    @property
    def can_change(self) -> bool:
        """An update is what it was; another image or network opens a pass of its own."""
        return False

    def sample_name(self, sample: int) -> str:
        """`mnist:17`: which image of the data a sample is."""
        return self.names[sample] if len(self.names) > 1 else ""

    @property
    def mode(self) -> Mode:
        """That of the update."""
        if self.moment is None:
            return super().mode
        return Mode(True, self.moment.run.seed, self.moment.iteration)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        number = 0 if self.moment is None else self.moment.iteration
        raise UserError(
            f"Update {number:,} is shown as it was made: to change something, open its network and "
            "an image, or go back to the training and fork the run."
        )

    with_target = _refuse
    with_learning_rate = _refuse
    with_float_bits = _refuse
    with_reduction = _refuse
    with_mode = _refuse
    with_dropout_seed = _refuse
    with_convention = _refuse
    with_value = _refuse
    with_preprocessing = _refuse


def opened_update(moment: Moment, diverging: str) -> Opened:
    """The pass of an update, at its start; meant for a worker's thread."""
    tape = moment.record()
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    subject = _subject(moment)
    view = View(subject.model, tape, timeline, SessionState(), Scales(tape, diverging))
    return Opened(subject, view)


def _subject(moment: Moment) -> UpdateSubject:
    batch, model = moment.run.batch(moment.iteration), moment.model
    names = moment.sample_names
    title = names[0] if len(names) == 1 else f"{len(names)} images of update {moment.iteration:,}"
    targets = tuple(float(number) for number in batch.targets.ravel())
    settings = Settings(
        target=int(targets[0]) if len(targets) == 1 and batch.targets.ndim == 1 else targets,
        float_bits=8 * moment.run.dtype.itemsize,
        optimizer=model.optimizer,
    )
    return UpdateSubject(
        network=moment.run.title,
        model=model,
        image_name=title,
        image_source="",
        image=batch.images,
        picture=None,
        steps=(),
        settings=settings,
        moment=moment,
        names=names,
    )


def probe_samples(run: Run) -> Samples:
    """What is looked at: the held-out samples, or those to train on where none is held out."""
    return run.dataset.validation or run.dataset.training


def shown_layers(run: Run) -> tuple[str, ...]:
    """The layers whose outputs are worth a look: all but those that only reshape."""
    return tuple(
        node.name for node in run.network.nodes if node.layer.about.pattern is not Pattern.RESHAPED
    )


def activations(run: Run, trained: Trained, number: int) -> dict[str, Array]:
    """The output of every layer, (C,H,W) or (K), for a sample."""
    samples, network = probe_samples(run), with_mode(run.network, EVAL)
    image = samples.images[number : number + 1].astype(run.dtype, copy=False)
    shape = (1, *network.shapes[network.output])
    target = network.loss.target(samples.targets[number : number + 1], shape)
    with np.errstate(all="ignore"):  # what is not finite is told by the values themselves
        found = forward(network, trained.parameters, image, target)
    return {name: found.outputs[name][0] for name in shown_layers(run)}


def output_address(layer: str) -> Address:
    """The name of a layer's output."""
    return Address(layer, "output")
