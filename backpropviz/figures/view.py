"""The debugger's state, resolved against the tape: all that a figure of the current step may need.

Figures read a `View` and nothing else; the same view gives the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property, lru_cache

import numpy as np

from backpropviz.debugger.places import operation_of
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.element import element_progress
from backpropviz.engine.index import variables
from backpropviz.engine.model import Model
from backpropviz.engine.nest import Nest, Rule
from backpropviz.engine.partial import Partial
from backpropviz.engine.shares import Shares, sample_shares
from backpropviz.engine.tape import Tape
from backpropviz.figures.explanation.explained_step import ALL, ExplainedStep, Progress
from backpropviz.figures.sample import has_samples, shown_sample
from backpropviz.figures.scales import Scales
from backpropviz.figures.stage.close_up import CloseUp
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.plane_steps import growing_planes, is_made_in_turn, steps_of_plane
from backpropviz.figures.stage.planes import Selection
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen


@frozen
class Options:
    """How a person wants to see the pass; `lit` is the key that is hovered or pinned.

    `sample` is the one to look at where a block of steps holds several of a batch, `close_up` the
    part of a plane that is too large for the stage.
    """

    lit: str = ""
    ledger_by_size: bool = False
    ledger_by_sample: bool = False
    sample: int = 0
    close_up: CloseUp | None = None


@frozen(eq=False, slots=False)
class View:
    """One moment of a pass. `scales` is kept from view to view of the same tape."""

    model: Model
    tape: Tape
    timeline: Timeline
    state: SessionState
    scales: Scales
    options: Options = field(default_factory=Options)

    @cached_property
    def notation(self) -> Notation:
        """How the quantities of this pass are written."""
        return Notation.of(self.tape)

    @property
    def is_done(self) -> bool:
        """Whether every step has run, so that nothing is in focus."""
        return self.state.k >= self.timeline.steps

    @cached_property
    def depth(self) -> Depth:
        """The effective depth."""
        if self.is_done:
            return Depth.PASS
        return self.timeline.effective_depth(self.state.k, self.state.depth)

    @cached_property
    def block(self) -> tuple[int, int]:
        """The steps in focus: start and stop."""
        return self.timeline.block(self.state.k, self.depth)

    @property
    def position(self) -> int:
        """How many steps have run: the focus is shown as it will be when it has run."""
        return self.block[1]

    @cached_property
    def focus(self) -> Focus | None:
        """The operation in focus; None at the depths that hold several, and at the end."""
        if self.is_done or self.depth < Depth.TENSOR:
            return None
        number = self.timeline.operation_at(self.state.k)
        return Focus(
            self.timeline.operations[number],
            self.timeline.orders[number],
            self.timeline.coordinates(self.state.k),
            self.depth,
            self.position - self.timeline.starts[number],
        )

    @cached_property
    def sample(self) -> int:
        """The sample of the batch that is shown: the step's own, or else the chosen one."""
        if self.tape.batch == 1:
            return 0
        chosen = self.options.sample if self.options.sample < self.tape.batch else 0
        return shown_sample(self.timeline, self.state.k, self.focus, chosen)

    @cached_property
    def shares(self) -> Shares | None:
        """What each sample of a batch adds to the value in focus, as far as it has come."""
        step = self.explained
        if step.derivation is None or self.tape.batch == 1:
            return None
        mask = step.progress.mask(step.derivation.term_values.size)
        return sample_shares(step.derivation, mask)

    @property
    def samples_begun(self) -> int:
        """How many samples' terms of the value in focus have begun to run; 0 without shares."""
        step, shares = self.explained, self.shares
        if step.derivation is None or shares is None:
            return 0
        mask = step.progress.mask(step.derivation.term_values.size)
        return len(shares.first) if mask is None else int(np.count_nonzero(mask[shares.first]))

    def has_samples(self, address: Address) -> bool:
        """Whether an array's first dimension counts the samples of a batch of several."""
        return has_samples(address, self.tape[address].shape, self.tape.batch)

    def steps_done(self, address: Address) -> tuple[int, int]:
        """How many steps of the operation that computes an array have run, and how many it has.

        What is given (the image, the weights) is complete: 1 of 1.
        """
        number = operation_of(self.timeline, self.tape, address)
        if number is None:
            return 1, 1
        start, stop = self.timeline.starts[number], self.timeline.starts[number + 1]
        return min(max(self.position - start, 0), stop - start), stop - start

    def plane_status(self, address: Address, selection: Selection) -> Partial:
        """What is known of a plane of an array at the shown position."""
        return self.plane_statuses(address, (selection,))[0]

    def plane_statuses(
        self, address: Address, selections: Sequence[Selection]
    ) -> tuple[Partial, ...]:
        """The same of several planes, at the cost of one look; those asked for before are kept."""
        missing = [s for s in selections if (address, s) not in self._planes]
        if missing:
            found = self._found_planes(address, missing)
            self._planes.update(((address, s), f) for s, f in zip(missing, found, strict=True))
        return tuple(self._planes[address, selection] for selection in selections)

    @cached_property
    def _planes(self) -> dict[tuple[Address, Selection], Partial]:
        return {}

    def _found_planes(self, address: Address, selections: Sequence[Selection]) -> Sequence[Partial]:
        origin = self.tape.resolve(address.array)
        done, total = self.steps_done(origin)
        number = self.timeline.computed_by(origin)
        if number is None or done in {0, total}:
            return tuple(self._settled(origin, s, known=done == total) for s in selections)
        nest, order = self.timeline.nest(number), self.timeline.orders[number]
        if not is_made_in_turn(nest, order):
            return growing_planes(self.tape, nest, order, selections, done)
        return tuple(self._in_turn(nest, s, done) for s in selections)

    def _in_turn(self, nest: Nest, selection: Selection, done: int) -> Partial:
        """A plane that is made after the ones before it and before the ones that follow."""
        steps = steps_of_plane(nest, selection)
        if steps.start < done < steps.stop:
            return growing_planes(self.tape, nest, 0, (selection,), done)[0]
        return self._settled(nest.target, selection, known=done >= steps.stop)

    def _settled(self, origin: Address, selection: Selection, *, known: bool) -> Partial:
        """A plane that is complete, or not begun."""
        part = tuple(slice(None) if s is None else s for s in selection)
        values = self.tape[origin][part]
        mask = _filled(values.shape, known)
        shown = values.astype(np.float64) if known else _filled(values.shape, np.nan)
        return Partial(shown, mask, mask)

    @cached_property
    def value(self) -> float | None:
        """The one value that the focus makes, as far as it has come."""
        focus = self.focus
        if focus is None or focus.target is None:
            return None
        found = element_progress(self.tape, focus.nest, focus.order, focus.steps_done, focus.target)
        return found.value

    @cached_property
    def explained(self) -> ExplainedStep:
        """The step in focus with the derivation of its value, where it makes just one."""
        focus = self.focus
        if focus is None:
            operation = None
            if not self.is_done:
                number = self.timeline.operation_at(self.state.k)
                operation = self.timeline.operations[number]
            return ExplainedStep(None, operation, self.depth, self.tape, self.model)
        if focus.target is None or focus.nest.rule is Rule.COPY:
            return ExplainedStep(None, focus.operation, self.depth, self.tape, self.model)
        address = focus.nest.target.at(focus.target)
        derivation = derive(self.tape, focus.nest, address)
        return ExplainedStep(
            derivation,
            focus.operation,
            self.depth,
            self.tape,
            self.model,
            self._term_progress(derivation),
        )

    def _term_progress(self, derivation: Derivation) -> Progress:
        """Which terms have run, and which is the current one at term depth."""
        focus = self.focus
        if focus is None or focus.depth is not Depth.TERM:
            return ALL
        steps = _step_numbers(derivation, focus)
        here = focus.steps_done - 1
        current = np.flatnonzero(steps == here)
        return Progress(int(current[0]) if current.size else None, steps <= here)


@lru_cache(maxsize=64)
def _filled(shape: Shape, value: float) -> Array:
    """An array of one value, that takes no room."""
    return np.broadcast_to(np.asarray(value), shape)


def _step_numbers(derivation: Derivation, focus: Focus) -> Array:
    """The number in the nest, in the chosen order, of each term of a derivation."""
    loops = focus.loops
    if focus.is_by_source:
        found = [index.over(derivation.region)[0] for index in loops.locate]
    else:
        found = [along.over(derivation.region)[0] for along in variables(len(loops.axes))]
    number = np.zeros((), dtype=np.int64)
    for coordinate, size in zip(found, loops.sizes, strict=True):
        number = number * size + coordinate
    sizes = tuple(len(r) for r in derivation.region)
    steps: Array = np.broadcast_to(number, sizes).reshape(-1)[derivation.positions]
    return steps
