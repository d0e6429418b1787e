"""A network as it is designed: its layers with their shapes, wires, joins, and parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from backpropviz.engine.architecture.draft import Draft, Survey
from backpropviz.engine.kinds.protocol import LOSS_NAME, Family
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.value import Shape, shape_text
from backpropviz.figures.network_map import free_lane, layer_summary, loss_summary
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Font,
    Line,
    Mark,
    Path,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

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
        is_beside = source not in main and target not in main
        if following.get(source) == target or (is_beside and order[target] == order[source] + 1):
            x = stop.x + stop.width / 2
            yield Edge(source, target, ((x, start.bottom), (x, stop.y)), is_route=False)
        elif source in main and target in main:
            lane = free_lane(lane_ends, order[source], order[target])
            x = first_lane + lane * LANE
            yield Edge(source, target, _around(start, stop, x), is_route=True)
        else:
            yield Edge(source, target, _to_or_from_side(start, stop), is_route=True)


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


UNKNOWN: Final = "not known yet"
_NAME: Final = Font("Inter", 12, 500)


def architecture_diagram(
    draft: Draft, found: Survey, size: tuple[float, float], theme: Theme, chosen: str = ""
) -> Scene:
    """The layers from the image down to the loss; keys are `layer:conv1`.

    A bar is the wider the more values the output has, on a logarithmic scale; left of it stand the
    layer's parameters. What does not fit is outlined, and what follows from it is dashed.
    """
    width, height = size
    placed = lay_out(draft, found.shapes, width, height)
    marks: list[Mark] = []
    for edge in placed.edges:
        is_lit = chosen in {edge.source, edge.target}
        color = (
            theme.update
            if is_lit
            else theme.text_tertiary
            if edge.is_route
            else theme.border_strong
        )
        stroke = Stroke(color, 1.75 if is_lit or edge.is_route else 1.5)
        if edge.is_route:
            marks.append(Path(edge.points, stroke, corner_radius=6.0, arrow=True))
        else:
            (x1, y1), (x2, y2) = edge.points
            marks.append(Line(x1, y1, x2, y2, stroke))
    words = _Words(draft, found)
    for name, box in placed.boxes.items():
        marks.extend(_layer(words, name, box, theme, is_chosen=name == chosen))
    marks.extend(_counts(found, placed, theme))
    return Scene(width, placed.height, theme.stage, tuple(marks), "network diagram")


class _Words:
    def __init__(self, draft: Draft, found: Survey) -> None:
        self._draft, self._shapes = draft, found.shapes
        self._nodes = {node.name: node for node in draft.nodes}
        self.problems = {problem.layer for problem in found.problems}

    def is_known(self, name: str) -> bool:
        return name in self._shapes or name == LOSS_NAME

    def right(self, name: str) -> str:
        """The shape, or why there is none."""
        if name == LOSS_NAME:
            return loss_summary(self._draft.loss)
        shape = self._shapes.get(name)
        if shape is None:
            return "does not fit" if name in self.problems else UNKNOWN
        return shape_text(shape)

    def summary(self, name: str) -> str:
        """The settings of what is learned or pooled; other names say what they are."""
        if self.family(name) in {Family.LEARNED, Family.POOLING}:
            return layer_summary(self._nodes[name])
        return ""

    def family(self, name: str) -> Family | None:
        """What kind of layer it is; None for the image and the loss."""
        node = self._nodes.get(name)
        return None if node is None else node.layer.about.family

    def fill(self, name: str, theme: Theme) -> Color:
        if name in {IMAGE_NAME, LOSS_NAME}:
            return theme.forward_tint if name == IMAGE_NAME else theme.loss_tint
        if not self.is_known(name):
            return theme.stage
        return theme.update_tint if self.family(name) is Family.LEARNED else theme.panel


def _layer(words: _Words, name: str, box: Box, theme: Theme, *, is_chosen: bool) -> Iterator[Mark]:
    has_problem, is_known = name in words.problems, words.is_known(name)
    fill = theme.alert_fill if has_problem else words.fill(name, theme)
    color = theme.breakpoint if has_problem else theme.update if is_chosen else theme.border_strong
    width = 2.0 if is_chosen else 1.5 if has_problem else 1.0
    stroke = Stroke(color, width, () if is_known or has_problem or is_chosen else (3.0, 3.0))
    key = f"layer:{name}"
    yield Rect(box.x, box.y, box.width, box.height, fill, stroke, 5.0, key=key)
    middle, right, note = box.y + box.height / 2, words.right(name), styles.INDEX
    ink = theme.alert_title if has_problem else theme.text_secondary
    end = box.right - 10
    yield Text(end, centered_baseline(middle, note), right, note, ink, Anchor.END, key)
    end -= text_width(right, note) + 8
    text = elide(name, _NAME, end - box.x - 10)
    ink = theme.text if is_known or has_problem else theme.text_tertiary
    yield Text(box.x + 10, centered_baseline(middle, _NAME), text, _NAME, ink, key=key)
    x, summary = box.x + 16 + text_width(text, _NAME), words.summary(name)
    if summary and x + text_width(summary, styles.LABEL) < end:
        baseline = centered_baseline(middle, styles.LABEL)
        yield Text(x, baseline, summary, styles.LABEL, theme.text_secondary, key=key)


def _counts(found: Survey, placed: DiagramLayout, theme: Theme) -> Iterator[Mark]:
    """Each layer's parameters as a number and a bar; all bars have one scale."""
    most = max((facts.parameters or 0 for facts in found.layers), default=0)
    font = styles.INDEX
    for facts in found.layers:
        if not facts.parameters:
            continue
        box = placed.boxes[facts.name]
        middle = box.y + box.height / 2
        baseline = centered_baseline(middle, font)
        text = compact(facts.parameters)
        x = placed.counts_x + 46
        yield Text(x, baseline, text, font, theme.text_secondary, Anchor.END)
        width = max(2, round(44 * facts.parameters / most))
        yield Rect(round(x) + 6, round(middle - 3), width, 6, fill=theme.update, radius=2)


def compact(count: int) -> str:
    """A count in at most five characters: `156`, `2.4k`, `61.7k`, `1.2M`."""
    if count < 1000:
        return str(count)
    for letter, unit in (("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        value = count / unit
        if value < 999.5:
            decimals = max(0, 1 if value < 99.95 else 0)
            return f"{value:.{decimals}f}{letter}"
    return f"10^{math.floor(math.log10(count))}"
