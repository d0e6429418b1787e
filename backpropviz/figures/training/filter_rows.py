"""What the filter picture compares: rows of parameter arrays, and the limits of their colors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, TypeAlias

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.network import Network
from backpropviz.engine.training.measure import tensors_of
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen

Limits: TypeAlias = Mapping[tuple[str, Address], float]
"""The value at the end of the color map, by a row's scale and the parameter; the other end is −it.
"""

WEIGHTS: Final = "weights"
GRADIENTS: Final = "gradients"
CHANGE: Final = "change"
CHANGE_PREFIX: Final = "change:"
DIFFERENCE_PREFIX: Final = "difference:"


@frozen(eq=False)
class TileRow:
    """One array for each parameter; `arrays` lacks those that are not computed yet.

    Rows with the same `scale` share limits. A key is `prefix` + the address of a tile, of `part`.
    """

    title: str
    arrays: Mapping[Address, Array]
    scale: str
    prefix: str = ""
    part: str = ""
    hatches_zero: bool = False
    waiting: str = "not computed yet"

    def key(self, parameter: Address, indices: str = "") -> str:
        """What a tile of this row answers to; `indices` such as `3,0`."""
        name = f"{self.prefix}{parameter.of(self.part).name}"
        return f"{name}[{indices}]" if indices else name


@frozen(eq=False)
class FilterState:
    """A network at an update: its parameters, the update's gradients, and where it began.

    `inactive` counts for each filter of a layer in how many updates in a row its map was inactive.
    """

    parameters: Parameters
    gradients: Mapping[Address, Array] = field(default_factory=dict)
    start: Parameters | None = None
    inactive: Mapping[str, Array] = field(default_factory=dict)


@frozen(eq=False)
class ShownRows:
    """Rows, the limits that their values have, and how long each filter's map was inactive."""

    rows: tuple[TileRow, ...]
    limits: Limits
    inactive: Mapping[str, Array] = field(default_factory=dict)


def shown_rows(network: Network, state: FilterState) -> ShownRows:
    """The rows of a state, measured."""
    rows = state_rows(network, state)
    return ShownRows(rows, limits_of(rows), state.inactive)


def state_rows(network: Network, state: FilterState) -> tuple[TileRow, ...]:
    """Weights, gradients of the last update, and change since the start."""
    addresses = tensors_of(network)
    weights = _arrays(addresses, state.parameters)
    gradients = {a: state.gradients[a] for a in addresses if a in state.gradients}
    rows = [
        TileRow(WEIGHTS, weights, WEIGHTS),
        TileRow(GRADIENTS, gradients, GRADIENTS, part="grad", hatches_zero=True),
    ]
    if state.start is not None:
        change = _differences(weights, _arrays(addresses, state.start))
        rows.append(TileRow(CHANGE, change, CHANGE, CHANGE_PREFIX))
    return tuple(rows)


def difference_rows(
    network: Network,
    first: tuple[str, Parameters],
    second: tuple[str, Parameters],
    *,
    is_common: bool = False,
) -> tuple[TileRow, ...]:
    """Two runs, or two moments of one, on one scale, and second − first.

    The difference has a scale of its own unless `is_common`. Keys begin with `first:`, `second:`
    and `difference:`.
    """
    addresses = tensors_of(network)
    one, other = _arrays(addresses, first[1]), _arrays(addresses, second[1])
    title = f"{second[0]} \u2212 {first[0]}"
    scale = WEIGHTS if is_common else CHANGE
    return (
        TileRow(first[0], one, WEIGHTS, "first:"),
        TileRow(second[0], other, WEIGHTS, "second:"),
        TileRow(title, _differences(other, one), scale, DIFFERENCE_PREFIX, hatches_zero=True),
    )


def limits_of(rows: Iterable[TileRow]) -> Limits:
    """The largest finite magnitude of each parameter on each scale: what a lock holds on to."""
    found: dict[tuple[str, Address], float] = {}
    for row in rows:
        for address, array in row.arrays.items():
            key = (row.scale, address)
            found[key] = max(found.get(key, 0.0), largest_magnitude(array))
    return found


def limit_texts(key: tuple[str, Address], limits: Limits, measured: Limits) -> tuple[str, ...]:
    """`±1.60`; where values go beyond a locked limit `±1.60 (to 1.72)` and, shorter, `±1.60+`."""
    limit, largest = limits.get(key, 0.0), measured.get(key, 0.0)
    text = f"±{short(limit)}"
    if is_beyond(key, limits, measured):
        return f"{text} (to {short(largest, 2)})", f"{text}+"
    return (text,)


def is_beyond(key: tuple[str, Address], limits: Limits, measured: Limits) -> bool:
    """Whether values go beyond a limit that was locked."""
    return measured.get(key, 0.0) > limits.get(key, 0.0) * (1 + 1e-6)


def largest_magnitude(array: Array) -> float:
    """max |x| over the finite values, 0 where there is none."""
    if not array.size:
        return 0.0
    largest = max(float(array.max()), -float(array.min()))
    if math.isfinite(largest):
        return largest
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _arrays(addresses: Iterable[Address], parameters: Parameters) -> dict[Address, Array]:
    return {
        a: parameters[a.layer][a.quantity]
        for a in addresses
        if a.layer in parameters and a.quantity in parameters[a.layer]
    }


def _differences(
    minuends: Mapping[Address, Array], subtrahends: Mapping[Address, Array]
) -> dict[Address, Array]:
    """Where both have an array of one shape."""
    return {
        a: array - subtrahends[a]
        for a, array in minuends.items()
        if a in subtrahends and subtrahends[a].shape == array.shape
    }
