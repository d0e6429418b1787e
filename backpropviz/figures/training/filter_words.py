"""What is said of a value in the picture of filters: its address, itself, and its other rows."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.figures.training.filter_rows import TileRow
from backpropviz.figures.training.short_text import short

_DIGITS = 5


def value_words(rows: Sequence[TileRow], key: str) -> str:
    """`conv1.weight[3,0,2,1] = 0.15324` and below it gradient and change; '' for another key.

    Of a key that names more than one value, the least and the largest.
    """
    found = _found(rows, key)
    if found is None:
        return ""
    own, parameter, indices = found
    address = parameter.of(own.part).at(indices)
    others = [
        f"{row.title} {_told(row, row.arrays[parameter][indices])}"
        for row in rows
        if row is not own and parameter in row.arrays
    ]
    named = own.title if own.prefix else str(address)
    subject = f"{named} of {parameter.at(indices)}" if own.prefix else named
    first = f"{subject} = {_told(own, own.arrays[parameter][indices])}"
    return "\n".join((first, ", ".join(others))) if others else first


def _found(rows: Sequence[TileRow], key: str) -> tuple[TileRow, Address, tuple[int, ...]] | None:
    """The row, the parameter and the indices that a key names."""
    prefix, _, text = key.rpartition(":")
    try:
        address = parse(text)
    except UserError:
        return None
    parameter = Address(address.layer, address.quantity)
    for row in rows:
        if row.prefix == (prefix and f"{prefix}:") and row.part == address.part:
            array = row.arrays.get(parameter)
            if array is not None and len(address.indices) <= array.ndim:
                return row, parameter, address.indices
    return None


def _told(row: TileRow, values: Array) -> str:
    signed = bool(row.part or row.prefix)
    low, high = float(values.min()), float(values.max())
    least = short(low, _DIGITS, signed=signed)
    return least if low == high else f"{least} … {short(high, _DIGITS, signed=signed)}"
