"""A network as it is designed: its layers with their shapes, wires, joins, and parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.survey import Survey
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.kinds.kind import Family
from backpropviz.engine.kinds.protocol import LOSS_NAME
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
    words = _Words(draft, found)
    for name, box in placed.boxes.items():
        marks.extend(_layer(words, name, box, theme, is_chosen=name == chosen))
    marks.extend(_counts(found, placed, theme))
    return Scene(width, placed.height, theme.stage, tuple(marks), "network diagram")


class _Words:
    """What is written of each layer."""

    def __init__(self, draft: Draft, found: Survey) -> None:
        self._draft, self._shapes = draft, found.shapes
        self._nodes = {node.name: node for node in draft.nodes}
        self.problems = {problem.layer for problem in found.problems}

    def is_known(self, name: str) -> bool:
        """Whether its shape is known."""
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
        """The color of its bar."""
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
