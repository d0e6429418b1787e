"""Where the layers of a network stand in its diagram: one below the other, branches beside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.arrays import Shape
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box

COUNT_COLUMN: Final = 108
"""Left of the layers: how many parameters each has."""
LANES: Final = 4
LANE: Final = 9
_MARGIN: Final = 20
_PITCH, _LEAST_PITCH = 36, 26
_WIDEST, _NARROWEST, _SIDE = 300, 180, 170


@frozen
class Edge:
    """A wire from a layer to one that reads it, as the points of its way."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    is_route: bool
    """Whether it goes past other layers, so that it needs an arrow."""


@frozen
class DiagramLayout:
    """Boxes by layer name (`image` and `loss` too), and the wires between them."""

    boxes: Mapping[str, Box]
    edges: tuple[Edge, ...]
    counts_x: float
    """The left edge of the parameters' column."""
    height: float


def lay_out(
    draft: Draft, shapes: Mapping[str, Shape], width: float, height: float
) -> DiagramLayout:
    """Rows as far apart as fit, at least 26 px; a bar is the wider the more values it holds."""
    names = (IMAGE_NAME, *draft.names, LOSS_NAME)
    pitch = math.floor((height - 2 * _MARGIN) / len(names))
    pitch = max(_LEAST_PITCH, min(_PITCH, pitch))
    main = _main_path(draft)
    has_side = len(main) < len(names)
    has_routes = any(len(node.inputs) > 1 for node in draft.nodes)
    side = _SIDE if has_side else 0
    lanes = LANES * LANE + 14 if has_side or has_routes else 0
    room = width - COUNT_COLUMN - lanes - side - _MARGIN
    widest = max(_NARROWEST, min(_WIDEST, room))
    left = COUNT_COLUMN + max(0.0, (width - COUNT_COLUMN - widest - lanes - side) / 2)
    axis = round(left + widest / 2)
    side_axis = round(left + widest + lanes + _SIDE / 2)
    most = max(math.prod(shape) for shape in shapes.values())
    boxes = {}
    for number, name in enumerate(names):
        y = _MARGIN + number * pitch
        if name in main:
            own = round(_bar_width(shapes.get(name), most, widest))
            boxes[name] = Box(axis - own // 2, y, own, pitch - 8)
        else:
            boxes[name] = Box(side_axis - _SIDE // 2, y, _SIDE, pitch - 8)
    first_lane = left + widest + 12
    edges = tuple(_edges(draft, boxes, main, first_lane))
    return DiagramLayout(boxes, edges, left - COUNT_COLUMN, 2 * _MARGIN + len(names) * pitch)


def _main_path(draft: Draft) -> tuple[str, ...]:
    """From the image to the loss along every layer's first input."""
    inputs = {node.name: node.inputs[0] for node in draft.nodes}
    path, name = [LOSS_NAME], draft.output
    while name != IMAGE_NAME:
        path.append(name)
        name = inputs[name]
    return (IMAGE_NAME, *reversed(path))


def _bar_width(shape: Shape | None, most: int, widest: float) -> float:
    if shape is None:
        return _NARROWEST
    share = math.log2(max(2, math.prod(shape))) / math.log2(max(4, most))
    return _NARROWEST + (widest - _NARROWEST) * min(1.0, share)


def _edges(
    draft: Draft, boxes: Mapping[str, Box], main: tuple[str, ...], first_lane: float
) -> Iterator[Edge]:
    order = {name: number for number, name in enumerate(boxes)}
    wires = [(source, node.name) for node in draft.nodes for source in node.inputs]
    wires.append((draft.output, LOSS_NAME))
    following = dict(pairwise(main))
    lane_ends = [0] * LANES
    for source, target in wires:
        start, stop = boxes[source], boxes[target]
        if following.get(source) == target or _is_straight(source, target, main, order):
            x = stop.x + stop.width / 2
            yield Edge(source, target, ((x, start.bottom), (x, stop.y)), is_route=False)
        elif source in main and target in main:
            lane = _free_lane(lane_ends, order[source], order[target])
            x = first_lane + lane * LANE
            yield Edge(source, target, _around(start, stop, x), is_route=True)
        else:
            yield Edge(source, target, _to_or_from_side(start, stop), is_route=True)


def _is_straight(source: str, target: str, main: tuple[str, ...], order: Mapping[str, int]) -> bool:
    """Between two layers of the side column that stand one below the other."""
    is_beside = source not in main and target not in main
    return is_beside and order[target] == order[source] + 1


def _free_lane(ends: list[int], start: int, stop: int) -> int:
    """The first lane that no route occupies there; the last one may be shared."""
    lane = next((number for number, end in enumerate(ends) if end <= start), LANES - 1)
    ends[lane] = max(ends[lane], stop)
    return lane


def _around(start: Box, stop: Box, x: float) -> tuple[tuple[float, float], ...]:
    leaving, arriving = start.y + 0.7 * start.height, stop.y + 0.35 * stop.height
    return ((start.right, leaving), (x, leaving), (x, arriving), (stop.right + 2, arriving))


def _to_or_from_side(start: Box, stop: Box) -> tuple[tuple[float, float], ...]:
    """Out to the right and down into a branch, or down from it and back to the left."""
    if stop.x > start.x:
        y, x = start.y + 0.7 * start.height, stop.x + stop.width / 2
        return ((start.right, y), (x, y), (x, stop.y - 1))
    y, x = stop.y + 0.5 * stop.height, start.x + start.width / 2
    return ((x, start.bottom), (x, y), (stop.right + 2, y))
