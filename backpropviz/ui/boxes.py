"""Widgets beside and above one another, and the labels and buttons in them, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import Font
from backpropviz.ui.plain_text import PlainLabel

Part: TypeAlias = QWidget | QLayout | int | tuple[QWidget | QLayout, int | Qt.AlignmentFlag] | None
"""A number is so many pixels of room, None all the room that is left.

With a number beside it, a part takes room in that proportion; with an alignment, no more than it
needs.
"""
BARE: Final = (0, 0, 0, 0)


def row(
    *parts: Part,
    gap: int | None = None,
    margins: tuple[int, int, int, int] | None = None,
    owner: QWidget | None = None,
) -> QHBoxLayout:
    """Parts from left to right; gap and margins are the style's where none are given."""
    box = QHBoxLayout() if owner is None else QHBoxLayout(owner)
    _fill(box, parts, gap, margins)
    return box


def column(
    *parts: Part,
    gap: int | None = None,
    margins: tuple[int, int, int, int] | None = None,
    owner: QWidget | None = None,
) -> QVBoxLayout:
    """Parts from top to bottom, else like `row`."""
    box = QVBoxLayout() if owner is None else QVBoxLayout(owner)
    _fill(box, parts, gap, margins)
    return box


def _fill(
    box: QBoxLayout,
    parts: tuple[Part, ...],
    gap: int | None,
    margins: tuple[int, int, int, int] | None,
) -> None:
    if margins is not None:
        box.setContentsMargins(*margins)
    if gap is not None:
        box.setSpacing(gap)
    for part in parts:
        if part is None:
            box.addStretch(1)
        elif isinstance(part, int):
            box.addSpacing(part)
        else:
            _add(box, *(part if isinstance(part, tuple) else (part, 0)))


def _add(box: QBoxLayout, part: QWidget | QLayout, how: int | Qt.AlignmentFlag) -> None:
    if isinstance(part, QLayout):
        box.addLayout(part, how if isinstance(how, int) else 0)
    elif isinstance(how, Qt.AlignmentFlag):
        box.addWidget(part, 0, how)
    else:
        box.addWidget(part, how)


def words(
    text: str = "", font: Font | None = None, style: str = "", *, wraps: bool = False
) -> QLabel:
    """A label; `style` is its name in the style sheet."""
    label = PlainLabel(text)
    if style:
        label.setObjectName(style)
    if font is not None:
        label.setFont(qfont(font))
    if wraps:
        label.setWordWrap(True)
    return label


def button(
    text: str,
    pressed: Callable[..., object] | SignalInstance | None = None,
    style: str = "",
    *,
    height: int = 0,
    takes_enter: bool = False,
) -> QPushButton:
    """A button; unless it `takes_enter`, that key never presses it from another field."""
    made = QPushButton(text)
    if style:
        made.setObjectName(style)
    if height:
        made.setFixedHeight(height)
    made.setAutoDefault(takes_enter)
    if pressed is not None:
        made.clicked.connect(pressed)
    return made
