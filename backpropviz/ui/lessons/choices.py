"""Answers to choose from: each a button as wide as the panel, with words that wrap."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY

_PLAIN, RIGHT, WRONG = "", "right", "wrong"


class ChoiceButton(QPushButton):
    """One answer; once tried it shows whether it was right."""

    def __init__(self, text: str, spoken: str, *, is_centered: bool = False) -> None:
        super().__init__()
        self.setObjectName("Choice")
        self.setAccessibleName(spoken)
        self._text = QLabel(text)
        self._text.setObjectName("Plain")
        self._text.setFont(qfont(BODY))
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        if is_centered:
            self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        side = 6 if is_centered else 12
        row.setContentsMargins(side, 7, side, 8)
        row.addWidget(self._text)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_text(self, text: str) -> None:
        """The same words in the colors of another theme."""
        self._text.setText(text)

    def show_verdict(self, verdict: str) -> None:
        """Right, wrong, or nothing yet."""
        if self.property("verdict") != verdict:
            self.setProperty("verdict", verdict)
            self.style().unpolish(self)
            self.style().polish(self)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return 34 if layout is None else max(34, layout.totalHeightForWidth(width))

    def sizeHint(self) -> QSize:
        return QSize(120, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 34)


def verdict_of(is_settled: bool, is_given: bool, is_right: bool) -> str:
    """What a choice shows: the given ones what they were, the right one once all is settled."""
    if is_given:
        return RIGHT if is_right else WRONG
    return RIGHT if is_settled and is_right else _PLAIN


def label(text: str, name: str = "Plain", parent: QWidget | None = None) -> QLabel:
    """Rich text that wraps; its links can be reached by keyboard."""
    found = QLabel(text, parent)
    found.setObjectName(name)
    found.setFont(qfont(BODY))
    found.setWordWrap(True)
    found.setTextFormat(Qt.TextFormat.RichText)
    found.setTextInteractionFlags(
        Qt.TextInteractionFlag.LinksAccessibleByMouse
        | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
    )
    return found
