"""Where the mathematics leaves a choice, and a network put on one choice or another.

At a tie of a maximum and at the 0 of a rectifier there is no derivative, mean or sum is a matter of
scale, and a kernel may lie on the image as it is or turned. PyTorch's choices are the standard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast, get_args

from backpropviz.engine.kinds.activation import SLOPES_AT_ZERO, ReLU
from backpropviz.engine.kinds.configuration import Reduction, check_reduction
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.network import Network
from backpropviz.engine.run import with_reduction
from backpropviz.engine.ties import TieRule
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
