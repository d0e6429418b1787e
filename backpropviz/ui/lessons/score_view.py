"""The end of a lesson: of each concept, how many questions were right at the first try."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from backpropviz.debugger.lessons.lesson import Lesson
from backpropviz.debugger.lessons.lesson_progress import (
    LessonProgress,
    Score,
    is_finished,
    scores,
)
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY, BODY_MEDIUM, CARD_TITLE, ROW, Theme
from backpropviz.ui.lessons.step_view import MARGIN
from backpropviz.ui.plain_text import PlainLabel


class ScoreView(QWidget):
    """A row a concept, and what is still open."""

    def __init__(self, lesson: Lesson, progress: LessonProgress, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("Panel")
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 6, MARGIN, 18)
        column.setSpacing(8)
        is_done = is_finished(lesson, progress)
        column.addWidget(_line(self.tr("Lesson done") if is_done else self.tr("So far"), True))
        found = scores(lesson, progress)
        column.addWidget(_line(self._summary(lesson, progress, found)))
        column.addSpacing(8)
        for concept, score in found.items():
            column.addWidget(self._row(concept, score, colors))
        column.addStretch(1)

    def _summary(self, lesson: Lesson, progress: LessonProgress, found: Mapping[str, Score]) -> str:
        left = [step.title for step in lesson.steps if not progress.is_complete(step)]
        if left:
            return self.tr("Still open: {titles}.").format(titles=", ".join(left))
        if not found:
            return self.tr("All steps are behind you.")
        return self.tr("What was right at the first try, concept by concept.")

    def _row(self, concept: str, score: Score, colors: Theme) -> QWidget:
        row = QWidget()
        head = QHBoxLayout()
        name = PlainLabel(concept)
        name.setFont(qfont(BODY_MEDIUM))
        told = self.tr("{right} of {asked}").format(right=score.right, asked=score.asked)
        count = PlainLabel(told)
        count.setObjectName("Secondary")
        count.setFont(qfont(ROW))
        head.addWidget(name, 1)
        head.addWidget(count)
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 6, 0, 6)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(ShareBar([k < score.right for k in range(score.asked)], colors))
        return row


class ShareBar(QWidget):
    """Segments side by side: filled for what is done, one of them outlined for here."""

    def __init__(self, filled: list[bool], colors: Theme, here: int = -1) -> None:
        super().__init__()
        self._filled, self._colors, self._here = filled, colors, here
        self.setFixedHeight(6)

    def show_share(self, filled: list[bool], here: int, colors: Theme) -> None:
        """Other segments."""
        if (filled, here, colors) != (self._filled, self._here, self._colors):
            self._filled, self._here, self._colors = filled, here, colors
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        count, gap = max(1, len(self._filled)), 3
        width = (self.width() - gap * (count - 1)) / count
        for number, is_filled in enumerate(self._filled):
            color = self._colors.ok if is_filled else self._colors.border_strong
            if number == self._here:
                color = self._colors.here
            painter.setBrush(QColor(color))
            painter.drawRoundedRect(QRectF(number * (width + gap), 1, width, 4), 2, 2)


def _line(text: str, is_title: bool = False) -> QLabel:
    found = PlainLabel(text)
    found.setFont(qfont(CARD_TITLE if is_title else BODY))
    found.setWordWrap(True)
    found.setTextFormat(Qt.TextFormat.PlainText)
    return found
