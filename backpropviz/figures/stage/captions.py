"""A heading of a given width: symbol, title and shape on one line, a remark below."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.figures.stage.headings import symbol_marks
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Group, Mark, Text
from backpropviz.scene.theme import Theme

CAPTION_HEIGHT = 26
REMARK_HEIGHT = 20
_LEAST_TITLE = 34


@frozen
class Caption:
    """What is written above a figure's part."""

    address: Address | None
    title: str
    shape: str = ""
    remark: str = ""


def caption_marks(
    caption: Caption, notation: Notation, x: float, y: float, width: float, theme: Theme
) -> tuple[Mark, ...]:
    """From (x, y) down; nothing is wider than `width`."""
    marks: list[Mark] = []
    baseline, left, right = y + 16, x, x + width
    if caption.address is not None:
        laid = symbol_marks(caption.address, notation, theme.text)
        if laid.width <= width:
            marks.append(Group(laid.marks, round(left), round(baseline)))
            left += laid.width + 10
    if right - left >= min(_LEAST_TITLE, text_width(caption.title, styles.BODY_STRONG)):
        title = elide(caption.title, styles.BODY_STRONG, right - left)
        marks.append(Text(left, baseline, title, styles.BODY_STRONG, theme.text))
        left += text_width(title, styles.BODY_STRONG) + 8
    if caption.shape and left + text_width(caption.shape, styles.INDEX) <= right:
        marks.append(Text(left, baseline, caption.shape, styles.INDEX, theme.text_tertiary))
    remark = elide(caption.remark, styles.ROW, width)
    if remark:
        marks.append(Text(x, baseline + REMARK_HEIGHT, remark, styles.ROW, theme.text_secondary))
    return tuple(marks)
