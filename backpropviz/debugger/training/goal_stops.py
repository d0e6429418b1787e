"""Stops at a goal: an accuracy, an update, an epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from backpropviz.debugger.training.facts import RunFacts
from backpropviz.debugger.training.stop import Condition, Memory, Met, check_number, check_positive
from backpropviz.debugger.training.wording import percent
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.frozen import frozen


@frozen
class AccuracyReached(Condition):
    """So large a share of the images is answered right.

    Raises:
        UserError: the accuracy is not above 0 and at most 1.
    """

    kind: ClassVar[str] = "accuracy_reached"
    title: ClassVar[str] = "Accuracy reached"
    accuracy: float = 0.95
    of: Literal["validation", "batch"] = "validation"

    def __post_init__(self) -> None:
        check_positive("accuracy", self.accuracy)
        check_number("accuracy", self.accuracy, 0, 1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"the {self._noun} reaches {percent(self.accuracy)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.of != "batch":
            return memory
        return replace(memory, met=self._met(row.accuracy, row.iteration))

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        if self.of != "validation":
            return memory
        return replace(memory, met=self._met(row.accuracy, row.iteration))

    @property
    def _noun(self) -> str:
        return "batch's accuracy" if self.of == "batch" else "validation accuracy"

    def _met(self, accuracy: float | None, iteration: int) -> Met | None:
        if accuracy is None or accuracy < self.accuracy:
            return None
        return Met(
            f"The {self._noun} is {percent(accuracy)}, {percent(self.accuracy)} or more, at update "
            f"{iteration:,}.",
            LOSS,
        )


@frozen
class Reached(Condition):
    """So many updates or epochs are done.

    Raises:
        UserError: `number` is no whole number of at least 1.
    """

    kind: ClassVar[str] = "reached"
    title: ClassVar[str] = "Update or epoch"
    number: int = 1000
    unit: Literal["update", "epoch"] = "update"

    def __post_init__(self) -> None:
        positive("number", self.number)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        done = "is done" if self.unit == "update" else "is over"
        return f"{self.unit} {self.number:,} {done}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.unit == "update":
            is_reached = row.iteration >= self.number
            met = Met(f"Update {row.iteration:,} is done.", LOSS) if is_reached else None
            return replace(memory, met=met)
        seen = row.count if row.epoch != memory.level else memory.count + row.count
        is_last = facts.images is not None and seen >= facts.images.count
        is_over = row.epoch > self.number or (row.epoch == self.number and is_last)
        sentence = f"Epoch {self.number:,} is over, at update {row.iteration:,}."
        met = Met(sentence, LOSS) if is_over else None
        return replace(memory, met=met, count=seen, level=row.epoch)
