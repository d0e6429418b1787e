"""All kinds of stops, and those that every run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backpropviz.diagnosis.goal_stops import AccuracyReached, Reached
from backpropviz.diagnosis.loss_stops import LossBelow, LossRises, NotFiniteStop
from backpropviz.diagnosis.stop import Stop
from backpropviz.diagnosis.tensor_stops import DeadShare, GradientAbove, RatioOutside

STOPS: tuple[type[Stop], ...] = (
    NotFiniteStop,
    LossRises,
    GradientAbove,
    RatioOutside,
    DeadShare,
    AccuracyReached,
    LossBelow,
    Reached,
)
DEFAULT_STOPS: tuple[Stop, ...] = (NotFiniteStop(),)
"""What every run begins with."""


def stop_kinds() -> Mapping[str, type[Stop]]:
    """Every stop class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in STOPS})
