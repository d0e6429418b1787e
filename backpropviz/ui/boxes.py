"""Widgets beside and above one another, and the labels and buttons in them, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from PySide6.QtCore import QObject, Qt, QTimer, SignalInstance
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import Font
from backpropviz.ui.controls import PlainLabel, plain_title

Part: TypeAlias = QWidget | QLayout | int | tuple[QWidget | QLayout, int] | None
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


def _add(box: QBoxLayout, part: QWidget | QLayout, how: int) -> None:
    if isinstance(part, QLayout):
        box.addLayout(part, how)
    elif isinstance(how, Qt.AlignmentFlag):
        box.addWidget(part, 0, how)
    else:
        box.addWidget(part, how)


def words(
    text: str = "",
    font: Font | None = None,
    style: str = "",
    *,
    wraps: bool = False,
    is_selectable: bool = False,
) -> QLabel:
    """A label; `style` is its name in the style sheet."""
    label = PlainLabel(text)
    if style:
        label.setObjectName(style)
    if font is not None:
        label.setFont(qfont(font))
    if wraps:
        label.setWordWrap(True)
    if is_selectable:
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def button(
    text: str,
    pressed: Callable[..., object] | SignalInstance | None = None,
    style: str = "",
    *,
    height: int = 0,
) -> QPushButton:
    """A button that Enter in another field never presses."""
    made = QPushButton(text)
    if style:
        made.setObjectName(style)
    if height:
        made.setFixedHeight(height)
    made.setAutoDefault(False)
    if pressed is not None:
        made.clicked.connect(pressed)
    return made


def scrolled(inside: QWidget) -> QScrollArea:
    """A widget in a frameless area that scrolls up and down only."""
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def entry(
    text: str,
    owner: QObject,
    chosen: Callable[[Any], object],
    value: object,
    *,
    is_checked: bool | None = None,
) -> QAction:
    """A line of a menu that hands over its value; one that `is_checked` or not has a tick."""
    action = QAction(plain_title(text), owner)
    action.setData(value)
    if is_checked is not None:
        action.setCheckable(True)
        action.setChecked(is_checked)
    action.triggered.connect(lambda: chosen(value))
    return action


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Give a widget another property, and the style that the style sheet has for it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def soon(owner: QObject, do: Callable[[], object] | SignalInstance) -> QTimer:
    """A timer that, once started, does something when the events at hand are done with."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(0)
    timer.timeout.connect(do)
    return timer
