"""How a learning rate changes in the course of training: factors on it by the update's number.

A curve is a pure function from the number of an update (from 1) to a factor; the first update
always has the curve's first value. Curves follow one another or are multiplied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, cast

from backpropviz.document import JsonPlace, Value
from backpropviz.engine.fields import KIND_FIELD, to_fields
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.optimizer import Optimizer
from backpropviz.engine.training.update import Schedule
from backpropviz.engine.update_rule import check_not_negative
from backpropviz.frozen import frozen


class Curve(Protocol):
    """A learning rate's course, as a factor on it."""

    kind: ClassVar[str]

    def __call__(self, iteration: int) -> float:
        """The factor of the `iteration`-th update (from 1)."""


@frozen
class Constant:
    """Always the same factor."""

    kind: ClassVar[str] = "constant"
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a rate that would climb the loss."""
        check_not_negative("factor", self.factor)

    def __call__(self, iteration: int) -> float:
        """The factor."""
        return self.factor


@frozen
class StepDecay:
    """γ^⌊t/every⌋ after t updates: a fall by γ every so many updates."""

    kind: ClassVar[str] = "step"
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Refuse steps without meaning."""
        positive("every", self.every)
        check_not_negative("factor", self.factor)

    def __call__(self, iteration: int) -> float:
        """The factor."""
        return float(self.factor ** ((iteration - 1) // self.every))


@frozen
class Cosine:
    """least + (1 − least) · (1 + cos(π·t/T)) / 2 after t of T updates; then it stays at `least`.

    If `mirrored` it climbs back in the next T updates, and so on, as PyTorch's CosineAnnealingLR.
    Source: Loshchilov, Hutter: SGDR, 2017.
    """

    kind: ClassVar[str] = "cosine"
    updates: int
    least: float = 0.0
    mirrored: bool = False

    def __post_init__(self) -> None:
        """Refuse a course without meaning."""
        positive("updates", self.updates)
        check_not_negative("least", self.least)

    def __call__(self, iteration: int) -> float:
        """The factor."""
        part = (iteration - 1) / self.updates
        part = part if self.mirrored else min(part, 1.0)
        return self.least + (1 - self.least) * (1 + math.cos(math.pi * part)) / 2


@frozen
class WarmUp:
    """start + (1 − start) · t/T after t of T updates; then 1."""

    kind: ClassVar[str] = "warm_up"
    updates: int
    start: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a course without meaning."""
        positive("updates", self.updates)
        check_not_negative("start", self.start)

    def __call__(self, iteration: int) -> float:
        """The factor."""
        part = min((iteration - 1) / self.updates, 1.0)
        return self.start + (1 - self.start) * part


@frozen
class Then:
    """One curve for so many updates, then another one, which begins at its own beginning."""

    kind: ClassVar[str] = "then"
    first: Curve
    updates: int
    second: Curve

    def __post_init__(self) -> None:
        """Refuse a first part without length."""
        positive("updates", self.updates)

    def __call__(self, iteration: int) -> float:
        """The factor of the part that the update lies in."""
        if iteration <= self.updates:
            return self.first(iteration)
        return self.second(iteration - self.updates)


@frozen
class Product:
    """Two curves at once: their factors are multiplied."""

    kind: ClassVar[str] = "product"
    first: Curve
    second: Curve

    def __call__(self, iteration: int) -> float:
        """The product of both factors."""
        return self.first(iteration) * self.second(iteration)


CURVES = (Constant, StepDecay, Cosine, WarmUp, Then, Product)
_PARTS = ("first", "second")
_DEEPEST = 16


def curve_kinds() -> Mapping[str, type[Curve]]:
    """Every curve class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in CURVES})


def scheduled(optimizer: Optimizer, curve: Curve) -> Schedule:
    """The optimizer of each update: its learning rate times the curve's factor."""

    def of_update(iteration: int) -> Optimizer:
        rate = optimizer.learning_rate * curve(iteration)
        changed: Optimizer = replace(cast("Any", optimizer), learning_rate=rate)
        return changed

    return of_update


def curve_to_fields(curve: Curve) -> dict[str, object]:
    """The curve as a JSON object, the curves that it is made of within it."""
    if not isinstance(curve, Then | Product):
        return to_fields(curve)
    own = {field.name: getattr(curve, field.name) for field in fields(curve)}
    parts = {name: curve_to_fields(own[name]) for name in _PARTS}
    return {KIND_FIELD: curve.kind, **own, **parts}


def curve_from_fields(given: Mapping[str, object], where: str = "schedule") -> Curve:
    """The curve that a JSON object describes.

    Raises:
        UserError: the kind or a field is unknown, missing, of a wrong type or out of range.
    """
    return read_curve(Value(dict(given), JsonPlace(where, ": ")))


def read_curve(value: Value, depth: int = 0) -> Curve:
    """The curve in a document; errors as for `curve_from_fields`."""
    if not isinstance(value.value, dict):
        raise value.must_be("a schedule, an object with a kind")
    if depth > _DEEPEST:
        raise value.error(f"more than {_DEEPEST} schedules lie in one another.")
    within = {Curve: partial(read_curve, depth=depth + 1)}
    found: Curve = value.configuration(curve_kinds(), "schedule", within)
    return found
