"""The number in a cell, the word in its corner and the note below, each where there is room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from backpropviz.scene import theme as styles
from backpropviz.scene.cell_state import (
    HATCHED,
    LARGE_CELL,
    Cell,
    CellState,
    accent_color,
    fill_color,
    is_large,
    outline_width,
)
from backpropviz.scene.colormaps import contrast_color, legible
from backpropviz.scene.fonts import ascent, cap_height, centered_baseline, descent, text_width
from backpropviz.scene.marks import Anchor, Color, Ellipse, Font, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

_MARGIN: Final = 8.0
_MASK_MARGIN: Final = 6.0
_NUMBER_FONTS: Final = (styles.NUMBER_LARGE, styles.NUMBER_MEDIUM, styles.NUMBER_SMALL, styles.NOTE)


def number_font(
    width: float, height: float, texts: Iterable[str], note: bool = False
) -> Font | None:
    """The largest number style in which all texts fit a cell of that size; None where none does."""
    longest = max(texts, key=len, default="")
    room = height - (styles.NOTE.size + 6 if note else 0)
    fonts = _NUMBER_FONTS[0 if min(width, height) >= LARGE_CELL else 2 if note else 1 :]
    for font in fonts:
        if 2.25 * cap_height(font) <= room and text_width(longest, font) <= width - 6:
            return font
    return None


def number_marks(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The value, or the word for one that is not finite, and a winner's ring around it."""
    if not cell.text or cell.state in {CellState.NOT_COMPUTED, CellState.ABSENT}:
        return ()
    font = cell.font or _own_font(cell)
    if font is None:
        return ()
    box, large = cell.box, is_large(cell.box)
    stacked = not large and _has_visible_note(cell, font)
    middle = box.y + box.height * (1 / 3 if stacked else 1 / 2)
    x = box.x + box.width / 2
    text = Text(
        *(x, centered_baseline(middle, font), cell.text, font),
        color=_ink(cell, theme),
        anchor=Anchor.MIDDLE,
        key=cell.key,
    )
    if cell.state in HATCHED:
        return _mask(text, middle, cell, theme), text
    if cell.state is CellState.WINNER and large and text_width(cell.text, font) <= 26:
        ring = Stroke(legible(accent_color(cell, theme), fill_color(cell, theme)), 1.5)
        return Ellipse(x, middle, 16, 16, stroke=ring), text
    return (text,)


def word_marks(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The word in the corner: at the right for winner and loser, else at the left."""
    if not cell.word or cell.state is CellState.TIE or not is_large(cell.box):
        return ()
    box, outlined = cell.box, bool(outline_width(cell))
    competing = cell.state in {CellState.WINNER, CellState.LOSER}
    font = styles.CORNER_WORD_QUIET if cell.state is CellState.LOSER else styles.CORNER_WORD
    margin = _MARGIN
    text = Text(
        box.right - margin if competing else box.x + margin,
        box.y + (15 if outlined else 16),
        cell.word,
        font,
        _word_color(cell, theme),
        Anchor.END if competing else Anchor.START,
    )
    if cell.state in HATCHED:
        return _mask(text, text.y - cap_height(font) / 2, cell, theme), text
    return (text,)


def note_marks(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """Small text: at the bottom left of a large cell, centered under the number of a small one."""
    font = styles.NOTE
    if not _has_visible_note(cell, cell.font or styles.NUMBER_SMALL):
        return ()
    box, large = cell.box, is_large(cell.box)
    text = Text(
        box.x + _MARGIN if large else box.x + box.width / 2,
        box.bottom - _MARGIN if large else centered_baseline(box.y + box.height * 0.735, font),
        cell.note,
        font,
        _note_color(cell, theme),
        Anchor.START if large else Anchor.MIDDLE,
    )
    if cell.state in HATCHED:
        return _mask(text, text.y - cap_height(font) / 2, cell, theme), text
    return (text,)


def _mask(text: Text, middle: float, cell: Cell, theme: Theme) -> Rect:
    """A patch of the cell's fill that keeps the hatching away from a text."""
    width = text_width(text.text, text.font) + 2 * _MASK_MARGIN
    height = round((ascent(text.font) + descent(text.font)) * 0.85 + 2)
    left = text.x - {Anchor.START: _MASK_MARGIN, Anchor.MIDDLE: width / 2}.get(
        text.anchor, width - _MASK_MARGIN
    )
    inner = cell.box.inset(1)
    x, y = max(inner.x, round(left)), max(inner.y, round(middle - height / 2))
    right = min(inner.right, round(left + width))
    bottom = min(inner.bottom, round(middle + height / 2))
    return Rect(x, y, right - x, bottom - y, fill=fill_color(cell, theme))


def _ink(cell: Cell, theme: Theme) -> Color:
    if cell.state is CellState.NOT_FINITE:
        return theme.not_finite
    if cell.state is CellState.PADDING:
        return theme.text_tertiary
    if cell.state is CellState.LOSER:
        return theme.text_secondary
    return contrast_color(fill_color(cell, theme))


def _word_color(cell: Cell, theme: Theme) -> Color:
    if cell.state is CellState.WINNER:
        return legible(accent_color(cell, theme), fill_color(cell, theme))
    return (
        theme.text_secondary if cell.state in HATCHED else contrast_color(fill_color(cell, theme))
    )


def _note_color(cell: Cell, theme: Theme) -> Color:
    quiet = {*HATCHED, CellState.NOT_COMPUTED, CellState.ABSENT}
    return theme.text_secondary if cell.state in quiet else contrast_color(fill_color(cell, theme))


def _own_font(cell: Cell) -> Font | None:
    box = cell.box
    font = number_font(box.width, box.height, (cell.text,), bool(cell.note) and not is_large(box))
    if font is styles.NUMBER_LARGE and cell.state in {CellState.PADDING, CellState.NOT_FINITE}:
        font = styles.NUMBER_MEDIUM
    return font


def _has_visible_note(cell: Cell, font: Font) -> bool:
    """Whether the note fits below a number of that font."""
    box, large = cell.box, is_large(cell.box)
    room = box.width - (_MARGIN + 2 if large else 4)
    if not cell.note or text_width(cell.note, styles.NOTE) > room:
        return False
    return large or box.height >= cap_height(font) + cap_height(styles.NOTE) + 16
