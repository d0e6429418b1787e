"""One step of a lesson: its text, its question, what is revealed, and the thing to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from backpropviz.debugger.lessons.lesson import LessonStep
from backpropviz.debugger.lessons.lesson_progress import LessonProgress
from backpropviz.engine.tape import Tape
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE, LABEL_MEDIUM, ROW, Theme
from backpropviz.ui.icons import pixmap
from backpropviz.ui.lessons.choices import label
from backpropviz.ui.lessons.question_view import QuestionView
from backpropviz.ui.lessons.step_texts import prose_html
from backpropviz.ui.plain_text import PlainLabel

MARGIN = 18


class StepView(QWidget):
    """Made for a step, a pass and a theme; told anew what the progress is."""

    link_followed = Signal(str)
    show_wanted = Signal()

    def __init__(self, step: LessonStep, tape: Tape, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self._colors = colors
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 6, MARGIN, 18)
        column.setSpacing(12)
        title = PlainLabel(step.title)
        title.setFont(qfont(CARD_TITLE))
        title.setWordWrap(True)
        title.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(title)
        column.addWidget(self._linked(prose_html(step.text, tape, colors)))
        self.question: QuestionView | None = None
        if step.question is not None:
            self.question = QuestionView(step.question, tape, colors)
            self.question.link_followed.connect(self.link_followed)
            column.addWidget(self.question)
        self._reveal = self._linked(prose_html(step.reveal, tape, colors))
        column.addWidget(self._reveal)
        self._task = TaskCard(self._linked(prose_html(step.task, tape, colors)), colors)
        self._task.show_wanted.connect(self.show_wanted)
        column.addWidget(self._task)
        column.addStretch(1)
        self._step = step

    def _linked(self, text: str) -> QLabel:
        found = label(text)
        found.linkActivated.connect(self.link_followed)
        return found

    def show_progress(self, progress: LessonProgress, missing: tuple[str, ...]) -> None:
        """Show what is answered and done, and say what is missing."""
        step = self._step
        if self.question is not None:
            self.question.show_answered(progress.by_step.get(step.title))
        is_answered = progress.has_answer(step)
        self._reveal.setVisible(bool(step.reveal) and is_answered)
        self._task.setVisible(step.check is not None and is_answered)
        self._task.show_state(step.title in progress.done, missing)


class TaskCard(QFrame):
    """The thing to do, checked live: a ring that becomes a tick, and what is missing in words."""

    show_wanted = Signal()

    def __init__(self, task: QLabel, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("TaskCard")
        self._colors = colors
        head = PlainLabel(self.tr("Your turn"))
        head.setFont(qfont(LABEL_MEDIUM))
        head.setObjectName("Tertiary")
        self._mark = PlainLabel()
        self._mark.setObjectName("Plain")
        self._state = PlainLabel()
        self._state.setObjectName("Secondary")
        self._state.setFont(qfont(ROW))
        self._state.setWordWrap(True)
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self.button = QPushButton(self.tr("Show me"))
        self.button.setToolTip(self.tr("Go there, and light up what counts."))
        self.button.clicked.connect(self.show_wanted)
        state = QHBoxLayout()
        state.setSpacing(8)
        state.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        state.addWidget(self._state, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(8)
        column.addWidget(head)
        column.addWidget(task)
        column.addLayout(state)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)

    def show_state(self, is_done: bool, missing: tuple[str, ...]) -> None:
        """Done once stays done; else the first thing that is missing is told."""
        colors = self._colors
        self._dress("done" if is_done else "open")
        name, color = ("check", colors.ok) if is_done else ("circle", colors.text_tertiary)
        self._mark.setPixmap(pixmap(name, color, 16, self.devicePixelRatioF(), 2.25))
        self._state.setText(self.tr("Done.") if is_done else "".join(missing[:1]))
        self.button.setVisible(not is_done)

    def _dress(self, state: str) -> None:
        if self.property("state") != state:
            self.setProperty("state", state)
            self.style().unpolish(self)
            self.style().polish(self)
