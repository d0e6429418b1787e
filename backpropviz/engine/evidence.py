"""Which choice of a convention a finite difference agrees with.

Where the loss has a corner, the slope to the left of a value and the slope to its right differ, and
the central difference is their mean: no gradient is right or wrong there. One-sided slopes are of
second order, (4·L(v ± h) − 3·L(v) − L(v ± 2h)) / ±2h, and so is their mean, 2·C(h) − C(2h) with the
central difference C(h) = (L(v + h) − L(v − h)) / 2h, which alone is of first order at a corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import BasePoint, base_point, changed, place
from backpropviz.engine.conventions import (
    OPTIONS,
    Convention,
    Option,
    conventions_of,
    with_conventions,
)
from backpropviz.engine.gradcheck import ABSOLUTE, RELATIVE
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

H = 1e-5


class Side(Enum):
    """From where a slope is measured."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@frozen
class Slopes:
    """The finite differences at one value: from the left and from the right.

    `is_settled` tells that half the step gives the same one-sided slopes: no other corner lies
    between v − 2h and v + 2h.
    """

    h: float
    loss: float
    left: float
    right: float
    is_settled: bool

    @property
    def center(self) -> float:
        """The central difference, extrapolated."""
        return (self.left + self.right) / 2

    @property
    def is_corner(self) -> bool:
        """Whether left and right differ."""
        return not agrees(self.left, self.right, self.loss)

    def of(self, side: Side) -> float:
        """One of the three."""
        return {Side.LEFT: self.left, Side.CENTER: self.center, Side.RIGHT: self.right}[side]


@frozen
class Verdict:
    """One choice: its gradient, the slopes of its own loss, and with which of them it agrees."""

    option: Option
    analytic: float
    slopes: Slopes
    agrees_with: tuple[Side, ...]


@frozen
class Evidence:
    """All choices of a convention at one value."""

    address: Address
    convention: Convention
    verdicts: tuple[Verdict, ...]

    @property
    def is_disputed(self) -> bool:
        """Whether choices give different gradients where the finite difference is the same."""
        first, *others = self.verdicts
        return any(
            not agrees(v.analytic, first.analytic, first.slopes.loss)
            and agrees(v.slopes.center, first.slopes.center, first.slopes.loss)
            for v in others
        )

    @property
    def is_corner(self) -> bool:
        """Whether the loss has a corner at this value, so that no choice can be right."""
        return any(verdict.slopes.is_corner for verdict in self.verdicts)


def agrees(a: float, b: float, loss: float) -> bool:
    """Whether two slopes are the same within the bounds of a gradient check."""
    bound = RELATIVE * max(abs(a), abs(b)) + ABSOLUTE * max(1.0, abs(loss))
    return math.isfinite(a) and abs(a - b) <= bound


def slopes_at(point: BasePoint, address: Address, h: float = H) -> Slopes:
    """The three finite differences at one value, by six forward passes.

    Raises:
        UserError: the point is not in float64, or the address names nothing that can be nudged.
    """
    if point.dtype != np.float64:
        raise UserError(f"finite differences need float64, but the pass is in {point.dtype}.")
    where = place(point, address)
    steps = (-2, -1, -0.5, 0.5, 1, 2)
    losses = {k: float(changed(point, where, where.value + k * h).loss) for k in steps}
    losses[0] = point.loss
    left, right = (_one_sided(losses, sign, 1) / h for sign in (-1, 1))
    halves = tuple(_one_sided(losses, sign, 0.5) / h for sign in (-1, 1))
    settled = all(agrees(a, b, point.loss) for a, b in zip((left, right), halves, strict=True))
    return Slopes(h, point.loss, left, right, settled)


def _one_sided(losses: dict[float, float], sign: int, step: float) -> float:
    """The slope in units of 1/h, from L at 0, `step` and twice `step`."""
    near, far = losses[sign * step], losses[sign * step * 2]
    return sign * (4 * near - 3 * losses[0] - far) / (2 * step)


def evidence(point: BasePoint, address: Address, convention: Convention, h: float = H) -> Evidence:
    """Every choice of a convention at one value; the others stay as the network has them.

    Mean or sum and a turned kernel change the loss itself: each is held against its own slopes.

    Raises:
        UserError: the point is not in float64, or the address names nothing that can be nudged.
    """
    verdicts = []
    for option, other in _points(point, convention):
        slopes = slopes_at(other, address, h)
        analytic = place(other, address).gradient
        sides = (side for side in Side if agrees(analytic, slopes.of(side), other.loss))
        verdicts.append(Verdict(option, analytic, slopes, tuple(sides)))
    return Evidence(address, convention, tuple(verdicts))


def disputed(point: BasePoint, convention: Convention) -> Iterator[Address]:
    """The parameters whose gradients depend on the choice, in order; no forward pass is nudged."""
    points = [other for _, other in _points(point, convention)]
    for layer in point.backward.parameters:
        for name in point.network.parameter_shapes(point.network.by_name[layer]):
            arrays = [other.backward.parameters[layer][name] for other in points]
            spread = np.ptp(np.stack(arrays), axis=0)
            bound = RELATIVE * np.abs(arrays[0]) + ABSOLUTE
            for cell in np.argwhere(spread > bound):
                yield Address(layer, name, "", tuple(int(i) for i in cell))


def _points(point: BasePoint, convention: Convention) -> Iterator[tuple[Option, BasePoint]]:
    """The pass under each choice."""
    base = conventions_of(point.network)
    for option in OPTIONS[convention]:
        network = with_conventions(point.network, base.with_option(convention, option))
        yield option, base_point(network, point.parameters, point.images, point.forward.target)
