"""All filters of a network as one picture: weights, gradients, change, on stated color scales."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

import numpy as np

from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.training.history import norm
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.figures.numbers import counted
from backpropviz.figures.training.filter_close_up import TITLE_HEIGHT, matrix, matrix_marks
from backpropviz.figures.training.filter_tiles import (
    LABEL_WIDTH,
    ROW_GAP,
    Blocks,
    TileLook,
    Tiling,
    block_marks,
    tile_layout,
    tiling,
)
from backpropviz.figures.training.filter_values import (
    DIFFERENCE_PREFIX,
    FilterState,
    Limits,
    ShownRows,
    TileRow,
    is_beyond,
    limit_texts,
    limits_of,
    shown_rows,
)
from backpropviz.figures.training.numbers import (
    LEAST_RAMP,
    Legend,
    Slots,
    foot_marks,
    legend_line,
    line_width,
    short,
    slots,
)
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Mark, Path, Rect, Scene, Stroke, Text
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

HEADING: Final = 26


@frozen(eq=False)
class Heading:
    """What stands above a parameter; `scales` pairs each color scale with the row it serves."""

    weight: Address
    name: str
    told: str
    tiles: Tiling | None
    scales: tuple[tuple[str, str], ...]
    measured: Limits
    can_be_images: bool = False

    @property
    def has_choice(self) -> bool:
        """Whether one can choose what of the parameter is shown."""
        return self.can_be_images or (self.tiles is not None and self.tiles.channels > 1)

    @property
    def choice(self) -> tuple[str, str, str]:
        """The key, the label and the value of the choice."""
        layer = self.weight.layer
        if self.can_be_images:
            return f"images:{layer}", "seen as", "matrix" if self.tiles is None else "images"
        channel = None if self.tiles is None else self.tiles.channel
        return f"channel:{layer}", "input channel", "all" if channel is None else str(channel)


def heading_marks(heading: Heading, width: float, y: int, look: TileLook) -> tuple[list[Mark], int]:
    """Name at the left, scales at the right or below; and where they end."""
    colors, middle = (look.theme, look.colormap), y + HEADING / 2 - 2
    legends = [
        Legend(title, limit_texts((scale, heading.weight), look.limits, heading.measured))
        for scale, title in heading.scales
    ]
    for is_brief in (False, True):
        left = _left_width(heading, is_brief=is_brief) + 16
        fitted = slots(legends, width - left) if legends else None
        if not legends or fitted is not None:
            marks = list(_title_marks(heading, y, look.theme, width, is_brief=is_brief))
            if fitted is not None:
                x = width - line_width(legends, fitted)
                marks.extend(legend_line(legends, fitted, (x, middle), colors))
            return marks, y + HEADING
    marks = list(_title_marks(heading, y, look.theme, width, is_brief=False))
    lines: list[list[Legend]] = []
    for legend in legends:
        if lines and slots([*lines[-1], legend], width) is not None:
            lines[-1].append(legend)
        else:
            lines.append([legend])
    for line in lines:
        y += HEADING
        fitted = slots(line, width) or Slots(LEAST_RAMP, 0.0)
        marks.extend(legend_line(line, fitted, (0.0, y + HEADING / 2 - 2), colors))
    return marks, y + HEADING


def _title_marks(
    heading: Heading, y: int, theme: Theme, width: float, *, is_brief: bool
) -> Iterator[Mark]:
    font, quiet = styles.BODY_STRONG, styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    name = elide(heading.name, font, width)
    yield Text(0, baseline, name, font, theme.text, key=f"layer:{heading.weight.layer}")
    x = text_width(name, font) + 8
    told = elide(heading.told, quiet, width - x)
    if told:
        yield Text(x, baseline, told, quiet, theme.text_secondary)
    x += text_width(told, quiet) + 20
    if heading.has_choice and x + _choice_width(heading, is_brief=is_brief) <= width:
        yield from _choice(heading, x, y, theme, is_brief=is_brief)


def _choice_label(heading: Heading, *, is_brief: bool) -> str:
    """Its last word says enough where there is little room."""
    label = heading.choice[1]
    return label.split()[-1] if is_brief else label


def _choice_width(heading: Heading, *, is_brief: bool) -> float:
    label = _choice_label(heading, is_brief=is_brief)
    return text_width(label, styles.ROW) + 8 + _field_width(heading)


def _field_width(heading: Heading) -> float:
    return text_width(heading.choice[2], styles.NUMBER_SMALL) + 34


def _choice(heading: Heading, x: float, y: int, theme: Theme, *, is_brief: bool) -> Iterator[Mark]:
    """A field with a chevron: its owner opens the list."""
    key, _, value = heading.choice
    label = _choice_label(heading, is_brief=is_brief)
    font = styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    yield Text(x, baseline, label, font, theme.text_secondary)
    left = round(x + text_width(label, font) + 8)
    width = round(_field_width(heading))
    stroke = Stroke(theme.border_strong)
    yield Rect(left + 0.5, y + 0.5, width - 1, 21, theme.field, stroke, 6.0, key=key)
    yield Text(left + 9, baseline, value, styles.NUMBER_SMALL, theme.text, key=key)
    tip, middle = left + width - 13, y + 11
    chevron = ((tip - 4, middle - 2.0), (tip, middle + 2.0), (tip + 4, middle - 2.0))
    yield Path(chevron, Stroke(theme.text_secondary, 1.5))


def _left_width(heading: Heading, *, is_brief: bool) -> float:
    names = text_width(heading.name, styles.BODY_STRONG) + 8 + text_width(heading.told, styles.ROW)
    return names + (20 + _choice_width(heading, is_brief=is_brief) if heading.has_choice else 0)


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
    sheet: Sheet, weight: Address, bias: Address | None, shape: Shape, y: int, marks: list[Mark]
) -> int:
    laid = matrix(shape, len(sheet.rows), sheet.width - 1, with_bias=bias is not None)
    for number, row in enumerate(sheet.rows):
        line, column = divmod(number, laid.across)
        place = (1 + column * laid.pitch_px, y + line * (laid.height_px + TITLE_HEIGHT + ROW_GAP))
        marks.extend(matrix_marks(row, (weight, bias), laid, place, sheet.look))
    lines = math.ceil(len(sheet.rows) / laid.across)
    return y + lines * (laid.height_px + TITLE_HEIGHT + ROW_GAP) - ROW_GAP + 1


SECTION_GAP: Final = 10
_ABOVE_NAME: Final = centered_baseline(HEADING / 2 - 2, styles.BODY_STRONG)


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


def filters(
    network: Network, state: FilterState, width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """Weights, gradients of the last update and change since the start, layer by layer.

    Keys: a tile answers to `conv1.weight[3,0]`, a bias to `conv1.bias[3]`, a gradient with `.grad`,
    a change with `change:` before it; the choice of an input channel to `channel:conv2`, of a
    dense layer's weights as images to `images:dense1`.
    """
    return filters_of_rows(network, shown_rows(network, state), width, theme, options)


def filters_of_rows(
    network: Network, shown: ShownRows, width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """`filters` of what was subtracted and measured before, such as at another width."""
    sheet = _sheet(network, shown, max(240, int(width)), theme, options)
    marks: list[Mark] = []
    y = 0
    for node in network.nodes:
        if options.layers is None or node.name in options.layers:
            for weight, bias in _pairs(network.parameter_shapes(node)):
                y = section(sheet, node.name, weight, bias, y, marks) + SECTION_GAP
    foot, bottom = foot_marks(_remarks(sheet, options), sheet.width, y, theme)
    return Scene(width, bottom, theme.stage, (*marks, *foot), "filters")


def difference(
    network: Network, rows: tuple[TileRow, ...], width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """Two states and what they differ by, as `difference_rows` pairs them up."""
    return filters_of_rows(network, ShownRows(rows, limits_of(rows)), width, theme, options)


def lower_edges(scene: Scene) -> tuple[float, ...]:
    """Where the layers of a picture of filters end, and at last its remarks."""
    tops = [
        mark.y for mark in scene.marks if isinstance(mark, Text) and mark.key.startswith("layer:")
    ]
    return (*(top - SECTION_GAP - _ABOVE_NAME for top in tops[1:]), scene.height)


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


def _sheet(
    network: Network, shown: ShownRows, width: int, theme: Theme, options: FilterOptions
) -> Sheet:
    limits = {**shown.limits, **(options.locked or {})}
    look = TileLook(theme, options.colormap or theme.diverging, limits, options.inactive_after)
    return Sheet(
        *(network, shown.rows, shown.inactive, options.channels, options.as_images),
        *(can_be_images(network), look, shown.limits, width, label_width(shown.rows, width)),
    )


def _pairs(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str | None]]:
    """Each parameter with the bias that is drawn beside it."""
    with_bias = len(shapes.get("weight", ())) >= 2 and "bias" in shapes
    for name in shapes:
        if name == "weight" and with_bias:
            yield name, "bias"
        elif not (name == "bias" and with_bias):
            yield name, None


def _remarks(sheet: Sheet, options: FilterOptions) -> Iterator[tuple[str, str]]:
    """(sign, words) that explain what is not told by itself."""
    if options.locked is None:
        yield "", "Color scales of this update; each is symmetric about 0."
    else:
        yield "", f"Color scales locked at update {options.locked_at:,}; each is symmetric about 0."
    if any(is_beyond(key, sheet.look.limits, sheet.measured) for key in sheet.measured):
        yield "", "+ after a limit: values lie beyond it."
    zero = [row for row in sheet.rows if row.hatches_zero and row.arrays]
    if zero:
        yield "hatch", f"{zero[0].title}: exactly 0"
    if any(np.any(found >= options.inactive_after) for found in sheet.inactive.values()):
        updates = counted(options.inactive_after, "update")
        yield "red", f"Red number: its map has been inactive for {updates} or more."
