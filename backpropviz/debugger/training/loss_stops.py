"""Stops on the loss: it rises, it is low enough, something is not finite."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from backpropviz.debugger.training.facts import RunFacts
from backpropviz.debugger.training.loss_rules import SMOOTHED_OVER, not_finite, smoothed
from backpropviz.debugger.training.stop import Condition, Memory, Met, check_positive
from backpropviz.debugger.training.wording import counted, listed, number
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.frozen import frozen


@frozen
class NotFiniteStop(Condition):
    """Loss, a gradient or an update is NaN or infinite; a run cannot go on past that."""

    kind: ClassVar[str] = "not_finite"
    title: ClassVar[str] = "Not finite"

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return "a loss, gradient or weight is NaN or infinite"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        found = not_finite(row, facts.tensors)
        sentence = f"Not finite at update {row.iteration:,}: {listed(found)}."
        return replace(memory, met=Met(sentence, LOSS) if found else None)


@frozen
class LossRises(Condition):
    """The loss has risen so many times in a row.

    Raises:
        UserError: `times` is no whole number of at least 1.
    """

    kind: ClassVar[str] = "loss_rises"
    title: ClassVar[str] = "Loss rises"
    times: int = 5
    of: Literal["batch", "smoothed"] = "batch"

    def __post_init__(self) -> None:
        positive("times", self.times)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"the {_noun(self.of)} rises {counted(self.times, 'time')} in a row"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        before = memory.level
        level = row.loss if self.of == "batch" else smoothed(before, row.loss)
        count = memory.count + 1 if level > before else 0
        start = memory.start if count > 1 else before
        met = None
        if count >= self.times:
            met = Met(
                f"The {_noun(self.of)} rose {counted(count, 'time')} in a row, from "
                f"{number(start)} to {number(level)} at update {row.iteration:,}.",
                LOSS,
            )
        return replace(memory, met=met, count=count, level=level, start=start)


@frozen
class LossBelow(Condition):
    """The loss is low enough.

    Raises:
        UserError: the bound is not above 0.
    """

    kind: ClassVar[str] = "loss_below"
    title: ClassVar[str] = "Loss below"
    loss: float = 0.1
    of: Literal["batch", "smoothed", "validation"] = "smoothed"

    def __post_init__(self) -> None:
        check_positive("loss", self.loss)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"the {_noun(self.of)} is below {number(self.loss)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.of == "validation":
            return memory
        level = row.loss if self.of == "batch" else smoothed(memory.level, row.loss)
        return replace(memory, level=level, met=self._met(level, row.iteration))

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        if self.of != "validation":
            return memory
        return replace(memory, met=self._met(row.loss, row.iteration))

    def _met(self, loss: float, iteration: int) -> Met | None:
        if not loss < self.loss:
            return None
        return Met(
            f"The {_noun(self.of)} is {number(loss)}, below {number(self.loss)}, at update "
            f"{iteration:,}.",
            LOSS,
        )


def _noun(of: str) -> str:
    return {
        "batch": "batch's loss",
        "smoothed": f"loss (smoothed over {SMOOTHED_OVER})",
        "validation": "validation loss",
    }[of]
