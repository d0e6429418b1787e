"""The panel of a lesson: its title, where one is, the step or the score, and Back and Next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.lessons.lesson import Lesson, LessonStep
from backpropviz.lessons.progress import LessonProgress, Score, is_finished, scores
from backpropviz.scene.theme import (
    BODY,
    BODY_MEDIUM,
    CARD_TITLE,
    LABEL_MEDIUM,
    LIGHT,
    PANEL_TITLE,
    ROW,
    Theme,
)
from backpropviz.ui import boxes
from backpropviz.ui.appearance import pixmap
from backpropviz.ui.controls import hairline
from backpropviz.ui.lessons.coach import Coach
from backpropviz.ui.lessons.question import QuestionView, label, prose_html

MARGIN = 18


class StepView(QWidget):
    """Made for a step, a pass and a theme; told anew what the progress is."""

    link_followed = Signal(str)
    show_wanted = Signal()

    def __init__(self, step: LessonStep, tape: Tape, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self._colors = colors
        column = boxes.column(gap=12, margins=(MARGIN, 6, MARGIN, 18), owner=self)
        title = boxes.words(step.title, CARD_TITLE, wraps=True)
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

    @property
    def open_control(self) -> QWidget | None:
        """Where the learner answers, or is shown what to do; None where nothing is open."""
        if self.question is not None and self.question.open_control is not None:
            return self.question.open_control
        is_open = not self._task.isHidden() and not self._task.button.isHidden()
        return self._task.button if is_open else None


class TaskCard(QFrame):
    """The thing to do, checked live: a ring that becomes a tick, and what is missing in words."""

    show_wanted = Signal()

    def __init__(self, task: QLabel, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("TaskCard")
        self._colors = colors
        head = boxes.words("Your turn", LABEL_MEDIUM, "Tertiary")
        self._mark = boxes.words(style="Plain")
        self._state = boxes.words("", ROW, "Secondary", wraps=True)
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self.button = QPushButton("Show me")
        self.button.setToolTip("Go there, and light up what counts.")
        self.button.clicked.connect(self.show_wanted)
        state = boxes.row((self._mark, Qt.AlignmentFlag.AlignTop), (self._state, 1), gap=8)
        boxes.column(
            head,
            task,
            state,
            (self.button, Qt.AlignmentFlag.AlignLeft),
            gap=8,
            margins=(14, 10, 14, 12),
            owner=self,
        )

    def show_state(self, is_done: bool, missing: tuple[str, ...]) -> None:
        """Done once stays done; else the first thing that is missing is told."""
        colors = self._colors
        boxes.restyle(self, "state", "done" if is_done else "open")
        name, color = ("check", colors.ok) if is_done else ("circle", colors.text_tertiary)
        self._mark.setPixmap(pixmap(name, color, 16, self.devicePixelRatioF(), 2.25))
        self._state.setText("Done." if is_done else "".join(missing[:1]))
        self.button.setVisible(not is_done)


class ScoreView(QWidget):
    """A row a concept, and what is still open."""

    def __init__(self, lesson: Lesson, progress: LessonProgress, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("Panel")
        column = boxes.column(gap=8, margins=(MARGIN, 6, MARGIN, 18), owner=self)
        is_done = is_finished(lesson, progress)
        column.addWidget(_line("Lesson done" if is_done else "So far", True))
        found = scores(lesson, progress)
        column.addWidget(_line(self._summary(lesson, progress, found)))
        column.addSpacing(8)
        for concept, score in found.items():
            column.addWidget(self._row(concept, score, colors))
        column.addStretch(1)

    def _summary(self, lesson: Lesson, progress: LessonProgress, found: Mapping[str, Score]) -> str:
        left = [step.title for step in lesson.steps if not progress.is_complete(step)]
        if left:
            return f"Still open: {', '.join(left)}."
        if not found:
            return "All steps are behind you."
        return "What was right at the first try, concept by concept."

    def _row(self, concept: str, score: Score, colors: Theme) -> QWidget:
        row = QWidget()
        head = QHBoxLayout()
        name = boxes.words(concept, BODY_MEDIUM)
        told = f"{score.right} of {score.asked}"
        count = boxes.words(told, ROW, "Secondary")
        head.addWidget(name, 1)
        head.addWidget(count)
        boxes.column(
            head,
            ShareBar([k < score.right for k in range(score.asked)], colors),
            gap=6,
            margins=(0, 6, 0, 6),
            owner=row,
        )
        return row


class ShareBar(QWidget):
    """Segments side by side: filled for what is done, one of them outlined for here."""

    def __init__(self, filled: list[bool], colors: Theme, here: int = -1) -> None:
        super().__init__()
        self._filled, self._colors, self._here = filled, colors, here
        self.setFixedHeight(6)

    def show_share(self, filled: list[bool], here: int, colors: Theme) -> None:
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
    found = boxes.words(text, CARD_TITLE if is_title else BODY, wraps=True)
    found.setTextFormat(Qt.TextFormat.PlainText)
    return found


class LessonPanel(QFrame):
    """Shows what the coach knows; all it does is ask the coach."""

    def __init__(self, coach: Coach) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self.setAccessibleName("Lesson")
        self._coach = coach
        self._colors: Theme = LIGHT
        self._shown: tuple[object, ...] = ()
        self.view: StepView | ScoreView | None = None
        column = boxes.column(self._head(), gap=0, margins=boxes.BARE, owner=self)
        self._notice = self._make_notice()
        column.addWidget(self._notice)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        column.addWidget(self._scroll, 1)
        column.addWidget(hairline())
        column.addLayout(self._foot())
        self.setFocusProxy(self.next)
        coach.changed.connect(self.refresh)
        coach.ended.connect(self.clear)
        coach.cell_pointed.connect(self._take_cell)

    def _head(self) -> QVBoxLayout:
        self._title = boxes.words("", PANEL_TITLE, wraps=True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self.leave = QPushButton("Leave")
        self.leave.setObjectName("Quiet")
        self.leave.setToolTip("Keep your progress and go back to what was open before.")
        self.leave.clicked.connect(self._coach.leave)
        self._count = boxes.words("", ROW, "Tertiary")
        self._bar = ShareBar([], self._colors)
        row = boxes.row((self._title, 1), (self.leave, Qt.AlignmentFlag.AlignTop), gap=8)
        return boxes.column(row, self._bar, self._count, gap=6, margins=(MARGIN, 8, MARGIN, 8))

    def _make_notice(self) -> QFrame:
        notice = QFrame()
        notice.setObjectName("SwitchNotice")
        self._why = boxes.words("", ROW, "Plain", wraps=True)
        self.switch = QPushButton("Switch")
        self.switch.clicked.connect(self._coach.switch)
        boxes.row((self._why, 1), self.switch, margins=(MARGIN, 8, MARGIN, 8), owner=notice)
        notice.hide()
        return notice

    def _foot(self) -> QHBoxLayout:
        self.back = QPushButton("Back")
        self.again = QPushButton("Begin again")
        self.next = QPushButton("Next")
        self.back.clicked.connect(self._go_back)
        self.next.clicked.connect(self._go_on)
        self.again.clicked.connect(self._coach.restart)
        return boxes.row(
            self.back, self.again, None, self.next, gap=8, margins=(MARGIN, 10, MARGIN, 10)
        )

    def use_theme(self, colors: Theme) -> None:
        self._colors = colors
        self.refresh()

    def begin(self) -> None:
        """The keyboard is where the step goes on: on its answer, its task, or Next."""
        self.refresh()
        first = self.view.open_control if isinstance(self.view, StepView) else None
        (first or self.next).setFocus()

    def clear(self) -> None:
        self._shown = ()
        self._show_view(None)

    def refresh(self) -> None:
        """Show what the coach knows; a new step or pass makes a new view."""
        coach = self._coach
        if not coach.is_on:
            return
        self._show_head()
        self._why.setText(coach.switch_text)
        self._notice.setVisible(bool(coach.switch_text) and not coach.shows_score)
        if coach.shows_score:
            made = partial(ScoreView, coach.loaded.lesson, coach.progress, self._colors)
            self._show_once((coach.progress, self._colors.name), made)
        else:
            tape = coach.tape
            self._show_once((coach.step.title, id(tape), self._colors.name), self._step)
            if isinstance(self.view, StepView):
                self.view.show_progress(coach.progress, coach.missing)
        self._show_foot()

    def _show_once(self, key: tuple[object, ...], make: Callable[[], StepView | ScoreView]) -> None:
        if key != self._shown:
            self._shown = key
            self._show_view(make())

    def _step(self) -> StepView:
        view = StepView(self._coach.step, self._coach.tape, self._colors)
        view.link_followed.connect(self._follow_link)
        view.show_wanted.connect(self._coach.show_me)
        if view.question is not None:
            view.question.answered.connect(self._answer)
            view.question.reveal_wanted.connect(self._coach.reveal)
        return view

    def _show_view(self, view: StepView | ScoreView | None) -> None:
        old, self.view = self._scroll.takeWidget(), view
        if old is not None:
            old.hide()
            old.deleteLater()
        if view is not None:
            self._scroll.setWidget(view)
            self._scroll.verticalScrollBar().setValue(0)

    def _show_head(self) -> None:
        coach, lesson = self._coach, self._coach.loaded.lesson
        number = lesson.steps.index(coach.step)
        self._title.setText(lesson.title)
        done = [self._is_behind(k, number) for k in range(len(lesson.steps))]
        self._bar.show_share(done, -1 if coach.shows_score else number, self._colors)
        text = f"Step {number + 1} of {len(lesson.steps)}"
        self._count.setText("Your score" if coach.shows_score else text)

    def _is_behind(self, number: int, here: int) -> bool:
        """A step with a question or a task counts when it is done, any other once it is passed."""
        step, progress = self._coach.loaded.lesson.steps[number], self._coach.progress
        if step.question is None and step.check is None:
            return number < here or self._coach.shows_score
        return progress.is_complete(step)

    def _show_foot(self) -> None:
        coach, lesson = self._coach, self._coach.loaded.lesson
        is_last = coach.step is lesson.steps[-1]
        is_complete = coach.shows_score or coach.progress.is_complete(coach.step)
        self.back.setEnabled(coach.shows_score or coach.step is not lesson.steps[0])
        self.again.setVisible(coach.shows_score)
        if coach.shows_score:
            self.next.setText("Done")
        elif is_last:
            self.next.setText("Finish" if is_complete else "To the score")
        else:
            self.next.setText("Next" if is_complete else "Skip")
        boxes.restyle(self.next, "objectName", "Primary" if is_complete else "")

    def _go_back(self) -> None:
        self._coach.move(-1)

    def _go_on(self) -> None:
        if self._coach.shows_score:
            self._coach.leave()
        else:
            self._coach.move(1)
            self.begin()

    def _answer(self, given: object) -> None:
        if not isinstance(given, float | str):
            return
        try:
            self._coach.answer(given)
        except UserError as error:
            if isinstance(self.view, StepView) and self.view.question is not None:
                self.view.question.show_hint(str(error))
            return
        QTimer.singleShot(0, self, self._show_lower_end)

    def _show_lower_end(self) -> None:
        """What an answer has uncovered."""
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _take_cell(self, address: Address) -> None:
        if isinstance(self.view, StepView) and self.view.question is not None:
            self.view.question.take_cell(address)

    def _follow_link(self, link: str) -> None:
        try:
            self._coach.go_to(parse(link))
        except UserError:
            return
