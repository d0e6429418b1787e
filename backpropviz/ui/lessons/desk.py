"""Lessons as the window has them: the coach, its panel at the left, the menu, the start list."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from backpropviz.frozen import frozen
from backpropviz.lessons.lesson import Lesson
from backpropviz.lessons.progress import LessonProgress, is_finished
from backpropviz.lessons.reading import bundled_lesson_names, lesson_text, read_lesson
from backpropviz.scene.theme import BODY, BODY_MEDIUM, INDEX, LABEL_MEDIUM, LIGHT, ROW, Font, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import pixmap
from backpropviz.ui.background import Background
from backpropviz.ui.controls import Menu, hairline, plain_tip, plain_title
from backpropviz.ui.docks import Docks, bare_dock
from backpropviz.ui.host import Host
from backpropviz.ui.lessons.coach import Coach, read_progress
from backpropviz.ui.lessons.panel import LessonPanel
from backpropviz.ui.opened import Opened
from backpropviz.ui.start_page import StartPage


@frozen
class LessonCard:
    """A lesson in a list; `share` of its steps is behind the learner, 0 where it is not begun."""

    name: str
    title: str
    summary: str
    minutes: int
    share: float = 0.0
    is_done: bool = False

    @property
    def is_started(self) -> bool:
        """Begun, and not yet at the end."""
        return self.share > 0 and not self.is_done

    @property
    def state_text(self) -> str:
        """The state in a word, for those who do not see the ring."""
        return "done" if self.is_done else "started" if self.is_started else "new"


def lesson_card(name: str, lesson: Lesson, progress: LessonProgress | None) -> LessonCard:
    """A lesson with the learner's progress; opening the first step is no progress yet."""
    if progress is None:
        return LessonCard(name, lesson.title, lesson.summary, lesson.minutes)
    at = next((k for k, step in enumerate(lesson.steps) if step.title == progress.step), 0)
    worked = sum(
        progress.is_complete(step) and (step.check is not None or step.question is not None)
        for step in lesson.steps
    )
    share = max(worked, at) / len(lesson.steps)
    is_done = is_finished(lesson, progress) and (worked > 0 or at == len(lesson.steps) - 1)
    return LessonCard(name, lesson.title, lesson.summary, lesson.minutes, share, is_done)


def read_cards() -> tuple[LessonCard, ...]:
    """All bundled lessons in their order; runs beside the window."""
    return tuple(_read_card(name) for name in bundled_lesson_names())


def _read_card(name: str) -> LessonCard:
    found = lesson_text(name)
    lesson = read_lesson(found.text, found.file)
    return lesson_card(name, lesson, read_progress(lesson.id))


ROW_HEIGHT = 36
_RING = 16


class LessonList(QFrame):
    """A row a lesson; `chosen` carries its name."""

    chosen = Signal(str)

    def __init__(self, cards: tuple[LessonCard, ...], colors: Theme) -> None:
        super().__init__()
        self.setObjectName("ListCard")
        column = boxes.column(gap=0, margins=(1, 1, 1, 1), owner=self)
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
            f"Lesson {number}: {card.title}, {card.minutes} minutes, {card.state_text}"
        )
        row = boxes.row(
            Ring(card, colors),
            _label(str(number), INDEX, "Tertiary"),
            gap=12,
            margins=(16, 0, 16, 0),
            owner=self,
        )
        title = _label(card.title, BODY if card.is_done else BODY_MEDIUM)
        title.setObjectName("Secondary" if card.is_done else "Plain")
        row.addWidget(title)
        if card.is_started:
            tag = _label("Continue", LABEL_MEDIUM, "Tag")
            row.addWidget(tag, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch(1)
        minutes = f"{card.minutes} min"
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
    found = boxes.words(text, font, name)
    found.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    return found


_DOCK = "lesson"


class LessonDesk(QObject):
    """Made when it is first asked for; fills its menu and its list on the start page."""

    def __init__(self, host: Host, docks: Docks, menu: Menu, start_page: StartPage) -> None:
        super().__init__(host.window)
        self._host, self._docks, self._menu, self._start_page = host, docks, menu, start_page
        self._colors: Theme = host.theme
        self.cards: tuple[LessonCard, ...] = ()
        self.coach = Coach(host.controller, self)
        self.panel = LessonPanel(self.coach)
        self.dock = bare_dock(_DOCK, "Lesson", self.panel, host.window)
        self.dock.setObjectName("")
        self.dock.hide()
        self._make_menu()
        self._reader = Background(self)
        self._reader.answered.connect(self._take_cards)
        self.coach.began.connect(self._show_panel)
        self.coach.ended.connect(self._hide_panel)
        self.read()

    def _make_menu(self) -> None:
        self._lesson_actions: list[QAction] = []
        self.leave = QAction("Leave the lesson", self)
        self.leave.triggered.connect(self.coach.leave)
        self.leave.setEnabled(False)
        self._menu.setToolTipsVisible(True)
        self._menu.addSeparator()
        self._menu.addAction(self.leave)

    def open(self, name: str) -> None:
        """Open a bundled lesson or a lesson file."""
        self.coach.open(name)

    def actions(self) -> list[QAction]:
        """What can be chosen now, for the palette."""
        return [action for action in (*self._lesson_actions, self.leave) if action.isEnabled()]

    def read(self) -> None:
        """Look how far each lesson is, beside the window."""
        self._reader.run(read_cards)

    def use_theme(self, colors: Theme) -> None:
        self._colors = colors
        self.panel.use_theme(colors)
        self._show_list()

    def end(self, opened: Opened) -> Opened | None:
        """Nothing will be open any more; returns the session that is the person's own."""
        return self.coach.end() if self.coach.is_on else opened

    def close(self) -> None:
        """Put back what was open before; wait for all threads."""
        self.coach.stop()
        self.coach.leave()
        self._reader.stop()

    def _take_cards(self, cards: tuple[LessonCard, ...]) -> None:
        self.cards = cards
        if not self._lesson_actions:
            for card in cards:
                action = QAction(plain_title(card.title), self)
                action.setData(card.name)
                action.triggered.connect(self._open_chosen)
                self._lesson_actions.append(action)
            self._menu.insertActions(self._menu.actions()[0], self._lesson_actions)
        for action, card in zip(self._lesson_actions, cards, strict=True):
            action.setToolTip(plain_tip(f"{card.summary} {card.minutes} minutes."))
            action.setCheckable(card.is_done)
            action.setChecked(card.is_done)
        self._show_list()

    def _open_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            action.setChecked(True)
            self.open(str(action.data()))

    def _show_list(self) -> None:
        if not self.cards:
            return
        found = LessonList(self.cards, self._colors)
        found.chosen.connect(self.open)
        done = sum(card.is_done for card in self.cards)
        text = f"{done} of {len(self.cards)} done"
        self._start_page.show_lessons(found, text if done else "")

    def _show_panel(self) -> None:
        self.leave.setEnabled(True)
        self._docks.show_guest(_DOCK, self.dock)
        self.panel.begin()
        own = self.coach.own_session
        if own is not None:
            title = own.subject.network_title
            self._host.say(f"{title} waits: it is back when you leave the lesson.")

    def _hide_panel(self) -> None:
        self.leave.setEnabled(False)
        self._docks.dismiss_guest(_DOCK)
        self.read()
