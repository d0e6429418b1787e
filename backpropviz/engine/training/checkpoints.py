"""States of a run at a spacing that fits a budget, so that any other is a short way from one."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

from backpropviz.engine.training.update import Trained
from backpropviz.errors import UserError

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

    def drop(self, iteration: int) -> None:
        """Let a state go."""


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
        self._bytes = self._spilled_bytes = 0

    @property
    def iterations(self) -> tuple[int, ...]:
        """The updates after which a state is kept, in order."""
        return tuple(sorted([*list(self._memory), *list(self._spilled)]))

    @property
    def bytes_used(self) -> int:
        """What the states in memory take."""
        return self._bytes

    @property
    def spilled_bytes(self) -> int:
        """What the spilled states take."""
        return self._spilled_bytes

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
        self._bytes += size_bytes(trained)
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
            while self._spilled and self._spilled_bytes > spill_bytes:
                self._thin()
        self._fit()

    def _is_at_spacing(self, iteration: int) -> bool:
        return (iteration - self._first) % self.spacing == 0

    def _fit(self) -> None:
        while self._bytes > self.budget_bytes and len(self._memory) > 2:
            if not self._spill_oldest():
                self._thin()

    def _spill_oldest(self) -> bool:
        """Move the oldest state but the first out of memory; False where there is no room."""
        oldest = next(k for k in self._memory if k not in {self._first, self._last})
        size = size_bytes(self._memory[oldest])
        if self.spill is None or self._spilled_bytes + size > self.spill.budget_bytes:
            return False
        try:
            self.spill.write(oldest, self._memory[oldest])
        except OSError:
            return False
        self._forget(oldest)
        self._spilled[oldest] = self.spill, size
        self._spilled_bytes += size
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
            self._spilled_bytes -= size
        else:
            self._bytes -= size_bytes(self._memory.pop(iteration))


def size_bytes(trained: Trained) -> int:
    """What a state takes."""
    groups = (*trained.parameters.values(), *trained.states.values())
    return sum(array.nbytes for own in groups for array in own.values())
