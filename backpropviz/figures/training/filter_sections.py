"""One parameter of the picture of filters: its heading, and below it tiles or matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.network import Network
from backpropviz.engine.training.measure import norm
from backpropviz.figures.number_groups import counted
from backpropviz.figures.training.filter_blocks import Blocks, block_marks
from backpropviz.figures.training.filter_heading import Heading, heading_marks
from backpropviz.figures.training.filter_layout import tile_layout
from backpropviz.figures.training.filter_marks import LABEL_WIDTH, ROW_GAP, TileLook
from backpropviz.figures.training.filter_rows import DIFFERENCE_PREFIX, Limits, TileRow
from backpropviz.figures.training.filter_tiles import Tiling, tiling
from backpropviz.figures.training.matrix_marks import TITLE_HEIGHT, matrix, matrix_marks
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Mark


@frozen(eq=False)
class Sheet:
    """What every section needs.

    `channels` and `as_images` are the choices of `FilterOptions`; `measured` are the limits of the
    values, `look.limits` those of the colors.
    """

    network: Network
    rows: tuple[TileRow, ...]
    inactive: Mapping[str, Array]
    channels: Mapping[str, int | None]
    as_images: frozenset[str]
    can_be_images: tuple[str, ...]
    look: TileLook
    measured: Limits
    width: int
    label_width: int


def label_width(rows: Sequence[TileRow], width: int) -> int:
    """Pixels left of stacked tiles: more where the rows have long titles and there is room."""
    widest = max((text_width(row.title, styles.ROW) for row in rows), default=0.0)
    return max(LABEL_WIDTH, min(math.ceil(widest) + 12, width // 5))


def section(
    sheet: Sheet, layer: str, weight: str, bias: str | None, y: int, marks: list[Mark]
) -> int:
    """One parameter below its heading; where it ends."""
    address = Address(layer, weight)
    own_bias = None if bias is None else Address(layer, bias)
    shape = sheet.network.parameter_shapes(sheet.network.by_name[layer])[weight]
    image = sheet.network.input_shape if layer in sheet.as_images else ()
    wished = tiling(shape, sheet.channels.get(layer), image, sheet.width)
    heading = _heading(sheet, address, own_bias, shape, wished)
    if wished is None:
        above, y = heading_marks(heading, sheet.width, y, sheet.look)
        marks.extend(above)
        return _matrices(sheet, address, own_bias, shape, y, marks)
    laid = tile_layout(wished, len(sheet.rows), sheet.width, sheet.label_width)
    has_legends = not laid.is_stacked and len({row.scale for row in sheet.rows}) == len(sheet.rows)
    if has_legends:
        heading = replace(heading, scales=())
    above, y = heading_marks(heading, sheet.width, y, sheet.look)
    blocks = Blocks(
        *(sheet.rows, address, own_bias, laid, sheet.label_width, has_legends),
        *(sheet.measured, sheet.inactive.get(layer), sheet.look),
    )
    below, y = block_marks(blocks, y)
    marks += (*above, *below)
    return y


def _heading(
    sheet: Sheet, weight: Address, bias: Address | None, shape: Shape, tiles: Tiling | None
) -> Heading:
    told = _matrix_words(sheet, shape, bias) if tiles is None else counted(shape[0], "filter")
    if tiles is not None and tiles.image:
        told = f"{counted(shape[0], 'unit')} as images"
    name = weight.layer if weight.quantity == "weight" else str(weight)
    shared: dict[str, list[str]] = {}
    for row in sheet.rows:
        if weight in row.arrays:
            shared.setdefault(row.scale, []).append(row.title)
    words = {2: "both", 3: "all"}
    named = tuple((scale, words.get(len(t), t[0])) for scale, t in shared.items())
    can_be = weight.quantity == "weight" and weight.layer in sheet.can_be_images
    return Heading(weight, name, told + _apart(sheet, weight), tiles, named, sheet.measured, can_be)


def _apart(sheet: Sheet, weight: Address) -> str:
    """How far two runs lie apart in a parameter, and that as a share of the first one."""
    found = next((row for row in sheet.rows if row.prefix == DIFFERENCE_PREFIX), None)
    if found is None or weight not in found.arrays:
        return ""
    distance, size = norm(found.arrays[weight]), norm(sheet.rows[0].arrays[weight])
    share = f", {100 * distance / size:.0f} % of the first" if size else ""
    return f", apart by {short(distance)}{share}"


def _matrix_words(sheet: Sheet, shape: Shape, bias: Address | None) -> str:
    """The shape, and what a pixel stands for where there are more values than pixels."""
    laid = matrix(shape, len(sheet.rows), sheet.width - 1, with_bias=bias is not None)
    told = shape_text(shape)
    if not laid.is_reduced:
        return told
    return f"{told}, a pixel is the largest of {shape_text(laid.per_pixel)} values"


def _matrices(
    sheet: Sheet,
    weight: Address,
    bias: Address | None,
    shape: Shape,
    y: int,
    marks: list[Mark],
) -> int:
    laid = matrix(shape, len(sheet.rows), sheet.width - 1, with_bias=bias is not None)
    for number, row in enumerate(sheet.rows):
        line, column = divmod(number, laid.across)
        place = (1 + column * laid.pitch_px, y + line * (laid.height_px + TITLE_HEIGHT + ROW_GAP))
        marks.extend(matrix_marks(row, (weight, bias), laid, place, sheet.look))
    lines = math.ceil(len(sheet.rows) / laid.across)
    return y + lines * (laid.height_px + TITLE_HEIGHT + ROW_GAP) - ROW_GAP + 1
