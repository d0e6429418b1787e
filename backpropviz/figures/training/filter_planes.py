"""One filter's plane by a key of the picture of filters, and the value at a point of its tile."""

from __future__ import annotations

from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.network import Network
from backpropviz.errors import UserError
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
    return _plane(weight, address.indices, shape, image)


def _plane(
    weight: Address, indices: tuple[int, ...], shape: Shape, image: Shape
) -> FilterPlane | None:
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
