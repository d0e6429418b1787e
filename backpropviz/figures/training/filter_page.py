"""All filters of a network as one picture: weights, gradients, change, on stated color scales."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Shape
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.figures.number_groups import counted
from backpropviz.figures.training.filter_heading import HEADING
from backpropviz.figures.training.filter_marks import TileLook
from backpropviz.figures.training.filter_rows import (
    FilterState,
    Limits,
    ShownRows,
    TileRow,
    is_beyond,
    limits_of,
    shown_rows,
)
from backpropviz.figures.training.filter_sections import Sheet, label_width, section
from backpropviz.figures.training.foot import foot_marks
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline
from backpropviz.scene.marks import Mark, Scene, Text
from backpropviz.scene.theme import Theme

SECTION_GAP: Final = 10
_ABOVE_NAME: Final = centered_baseline(HEADING / 2 - 2, styles.BODY_STRONG)
_NAME: Final = "layer:"
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
    return _page(network, shown, width, theme, options)


def difference(
    network: Network, rows: tuple[TileRow, ...], width: float, theme: Theme, options: FilterOptions
) -> Scene:
    """Two states and what they differ by, as `difference_rows` pairs them up."""
    return _page(network, ShownRows(rows, limits_of(rows)), width, theme, options)


def lower_edges(scene: Scene) -> tuple[float, ...]:
    """Where the layers of a picture of filters end, and at last its remarks."""
    tops = [mark.y for mark in scene.marks if isinstance(mark, Text) and mark.key.startswith(_NAME)]
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


def _page(
    network: Network, shown: ShownRows, width: float, theme: Theme, options: FilterOptions
) -> Scene:
    sheet = _sheet(network, shown, max(_LEAST_WIDTH, int(width)), theme, options)
    marks: list[Mark] = []
    y = 0
    for node in network.nodes:
        if options.layers is None or node.name in options.layers:
            for weight, bias in _pairs(network.parameter_shapes(node)):
                y = section(sheet, node.name, weight, bias, y, marks) + SECTION_GAP
    foot, bottom = foot_marks(_remarks(sheet, options), sheet.width, y, theme)
    return Scene(width, bottom, theme.stage, (*marks, *foot), "filters")


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
