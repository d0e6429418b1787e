"""The panel of a lesson: its title, where one is, the step or the score, and Back and Next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
)

from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LIGHT, PANEL_TITLE, ROW, Theme
from backpropviz.ui.controls import hairline
from backpropviz.ui.lessons.coach import Coach
from backpropviz.ui.lessons.score_view import ScoreView, ShareBar
from backpropviz.ui.lessons.step_view import MARGIN, StepView
from backpropviz.ui.plain_text import PlainLabel


class LessonPanel(QFrame):
    """Shows what the coach knows; all it does is ask the coach."""

    def __init__(self, coach: Coach) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self.setAccessibleName(self.tr("Lesson"))
        self._coach = coach
        self._colors: Theme = LIGHT
        self._shown: tuple[object, ...] = ()
        self.view: StepView | ScoreView | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
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
        self._title = PlainLabel()
        self._title.setFont(qfont(PANEL_TITLE))
        self._title.setWordWrap(True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self.leave = QPushButton(self.tr("Leave"))
        self.leave.setObjectName("Quiet")
        self.leave.setToolTip(self.tr("Keep your progress and go back to what was open before."))
        self.leave.clicked.connect(self._coach.leave)
        self._count = PlainLabel()
        self._count.setObjectName("Tertiary")
        self._count.setFont(qfont(ROW))
        self._bar = ShareBar([], self._colors)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._title, 1)
        row.addWidget(self.leave, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, 8, MARGIN, 8)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self._bar)
        column.addWidget(self._count)
        return column

    def _make_notice(self) -> QFrame:
        notice = QFrame()
        notice.setObjectName("SwitchNotice")
        self._why = PlainLabel()
        self._why.setObjectName("Plain")
        self._why.setWordWrap(True)
        self._why.setFont(qfont(ROW))
        self.switch = QPushButton(self.tr("Switch"))
        self.switch.clicked.connect(self._coach.switch)
        row = QHBoxLayout(notice)
        row.setContentsMargins(MARGIN, 8, MARGIN, 8)
        row.addWidget(self._why, 1)
        row.addWidget(self.switch)
        notice.hide()
        return notice

    def _foot(self) -> QHBoxLayout:
        self.back = QPushButton(self.tr("Back"))
        self.again = QPushButton(self.tr("Begin again"))
        self.next = QPushButton(self.tr("Next"))
        self.back.clicked.connect(self._go_back)
        self.next.clicked.connect(self._go_on)
        self.again.clicked.connect(self._coach.restart)
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 10, MARGIN, 10)
        row.setSpacing(8)
        row.addWidget(self.back)
        row.addWidget(self.again)
        row.addStretch(1)
        row.addWidget(self.next)
        return row

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self.refresh()

    def clear(self) -> None:
        """No lesson is open."""
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
            self._show_once((coach.progress, self._colors.name), self._score)
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

    def _score(self) -> ScoreView:
        return ScoreView(self._coach.loaded.lesson, self._coach.progress, self._colors)

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
        text = self.tr("Step {number} of {count}").format(
            number=number + 1, count=len(lesson.steps)
        )
        self._count.setText(self.tr("Your score") if coach.shows_score else text)

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
            self.next.setText(self.tr("Done"))
        elif is_last:
            self.next.setText(self.tr("Finish") if is_complete else self.tr("To the score"))
        else:
            self.next.setText(self.tr("Next") if is_complete else self.tr("Skip"))
        self._set_primary(is_complete)

    def _set_primary(self, is_primary: bool) -> None:
        name = "Primary" if is_primary else ""
        if self.next.objectName() != name:
            self.next.setObjectName(name)
            self.next.style().unpolish(self.next)
            self.next.style().polish(self.next)

    def _go_back(self) -> None:
        self._coach.move(-1)

    def _go_on(self) -> None:
        if self._coach.shows_score:
            self._coach.leave()
        else:
            self._coach.move(1)
            if isinstance(self.view, StepView) and self.view.question is not None:
                self.view.question.begin()

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
