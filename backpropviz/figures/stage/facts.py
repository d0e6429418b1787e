"""A row of facts: a small label above a number, a dot where it is not computed yet."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Box, Color, Ellipse, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

FACT_HEIGHT = 58
_PADDING = 14
_GAP = 12


@frozen
class Fact:
    """`text` is the number, empty where it is not computed; `is_current` puts it in focus."""

    label: str
    text: str
    color: Color
    key: str = ""
    is_current: bool = False


def fact_marks(facts: Sequence[Fact], box: Box, theme: Theme) -> tuple[Mark, ...]:
    """As many as fit from left to right, each as wide as it needs."""
    marks: list[Mark] = []
    x = box.x
    for fact in facts:
        label = elide(fact.label, styles.LABEL, box.width - 2 * _PADDING)
        text = elide(fact.text, styles.NUMBER_MEDIUM, box.width - 2 * _PADDING)
        inner = max(text_width(label, styles.LABEL), text_width(text, styles.NUMBER_MEDIUM), 36)
        width = round(inner) + 2 * _PADDING
        if x + width > box.right + 0.5:
            break
        marks.extend(_one(fact, label, text, Box(x, box.y, width, FACT_HEIGHT), theme))
        x += width + _GAP
    return tuple(marks)


def _one(fact: Fact, label: str, text: str, box: Box, theme: Theme) -> tuple[Mark, ...]:
    edge = Stroke(theme.here, 2.0) if fact.is_current else Stroke(theme.border)
    card = Rect(
        *(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1),
        fill=theme.panel,
        stroke=edge,
        radius=8.0,
        key=fact.key,
    )
    x = box.x + _PADDING
    name = Text(x, box.y + 22, label, styles.LABEL, theme.text_secondary)
    if not text:
        return card, name, Ellipse(x + 4, box.y + 40, 2.5, 2.5, fill=theme.text_tertiary)
    number = Text(x, box.y + 45, text, styles.NUMBER_MEDIUM, fact.color, key=fact.key)
    return card, name, number
