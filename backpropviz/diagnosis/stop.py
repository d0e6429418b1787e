"""What a stop in training is: a condition that is set before a run or while it goes."""

from __future__ import annotations

import math
from typing import ClassVar, Protocol

from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.inactive import NOT_LOOKED, Inactive
from backpropviz.engine.address import Address
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Met:
    """A condition holds: why, and where in that update to look."""

    sentence: str
    look_at: Address | None = None


@frozen(eq=False)
class Memory:
    """What a condition remembers from one update to the next; each uses what it needs."""

    met: Met | None = None
    count: int = 0
    level: float = math.nan
    start: float = math.nan
    inactive: Inactive = NOT_LOOKED


NO_MEMORY = Memory()


class Stop(Protocol):
    """A condition. Its functions are pure: the memory goes in and comes out."""

    kind: ClassVar[str]
    """Its name in a run file."""
    title: ClassVar[str]
    """What a menu calls it."""

    @property
    def enabled(self) -> bool:
        """Whether it is looked at."""

    @property
    def words(self) -> str:
        """The condition as a clause: `the loss is below 0.1`."""

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        """After an update."""

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        """After a validation."""


@frozen
class Stopped:
    """Why a run has stopped, after which update, and where to look."""

    iteration: int
    sentence: str
    look_at: Address | None = None


@frozen
class Condition:
    """What all conditions share: they can be switched off, and most look at one kind of row."""

    enabled: bool = True

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        """Nothing is seen in an update."""
        return memory

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        """Nothing is seen in a validation."""
        return memory


def check_number(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse a number out of a range, in words."""
    if not low <= value <= high:
        bound = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
        raise UserError(f"{name} = {value:g} must be {bound}.")


def check_positive(name: str, value: float) -> None:
    """Refuse 0, what is below it, and what is not finite, in words."""
    if not 0 < value < math.inf:
        raise UserError(f"{name} = {value:g} must be a number above 0.")
