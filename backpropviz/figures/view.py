"""The debugger's state, resolved against the tape: all that a figure of the current step may need.

Figures read a `View` and nothing else; the same view gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property, lru_cache, reduce
from typing import Final

import numpy as np

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline, operation_of
from backpropviz.engine.derivation import Derivation, Shares, derive, sample_axis, sample_shares
from backpropviz.engine.kinds.protocol import LOSS_NAME, TARGET, Layer, Loss
from backpropviz.engine.model import Model
from backpropviz.engine.nest import Coordinates, Nest, NestRule, variables
from backpropviz.engine.operands import ArrayCell, Choice
from backpropviz.engine.partial import Partial, element_progress
from backpropviz.engine.tape import Operation, Phase, Tape
from backpropviz.engine.value import Address, Array, Shape, parse
from backpropviz.errors import UserError
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.planes import (
    CloseUp,
    Focus,
    Selection,
    growing_planes,
    is_made_in_turn,
    leading_dimensions,
    steps_of_plane,
)
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.frozen import frozen
from backpropviz.scene.text import shown

SAMPLE_KEY: Final = "sample:"
"""Marks with the key `sample:<n>` lead to the same step in that sample."""


def fixed_sample(focus: Focus | None) -> int | None:
    """The sample that all steps of a block are in; None where they are in several, or in none."""
    if focus is None or focus.operation.phase is Phase.UPDATE or focus.nest.rule is NestRule.COPY:
        return None
    axis = sample_axis(focus.loops)
    return None if axis is None or len(focus.region[axis]) != 1 else focus.region[axis][0]


def shown_sample(timeline: Timeline, k: int, focus: Focus | None, chosen: int) -> int:
    """The sample of step k; at the beginning of a block of several samples the chosen one."""
    fixed = fixed_sample(focus)
    if fixed is not None:
        return fixed
    axis = _axis(timeline, k)
    here = 0 if axis is None else timeline.coordinates(k)[axis]
    return here or chosen


def step_in(timeline: Timeline, k: int, sample: int) -> int | None:
    """The step that does in another sample what step k does; None where a step has no sample."""
    axis = _axis(timeline, k)
    if axis is None:
        return None
    coordinates = timeline.coordinates(k)
    moved = (*coordinates[:axis], sample, *coordinates[axis + 1 :])
    return timeline.position(timeline.operation_at(k), moved)


def _axis(timeline: Timeline, k: int) -> int | None:
    if k >= timeline.steps:
        return None
    operation = timeline.operations[timeline.operation_at(k)]
    if operation.phase is Phase.UPDATE or operation.nest.rule is NestRule.COPY:
        return None
    return sample_axis(timeline.loops(timeline.operation_at(k)))


def has_samples(address: Address, shape: Shape, batch: int) -> bool:
    """Whether the first dimension of an array counts the samples of a batch of several."""
    if address.quantity in PARAMETERS or shape[:1] != (batch,):
        return False
    return batch > 1 and leading_dimensions(address, len(shape)) > 0


@frozen(eq=False)
class TermProgress:
    """Which terms of a derivation have run, and which one is current (its number in loop order).

    `ran` is how many, from the first; or, since an order by source reaches a value's terms in an
    order of its own, a boolean a term; None: all.
    """

    current: int | None = None
    ran: int | Array | None = None

    def mask(self, count: int) -> Array | None:
        """Booleans of the terms that have run; None: all of them."""
        if self.ran is None or (isinstance(self.ran, int) and self.ran >= count):
            return None
        mask = np.arange(count) < self.ran if isinstance(self.ran, int) else self.ran
        return None if bool(mask.all()) else mask

    def running(self, derivation: Derivation) -> float:
        """initial + the terms that have run; the tape's own value when all have."""
        mask = self.mask(derivation.term_values.size)
        if mask is None:
            return derivation.value
        ran = derivation.term_values[mask]
        if derivation.rule is NestRule.MAX:
            return float(ran.max()) if ran.size else float("-inf")
        start = 0.0 if derivation.initial is None else derivation.initial.value
        return float(start + ran.sum())


ALL: TermProgress = TermProgress()
"""Every term has run and none is current: a finished value."""


@frozen
class TermPlace:
    """A term as the sum of its value counts it, from 1, whatever order the steps go in.

    By source the steps change the value all the time, so `value` says which one it is.
    """

    number: int
    count: int
    value: Coordinates = ()

    def __str__(self) -> str:
        """`term 3 of 4`, or by source `term 3 of 4 of [0, 0, 0, 1]`."""
        of = f" of [{', '.join(map(str, self.value))}]" if self.value else ""
        return f"term {self.number:,} of {self.count:,}{of}"


@frozen(eq=False)
class ExplainedStep:
    """The step in focus; `derivation` is None at depths that hold more than one value."""

    derivation: Derivation | None
    operation: Operation | None
    depth: Depth
    tape: Tape
    model: Model | None = None
    progress: TermProgress = ALL
    has_begun: bool = True

    @property
    def layer(self) -> Layer | Loss | None:
        """The layer, or the loss, that it belongs to; an update's step names its layer, too."""
        if self.operation is None:
            return None
        if self.operation.layer == LOSS_NAME:
            return self.tape.network.loss
        node = self.tape.network.by_name.get(self.operation.layer)
        return None if node is None else node.layer


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

    @property
    def has_begun(self) -> bool:
        """False at the start: nothing has run, and nothing is in focus."""
        return self.state.has_begun

    @property
    def has_no_focus(self) -> bool:
        """Whether it is the start or the end of the pass."""
        return self.is_done or not self.has_begun

    @cached_property
    def depth(self) -> Depth:
        if self.has_no_focus:
            return Depth.PASS
        return self.timeline.effective_depth(self.state.k, self.state.depth)

    @cached_property
    def block(self) -> tuple[int, int]:
        """The steps in focus: start and stop."""
        if not self.has_begun:
            return 0, 0
        return self.timeline.block(self.state.k, self.depth)

    @property
    def position(self) -> int:
        """How many steps have run: the focus is shown as it will be when it has run."""
        return self.block[1]

    @cached_property
    def focus(self) -> Focus | None:
        """The operation in focus; None at the depths that hold several, and at the end."""
        if self.has_no_focus or self.depth < Depth.TENSOR:
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
            if not self.has_no_focus:
                number = self.timeline.operation_at(self.state.k)
                operation = self.timeline.operations[number]
            return ExplainedStep(
                *(None, operation, self.depth, self.tape, self.model), has_begun=self.has_begun
            )
        if focus.target is None or focus.nest.rule is NestRule.COPY:
            return ExplainedStep(None, focus.operation, self.depth, self.tape, self.model)
        address = focus.nest.target.at(focus.target)
        derivation = derive(self.tape, focus.nest, address)
        ran = self._term_progress(derivation)
        return ExplainedStep(derivation, focus.operation, self.depth, self.tape, self.model, ran)

    @cached_property
    def term(self) -> TermPlace | None:
        """The current term's place in the sum of its value; None where no term is current."""
        derivation, number = self.explained.derivation, self.explained.progress.current
        focus = self.focus
        if derivation is None or number is None or focus is None:
            return None
        value = derivation.address.indices if focus.is_by_source else ()
        return TermPlace(number + 1, len(derivation.positions), value)

    def _term_progress(self, derivation: Derivation) -> TermProgress:
        """Which terms have run, and which is the current one at term depth."""
        focus = self.focus
        if focus is None or focus.depth is not Depth.TERM:
            return ALL
        steps = _step_numbers(derivation, focus)
        here = focus.steps_done - 1
        current = np.flatnonzero(steps == here)
        return TermProgress(int(current[0]) if current.size else None, steps <= here)


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


_PROBABILITIES = Address(LOSS_NAME, "probabilities")


def number_words(view: View, sample: int) -> str:
    """`sample 5 of 32`, counted from 0 as everywhere."""
    return f"sample {sample} of {view.tape.batch}"


def target_word(view: View, sample: int) -> str:
    """The target's class name, or its number; empty where it is more than one number."""
    target = np.asarray(view.tape[TARGET][sample]).reshape(-1)
    if view.tape.network.loss.about.is_of_classes:
        return _class_word(view, int(target[0]))
    return shown(float(target[0])) if target.size == 1 else ""


def answer_word(view: View, sample: int) -> str:
    """The likeliest class, once the probabilities are computed; empty before, or without."""
    if _PROBABILITIES not in view.tape or not view.tape.network.loss.about.is_of_classes:
        return ""
    done, total = view.steps_done(_PROBABILITIES)
    if done < total:
        return ""
    probabilities = view.tape[_PROBABILITIES][sample]
    # Of NaN no class is the likeliest.
    is_finite = bool(np.isfinite(probabilities).all())
    return _class_word(view, int(np.argmax(probabilities))) if is_finite else ""


def target_words(view: View, sample: int) -> str:
    """`target 3, read as 8`."""
    target, answer = target_word(view, sample), answer_word(view, sample)
    named = (("target", target), ("read as", answer))
    return ", ".join(f"{name} {word}" for name, word in named if word)


def arrow_words(view: View, sample: int) -> str:
    """`3 → 8`: target and answer; an answer that is right needs no second word."""
    target, answer = target_word(view, sample), answer_word(view, sample)
    return f"{target} → {answer}" if answer and answer != target else target


def _class_word(view: View, number: int) -> str:
    names = view.model.class_names
    return names[number] if number < len(names) else str(number)


TERM: Final = "term:"
ARRAY: Final = "array:"
TERM_PATTERN: Final = f"{TERM}{{index}}"
_MOST_TERMS, _MOST_CELLS = 16, 256


def term_key(derivation: Derivation, number: int) -> str:
    """The key of the `number`-th term."""
    return f"{TERM}{int(derivation.positions[number])}"


def array_key(address: Address) -> str:
    """The key of an array's symbol."""
    return f"{ARRAY}{address.array}"


def term_number(derivation: Derivation, key: str) -> int | None:
    """Which term a key names; None for another key, and for a place that holds none."""
    text = key.removeprefix(TERM)
    if text == key or not text.isdigit():
        return None
    number = int(np.searchsorted(derivation.positions, int(text)))
    found = number < derivation.positions.size and derivation.positions[number] == int(text)
    return number if found else None


def term_step(view: View, key: str) -> int | None:
    """The step of the pass, in the chosen loop order, that computes a term of the shown value."""
    derivation, focus = view.explained.derivation, view.focus
    number = None if derivation is None else term_number(derivation, key)
    if derivation is None or focus is None or number is None:
        return None
    coordinates = derivation.coordinates(number)
    if focus.is_by_source:
        found = [index.at(coordinates) for index in focus.loops.locate]
        coordinates = tuple(c for c in found if c is not None)
    step = 0
    for coordinate, size in zip(coordinates, focus.loops.sizes, strict=True):
        step = step * size + coordinate
    return view.timeline.starts[view.timeline.operation_at(view.state.k)] + step


def lit_keys(step: ExplainedStep, key: str) -> tuple[str, ...]:
    """All that lights up with a key: a term's cells, a cell's terms, further names of a value."""
    derivation = step.derivation
    if not key:
        return ()
    if derivation is not None and key.startswith(TERM):
        number = term_number(derivation, key)
        return (key, *_cells_of(derivation, number, step.tape)) if number is not None else (key,)
    if key.startswith(ARRAY):
        return (key, *_cells_in(step, key.removeprefix(ARRAY)))
    if ":" in key:
        return (key,)
    try:
        address = parse(key)
    except UserError:
        return (key,)
    terms = () if derivation is None else tuple(_terms_with(derivation, address, step.tape))
    return (*_names(address, step.tape), *terms)


def _cells_of(derivation: Derivation, number: int, tape: Tape) -> Iterator[str]:
    for factor in derivation.terms[number].operands:
        if factor.address is not None:
            yield from _names(factor.address, tape)


def _cells_in(step: ExplainedStep, name: str) -> tuple[str, ...]:
    """The cells of an array that the value is made of; at a term, only the term's."""
    derivation = step.derivation
    if derivation is None:
        return ()
    current = step.progress.current
    numbers = range(derivation.positions.size) if current is None else (current,)
    found: dict[str, None] = {}
    for number in list(numbers)[:_MOST_CELLS]:
        for factor in derivation.terms[number].operands:
            if factor.address is not None and str(factor.address.array) == name:
                found.update(dict.fromkeys(_names(factor.address, step.tape)))
    return tuple(found)


def _names(address: Address, tape: Tape) -> tuple[str, ...]:
    """A value under every name that it has."""
    origin = tape.resolve(address)
    others = (name for name, own in tape.canonical.items() if own == origin.array)
    return tuple(
        dict.fromkeys(str(a) for a in (address, origin, *(o.at(address.indices) for o in others)))
    )


def _terms_with(derivation: Derivation, address: Address, tape: Tape) -> Iterator[str]:
    """The first terms that read a value."""
    origin = tape.resolve(address)
    operands = derivation.nest.by_target.operands
    cells = [o for operand in operands for o in _readers(operand)]
    for cell in cells:
        if tape.resolve(cell.address) == origin.array and len(cell.index) == len(origin.indices):
            hit = _reads(cell, derivation, origin.indices)
            for number in np.flatnonzero(hit)[:_MOST_TERMS]:
                yield term_key(derivation, int(number))


def _readers(operand: object) -> Iterator[ArrayCell]:
    if isinstance(operand, ArrayCell):
        yield operand
    elif isinstance(operand, Choice):
        for option in operand.options:
            yield from _readers(option)


def _reads(cell: ArrayCell, derivation: Derivation, indices: tuple[int, ...]) -> Array:
    """Which terms read the value at `indices`."""
    region = derivation.region
    sizes = tuple(len(r) for r in region)
    conditions = []
    for index, wanted in zip(cell.index, indices, strict=True):
        found, exact = index.over(region)
        conditions.append(found == wanted if exact is None else (found == wanted) & exact)
    everywhere = reduce(np.logical_and, conditions, np.array(True))
    hit: Array = np.broadcast_to(everywhere, sizes).reshape(-1)[derivation.positions]
    return hit


HEIGHT: Final = 104
