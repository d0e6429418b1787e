"""The array type of the engine, and arrays that nobody can change."""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


def freeze(array: Array) -> Array:
    """The array itself, made read-only (a view of foreign memory is copied first)."""
    if array.flags.writeable and not array.flags.owndata:
        array = array.copy()
    array.flags.writeable = False
    return array


def shape_text(shape: Shape) -> str:
    """A shape as people write it: 6×28×28; a single number is written alone."""
    return "×".join(str(size) for size in shape) if shape else "scalar"
