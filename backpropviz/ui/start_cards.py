"""The parts of the start page: cards with a picture, rows of recent sessions, the drop strip."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from backpropviz.paint.fonts import qfont
from backpropviz.scene.marks import Font
from backpropviz.scene.theme import BODY, BODY_MEDIUM, CARD_TITLE, INDEX, LIGHT, ROW, Theme
from backpropviz.ui.icons import pixmap
from backpropviz.ui.recent import RecentSession

THUMBNAIL_HEIGHT: Final = 168
_RADIUS: Final = 12.0


class StartCard(QFrame):
    """A way in: a picture, a title, a sentence and a button."""

    chosen = Signal()

    def __init__(
        self, title: str, sentence: str, button: str, fact: str = "", *, is_primary: bool = False
    ) -> None:
        super().__init__()
        self._colors: Theme = LIGHT
        self._picture, self._background = QPixmap(), ""
        self.setMinimumWidth(240)
        heading = _label(title, CARD_TITLE)
        heading.setWordWrap(True)
        self._sentence = _label(sentence, BODY)
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._button = QPushButton(button)
        self._button.setFixedHeight(32)
        self._button.setAccessibleName(f"{button}: {title}")
        self._button.setAccessibleDescription(sentence)
        if is_primary:
            self._button.setObjectName("Primary")
        self._button.clicked.connect(self.chosen)
        self._fact = _label(fact, ROW)
        foot = QHBoxLayout()
        foot.addWidget(self._button)
        foot.addStretch(1)
        foot.addWidget(self._fact)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, THUMBNAIL_HEIGHT + 18, 20, 20)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(self._sentence, 1)
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
        self._sentence.setStyleSheet(f"color: {colors.text_secondary};")
        self._fact.setStyleSheet(f"color: {colors.text_tertiary};")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS, _RADIUS)
        painter.fillPath(outline, QColor(self._colors.panel))
        painter.setClipPath(outline)
        top = QRectF(0, 0, self.width(), THUMBNAIL_HEIGHT)
        painter.fillRect(top, QColor(self._background or self._colors.stage))
        if not self._picture.isNull():
            self._paint_picture(painter, top)
        painter.setPen(QPen(QColor(self._colors.border), 1))
        painter.drawLine(0, THUMBNAIL_HEIGHT, self.width(), THUMBNAIL_HEIGHT)
        painter.setClipping(False)
        painter.drawPath(outline)

    def _paint_picture(self, painter: QPainter, top: QRectF) -> None:
        """The picture at its own size in the middle."""
        size = self._picture.deviceIndependentSize()
        x = (top.width() - size.width()) / 2
        painter.drawPixmap(round(x), 0, self._picture)


class RecentRow(QFrame):
    """One earlier session; the whole row is a button."""

    chosen = Signal(RecentSession)

    def __init__(self, session: RecentSession, when: str) -> None:
        super().__init__()
        self._session = session
        self._colors: Theme = LIGHT
        self._is_hovered = False
        self.setFixedHeight(52)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(f"{session.title}, {session.place}, {when}")
        self._picture = QPixmap()
        self._picture.loadFromData(session.picture)
        title, self._place, self._when = (
            _label(session.title, BODY_MEDIUM),
            _label(session.place, INDEX),
            _label(when, ROW),
        )
        words = QVBoxLayout()
        words.setSpacing(1)
        words.setContentsMargins(0, 8, 0, 8)
        words.addWidget(title)
        words.addWidget(self._place)
        row = QHBoxLayout(self)
        row.setContentsMargins(58, 0, 14, 0)
        row.addLayout(words, 1)
        row.addWidget(self._when)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        for label in (self._place, self._when):
            label.setStyleSheet(f"color: {colors.text_tertiary};")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self._session)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self._session)
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._is_hovered = True
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._is_hovered = False
        self.update()
        super().leaveEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = self._colors
        edge = (colors.update, 2) if self.hasFocus() else (colors.border, 1)
        painter.setPen(QPen(QColor(edge[0]), edge[1]))
        painter.setBrush(QColor(colors.hover if self._is_hovered else colors.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
        if not self._picture.isNull():
            painter.drawPixmap(QRectF(14, 10, 32, 32), self._picture, QRectF(self._picture.rect()))


class DropStrip(QWidget):
    """A dashed strip that says that files may be dropped; the whole window takes them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._colors: Theme = LIGHT
        self.setFixedHeight(44)
        self.setAccessibleName(text)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 44)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(self._colors.border_strong), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
        font = qfont(BODY)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance(self._text)
        left = max(12, (self.width() - width - 24) // 2)
        color = self._colors.text_secondary
        painter.drawPixmap(left, 14, pixmap("download", color, 16, self.devicePixelRatioF()))
        painter.setPen(QColor(color))
        room = QRectF(left + 24, 0, self.width() - left - 36, self.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), self._text)


def _label(text: str, font: Font) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setFont(qfont(font))
    return label
