"""The parts of the start page: cards with a picture, and rows of recent sessions.

The style sheet draws their frames: painting in Python would make Qt's enumerations before the
first paint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from backpropviz.paint.families import qfont
from backpropviz.scene.style import Font
from backpropviz.scene.theme import BODY, BODY_MEDIUM, CARD_TITLE, INDEX, LIGHT, ROW, Theme
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.recent import RecentSession

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

THUMBNAIL_HEIGHT: Final = 168
_RADIUS: Final = 11.5
_RECENT_SIDE: Final = 32


class StartCard(QFrame):
    """A way in: a picture, a title, a sentence and a button."""

    chosen = Signal()

    def __init__(
        self, title: str, sentence: str, button: str, fact: str = "", *, is_primary: bool = False
    ) -> None:
        super().__init__()
        self.setObjectName("Card")
        self._colors: Theme = LIGHT
        self._picture, self._background = QPixmap(), ""
        self.setMinimumWidth(240)
        heading = _label(title, CARD_TITLE)
        heading.setWordWrap(True)
        text = _label(sentence, BODY, "Secondary")
        text.setWordWrap(True)
        self._button = QPushButton(button)
        self._button.setFixedHeight(32)
        self._button.setAccessibleName(f"{button}: {title}")
        self._button.setAccessibleDescription(sentence)
        if is_primary:
            self._button.setObjectName("Primary")
        self._button.clicked.connect(self.chosen)
        self._fact = _label(fact, ROW, "Tertiary")
        foot = QHBoxLayout()
        foot.addWidget(self._button)
        foot.addStretch(1)
        foot.addWidget(self._fact)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, THUMBNAIL_HEIGHT + 18, 20, 20)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(text)
        column.addStretch(1)
        column.addSpacing(8)
        column.addLayout(foot)

    def show_thumbnail(self, picture: QPixmap, background: str) -> None:
        """Put a picture above the words."""
        self._picture, self._background = picture, background
        self.update()

    def show_fact(self, text: str) -> None:
        """A few words at the lower right."""
        self._fact.setText(text)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._picture.isNull():
            self._paint_picture()

    def _paint_picture(self) -> None:
        """The picture at its own size in the middle of the upper part."""
        from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _RADIUS, _RADIUS)
        painter.setClipPath(outline)
        top = QRectF(0, 0, self.width(), THUMBNAIL_HEIGHT)
        painter.fillRect(top, QColor(self._background))
        x = (self.width() - self._picture.deviceIndependentSize().width()) / 2
        painter.drawPixmap(round(x), 0, self._picture)
        painter.setPen(QPen(QColor(self._colors.border), 1))
        painter.drawLine(0, THUMBNAIL_HEIGHT, self.width(), THUMBNAIL_HEIGHT)


class RecentRow(QPushButton):
    """One earlier session; the whole row is a button."""

    chosen = Signal(RecentSession)

    def __init__(self, session: RecentSession, when: str) -> None:
        super().__init__()
        self._session = session
        self.setObjectName("RecentRow")
        self.setFixedHeight(52)
        self.clicked.connect(self._choose)
        self.setAccessibleName(f"{session.title}, {session.place}, {when}")
        picture = PlainLabel()
        picture.setFixedSize(_RECENT_SIDE, _RECENT_SIDE)
        picture.setScaledContents(True)
        pixmap = QPixmap()
        if pixmap.loadFromData(session.picture):
            picture.setPixmap(pixmap)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.setContentsMargins(0, 8, 0, 8)
        words.addWidget(_ElidedLabel(session.title, BODY_MEDIUM))
        words.addWidget(_ElidedLabel(session.place, INDEX, "Tertiary"))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(12)
        row.addWidget(picture)
        row.addLayout(words, 1)
        row.addWidget(_label(when, ROW, "Tertiary"))

    def sizeHint(self) -> QSize:
        return QSize(300, 52)

    def _choose(self) -> None:
        self.chosen.emit(self._session)


class _ElidedLabel(PlainLabel):
    """One line that ends in … where it does not fit."""

    def __init__(self, text: str, font: Font, name: str = "Plain") -> None:
        super().__init__(text)
        self._whole = text
        self.setObjectName(name)
        self.setFont(qfont(font))
        self.setMinimumWidth(0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room, metrics = event.size().width(), self.fontMetrics()
        fitting = self._whole
        if metrics.horizontalAdvance(fitting) > room:
            from PySide6.QtCore import Qt

            fitting = metrics.elidedText(fitting, Qt.TextElideMode.ElideRight, room)
        if fitting != self.text():
            self.setText(fitting)


def _label(text: str, font: Font, name: str = "Plain") -> QLabel:
    label = PlainLabel(text)
    label.setObjectName(name)
    label.setFont(qfont(font))
    return label
