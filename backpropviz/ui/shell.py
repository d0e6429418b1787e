"""The window's shell, there from the first paint: menus, start page, status line, colors, notices.

Nothing here touches Qt's `Qt` namespace: making its enumerations in Python takes as long as a sixth
of a bare window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QStatusBar,
    QWidget,
)

from backpropviz.assets import __version__
from backpropviz.scene.theme import Theme
from backpropviz.ui.appearance import (
    apply_theme,
    choose_theme,
    chosen_theme_name,
    remember_desktop,
    resolve_theme,
)
from backpropviz.ui.controls import MENUS, Menu, PlainLabel, plain_tip, with_letters
from backpropviz.ui.start_page import StartPage

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from backpropviz.ui.actions import ActionSet
    from backpropviz.ui.controls import Offer

SMALLEST_SIZE = QSize(800, 440)


class StatusLine(QStatusBar):
    """State and message at the left, facts of the pass at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setFixedHeight(24)
        self._state, self._message, self._facts = PlainLabel(), PlainLabel(), PlainLabel()
        self._unusual = PlainLabel()
        self._unusual.setContentsMargins(0, 0, 10, 0)
        font = QFont(self._state.font())
        font.setWeight(QFont.Weight.DemiBold)
        self._state.setFont(font)
        self._state.setContentsMargins(10, 0, 6, 0)
        self._facts.setContentsMargins(0, 0, 10, 0)
        ignored = QSizePolicy.Policy.Ignored
        self._message.setSizePolicy(ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self._state)
        self.addWidget(self._message, 1)
        self.addPermanentWidget(self._unusual)
        self.addPermanentWidget(self._facts)
        self.show_idle()

    def show_idle(self) -> None:
        """Nothing is open."""
        self._set_mood("idle")
        self.show_unusual("", "")
        self._state.setText("Ready")
        self._message.setText("")
        self._facts.setText(f"BackpropViz {__version__}")

    def show_pass(self, state: str, message: str, facts: str, *, is_paused: bool) -> None:
        """A pass is open: where it stands and what it is."""
        self._set_mood("paused" if is_paused else "idle")
        self._state.setText(state)
        self.say(message)
        self._facts.setText(facts)

    def show_training(self, state: str, message: str, facts: str, *, mood: str) -> None:
        """A run is shown: `mood` is training, paused or idle."""
        self._set_mood(mood)
        self.show_unusual("", "")
        self._state.setText(state)
        self.say(message)
        self._facts.setText(facts)

    def show_unusual(self, words: str, explanation: str) -> None:
        """What a pass has that others have not, before its facts; hovering tells more."""
        self._unusual.setVisible(bool(words))
        self._unusual.setText(words)
        self._unusual.setToolTip(plain_tip(explanation))

    def say(self, message: str) -> None:
        """A sentence beside the state."""
        self._message.setText(message)
        self._message.setToolTip(plain_tip(message))

    @property
    def message(self) -> str:
        """What it says now."""
        return self._message.text()

    def _set_mood(self, mood: str) -> None:
        before = self.property("mood")
        self.setProperty("mood", mood)
        if before in {None, mood}:
            # Not polished yet, or as it was.
            return
        for widget in (self, self._state, self._message, self._unusual, self._facts):
            widget.style().unpolish(widget)
            widget.style().polish(widget)


class Shell(QMainWindow):
    """A window without anything open in it."""

    theme_changed = Signal(object)
    preferences_changed = Signal()
    actions_by_name: ActionSet
    """From the first paint on."""

    def __init__(self, theme: str | None = None) -> None:
        super().__init__()
        self._theme_name = theme or chosen_theme_name()
        self.theme: Theme = resolve_theme(self._theme_name)
        self._dress()
        self._build()

    def _build(self) -> None:
        self.setWindowTitle("BackpropViz")
        self.setAcceptDrops(True)
        self.setMinimumSize(SMALLEST_SIZE)
        self.setDockNestingEnabled(True)
        self.menuBar().setFixedHeight(28)
        self.menus = {
            title: Menu(text, self) for title, text in zip(MENUS, with_letters(MENUS), strict=True)
        }
        for menu in self.menus.values():
            self.menuBar().addMenu(menu)
        self.status = StatusLine(self)
        self.setStatusBar(self.status)
        self.start_page = StartPage(self)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.start_page)
        self.setCentralWidget(self.pages)
        self.start_page.setFocus()

    def tell(self, text: str, offer: Offer | None = None) -> None:
        """Say a sentence that must be read: above the status bar until dismissed."""
        from backpropviz.ui.controls import show_notice

        self.status.say("")
        show_notice(self, text, self.theme, offer)

    def tell_error(self, error: BaseException) -> None:
        """Say what went wrong; the session is as it was."""
        from backpropviz.ui.background import sentence

        self.tell(sentence(error))

    def show_preferences(self) -> None:
        """Theme, speed, color map, motion."""
        from backpropviz.ui.information import PreferencesDialog

        dialog = PreferencesDialog(self)
        dialog.theme_chosen.connect(self.use_theme)
        dialog.exec()
        dialog.deleteLater()
        self.preferences_changed.emit()

    def show_shortcuts(self) -> None:
        """All keys on one sheet."""
        from backpropviz.ui.information import ShortcutSheet

        self._show_sheet(ShortcutSheet(self))

    def show_about(self) -> None:
        """Version, libraries, licenses."""
        from backpropviz.ui.information import AboutDialog

        self._show_sheet(AboutDialog(self))

    def _show_sheet(self, sheet: QDialog) -> None:
        sheet.exec()
        sheet.deleteLater()

    def use_theme(self, name: str) -> None:
        """Take a theme and remember it: system, light or dark."""
        choose_theme(name)
        self._theme_name = name
        self._change_theme()

    def toggle_theme(self) -> None:
        """From light to dark, or back."""
        self.use_theme("light" if self.theme.name == "dark" else "dark")

    def follow_desktop(self) -> None:
        """The desktop has changed its colors: so does the window where it is told to."""
        remember_desktop()
        if self._theme_name == "system":
            self._change_theme()

    def _change_theme(self) -> None:
        self.theme = resolve_theme(self._theme_name)
        from backpropviz.ui.controls import dress_notice

        self._dress()
        self._color()
        dress_notice(self, self.theme)
        self.theme_changed.emit(self.theme)

    def _dress(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self.theme)

    def _color(self) -> None:
        self.actions_by_name.use_theme(self.theme)
        self.start_page.use_theme(self.theme)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        from backpropviz.ui.windows import press_focused_button

        if not press_focused_button(self, event):
            super().keyPressEvent(event)

    def close_dialogs(self) -> None:
        """No dialog outlives the window that it asks for."""
        for dialog in self.findChildren(QDialog):
            dialog.close()
