"""The actions of the table as Qt has them: what they do, when they can be used, how they look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from backpropviz.frozen import frozen
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.action_table import ACTIONS, ActionSpec, Needs, Scope, action_spec
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.controls import plain_tip, plain_title


@frozen
class Detour:
    """What an action does for now in place of its own."""

    help: str
    run: Callable[[], object]


class ActionSet(QObject):
    """The QActions of one window by name."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.by_name: Mapping[str, QAction] = {
            spec.name: _qaction(spec, window) for spec in ACTIONS
        }
        self._handlers: dict[str, Callable[[], object]] = {}
        self.detours: Mapping[str, Detour] = {}
        """What actions do in place of their own while something else than a pass is in sight."""
        self._theme: Theme = LIGHT
        self._colored: set[str] = set()
        for spec in ACTIONS:
            if spec.scope is Scope.WINDOW:
                window.addAction(self.by_name[spec.name])

    def __getitem__(self, name: str) -> QAction:
        return self.by_name[name]

    def bind(self, handlers: Mapping[str, Callable[[], object]]) -> None:
        """Say what actions do; a handler must be a bound method."""
        for name, handler in handlers.items():
            self._handlers[name] = handler
            self.by_name[name].triggered.connect(self._run)

    def _run(self) -> None:
        name = self.sender().objectName()
        detour = self.detours.get(name)
        (self._handlers[name] if detour is None else detour.run)()

    @property
    def of_stage(self) -> Mapping[str, QAction]:
        """What the stage does on a key that it gets, by the key's text.

        These are no shortcuts: Qt lets those act behind an open menu, and in a text field's place.
        """
        return {
            QKeySequence(key).toString(): self.by_name[spec.name]
            for spec in ACTIONS
            if spec.scope is Scope.STAGE
            for key in spec.keys
        }

    def add_to_window(self, window: QWidget) -> None:
        """Let the keys that work everywhere work in a window beside the main one."""
        window.addActions([self.by_name[spec.name] for spec in ACTIONS if spec.is_everywhere])

    def fill(self, menus: Mapping[str, QMenu]) -> None:
        """Fill the menus, by title."""
        for menu in menus.values():
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(self._color_all)
        for spec in ACTIONS:
            if spec.begins_section:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self.by_name[spec.name])

    def use_theme(self, theme: Theme) -> None:
        """Tint the icons that are seen; those in the menus are drawn when a menu opens."""
        shown, self._theme, self._colored = self._colored, theme, set()
        self.color(shown)

    def color(self, names: Iterable[str]) -> None:
        """Draw the icons of some actions in the theme's colors."""
        for name in set(names) - self._colored:
            spec = action_spec(name)
            if spec.icon:
                tinted = icon(spec.icon, self._theme.text, faint(self._theme), stroke=1.5)
                self.by_name[name].setIcon(tinted)
            self._colored.add(name)

    def _color_all(self) -> None:
        self.color(self.by_name)

    def enable(
        self,
        *,
        has_pass: bool,
        has_last_session: bool,
        has_run: bool = False,
        has_waiting: bool = False,
        shows_pass: bool = True,
    ) -> None:
        """Enable what can be used; commands say so for themselves."""
        there = {
            Needs.NOTHING: True,
            Needs.TAPE: has_pass and shows_pass,
            Needs.OPENED: has_pass,
            Needs.LAST_SESSION: has_last_session,
            Needs.RUN: has_run,
            Needs.WAITING: has_waiting,
        }
        for spec in ACTIONS:
            if spec.needs in there:
                self.by_name[spec.name].setEnabled(there[spec.needs])
            elif not (has_pass and shows_pass):
                self.by_name[spec.name].setEnabled(False)
            if spec.name in self.detours:
                self.by_name[spec.name].setEnabled(True)
            if spec.needs in {Needs.TAPE, Needs.COMMAND}:
                detour = self.detours.get(spec.name)
                self.by_name[spec.name].setToolTip(
                    tool_tip(spec, None if detour is None else detour.help)
                )

    def allow(self, name: str, refusal: str | None) -> None:
        """Enable a command, or disable it and say why."""
        action = self.by_name[name]
        action.setEnabled(refusal is None)
        action.setToolTip(plain_tip(tool_tip(action_spec(name), refusal)))


def tool_tip(spec: ActionSpec, refusal: str | None = None) -> str:
    """What a button of this action says on hover: title, keys, help, or why it is disabled."""
    keys = " or ".join(key_text(key) for key in spec.keys)
    first = spec.title + (f"  {keys}" if keys else "")
    return f"{first}\n{refusal or spec.help}"


def key_text(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def _qaction(spec: ActionSpec, window: QWidget) -> QAction:
    action = QAction(plain_title(spec.title), window)
    action.setObjectName(spec.name)
    if spec.scope is Scope.WINDOW:
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
    else:
        # Behind a tab, a menu shows it as a key.
        action.setText("\t".join([action.text(), *map(key_text, spec.keys[:1])]))
    action.setToolTip(tool_tip(spec))
    action.setCheckable(spec.is_checkable)
    # Qt would move "Preferences", "Quit" and "About" by their words on macOS alone.
    action.setMenuRole(QAction.MenuRole.NoRole)
    return action
