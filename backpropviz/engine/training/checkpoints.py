"""States of a run at a spacing that fits a budget, so that any other is a short way from one."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.protocol import IMAGE, TARGET
from backpropviz.engine.model import Mode, Model
from backpropviz.engine.nest import Nest, NestRule
from backpropviz.engine.record import record
from backpropviz.engine.tape import Operation, Tape, operations
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.trainer import advanced
from backpropviz.engine.training.update import Trained, layer_workspaces
from backpropviz.engine.value import Address, Array
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.frozen import frozen

BUDGET_BYTES = 256 * 1024**2
SPACING = 10


class Spill(Protocol):
    """A place for states that memory has no room for, with a budget of its own."""

    @property
    def budget_bytes(self) -> int:
        """How much it may hold."""

    def resize(self, budget_bytes: int) -> None:
        """Hold more from now on, or less."""

    def write(self, iteration: int, trained: Trained) -> None:
        """Keep a state.

        Raises:
            OSError: there is no room for it.
        """

    def read(self, iteration: int) -> Trained:
        """A state that was kept, bit for bit.

        Raises:
            OSError, UserError: it is lost or damaged.
        """

    def drop(self, iteration: int) -> None: ...


class Checkpoints:
    """The first state, the last one, and those between at multiples of `spacing` from the first.

    Where they pass the budget, the oldest are spilled, if there is a place for it; else, or where
    that is full too, every second one goes and the spacing doubles. First and last always stay.
    """

    def __init__(
        self, budget_bytes: int = BUDGET_BYTES, spacing: int = SPACING, spill: Spill | None = None
    ) -> None:
        if spacing < 1 or budget_bytes < 0:
            raise UserError("checkpoints need a spacing of at least 1 and a budget of 0 or more.")
        self.budget_bytes = budget_bytes
        self.spacing = spacing
        self.spill = spill
        self._memory: dict[int, Trained] = {}
        self._spilled: dict[int, tuple[Spill, int]] = {}
        self._first = self._last = -1
        self.bytes_used = self.spilled_bytes = 0
        """What the states in memory take, and the spilled ones."""

    @property
    def iterations(self) -> tuple[int, ...]:
        """The updates after which a state is kept, in order."""
        return tuple(sorted((*self._memory, *self._spilled)))

    def add(self, trained: Trained) -> None:
        """Keep a state for as long as it is the last, and then if it lies at the spacing.

        Raises:
            UserError: a later state is there already.
        """
        iteration = trained.iteration
        if self._memory and iteration <= self._last:
            raise UserError(
                f"the state after update {iteration} comes after that of update {self._last}: "
                "checkpoints are added in order."
            )
        if not self._memory:
            self._first = iteration
        elif not self._is_at_spacing(self._last):
            self._forget(self._last)
        self._memory[iteration] = trained
        self.bytes_used += size_bytes(trained)
        self._last = iteration
        self._fit()

    def nearest(self, iteration: int) -> Trained:
        """The latest state that is kept from at or before an update.

        A spilled state that the disk has lost is left out from now on.

        Raises:
            UserError: the run began after it.
        """
        kept = self.iterations
        for found in reversed(kept[: bisect_right(kept, iteration)]):
            state = self._memory.get(found) or self._spilled_state(found)
            if state is not None:
                return state
        raise UserError(f"there is no state from before update {iteration} of this run.")

    def _spilled_state(self, iteration: int) -> Trained | None:
        try:
            return self._spilled[iteration][0].read(iteration)
        except (OSError, UserError):
            self._forget(iteration)
            return None

    def resize(self, budget_bytes: int, spill_bytes: int | None = None) -> None:
        """Another budget, and another one for what is spilled; with smaller ones states go now."""
        self.budget_bytes = budget_bytes
        if self.spill is not None and spill_bytes is not None:
            self.spill.resize(spill_bytes)
            while self._spilled and self.spilled_bytes > spill_bytes:
                self._thin()
        self._fit()

    def _is_at_spacing(self, iteration: int) -> bool:
        return (iteration - self._first) % self.spacing == 0

    def _fit(self) -> None:
        while self.bytes_used > self.budget_bytes and len(self._memory) > 2:
            if not self._spill_oldest():
                self._thin()

    def _spill_oldest(self) -> bool:
        """Move the oldest state but the first out of memory; False where there is no room."""
        oldest = next(k for k in self._memory if k not in {self._first, self._last})
        size = size_bytes(self._memory[oldest])
        if self.spill is None or self.spilled_bytes + size > self.spill.budget_bytes:
            return False
        try:
            self.spill.write(oldest, self._memory[oldest])
        except OSError:
            return False
        self._forget(oldest)
        self._spilled[oldest] = self.spill, size
        self.spilled_bytes += size
        return True

    def _thin(self) -> None:
        self.spacing *= 2
        for iteration in self.iterations:
            if iteration != self._last and not self._is_at_spacing(iteration):
                self._forget(iteration)

    def _forget(self, iteration: int) -> None:
        if iteration in self._spilled:
            spill, size = self._spilled.pop(iteration)
            spill.drop(iteration)
            self.spilled_bytes -= size
        else:
            self.bytes_used -= size_bytes(self._memory.pop(iteration))


def size_bytes(trained: Trained) -> int:
    """What a state takes."""
    groups = (*trained.parameters.values(), *trained.states.values())
    return sum(array.nbytes for own in groups for array in own.values())


class ReplayStoppedError(BackpropVizError):
    """A replay was stopped on its way."""


def state_at(
    run: Run, checkpoints: Checkpoints, iteration: int, stop: Callable[[], bool] | None = None
) -> Trained:
    """The state after an update, on one machine bit for bit; `stop` is asked before each update.

    Raises:
        UserError: the run began after that update.
        ReplayStoppedError: `stop` said so.
    """
    now = checkpoints.nearest(iteration)
    workspaces = layer_workspaces(run.network)
    while now.iteration < iteration:
        if stop is not None and stop():
            raise ReplayStoppedError(f"the way back to update {iteration} was stopped.")
        now = advanced(run, now, workspaces)
    return now


@frozen(eq=False)
class Moment:
    """An update and the state that it starts from.

    Raises:
        UserError: the state is not the one before the update.
    """

    run: Run
    before: Trained
    iteration: int

    def __post_init__(self) -> None:
        """Check that the state leads to the update."""
        if self.before.iteration != self.iteration - 1:
            raise UserError(
                f"update {self.iteration} starts from the state after update "
                f"{self.iteration - 1}, not after {self.before.iteration}."
            )

    @property
    def model(self) -> Model:
        """The run's model with the weights before the update, and the update's optimizer."""
        rule = self.run.course.rule(self.iteration)
        return replace(self.run.model, parameters=self.before.parameters, optimizer=rule)

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Where the images of the batch come from."""
        names = self.run.dataset.training.names
        return tuple(names[k] for k in self.run.chosen(self.iteration))

    def record(self) -> Tape:
        """The update as a tape: its `next` are the trained weights, on one machine bit for bit."""
        batch = self.run.batch(self.iteration)
        with np.errstate(all="ignore"):  # what is not finite is told by the values themselves
            return record(
                self.run.network,
                self.before.parameters,
                batch.images,
                batch.targets,
                self.run.course.rule(self.iteration),
                states=self.run.states(self.before),
                iteration=self.run.course.age(self.iteration),
                mode=Mode(True, self.run.seed, self.iteration),
            )

    def after(self) -> Trained:
        """The state after the update, as training makes it."""
        return advanced(self.run, self.before, layer_workspaces(self.run.network))


@frozen(eq=False)
class Bad:
    """The first value that is not finite; `operation` made it, None where it was given."""

    address: Address
    value: float
    operation: Operation | None
    sentence: str

    @property
    def index(self) -> tuple[int, ...]:
        """Its place in the array."""
        return self.address.indices


def first_bad(tape: Tape) -> Bad | None:
    """The first NaN or infinity of a pass, in the order in which its operations run.

    Images, targets, weights and the optimizer's state come before all operations; of an array it is
    the first in row-major order.
    """
    for address, reason in _given(tape):
        if (place := _first_place(tape[address])) is not None:
            return _bad(tape, address.at(place), None, reason)
    for operation in operations(tape.network, tape.batch, tape.optimizer, tape.iteration):
        target = operation.nest.target
        if target in tape and (place := _first_place(tape[target])) is not None:
            value = target.at(place)
            return _bad(tape, value, operation, _reason(tape, operation.nest, value))
    for address in tape:  # what is kept for the next update, such as a running variance
        if (place := _first_place(tape[address])) is not None:
            return _bad(tape, address.at(place), None, "the pass left it so")
    return None


def _given(tape: Tape) -> Iterator[tuple[Address, str]]:
    yield IMAGE, "it was so in the image, before anything was computed"
    yield TARGET, "it was so in the target, before anything was computed"
    for node in tape.network.nodes:
        for name in tape.network.kept_shapes(node):
            yield Address(node.name, name), "it was so before this update"
    for address in tape:
        if address.part.endswith("_before"):
            yield address, "the optimizer’s state was so before this update"


def _first_place(array: Array) -> tuple[int, ...] | None:
    """The first cell, row-major, that holds no finite number."""
    finite = np.isfinite(array)
    if finite.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), array.shape))


def _bad(tape: Tape, address: Address, operation: Operation | None, reason: str) -> Bad:
    value = float(tape[address])
    kind = "is not a number (NaN)" if math.isnan(value) else "is infinite"
    return Bad(address, value, operation, f"{address} {kind}: {reason}.")


def _reason(tape: Tape, nest: Nest, value: Address) -> str:
    """Why operands that are all finite give a result that is not."""
    array = tape[nest.target]
    largest = f"the largest {array.dtype} is {np.finfo(array.dtype).max:.3g}"
    found = derive(tape, nest, value)
    if nest.rule is NestRule.FUNCTION:
        (term,) = found.terms
        names = [str(operand.address or operand.label) for operand in term.operands]
        numbers = [f"{operand.value + 0.0:.4g}" for operand in term.operands]
        formula = "" if nest.formula is None else nest.formula.text(names)
        filled = "" if nest.formula is None else nest.formula.text(numbers)
        return f"it is {formula}, here {filled}, and {largest}"
    # A processor that sums in several lanes may overflow to both sides.
    met = ", so that on the way ∞ met −∞" if math.isnan(tape[value]) else ""
    return (
        f"its {len(found.terms):,} terms are made of finite numbers and add up to "
        f"{found.derived + 0.0:.4g}, and {largest}{met}"
    )
