"""The lessons as rows on the start page: how far one is, the title, the minutes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.style import Font
from backpropviz.scene.theme import BODY, BODY_MEDIUM, INDEX, LABEL_MEDIUM, LIGHT, ROW, Theme
from backpropviz.ui.controls import hairline
from backpropviz.ui.icons import pixmap
from backpropviz.ui.lessons.lesson_cards import LessonCard
from backpropviz.ui.plain_text import PlainLabel, plain_tip

ROW_HEIGHT = 36
_RING = 16


class LessonList(QFrame):
    """A row a lesson; `chosen` carries its name."""

    chosen = Signal(str)

    def __init__(self, cards: tuple[LessonCard, ...], colors: Theme) -> None:
        super().__init__()
        self.setObjectName("ListCard")
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        self.rows: list[LessonRow] = []
        for number, card in enumerate(cards):
            if number:
                column.addWidget(hairline())
            row = LessonRow(number + 1, card, colors)
            row.clicked.connect(self._choose)
            self.rows.append(row)
            column.addWidget(row)

    def _choose(self) -> None:
        row = self.sender()
        if isinstance(row, LessonRow):
            self.chosen.emit(row.card.name)


class LessonRow(QPushButton):
    """One lesson; the whole row is a button."""

    def __init__(self, number: int, card: LessonCard, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("LessonRow")
        self.setFixedHeight(ROW_HEIGHT)
        self.card = card
        self.setToolTip(plain_tip(card.summary))
        self.setAccessibleName(
            self.tr("Lesson {number}: {title}, {minutes} minutes, {state}").format(
                number=number, title=card.title, minutes=card.minutes, state=card.state_text
            )
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        row.addWidget(Ring(card, colors))
        row.addWidget(_label(str(number), INDEX, "Tertiary"))
        title = _label(card.title, BODY if card.is_done else BODY_MEDIUM)
        title.setObjectName("Secondary" if card.is_done else "Plain")
        row.addWidget(title)
        if card.is_started:
            tag = _label(self.tr("Continue"), LABEL_MEDIUM, "Tag")
            row.addWidget(tag, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch(1)
        minutes = self.tr("{minutes} min").format(minutes=card.minutes)
        row.addWidget(_label(minutes, ROW, "Tertiary"))

    def sizeHint(self) -> QSize:
        return QSize(300, ROW_HEIGHT)


class Ring(QWidget):
    """Empty before, an arc on the way, filled with a tick at the end."""

    def __init__(self, card: LessonCard, colors: Theme = LIGHT) -> None:
        super().__init__()
        self._card, self._colors = card, colors
        self.setFixedSize(_RING + 2, _RING + 2)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, area = self._colors, QRectF(1, 1, _RING, _RING)
        if self._card.is_done:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.forward))
            painter.drawEllipse(area)
            tick = pixmap("check", colors.panel, 10, self.devicePixelRatioF(), 4.0)
            painter.drawPixmap(4, 4, tick)
            return
        inner = area.adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor(colors.border_strong), 1.75))
        painter.drawEllipse(inner)
        if self._card.is_started:
            painter.setPen(QPen(QColor(colors.forward), 2))
            painter.drawArc(inner, 90 * 16, -round(self._card.share * 360 * 16))


def _label(text: str, font: Font, name: str = "Plain") -> QLabel:
    found = PlainLabel(text)
    found.setObjectName(name)
    found.setFont(qfont(font))
    found.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    return found
