"""The array type of the engine, and arrays that nobody can change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.document import LARGEST_INTEGER, whole_number
from backpropviz.errors import UserError

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


def freeze(array: Array) -> Array:
    """The array itself, made read-only (a view of foreign memory is copied first)."""
    if array.flags.writeable and not array.flags.owndata:
        array = array.copy()
    array.flags.writeable = False
    return array


def frozen_arrays(
    groups: Mapping[str, Mapping[str, Array]], dtype: type[np.floating[Any]] | None = None
) -> dict[str, dict[str, Array]]:
    """Parameters by layer and name, read-only; in another dtype they are copies."""
    return {
        layer: {
            name: freeze(array if dtype is None else array.astype(dtype))
            for name, array in own.items()
        }
        for layer, own in groups.items()
    }


def cells_of(mask: Array) -> Iterator[tuple[int, ...]]:
    """The indices at which a mask is true, in row-major order."""
    return (tuple(int(i) for i in cell) for cell in np.argwhere(mask))


def shape_text(shape: Shape) -> str:
    """A shape as people write it: 6×28×28; a single number is written alone."""
    return "×".join(str(size) for size in shape) if shape else "scalar"


GRADIENT = "grad"
OPTIMIZER_STATES = frozenset(
    {"velocity", "moment1", "moment2", "square_average", "gradient_average"}
)
PARTS = (
    frozenset({GRADIENT, "decayed", "gradient_variance", "step", "next"})
    | OPTIMIZER_STATES
    | {f"{state}_before" for state in OPTIMIZER_STATES}
)

_SHOWN = 100
"""Characters of a text that an error repeats."""
_PATTERN = re.compile(r"^(?P<name>[^\[\]\s]+)(?:\[(?P<indices>[^\[\]]*)\])?$")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A value (with indices) or a whole array (without)."""

    layer: str
    quantity: str
    part: str = ""
    indices: tuple[int, ...] = ()

    @property
    def array(self) -> Address:
        """The array that the value lies in."""
        return self.at(()) if self.indices else self

    @property
    def grad(self) -> Address:
        """The gradient of the loss with respect to this value or array."""
        return self.of(GRADIENT)

    @property
    def is_gradient(self) -> bool:
        return self.part == GRADIENT

    def of(self, part: str) -> Address:
        """Another part of the same quantity: `step`, `next`, `velocity`, …"""
        return Address(self.layer, self.quantity, part, self.indices)

    def at(self, indices: tuple[int, ...]) -> Address:
        """One value of the array."""
        return Address(self.layer, self.quantity, self.part, indices)

    @property
    def name(self) -> str:
        return ".".join(piece for piece in (self.layer, self.quantity, self.part) if piece)

    def __str__(self) -> str:
        """The text that `parse` reads."""
        return f"{self.name}[{','.join(map(str, self.indices))}]" if self.indices else self.name


def check_inside(address: Address, shape: Shape) -> None:
    """Refuse an address that names no single value of an array of this shape."""
    if len(address.indices) != len(shape) or not all(
        0 <= i < size for i, size in zip(address.indices, shape, strict=True)
    ):
        raise UserError(
            f"“{address}” is no value of {address.array}, whose shape is "
            f"{shape_text(shape)}: give {len(shape)} indices counted from 0."
        )


@lru_cache(maxsize=4096)
def parse(text: str) -> Address:
    """Read an address.

    Raises:
        UserError: the text is not of the form `layer.quantity[.grad][i,j,…]`.
    """
    match = _PATTERN.match(text.strip())
    if match is None:
        raise _malformed(text)
    names = match["name"].split(".")
    if not all(names):
        raise _malformed(text)
    part = names.pop() if len(names) > 1 and names[-1] in PARTS else ""
    return Address(".".join(names[:-1]), names[-1], part, _indices(match["indices"], text))


def _indices(inside: str | None, text: str) -> tuple[int, ...]:
    if inside is None:
        return ()
    read = [whole_number(index, -LARGEST_INTEGER) for index in inside.split(",")]
    indices = tuple(index for index in read if index is not None)
    if len(indices) < len(read):
        raise _malformed(text)
    return indices


def _malformed(text: str) -> UserError:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return UserError(
        f"“{shown}” is not an address: write layer.quantity[.grad][indices], "
        "for example conv1.weight.grad[0,0,1,1]."
    )
