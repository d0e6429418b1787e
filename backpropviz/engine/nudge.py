"""Nudging one value: the true change of the loss beside the one that the gradient predicts.

true ΔL = L(v + δ) − L(v), by a forward pass     predicted ΔL = ∂L/∂v · δ, the tangent
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from backpropviz.engine.address import Address
from backpropviz.engine.backprop import Forward
from backpropviz.engine.bands import Band, band_of, relative_error
from backpropviz.engine.base_point import BasePoint, changed, place
from backpropviz.frozen import frozen

SWEEP = tuple(10.0**-exponent for exponent in range(1, 13))
"""Steps h from 1e-1 (truncation) to 1e-12 (rounding)."""


class Slope(Enum):
    """What raising a value does to the loss."""

    RAISES = "raises"
    LOWERS = "lowers"
    FLAT = "leaves"

    @property
    def update(self) -> int:
        """The direction in which gradient descent moves the value: −1, 0 or 1."""
        return {Slope.RAISES: -1, Slope.LOWERS: 1, Slope.FLAT: 0}[self]


@frozen
class Nudge:
    """One value moved by `delta`, which is what its rounding has left of the wish."""

    address: Address
    value: float
    delta: float
    base_loss: float
    loss: float
    gradient: float

    @property
    def true_change(self) -> float:
        """L(v + δ) − L(v)."""
        return self.loss - self.base_loss

    @property
    def predicted_change(self) -> float:
        """∂L/∂v · δ."""
        return self.gradient * self.delta

    @property
    def slope(self) -> Slope:
        """What the gradient says about raising the value."""
        if self.gradient == 0:
            return Slope.FLAT
        return Slope.RAISES if self.gradient > 0 else Slope.LOWERS

    @property
    def follows_update(self) -> bool:
        """Whether δ goes where gradient descent would go."""
        return self.delta * self.slope.update > 0

    @property
    def keeps_prediction(self) -> bool:
        """Whether the loss moved in the predicted direction (or stayed, as predicted)."""
        return _sign(self.true_change) == _sign(self.predicted_change)

    @property
    def error(self) -> float | None:
        """The relative error of the prediction; None where both changes are 0."""
        return relative_error(self.predicted_change, self.true_change)


@frozen
class Difference:
    """A central difference: (L(v + h) − L(v − h)) / 2h, where 2h is what rounding has left of it.

    `analytic` is the gradient that it is held against.
    """

    address: Address
    value: float
    h: float
    loss_minus: float
    loss_plus: float
    span: float
    analytic: float

    @property
    def numeric(self) -> float | None:
        """The finite difference; None where v ± h rounds to v."""
        return (self.loss_plus - self.loss_minus) / self.span if self.span else None

    @property
    def error(self) -> float | None:
        """The relative error; None where both numbers are 0 or there is no difference."""
        return None if self.numeric is None else relative_error(self.analytic, self.numeric)

    @property
    def band(self) -> Band | None:
        """The relative error's band; None where there is no difference."""
        return None if self.numeric is None else band_of(self.error)


@frozen(eq=False)
class Around:
    """The passes at v − h and v + h, and the difference of their losses."""

    difference: Difference
    minus: Forward
    plus: Forward


def nudged(point: BasePoint, address: Address, delta: float) -> Nudge:
    """One value moved by δ, by a real forward pass in the point's own dtype.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    nudge, _ = nudged_pass(point, address, delta)
    return nudge


def nudged_pass(point: BasePoint, address: Address, delta: float) -> tuple[Nudge, Forward]:
    """The same, with the pass itself, whose kinks may be asked for."""
    where = place(point, address)
    moved = where.rounded(where.value + delta)
    run = changed(point, where, moved)
    rounded = moved - where.value
    loss = float(run.loss)
    return Nudge(address, where.value, rounded, point.loss, loss, where.gradient), run


def curve(point: BasePoint, address: Address, deltas: Iterable[float]) -> tuple[Nudge, ...]:
    """L(v + δ) and its tangent for several δ."""
    return tuple(nudged(point, address, delta) for delta in deltas)


def around(point: BasePoint, address: Address, h: float) -> Around:
    """The passes at v − h and v + h, and what their losses say about the gradient.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    where = place(point, address)
    low, high = where.rounded(where.value - h), where.rounded(where.value + h)
    minus, plus = changed(point, where, low), changed(point, where, high)
    losses = float(minus.loss), float(plus.loss)
    found = Difference(address, where.value, h, *losses, high - low, where.gradient)
    return Around(found, minus, plus)


def central_difference(point: BasePoint, address: Address, h: float) -> Difference:
    """The gradient of one value by two forward passes, beside the analytic one."""
    return around(point, address, h).difference


def sweep(
    point: BasePoint, address: Address, steps: Iterable[float] = SWEEP
) -> Iterator[Difference]:
    """Central differences of one value from coarse to fine, one at a time.

    The point should be in float64: in float32 rounding drowns what the sweep is to show.
    """
    return (central_difference(point, address, h) for h in steps)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
