"""All filters of a network as one picture: weights, gradients, change, on stated color scales."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.training.measure import norm
from backpropviz.figures.number_groups import counted
from backpropviz.figures.training.filter_heading import Heading, heading_marks
from backpropviz.figures.training.filter_marks import (
    LABEL_WIDTH,
    NUMBER_HEIGHT,
    ROW_GAP,
    TileBand,
    TileLook,
    band_marks,
    label_mark,
    number_marks,
    row_label,
)
from backpropviz.figures.training.filter_rows import (
    DIFFERENCE_PREFIX,
    FilterState,
    Limits,
    TileRow,
    limits_of,
    state_rows,
)
from backpropviz.figures.training.filter_tiles import Tiling, tiling
from backpropviz.figures.training.foot import foot_marks
from backpropviz.figures.training.matrix_marks import TITLE_HEIGHT, matrix, matrix_marks
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Mark, Scene
from backpropviz.scene.theme import Theme

_SECTION_GAP: Final = 20
_BLOCK_GAP: Final = 32
_LEAST_WIDTH: Final = 240


@frozen(eq=False)
class FilterOptions:
    """What is shown of the filters, and how.

    `channels`: the input channel of a layer, None or absent for the first (all of up to three).
    `locked`: the limits that a person has locked; else those of the moment.
    `as_images`: dense layers whose weights are shown in the image's shape.
    `layers`: those shown, None for all.
    """

    channels: Mapping[str, int | None] = field(default_factory=dict)
    locked: Limits | None = None
    locked_at: int = 0
    as_images: frozenset[str] = frozenset()
    layers: frozenset[str] | None = None
    inactive_after: int = 10
    colormap: str = ""


@frozen(eq=False)
class _Page:
    """What every section needs."""

    network: Network
    rows: tuple[TileRow, ...]
    inactive: Mapping[str, Array]
    options: FilterOptions
    look: TileLook
    measured: Limits
    width: int
    can_be_images: tuple[str, ...]

    @property
    def label_width(self) -> int:
        """Pixels left of the tiles: more where the rows have long titles and there is room."""
        widest = max((text_width(row.title, styles.ROW) for row in self.rows), default=0.0)
        return max(LABEL_WIDTH, min(math.ceil(widest) + 12, self.width // 5))


def filters(
    network: Network, state: FilterState, width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """Weights, gradients of the last update and change since the start, layer by layer.

    Keys: a tile answers to `conv1.weight[3,0]`, a bias to `conv1.bias[3]`, a gradient with `.grad`,
    a change with `change:` before it; the choice of an input channel to `channel:conv2`, of a
    dense layer's weights as images to `images:dense1`.
    """
    return _page(network, state_rows(network, state), state.inactive, width, theme, options)


def difference(
    network: Network, rows: tuple[TileRow, ...], width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """Two states and what they differ by, as `difference_rows` pairs them up."""
    return _page(network, rows, {}, width, theme, options)


def can_be_images(network: Network) -> tuple[str, ...]:
    """The dense layers whose input is the image itself, so that a unit's weights make a picture."""
    found = []
    for node in network.nodes:
        shape = network.parameter_shapes(node).get("weight", ())
        is_flat = len(shape) == 2 and len(network.input_shape) == 3
        if (
            is_flat
            and shape[1] == math.prod(network.input_shape)
            and _reads_image(network, node.name)
        ):
            found.append(node.name)
    return tuple(found)


def _reads_image(network: Network, name: str) -> bool:
    """Whether only layers without parameters lie between the image and a layer."""
    node = network.by_name[name]
    while node.inputs[0] != IMAGE_NAME:
        node = network.by_name[node.inputs[0]]
        if network.parameter_shapes(node):
            return False
    return True


def _page(
    network: Network,
    rows: tuple[TileRow, ...],
    inactive: Mapping[str, Array],
    width: float,
    theme: Theme,
    options: FilterOptions,
) -> Scene:
    measured = limits_of(rows)
    limits = {**measured, **(options.locked or {})}
    look = TileLook(theme, options.colormap or theme.diverging, limits, options.inactive_after)
    page = _Page(
        network,
        rows,
        inactive,
        options,
        look,
        measured,
        max(_LEAST_WIDTH, int(width)),
        can_be_images(network),
    )
    marks: list[Mark] = []
    y = 0
    for node in network.nodes:
        if options.layers is None or node.name in options.layers:
            for weight, bias in _pairs(network.parameter_shapes(node)):
                y = _section(page, node.name, weight, bias, y, marks)
    foot, bottom = foot_marks(_remarks(page), page.width, y, theme)
    return Scene(width, bottom, theme.stage, (*marks, *foot), "filters")


def _pairs(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str | None]]:
    """Each parameter with the bias that is drawn beside it."""
    with_bias = len(shapes.get("weight", ())) >= 2 and "bias" in shapes
    for name in shapes:
        if name == "weight" and with_bias:
            yield name, "bias"
        elif not (name == "bias" and with_bias):
            yield name, None


def _section(
    page: _Page, layer: str, weight: str, bias: str | None, y: int, marks: list[Mark]
) -> int:
    """One parameter below its heading; where the next one begins."""
    address = Address(layer, weight)
    shape = page.network.parameter_shapes(page.network.by_name[layer])[weight]
    image = page.network.input_shape if layer in page.options.as_images else ()
    tiles = tiling(shape, page.options.channels.get(layer), image)
    own_bias = None if bias is None else Address(layer, bias)
    heading = _heading(page, address, own_bias, shape, tiles)
    above, y = heading_marks(heading, page.width, y, page.look)
    marks.extend(above)
    if tiles is None:
        y = _matrices(page, address, own_bias, shape, y, marks)
    else:
        y = _tiles(page, (address, own_bias), tiles, y, marks)
    return y + _SECTION_GAP


def _heading(
    page: _Page, weight: Address, bias: Address | None, shape: Shape, tiles: Tiling | None
) -> Heading:
    told = _matrix_words(page, shape, bias) if tiles is None else counted(shape[0], "filter")
    if tiles is not None and tiles.image:
        told = f"{counted(shape[0], 'unit')} as images"
    name = weight.layer if weight.quantity == "weight" else str(weight)
    shared: dict[str, list[str]] = {}
    for row in page.rows:
        if weight in row.arrays:
            shared.setdefault(row.scale, []).append(row.title)
    words = {2: "both", 3: "all"}
    named = tuple((scale, words.get(len(t), t[0])) for scale, t in shared.items())
    can_be = weight.quantity == "weight" and weight.layer in page.can_be_images
    return Heading(weight, name, told + _apart(page, weight), tiles, named, page.measured, can_be)


def _apart(page: _Page, weight: Address) -> str:
    """How far two runs lie apart in a parameter, and that as a share of the first one."""
    found = next((row for row in page.rows if row.prefix == DIFFERENCE_PREFIX), None)
    if found is None or weight not in found.arrays:
        return ""
    distance, size = norm(found.arrays[weight]), norm(page.rows[0].arrays[weight])
    share = f", {100 * distance / size:.0f} % of the first" if size else ""
    return f", apart by {short(distance)}{share}"


def _matrix_words(page: _Page, shape: Shape, bias: Address | None) -> str:
    """The shape, and what a pixel stands for where there are more values than pixels."""
    laid = matrix(shape, len(page.rows), page.width - 1, with_bias=bias is not None)
    told = shape_text(shape)
    if not laid.is_reduced:
        return told
    return f"{told}, a pixel is the largest of {shape_text(laid.per_pixel)} values"


def _tiles(
    page: _Page,
    addresses: tuple[Address, Address | None],
    tiles: Tiling,
    y: int,
    marks: list[Mark],
) -> int:
    """All rows side by side if they fit on one line, else one below the other, wrapped."""
    run = page.label_width + tiles.run_px(tiles.count)
    if len(page.rows) * (run + _BLOCK_GAP) - _BLOCK_GAP <= page.width:
        for place, row in enumerate(page.rows):
            x = place * (run + _BLOCK_GAP)
            _line(page, addresses, tiles, (row,), range(tiles.count), (x, y), marks)
        return y + _line_height(addresses, tiles, 1)
    room = page.width - page.label_width + tiles.gap * tiles.cell
    per_line = max(1, room // tiles.pitch_px)
    for first in range(0, tiles.count, per_line):
        span = range(first, min(first + per_line, tiles.count))
        _line(page, addresses, tiles, page.rows, span, (0, y), marks)
        y += _line_height(addresses, tiles, len(page.rows)) + (4 if span.stop < tiles.count else 0)
    return y


def _line_height(addresses: tuple[Address, Address | None], tiles: Tiling, rows: int) -> int:
    band = TileBand(TileRow("", {}, ""), *addresses, tiles, 0, 0)
    return rows * (band.height + ROW_GAP) - ROW_GAP + NUMBER_HEIGHT


def _line(
    page: _Page,
    addresses: tuple[Address, Address | None],
    tiles: Tiling,
    rows: Sequence[TileRow],
    span: range,
    place: tuple[int, int],
    marks: list[Mark],
) -> None:
    """The same filters in each row, their numbers below."""
    x, y = place
    theme, label = page.look.theme, page.label_width
    for row in rows:
        band = TileBand(row, *addresses, tiles, span.start, span.stop)
        marks.extend(row_label(band, x, y, label - 8, page.look))
        marks.extend(band_marks(band, x + label, y, page.look))
        y += band.height + ROW_GAP
    y -= ROW_GAP
    word = "unit" if tiles.image else "filter"
    marks.append(label_mark(word, x, y + NUMBER_HEIGHT / 2, label - 8, theme))
    inactive = page.inactive.get(addresses[0].layer)
    marks.extend(number_marks(tiles, span, x + label, y, inactive, page.look))


def _matrices(
    page: _Page,
    weight: Address,
    bias: Address | None,
    shape: Shape,
    y: int,
    marks: list[Mark],
) -> int:
    laid = matrix(shape, len(page.rows), page.width - 1, with_bias=bias is not None)
    for number, row in enumerate(page.rows):
        line, column = divmod(number, laid.across)
        place = (1 + column * laid.pitch_px, y + line * (laid.height_px + TITLE_HEIGHT + ROW_GAP))
        marks.extend(matrix_marks(row, (weight, bias), laid, place, page.look))
    lines = math.ceil(len(page.rows) / laid.across)
    return y + lines * (laid.height_px + TITLE_HEIGHT + ROW_GAP) - ROW_GAP + 1


def _remarks(page: _Page) -> Iterator[tuple[str, str]]:
    """(sign, words) that explain what is not told by itself."""
    options = page.options
    if options.locked is None:
        yield "", "Color scales of this update; each is symmetric about 0."
    else:
        yield "", f"Color scales locked at update {options.locked_at:,}; each is symmetric about 0."
    zero = [row for row in page.rows if row.hatches_zero and row.arrays]
    if zero:
        yield "hatch", f"{zero[0].title}: exactly 0"
    if any(np.any(found >= options.inactive_after) for found in page.inactive.values()):
        updates = counted(options.inactive_after, "update")
        yield "red", f"Red number: its map has been inactive for {updates} or more."
