"""Small controls that Qt has not: a segmented choice, a chip with a menu, a panel's head."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import PANEL_TITLE, ROW, Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.icons import icon, pixmap
from backpropviz.ui.menus import Menu
from backpropviz.ui.plain_text import PlainLabel, plain_tip

CONTROL_HEIGHT = 28


class Segmented(QFrame):
    """Exclusive choices side by side; `chosen` carries the choice's value."""

    chosen = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Segmented")
        self.setAccessibleName(name)
        self.setFixedHeight(CONTROL_HEIGHT)
        self._values: list[object] = []
        self._buttons: list[QToolButton] = []
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._group.idClicked.connect(self._choose)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(2, 2, 2, 2)
        self._row.setSpacing(2)

    def set_choices(self, choices: Sequence[tuple[str, object, str]]) -> None:
        """Offer these (text, value, help); the same ones again cost nothing."""
        if [value for _, value, _ in choices] == self._values and all(
            self._buttons[k].text() == text for k, (text, _, _) in enumerate(choices)
        ):
            return
        for button in self._buttons:
            self._group.removeButton(button)
            self._row.removeWidget(button)
            button.setParent(None)
            button.deleteLater()
        self._values = [value for _, value, _ in choices]
        self._buttons = [_segment(text, help_text) for text, _, help_text in choices]
        for number, button in enumerate(self._buttons):
            self._group.addButton(button, number)
            self._row.addWidget(button)

    def set_value(self, value: object, possible: Sequence[object] | None = None) -> None:
        """Show a choice, and which choices are possible."""
        for number, own in enumerate(self._values):
            button = self._buttons[number]
            button.setChecked(own == value)
            button.setEnabled(possible is None or own in possible)

    @property
    def value(self) -> object:
        """The choice that is shown."""
        number = self._group.checkedId()
        return self._values[number] if 0 <= number < len(self._values) else None

    def set_compact(self, is_compact: bool) -> None:
        """Take less room at the sides of each choice."""
        if self.property("compact") == is_compact:
            return
        self.setProperty("compact", is_compact)
        for button in self._buttons:
            button.style().unpolish(button)
            button.style().polish(button)
            button.updateGeometry()

    def button(self, value: object) -> QToolButton:
        """The button of a choice."""
        return self._buttons[self._values.index(value)]

    def _choose(self, number: int) -> None:
        self.chosen.emit(self._values[number])


def shortened(text: str, most: int) -> str:
    """The text; its middle is left out where it has more than `most` characters."""
    end = most // 3
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"


def file_name(source: str) -> str:
    """The last part of a path; a name such as `mnist:17` as it is."""
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2]


class Suggestions(QCompleter):
    """Names that contain what is typed; Enter takes the marked one and reaches the dialog."""

    def __init__(self, names: Sequence[str], line: QLineEdit) -> None:
        super().__init__(list(names), line)
        self.setFilterMode(Qt.MatchFlag.MatchContains)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        line.setCompleter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_eaten = super().eventFilter(watched, event)
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return is_eaten
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and watched is self.popup() and is_eaten:
            # Qt shows it to the line alone, so that a dialog needs a second one.
            again = QKeyEvent(event.type(), event.key(), event.modifiers(), event.text())
            QCoreApplication.sendEvent(self.widget().window(), again)
        return is_eaten


class Chip(QToolButton):
    """A label and a value in a frame, with a menu: `Network  LeNet  ⌄`."""

    def __init__(self, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Chip")
        self.setFixedHeight(CONTROL_HEIGHT)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._menu = Menu(parent=self)
        self._menu.setToolTipsVisible(True)
        self.setMenu(self._menu)
        self._label_text = label
        self._picture, self._label, self._value, self._arrow = (PlainLabel() for _ in range(4))
        self._label.setText(label)
        self._label.setFont(qfont(ROW))
        self._value.setFont(_strong(qfont(ROW)))
        self._value.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 0, 8, 0)
        row.setSpacing(6)
        for part in (self._picture, self._label, self._value, self._arrow):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(part)
        self._picture.hide()

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return super().sizeHint() if layout is None else layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @property
    def value(self) -> str:
        """What it shows."""
        return self._value.text()

    def show_value(self, text: str, picture: QPixmap | None = None) -> None:
        """Show a value, and a small picture before it."""
        self._value.setText(text)
        self.setAccessibleName(f"{self._label_text}: {text}")
        self._picture.setVisible(picture is not None)
        if picture is not None:
            self._picture.setPixmap(picture)
        self.updateGeometry()

    def hide_label(self) -> None:
        """Show the value alone; the label stays for the screen reader."""
        self._label.hide()

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._label.setStyleSheet(f"color: {colors.text_secondary}; background: transparent;")
        self._value.setStyleSheet("background: transparent;")
        arrow = pixmap("chevron-down", colors.text_secondary, 14, self.devicePixelRatioF(), 2.0)
        self._arrow.setPixmap(arrow)

    def fill(self, actions: Sequence[QAction | None]) -> None:
        """Put actions into the menu; None separates."""
        for action in self._menu.actions():
            self._menu.removeAction(action)
            if action.parent() is self._menu:
                action.deleteLater()
        for entry in actions:
            if entry is None:
                self._menu.addSeparator()
            else:
                self._menu.addAction(entry)


class PanelHead(QFrame):
    """The first row of a panel: its title, and buttons at the right."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setFixedHeight(32)
        label = PlainLabel(title)
        label.setFont(qfont(PANEL_TITLE))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 0, 10, 0)
        self._row.setSpacing(4)
        self._row.addWidget(label)
        self._row.addStretch(1)
        self._buttons: list[tuple[QToolButton, str]] = []

    def put_first(self, control: QWidget) -> None:
        """A control in place of the title."""
        self._row.setContentsMargins(12, 0, 10, 0)
        self._row.insertWidget(0, control)

    def add_control(self, control: QWidget) -> None:
        """A control at the right."""
        self._row.addWidget(control)

    def add_button(self, icon_name: str, help_text: str) -> QToolButton:
        """A small button at the right."""
        button = QToolButton()
        button.setFixedSize(24, 24)
        button.setIconSize(QSize(16, 16))
        button.setToolTip(plain_tip(help_text))
        button.setAccessibleName(help_text)
        self._row.addWidget(button)
        self._buttons.append((button, icon_name))
        return button

    def use_theme(self, colors: Theme) -> None:
        """Tint the icons."""
        for button, name in self._buttons:
            button.setIcon(icon(name, colors.text_secondary, faint(colors)))


def hairline() -> QFrame:
    """A line of one pixel between parts."""
    line = QFrame()
    line.setObjectName("Hairline")
    line.setFixedHeight(1)
    return line


def _segment(text: str, help_text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setFixedHeight(CONTROL_HEIGHT - 4)
    button.setToolTip(plain_tip(help_text))
    button.setAccessibleName(text)
    button.setFont(qfont(ROW))
    return button


def _strong(font: QFont) -> QFont:
    result = QFont(font)
    result.setWeight(QFont.Weight.DemiBold)
    return result
