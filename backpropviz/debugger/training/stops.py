"""All kinds of stops, and their JSON in a run file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from backpropviz.debugger.training.goal_stops import AccuracyReached, Reached
from backpropviz.debugger.training.loss_stops import LossBelow, LossRises, NotFiniteStop
from backpropviz.debugger.training.stop import Stop
from backpropviz.debugger.training.tensor_stops import DeadShare, GradientAbove, RatioOutside
from backpropviz.engine.fields import from_fields, to_fields
from backpropviz.errors import UserError

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


def stops_to_fields(stops: Iterable[Stop]) -> list[dict[str, object]]:
    """The stops as JSON has them."""
    return [to_fields(stop) for stop in stops]


def stops_from_fields(given: object, where: str = "stops") -> tuple[Stop, ...]:
    """The stops that a JSON list describes.

    Raises:
        UserError: it is no list of objects, or a kind or field is unknown or out of range.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise UserError(f"{where} must be a list of objects, each with a kind.")
    found = []
    for number, item in enumerate(given, start=1):
        if not isinstance(item, Mapping):
            raise UserError(f"{where}, number {number}, must be an object with a kind.")
        found.append(from_fields(stop_kinds(), item, "stop", f"{where}, number {number}"))
    return tuple(found)
