"""A sentence in a line above the status bar, read aloud, gone with Esc or a click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMainWindow, QToolButton

from backpropviz.scene.theme import Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.icons import icon, pixmap

_NAME = "Notice"
_WIDEST = 720


class Notice(QFrame):
    """One sentence with a button to dismiss it, at the window's lower edge."""

    def __init__(self, window: QMainWindow, colors: Theme) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)
        self.setObjectName(_NAME)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setStyleSheet(
            f"#{_NAME} {{ background: {colors.alert_fill}; border: 1px solid "
            f"{colors.alert_border}; border-radius: 8px; }} QLabel {{ color: {colors.text}; "
            f"font-size: 13px; background: transparent; }}"
        )
        mark = QLabel()
        mark.setPixmap(pixmap("circle-alert", colors.alert_title, 18, self.devicePixelRatioF()))
        self._text = QLabel()
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
        for widget in (mark, self._text, dismiss):
            row.addWidget(widget, int(widget is self._text), Qt.AlignmentFlag.AlignVCenter)

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
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

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
        show_notice(window, old.text, colors)


def show_notice(window: QMainWindow, text: str, colors: Theme) -> Notice:
    """Tell a sentence in the window's notice, in the colors of now."""
    old = window.findChild(Notice, _NAME)
    if old is not None:
        old.setParent(None)
        old.deleteLater()
    notice = Notice(window, colors)
    notice.tell(text)
    return notice
