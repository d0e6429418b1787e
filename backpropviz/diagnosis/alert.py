"""What a rule says: what was seen, against which threshold, what it means and where to look."""

from __future__ import annotations

from enum import IntEnum

from backpropviz.engine.address import Address
from backpropviz.frozen import frozen


class Severity(IntEnum):
    """How bad it is, the worst last."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


@frozen
class Alert:
    """One finding of one rule; `until` is None while it lasts."""

    rule: str
    severity: Severity
    title: str
    """What was seen, with its numbers and the threshold."""
    evidence: str
    """More of what was seen: since when, where else."""
    meaning: str
    """What it usually means, and what helps."""
    thresholds: tuple[str, ...]
    """The fields of `Thresholds` that it was held against."""
    since: int
    """The first update that showed it; 0: it was so before the first."""
    raised: int
    """The update at which the rule was sure of it."""
    layer: str = ""
    look_at: Address | None = None
    until: int | None = None

    @property
    def key(self) -> str:
        """What makes it the same alert while its numbers change."""
        return f"{self.rule}@{self.raised}"
