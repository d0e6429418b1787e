"""A network as it is designed: its layers with their shapes, wires, joins, and parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from backpropviz.engine.architecture.catalog import Family, entry_of
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.survey import Survey
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.layers.protocol import LOSS_NAME
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.figures.network.diagram_layout import DiagramLayout, lay_out
from backpropviz.figures.network.layer_summary import layer_summary, loss_summary
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
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
from backpropviz.scene.theme import Theme

UNKNOWN: Final = "not known yet"
_NAME: Final = Font("Inter", 12, 500)
_BAR: Final = 44
_COUNT_X: Final = 46


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
    for name, box in placed.boxes.items():
        marks.extend(_layer(draft, found, name, box, theme, is_chosen=name == chosen))
    marks.extend(_counts(found, placed, theme))
    return Scene(width, placed.height, theme.stage, tuple(marks), "network diagram")


def _layer(
    draft: Draft, found: Survey, name: str, box: Box, theme: Theme, *, is_chosen: bool
) -> Iterator[Mark]:
    fill, right = _look(draft, found, name, theme)
    has_problem = bool(found.problem_at(name))
    is_known = name in found.shapes or name == LOSS_NAME
    stroke = Stroke(theme.border_strong, 1.0, () if is_known else (3.0, 3.0))
    if has_problem:
        fill, stroke = theme.alert_fill, Stroke(theme.breakpoint, 1.5)
    if is_chosen:
        stroke = Stroke(theme.breakpoint if has_problem else theme.update, 2.0)
    key = f"layer:{name}"
    yield Rect(box.x, box.y, box.width, box.height, fill, stroke, 5.0, key=key)
    middle = box.y + box.height / 2
    note = styles.INDEX
    color = theme.alert_title if has_problem else theme.text_secondary
    yield Text(box.right - 10, centered_baseline(middle, note), right, note, color, Anchor.END, key)
    room = box.width - 30 - text_width(right, note)
    text = elide(name, _NAME, room)
    ink = theme.text if is_known or has_problem else theme.text_tertiary
    yield Text(box.x + 10, centered_baseline(middle, _NAME), text, _NAME, ink, key=key)
    x = box.x + 16 + text_width(text, _NAME)
    words = _summary(draft, name)
    if words and text_width(words, styles.LABEL) < box.right - 18 - text_width(right, note) - x:
        baseline = centered_baseline(middle, styles.LABEL)
        yield Text(x, baseline, words, styles.LABEL, theme.text_secondary, key=key)


def _summary(draft: Draft, name: str) -> str:
    """The settings of what is learned or pooled; other names say what they are."""
    if name in {IMAGE_NAME, LOSS_NAME}:
        return ""
    node = draft.node(name)
    has_settings = entry_of(node.layer.kind).family in {Family.LEARNED, Family.POOLING}
    return layer_summary(node) if has_settings else ""


def _look(draft: Draft, found: Survey, name: str, theme: Theme) -> tuple[Color, str]:
    """Fill, and what stands at the right."""
    if name == LOSS_NAME:
        return theme.loss_tint, loss_summary(draft.loss)
    if name == IMAGE_NAME:
        return theme.forward_tint, shape_text(draft.input_shape)
    shape = found.shapes.get(name)
    if shape is None:
        return theme.stage, "does not fit" if found.problem_at(name) else UNKNOWN
    is_learned = entry_of(draft.node(name).layer.kind).family is Family.LEARNED
    return theme.update_tint if is_learned else theme.panel, shape_text(shape)


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
        x = placed.counts_x + _COUNT_X
        yield Text(x, baseline, text, font, theme.text_secondary, Anchor.END)
        width = max(2, round(_BAR * facts.parameters / most))
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
