"""A cell in each of its states; every state is told without color too.

A cell is drawn in two layers, since a thick outline lies over the neighbors' borders: `body` (fill,
hatching, border), then `overlay` (outline, words, number). `cells` does so for many at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.color import color_at, contrast_color, legible
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Hatch,
    Line,
    Mark,
    Path,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.text import ascent, cap_height, centered_baseline, descent, text_width
from backpropviz.scene.theme import Theme


class CellState(Enum):
    """What is known of a cell's value, and its part in the current step."""

    FINAL = "final"
    IN_PROGRESS = "in progress"
    CURRENT = "current"
    MET = "met"
    OPERAND = "operand"
    NOT_COMPUTED = "not computed"
    PADDING = "padding"
    ABSENT = "absent"
    WINNER = "winner"
    LOSER = "loser"
    TIE = "tie"
    OVERRIDDEN = "overridden"
    NOT_FINITE = "not finite"


@frozen
class Cell:
    """What a cell shows.

    `fill` is the color of its value (needed by the states that have one). `word` stands in the
    corner, or in a tie's tag; `note` is small text at the bottom, such as `was 1` or `o = 8`.
    `accent` replaces the outline's color: a met cell or an operand is forward or backward, and
    a winner backward, or forward where only the choice matters. `font` sets the number in one size
    with its neighbors.
    """

    box: Box
    state: CellState
    text: str = ""
    fill: Color | None = None
    word: str = ""
    note: str = ""
    accent: Color | None = None
    key: str = ""
    font: Font | None = None


HATCHED: Final = (CellState.PADDING, CellState.LOSER, CellState.NOT_FINITE)
LARGE_CELL: Final = 64
"""Side from which a cell has room for a large number, a corner word and a note."""

_OUTLINE_WIDTH: Final = {
    CellState.IN_PROGRESS: 3.0,
    CellState.CURRENT: 3.0,
    CellState.MET: 2.0,
    CellState.OPERAND: 4.0,
    CellState.WINNER: 3.0,
}
_WITHOUT_VALUE: Final = (CellState.NOT_COMPUTED, CellState.ABSENT)
_ON_STAGE: Final = (CellState.PADDING, CellState.NOT_FINITE, *_WITHOUT_VALUE)


def is_large(box: Box) -> bool:
    """Whether a cell has room for more than a number."""
    return min(box.width, box.height) >= LARGE_CELL


def value_fill(value: float, colormap: str, limits: tuple[float, float]) -> Color:
    """The color of a value, to be a cell's `fill`."""
    return color_at(colormap, value, limits)


def fill_color(cell: Cell, theme: Theme) -> Color:
    """What lies under a cell's text: its value's color, or the surface where it has no value."""
    if cell.state is CellState.LOSER:
        return color_at(theme.diverging, 0.0, (-1.0, 1.0))
    if cell.state in _ON_STAGE:
        return theme.stage
    return cell.fill or theme.stage


def accent_color(cell: Cell, theme: Theme) -> Color:
    """The color of the thick outline, and of a winner's ring and word."""
    if cell.accent is not None:
        return cell.accent
    if cell.state in {CellState.IN_PROGRESS, CellState.CURRENT}:
        return theme.here
    return theme.backward if cell.state is CellState.WINNER else theme.forward


def outline_width(cell: Cell) -> float:
    """Width of the thick outline; 0 where the state has none, at most 2 where the cell is small."""
    full = _OUTLINE_WIDTH.get(cell.state, 0.0)
    only_the_choice = cell.state is CellState.WINNER and cell.accent is not None
    is_small = min(cell.box.width, cell.box.height) < 24
    return min(full, 2.0) if only_the_choice or is_small else full


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
    if not cell.text or cell.state in _WITHOUT_VALUE:
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
    box = cell.box
    competing = cell.state in {CellState.WINNER, CellState.LOSER}
    font = styles.CORNER_WORD_QUIET if cell.state is CellState.LOSER else styles.CORNER_WORD
    text = Text(
        box.right - _MARGIN if competing else box.x + _MARGIN,
        box.y + (15 if outline_width(cell) else 16),
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
    is_quiet = cell.state in HATCHED or cell.state in _WITHOUT_VALUE
    text = Text(
        box.x + _MARGIN if large else box.x + box.width / 2,
        box.bottom - _MARGIN if large else centered_baseline(box.y + box.height * 0.735, font),
        cell.note,
        font,
        theme.text_secondary if is_quiet else contrast_color(fill_color(cell, theme)),
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
    is_hatched = cell.state in HATCHED
    return theme.text_secondary if is_hatched else contrast_color(fill_color(cell, theme))


def _own_font(cell: Cell) -> Font | None:
    box = cell.box
    font = number_font(box.width, box.height, (cell.text,), bool(cell.note) and not is_large(box))
    if font is styles.NUMBER_LARGE and cell.state in {CellState.PADDING, CellState.NOT_FINITE}:
        font = styles.NUMBER_MEDIUM
    return font


def fitting_notes(notes: Iterable[str], box: Box) -> dict[str, str]:
    """Each note as cells of one size show it: all in full, or all without spaces, or none.

    A note that stands in some cells only looks as if the others had none.
    """
    several = set(notes)
    for shown in ({n: n for n in several}, {n: n.replace(" ", "") for n in several}):
        if all(_has_note_width(note, box) for note in shown.values()):
            return shown
    return dict.fromkeys(several, "")


def _has_note_width(note: str, box: Box) -> bool:
    return text_width(note, styles.NOTE) <= box.width - (_MARGIN + 2 if is_large(box) else 4)


def _has_visible_note(cell: Cell, font: Font) -> bool:
    """Whether the note fits below a number of that font."""
    box, large = cell.box, is_large(cell.box)
    if not cell.note or not _has_note_width(cell.note, box):
        return False
    return large or box.height >= cap_height(font) + cap_height(styles.NOTE) + 16


_HALO: Final = 1.5


def cell(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """One cell that no neighbor overlaps."""
    return *body(cell, theme), *overlay(cell, theme)


def cells(many: Iterable[Cell], theme: Theme) -> tuple[Mark, ...]:
    """Cells that may touch: all bodies, then outlines and text, thick outlines last."""
    several = sorted(many, key=outline_width)
    bodies = (mark for cell in several for mark in body(cell, theme))
    overlays = (mark for cell in several for mark in overlay(cell, theme))
    return *bodies, *overlays


def body(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """Fill, hatching, border: what lies inside the cell."""
    box = cell.box
    hatch, hatch_color = _hatching(cell.state, theme)
    # The border is one pixel inside the box, so that its line is crisp.
    edges = (box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)
    fill, stroke = fill_color(cell, theme), _border(cell.state, theme)
    rect = Rect(*edges, fill, stroke, 0.0, hatch, hatch_color, cell.key)
    return rect, *_sign_of_state(cell, theme)


def overlay(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """Outline, ring, number, word and note: what may reach over the neighbors."""
    return (
        *outline(cell, theme),
        *number_marks(cell, theme),
        *word_marks(cell, theme),
        *note_marks(cell, theme),
    )


def outline(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The thick outline on the cell's edge with a halo on both sides, if the state has one."""
    if cell.state is CellState.TIE:
        return tie_frame(cell.box, theme, _tie_tag(cell))
    width = outline_width(cell)
    if not width:
        return ()
    dash = (8.0, 4.0) if cell.state is CellState.IN_PROGRESS else ()
    return framed(cell.box, accent_color(cell, theme), theme, width, dash)


_LEAST_ROUNDED = 20


def framed(
    box: Box, color: Color, theme: Theme, width: float, dash: tuple[float, ...] = ()
) -> tuple[Mark, ...]:
    """An outline centered on a box's edge with a halo: an operand, an extent, a hovered cell."""
    edges = (box.x, box.y, box.width, box.height)
    halo = Rect(*edges, stroke=Stroke(theme.halo, width + 2 * _HALO))
    # Round corners cost several times more to paint, and are not seen on a small cell.
    radius = 2.0 if min(box.width, box.height) >= _LEAST_ROUNDED else 0.0
    return halo, Rect(*edges, stroke=Stroke(color, width, dash), radius=radius)


def tie_frame(window: Box, theme: Theme, tag: str = "tie: first wins") -> tuple[Mark, ...]:
    """The dashed frame around a whole window whose winner was tied, with its tag below."""
    frame = window.inset(-4)
    edges = (frame.x, frame.y, frame.width, frame.height)
    dashed = Rect(*edges, stroke=Stroke(theme.loss, 1.5, (4.0, 3.0)), radius=6.0)
    if not tag:
        return (dashed,)
    font = styles.CORNER_WORD
    width = round(text_width(tag, font)) + 11
    left = round(window.x + (window.width - width) / 2) + 0.5
    pill = Rect(left, window.bottom - 4.5, width, 18, theme.loss_tint, Stroke(theme.loss), 4.0)
    baseline = centered_baseline(window.bottom + 4.5, font)
    return dashed, pill, Text(left + width / 2, baseline, tag, font, theme.loss, Anchor.MIDDLE)


def _border(state: CellState, theme: Theme) -> Stroke:
    if state is CellState.NOT_COMPUTED:
        return Stroke(theme.border_strong, 1.0, (3.0, 3.0))
    if state is CellState.ABSENT:
        return Stroke(theme.border)
    return Stroke(theme.not_finite if state is CellState.NOT_FINITE else theme.border_strong)


def _hatching(state: CellState, theme: Theme) -> tuple[Hatch | None, Color | None]:
    if state is CellState.NOT_FINITE:
        return Hatch.NOT_FINITE, theme.not_finite
    if state in HATCHED:
        return Hatch.PADDING, theme.border_strong
    return None, None


def _sign_of_state(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The dot of a value not computed, the cross of an absent one, the corner of an override."""
    box = cell.box
    x, y = box.x + box.width / 2, box.y + box.height / 2
    side = min(box.width, box.height)
    if cell.state is CellState.NOT_COMPUTED:
        radius = min(2.5, side / 6)
        return (Ellipse(x, y, radius, radius, fill=theme.text_tertiary),)
    if cell.state is CellState.ABSENT:
        arm, stroke = min(8.0, side / 4), Stroke(theme.text_tertiary, 1.5)
        falling = Line(x - arm, y - arm, x + arm, y + arm, stroke)
        return falling, Line(x - arm, y + arm, x + arm, y - arm, stroke)
    if cell.state is CellState.OVERRIDDEN:
        size, right, top = min(15.0, side / 3), box.right - 1, box.y + 1
        corner = ((right - size, top), (right, top), (right, top + size))
        return (Path(corner, fill=theme.update, closed=True),)
    return ()


def _tie_tag(cell: Cell) -> str:
    """The tag, shortened or left out where the window is too narrow for it."""
    width = cell.box.width
    tags = (cell.word,) if cell.word else ("tie: first wins", "first wins")
    fitting = (tag for tag in tags if text_width(tag, styles.CORNER_WORD) + 14 <= width)
    return next(fitting, "")
