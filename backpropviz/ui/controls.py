"""The small controls of the window, and its menus: every text in them is shown as it is, whatever
markup it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAction,
    QEnterEvent,
    QFont,
    QHideEvent,
    QKeyEvent,
    QPixmap,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from backpropviz.frozen import frozen
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import PANEL_TITLE, ROW, Theme
from backpropviz.ui.appearance import faint, icon, pixmap


class PlainLabel(QLabel):
    """A label that shows its text letter by letter."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text; only one that may be taken for markup needs Qt's enumerations."""
        if _may_be_markup(text):
            from PySide6.QtCore import Qt

            self.setTextFormat(Qt.TextFormat.PlainText)
        super().setText(text)


def plain_title(text: str) -> str:
    """A text for an action, a button or a menu, whose `&` is seen."""
    return text.replace("&", "&&")


def plain_tip(text: str) -> str:
    """A text for a tooltip; what Qt might take for markup is escaped."""
    if not _may_be_markup(text):
        return text
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'


def _may_be_markup(text: str) -> bool:
    return "<" in text or "&lt;" in text


MENUS: Final = ("File", "Edit", "View", "Debug", "Analyze", "Train", "Lessons", "Help")
"""All that the first paint needs."""


class Menu(QMenu):
    """A menu that has the keyboard to itself while it is open; each entry has a letter."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, parent)

    def showEvent(self, event: QShowEvent) -> None:
        self._letter()
        super().showEvent(event)

    def event(self, event: QEvent) -> bool:
        # Qt lets a window's shortcuts work while a menu of it is open.
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def _letter(self) -> None:
        """Underline a letter of each entry; entries come and go, so do it anew."""
        entries = [action for action in self.actions() if not action.isSeparator()]
        texts = [plain(action.text()) for action in entries]
        for action, text in zip(entries, with_letters(texts), strict=True):
            if action.text() != text:
                action.setText(text)


def plain(text: str) -> str:
    """A text without marks for its letter."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def with_letters(texts: Sequence[str]) -> list[str]:
    """Mark a letter of its own in as many texts as there are letters for.

    The first letters of words come first; what stands behind a tab is a key and has none.
    """
    wishes = [_places(text.partition("\t")[0]) for text in texts]
    owners: dict[str, int] = {}
    for number in range(len(texts)):
        _give_letter(number, wishes, owners, set())
    letters = {number: letter for letter, number in owners.items()}
    return [
        _marked(text, wishes[number][letters[number]] if number in letters else -1)
        for number, text in enumerate(texts)
    ]


def _give_letter(
    number: int, wishes: Sequence[dict[str, int]], owners: dict[str, int], tried: set[str]
) -> bool:
    """Find a letter for a text, if need be by moving the letter's owner to another one."""
    for letter in wishes[number]:
        if letter not in owners:
            owners[letter] = number
            return True
    for letter in wishes[number]:
        if letter not in tried:
            tried.add(letter)
            if _give_letter(owners[letter], wishes, owners, tried):
                owners[letter] = number
                return True
    return False


def _places(words: str) -> dict[str, int]:
    """Where each letter may be marked, the best one first."""
    places = [place for place, letter in enumerate(words) if letter.isalnum()]
    starts = [place for place in places if not place or not words[place - 1].isalnum()]
    result: dict[str, int] = {}
    for place in (*starts, *places):
        result.setdefault(words[place].casefold(), place)
    return result


def _marked(text: str, place: int) -> str:
    if place < 0:
        return text.replace("&", "&&")
    before, after = text[:place].replace("&", "&&"), text[place:].replace("&", "&&")
    return f"{before}&{after}"


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


_NAME = "Notice"
_WIDEST, _AROUND = 720, 8
_LEAST_MS: Final = 10_000
_MS_PER_LETTER: Final = 80
"""As long as a slow reader takes twice."""


@frozen(eq=False)
class Offer:
    """What a notice's button says and does."""

    title: str
    accept: Callable[[], object]


class Notice(QFrame):
    """One sentence with a button to dismiss it, at the window's lower edge."""

    def __init__(self, window: QMainWindow, colors: Theme, offer: Offer | None = None) -> None:
        super().__init__(window)
        self._window, self.offer = window, offer
        self._life = QTimer(self)
        self._life.setSingleShot(True)
        self._life.timeout.connect(self.run_out)
        pages = window.centralWidget()
        (pages or window).installEventFilter(self)
        if isinstance(pages, QStackedWidget):
            pages.currentChanged.connect(self._leave)
        self.setObjectName(_NAME)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        fill, border = (
            (colors.alert_fill, colors.alert_border)
            if offer is None
            else (colors.panel, colors.border_strong)
        )
        self.setStyleSheet(
            f"#{_NAME} {{ background: {fill}; border: 1px solid "
            f"{border}; border-radius: 8px; }} QLabel {{ color: {colors.text}; "
            f"font-size: 13px; background: transparent; }}"
        )
        mark = PlainLabel()
        sign = "circle-alert" if offer is None else "info"
        color = colors.alert_title if offer is None else colors.text
        mark.setPixmap(pixmap(sign, color, 18, self.devicePixelRatioF()))
        self._text = PlainLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        dismiss = QToolButton()
        dismiss.setIcon(icon("x", colors.text_secondary, faint(colors)))
        dismiss.setAccessibleName("Dismiss")
        dismiss.setFixedSize(24, 24)
        dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 10, 10)
        row.setSpacing(10)
        shown = (mark, self._text, *self._offered(), dismiss)
        for widget in shown:
            row.addWidget(widget, int(widget is self._text), Qt.AlignmentFlag.AlignVCenter)

    def _offered(self) -> tuple[QPushButton, ...]:
        if self.offer is None:
            return ()
        button = QPushButton(plain_title(self.offer.title))
        button.setFixedHeight(28)
        button.clicked.connect(self._accept)
        return (button,)

    def _accept(self) -> None:
        self.hide()
        if self.offer is not None:
            self.offer.accept()

    def _leave(self, _page: int) -> None:
        """What is said of one page is not said of another."""
        self.hide()

    @property
    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    def tell(self, text: str) -> None:
        """Show a sentence and read it aloud."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.place()
        self.show()
        self.raise_()
        self._live()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def _live(self) -> None:
        """Begin anew to count the time that it takes to read."""
        self._life.start(max(_LEAST_MS, _MS_PER_LETTER * len(self.text)))

    @property
    def is_running_out(self) -> bool:
        """Whether it will go by itself; it stays while the pointer is on it."""
        return self._life.isActive()

    def run_out(self) -> None:
        """The time to read it is over."""
        self.hide()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._life.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._live()
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._life.stop()
        self._take_room(0)
        super().hideEvent(event)

    def place(self) -> None:
        """Stand at the middle of the lower edge, in a row of its own that the page leaves free."""
        center = self._window.centralWidget()
        area = self._window.rect() if center is None else center.geometry()
        width = min(_WIDEST, area.width() - 48)
        self.setFixedWidth(width)
        height = max(44, self.heightForWidth(width))
        x = area.x() + (area.width() - width) // 2
        self.setGeometry(x, area.bottom() + 1 - height - _AROUND, width, height)
        self._take_room(height + 2 * _AROUND)

    def _take_room(self, height: int) -> None:
        pages = self._window.centralWidget()
        if pages is not None:
            pages.setContentsMargins(0, 0, 0, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_moved = event.type() in (QEvent.Type.Resize, QEvent.Type.Move)
        if is_moved and watched is not self and self.isVisible():
            self.place()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)


def dress_notice(window: QMainWindow, colors: Theme) -> None:
    """Give the notice that is being read the colors of another theme."""
    old = window.findChild(Notice, _NAME)
    if old is not None and old.isVisible():
        show_notice(window, old.text, colors, old.offer)


def withdraw_notice(window: QMainWindow, accept: Callable[[], object]) -> None:
    """Take back what is offered, once it has been done in another way."""
    old = window.findChild(Notice, _NAME)
    if old is not None and old.offer is not None and old.offer.accept == accept:
        old.hide()


def show_notice(
    window: QMainWindow, text: str, colors: Theme, offer: Offer | None = None
) -> Notice:
    """Tell a sentence in the window's notice, in the colors of now."""
    old = window.findChild(Notice, _NAME)
    if old is not None:
        old.setParent(None)
        old.deleteLater()
    notice = Notice(window, colors, offer)
    notice.tell(text)
    return notice
