"""Conventions where the mathematics leaves a choice, and networks set to one or another.

At a tie of a maximum and at the 0 of a rectifier there is no derivative, mean or sum is a matter of
scale, and a kernel may lie on the image as it is or turned. PyTorch's choices are the standard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from backpropviz.engine.gradcheck import ABSOLUTE, RELATIVE
from backpropviz.engine.kinds.activation import SLOPES_AT_ZERO, ReLU
from backpropviz.engine.kinds.configuration import Reduction, check_reduction
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.network import Network
from backpropviz.engine.nudge import BasePoint, base_point, changed, place
from backpropviz.engine.operands import TieRule
from backpropviz.engine.record import with_reduction
from backpropviz.engine.value import Address, cells_of
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Convention: TypeAlias = Literal["ties", "relu_at_zero", "reduction", "flip"]
Option: TypeAlias = str | float | bool
OPTIONS: Mapping[Convention, tuple[Option, ...]] = MappingProxyType(
    {
        "ties": get_args(TieRule),
        "relu_at_zero": tuple(SLOPES_AT_ZERO),
        "reduction": get_args(Reduction),
        "flip": (False, True),
    }
)
"""What there is to choose from, PyTorch's choice first."""


@frozen
class Conventions:
    """One choice of each; without arguments PyTorch's."""

    ties: TieRule = "first"
    relu_at_zero: float = 0.0
    reduction: Reduction = "mean"
    flip: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no choice, as the layers do."""
        _ = MaxPool2d(1, ties=self.ties), ReLU(self.relu_at_zero)
        check_reduction(self.reduction)
        if not isinstance(self.flip, bool):
            raise UserError(f"flip = {self.flip!r} must be true or false.")

    def option(self, convention: Convention) -> Option:
        """The choice that was made."""
        option: Option = getattr(self, convention)
        return option

    def with_option(self, convention: Convention, option: Option) -> Conventions:
        """The same with another choice.

        Raises:
            UserError: there is no such choice.
        """
        change: dict[str, Any] = {convention: option}
        return replace(self, **change)


STANDARD = Conventions()
"""PyTorch's."""

_SENTENCES: Mapping[tuple[Convention, Option], str] = {
    ("ties", "all"): "Each cell that ties for the largest value of a pooling window takes the "
    "whole upstream gradient; the standard is the first one alone.",
    ("ties", "shared"): "Cells that tie for the largest value of a pooling window share the "
    "upstream gradient evenly; the standard is the first one alone.",
    ("relu_at_zero", 0.5): "The slope of ReLU at exactly 0 is ½; the standard is 0.",
    ("relu_at_zero", 1.0): "The slope of ReLU at exactly 0 is 1; the standard is 0.",
    ("reduction", "sum"): "The losses of a batch are added up; the standard is their mean.",
    ("flip", True): "Kernels are turned by 180° in the forward pass (convolution); the standard "
    "is not to turn them (cross-correlation).",
}


def differences(conventions: Conventions) -> tuple[str, ...]:
    """A sentence for each choice that is not the standard."""
    chosen = ((convention, conventions.option(convention)) for convention in OPTIONS)
    return tuple(_SENTENCES[choice] for choice in chosen if choice in _SENTENCES)


def with_conventions(network: Network, conventions: Conventions) -> Network:
    """The network with these choices in every layer that has one; its parameters stay as they are.

    Layers that need no change, and the network itself if none does, are the same objects.
    """
    nodes = tuple(
        node
        if (layer := _layer(node.layer, conventions)) is node.layer
        else replace(node, layer=layer)
        for node in network.nodes
    )
    loss = with_reduction(network, conventions.reduction).loss
    if loss is network.loss and all(a is b for a, b in zip(nodes, network.nodes, strict=True)):
        return network
    return Network(network.name, network.input_shape, nodes, loss)


def _layer(layer: Layer, conventions: Conventions) -> Layer:
    changes = {name: conventions.option(c) for c, name in _choices(layer)}
    if all(getattr(layer, name) == option for name, option in changes.items()):
        return layer
    changed: Layer = replace(cast("Any", layer), **changes)
    return changed


def _choices(layer: Layer) -> Iterator[tuple[Convention, str]]:
    """The conventions of a kind of layer, and the field in which it has each."""
    match layer:
        case MaxPool2d():
            yield "ties", "ties"
        case ReLU():
            yield "relu_at_zero", "at_zero"
        case Conv2d():
            yield "flip", "flip"


def conventions_of(network: Network) -> Conventions:
    """The choices that a network makes.

    Where layers differ, one that is not the standard counts, so that nothing off it goes unsaid.
    """
    found: dict[str, Any] = {"reduction": network.loss.reduction}
    for node in network.nodes:
        for convention, name in _choices(node.layer):
            option = getattr(node.layer, name)
            if option != STANDARD.option(convention):
                found.setdefault(convention, option)
    return Conventions(**found)


def applicable(network: Network) -> tuple[Convention, ...]:
    """The conventions that can make a difference in a network, by the layers that it has."""
    found = {convention for node in network.nodes for convention, _ in _choices(node.layer)}
    return tuple(c for c in OPTIONS if c in found or c == "reduction")


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
            for cell in cells_of(spread > bound):
                yield Address(layer, name, "", cell)


def _points(point: BasePoint, convention: Convention) -> Iterator[tuple[Option, BasePoint]]:
    """The pass under each choice."""
    base = conventions_of(point.network)
    for option in OPTIONS[convention]:
        network = with_conventions(point.network, base.with_option(convention, option))
        yield option, base_point(network, point.parameters, point.images, point.forward.target)
