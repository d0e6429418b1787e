"""Lessons as the window has them: the coach, its panel at the left, the menu, the start list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from backpropviz.scene.theme import Theme
from backpropviz.ui.background import Background
from backpropviz.ui.layout import Docks, bare_dock
from backpropviz.ui.lessons.coach import Coach
from backpropviz.ui.lessons.lesson_cards import LessonCard, read_cards
from backpropviz.ui.lessons.lesson_list import LessonList
from backpropviz.ui.lessons.lesson_panel import LessonPanel
from backpropviz.ui.opened import Opened
from backpropviz.ui.plain_text import plain_tip, plain_title

if TYPE_CHECKING:
    from backpropviz.ui.controller import Controller
    from backpropviz.ui.main_window import MainWindow

_DOCK = "lesson"


class LessonDesk(QObject):
    """Made once, beside the workbench."""

    def __init__(self, controller: Controller, docks: Docks, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._docks = window, docks
        self._colors: Theme = window.theme
        self.cards: tuple[LessonCard, ...] = ()
        self.coach = Coach(controller, self)
        self.panel = LessonPanel(self.coach)
        self.dock = bare_dock(_DOCK, self.tr("Lesson"), self.panel, window)
        self.dock.hide()
        self.dock.visibilityChanged.connect(self._keep_to_lesson)
        self._make_menu()
        self._reader = Background(self)
        self._reader.answered.connect(self._take_cards)
        self.coach.began.connect(self._show_panel)
        self.coach.ended.connect(self._hide_panel)
        self.read()

    def _make_menu(self) -> None:
        window = self._window
        self._lesson_actions: list[QAction] = []
        self.leave = QAction(self.tr("Leave the lesson"), window)
        self.leave.triggered.connect(self.coach.leave)
        self.leave.setEnabled(False)
        self._menu = window.menus["Lessons"]
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
        """Take the colors of a theme."""
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
                action = QAction(plain_title(card.title), self._window)
                action.setData(card.name)
                action.triggered.connect(self._open_chosen)
                self._lesson_actions.append(action)
            self._menu.insertActions(self._menu.actions()[0], self._lesson_actions)
        for action, card in zip(self._lesson_actions, cards, strict=True):
            action.setToolTip(plain_tip(self._help(card)))
            action.setCheckable(card.is_done)
            action.setChecked(card.is_done)
        self._show_list()

    def _help(self, card: LessonCard) -> str:
        return self.tr("{summary} {minutes} minutes.").format(
            summary=card.summary, minutes=card.minutes
        )

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
        text = self.tr("{done} of {count} done").format(done=done, count=len(self.cards))
        self._window.start_page.show_lessons(found, text if done else "")

    def _show_panel(self) -> None:
        self.leave.setEnabled(True)
        self._docks.show_guest(_DOCK, self.dock)
        self.panel.next.setFocus()
        own = self.coach.own_session
        if own is not None:
            text = self.tr("{network} waits: it is back when you leave the lesson.")
            self._window.status.say(text.format(network=own.subject.network_title))

    def _keep_to_lesson(self, is_visible: bool) -> None:
        """Whatever restores a layout: there is no panel without its lesson."""
        if is_visible and not self.coach.is_on:
            self.dock.hide()

    def _hide_panel(self) -> None:
        self.leave.setEnabled(False)
        self._docks.dismiss_guest(_DOCK)
        self.read()
