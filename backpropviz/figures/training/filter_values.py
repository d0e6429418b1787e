"""One filter's plane by a key of the picture of filters, and the value at a point of its tile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final, TypeAlias

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.network import Network
from backpropviz.engine.training.history import tensors_of
from backpropviz.engine.value import Address, Array, parse
from backpropviz.errors import UserError
from backpropviz.figures.training.numbers import short
from backpropviz.frozen import frozen
from backpropviz.scene.hit import Hit, find
from backpropviz.scene.marks import Box, Scene


@frozen
class FilterPlane:
    """What a tile shows: one input channel of a filter, or a dense unit's weights as an image.

    `first` are the indices of the tile: (filter, channel), or (unit,).
    """

    weight: Address
    first: tuple[int, ...]
    rows: int
    columns: int

    @property
    def of_image(self) -> bool:
        """Whether it is a row of a dense weight, in the image's shape."""
        return len(self.first) == 1

    def indices(self, row: int, column: int) -> tuple[int, ...]:
        """Where a value lies in the weight."""
        if self.of_image:
            return (*self.first, row * self.columns + column)
        return (*self.first, row, column)

    def place(self, indices: tuple[int, ...]) -> tuple[int, int]:
        """The row and the column of a value in the plane."""
        if self.of_image:
            row, column = divmod(indices[-1], self.columns)
            return row, column
        return indices[-2], indices[-1]

    def values(self, weight: Array) -> Array:
        """The plane (rows, columns) of an array of the weight's shape."""
        plane: Array = weight[self.first].reshape(self.rows, self.columns)
        return plane


def plane_of(network: Network, key: str, as_images: frozenset[str]) -> FilterPlane | None:
    """The plane of the tile, or of a value in it, that a key names; None where it names no such."""
    try:
        address = parse(_without_prefix(key))
    except UserError:
        return None
    if address.layer not in network.by_name:
        return None
    shapes = network.parameter_shapes(network.by_name[address.layer])
    weight = Address(address.layer, address.quantity)
    shape = shapes.get(address.quantity, ())
    image = network.input_shape if address.layer in as_images else ()
    indices = address.indices
    if len(shape) == 4 and shape[2] * shape[3] > 1 and len(indices) >= 2:
        return FilterPlane(weight, indices[:2], shape[2], shape[3])
    if len(shape) == 2 and len(image) == 3 and image[0] == 1 and indices:
        return FilterPlane(weight, indices[:1], image[1], image[2])
    return None


def value_at(plane: FilterPlane, tile: Hit, x: float, y: float) -> Hit:
    """The value of a tile that lies under a point."""
    area = tile.box.inset(-0.5)
    row = _step(y - area.y, area.height, plane.rows)
    column = _step(x - area.x, area.width, plane.columns)
    inside = ",".join(map(str, plane.indices(row, column)))
    key = f"{tile.key.partition('[')[0]}[{inside}]"
    return Hit(key, _cell(plane, tile.box, row, column))


def tile_box(scene: Scene, plane: FilterPlane, key: str) -> Box | None:
    """Where the tile is drawn that a key names, or names a value of."""
    first = ",".join(map(str, plane.first))
    return find(scene, f"{key.partition('[')[0]}[{first}]")


def value_box(scene: Scene, plane: FilterPlane, key: str) -> Box | None:
    """Where a value is drawn inside its tile."""
    tile = tile_box(scene, plane, key)
    if tile is None:
        return None
    return _cell(plane, tile, *plane.place(parse(_without_prefix(key)).indices))


def _without_prefix(key: str) -> str:
    return key.rpartition(":")[2]


def _step(along: float, length: float, count: int) -> int:
    return min(count - 1, max(0, int(along * count / length)))


def _cell(plane: FilterPlane, tile: Box, row: int, column: int) -> Box:
    """A tile's frame lies half a pixel inside its values."""
    area = tile.inset(-0.5)
    width, height = area.width / plane.columns, area.height / plane.rows
    return Box(area.x + column * width, area.y + row * height, width, height)


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
