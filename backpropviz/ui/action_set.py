"""The table of actions as QActions: made once a window, bound to what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from backpropviz.scene.theme import Theme
from backpropviz.ui.actions import ACTIONS, MENUS, ActionSpec, Needs, Scope
from backpropviz.ui.appearance import faint
from backpropviz.ui.icons import icon


class ActionSet:
    """The QActions of one window by name."""

    def __init__(self, window: QWidget) -> None:
        self.by_name: Mapping[str, QAction] = {
            spec.name: _qaction(spec, window) for spec in ACTIONS
        }
        for spec in ACTIONS:
            if spec.scope is Scope.WINDOW:
                window.addAction(self.by_name[spec.name])

    def __getitem__(self, name: str) -> QAction:
        return self.by_name[name]

    @staticmethod
    def spec(name: str) -> ActionSpec:
        """What the table says of an action."""
        return _BY_NAME[name]

    def bind(self, handlers: Mapping[str, Callable[[], object]]) -> None:
        """Say what actions do; a handler must be a bound method."""
        for name, handler in handlers.items():
            self.by_name[name].triggered.connect(handler)

    def add_to_stage(self, stage: QWidget) -> None:
        """Give the stage the keys that work there alone."""
        for spec in ACTIONS:
            if spec.scope is Scope.STAGE:
                stage.addAction(self.by_name[spec.name])

    def fill(self, menu_bar: QMenuBar) -> Mapping[str, QMenu]:
        """Build the menus; returns them by title."""
        menus: dict[str, QMenu] = {}
        for title in MENUS:
            menus[title] = menu_bar.addMenu(translated("Menus", title))
            menus[title].setToolTipsVisible(True)
        for spec in ACTIONS:
            if spec.begins_section:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self.by_name[spec.name])
        return menus

    def color(self, theme: Theme) -> None:
        """Tint the icons for a theme."""
        for spec in ACTIONS:
            if spec.icon:
                tinted = icon(spec.icon, theme.text, faint(theme), stroke=1.5)
                self.by_name[spec.name].setIcon(tinted)

    def enable(self, *, has_pass: bool, has_last_session: bool) -> None:
        """Enable what can be used; commands say so for themselves."""
        there = {
            Needs.NOTHING: True,
            Needs.TAPE: has_pass,
            Needs.LAST_SESSION: has_last_session,
        }
        for spec in ACTIONS:
            if spec.needs in there:
                self.by_name[spec.name].setEnabled(there[spec.needs])
            elif not has_pass:
                self.by_name[spec.name].setEnabled(False)

    def allow(self, name: str, refusal: str | None) -> None:
        """Enable a command, or disable it and say why."""
        action = self.by_name[name]
        action.setEnabled(refusal is None)
        action.setToolTip(tool_tip(_BY_NAME[name], refusal))


_BY_NAME = {spec.name: spec for spec in ACTIONS}


def tool_tip(spec: ActionSpec, refusal: str | None = None) -> str:
    """What a button of this action says on hover: title, keys, help, or why it is disabled."""
    keys = " or ".join(key_text(key) for key in spec.keys)
    first = translated("Actions", spec.title) + (f"  {keys}" if keys else "")
    return f"{first}\n{refusal or translated('Actions', spec.help)}"


def key_text(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def translated(context: str, text: str) -> str:
    """A string of the tables in the person's language."""
    return QCoreApplication.translate(context, text)


def _qaction(spec: ActionSpec, window: QWidget) -> QAction:
    action = QAction(translated("Actions", spec.title), window)
    action.setObjectName(spec.name)
    action.setShortcuts([QKeySequence(key) for key in spec.keys])
    context = Qt.ShortcutContext
    in_window = spec.scope is Scope.WINDOW
    action.setShortcutContext(
        context.WindowShortcut if in_window else context.WidgetWithChildrenShortcut
    )
    action.setToolTip(tool_tip(spec))
    action.setCheckable(spec.is_checkable)
    # Qt would move "Preferences", "Quit" and "About" by their words on macOS alone.
    action.setMenuRole(QAction.MenuRole.NoRole)
    return action
