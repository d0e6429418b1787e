"""A sentence above the status bar, read aloud; gone with Esc, a click, its page, or in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QEnterEvent,
    QHideEvent,
    QKeyEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QToolButton,
)

from backpropviz.frozen import frozen
from backpropviz.scene.theme import Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.icons import icon, pixmap
from backpropviz.ui.plain_text import PlainLabel, plain_title

_NAME = "Notice"
_WIDEST = 720
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
        window.installEventFilter(self)
        pages = window.centralWidget()
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
        dismiss.setAccessibleName(self.tr("Dismiss"))
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
        super().hideEvent(event)

    def place(self) -> None:
        """Stand at the middle of the lower edge, as high as the sentence needs."""
        center = self._window.centralWidget()
        area = self._window.rect() if center is None else center.geometry()
        width = min(_WIDEST, area.width() - 48)
        self.setFixedWidth(width)
        height = max(44, self.heightForWidth(width))
        x = area.x() + (area.width() - width) // 2
        self.setGeometry(x, area.bottom() - height - 16, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self.isVisible():
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
