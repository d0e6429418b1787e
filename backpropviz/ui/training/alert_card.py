"""One alert as a card: what was seen, what it means, and the ways to it and back from it."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from backpropviz.diagnosis.rule import Alert, Severity
from backpropviz.paint.families import qfont
from backpropviz.scene.style import Font
from backpropviz.scene.theme import BODY_STRONG, ROW, Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.icons import icon, pixmap
from backpropviz.ui.plain_text import PlainLabel, plain_tip

_NAME = "AlertCard"
_ICON = 18
_MARGIN = 14


class AlertCard(QFrame):
    """Follows one alert while its numbers change."""

    debug_wanted = Signal(int, object)
    """The update, and the address in it to look at."""
    rewind_wanted = Signal(int)
    """The checkpoint to go back to."""

    def __init__(self, colors: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(_NAME)
        self._alert: Alert | None = None
        self._checkpoint: int | None = None
        self._colors = colors
        self._icon, self._title = PlainLabel(), _words("title", BODY_STRONG)
        self._evidence, self._meaning = _words("evidence", ROW), _words("meaning", ROW)
        # A style sheet leaves no room between an icon and its words but a space.
        self._debug = QPushButton(" " + self.tr("Debug this update"))
        self._debug.setAccessibleName(self.tr("Debug this update"))
        self._debug.setObjectName("Primary")
        self._debug.clicked.connect(self._want_debug)
        self._rewind = QPushButton()
        self._rewind.clicked.connect(self._want_rewind)
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        self._icon.setFixedWidth(_ICON)
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._title, 1)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(8)
        for button in (self._debug, self._rewind):
            button.setFixedHeight(28)
            button.setIconSize(QSize(16, 16))
            button.setAutoDefault(False)
            button.setFont(qfont(ROW))
            button.setMinimumWidth(64)
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGIN, 12, _MARGIN, 14)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self._evidence)
        column.addWidget(self._meaning)
        column.addSpacing(4)
        column.addLayout(self._buttons)

    def show_alert(self, alert: Alert, checkpoints: tuple[int, ...]) -> None:
        """Show an alert, and the way to the last of these checkpoints that does not have it."""
        place = bisect_left(checkpoints, max(alert.since, 1))
        checkpoint = checkpoints[place - 1] if place and alert.since else None
        if alert == self._alert and checkpoint == self._checkpoint:
            return
        is_dressed = self._alert is not None and self._alert.severity == alert.severity
        self._alert, self._checkpoint = alert, checkpoint
        self._title.setText(alert.title)
        self._evidence.setText(alert.evidence)
        self._meaning.setText(alert.meaning)
        self._debug.setVisible(alert.look_at is not None)
        told = self.tr("Open update {update} in the debugger, at {address}.").format(
            update=f"{max(1, alert.raised):,}", address=alert.look_at
        )
        self._debug.setToolTip(plain_tip(told))
        self._rewind.setVisible(checkpoint is not None)
        text = self.tr("Rewind to {update}").format(update=f"{checkpoint or 0:,}")
        self._rewind.setText(" " + (text if checkpoint else self.tr("Rewind to the start")))
        self._rewind.setAccessibleName(self._rewind.text().strip())
        self._rewind.setToolTip(self.tr("Go back to the checkpoint before it began."))
        self._place_buttons()
        self.setAccessibleName(alert.title)
        self.setAccessibleDescription(f"{alert.evidence} {alert.meaning}")
        if not is_dressed:
            self.use_theme(self._colors)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_buttons()

    def _place_buttons(self) -> None:
        """Below one another where they do not fit side by side."""
        shown = [button for button in (self._debug, self._rewind) if not button.isHidden()]
        needed = sum(button.sizeHint().width() for button in shown) + self._buttons.spacing()
        is_narrow = self.contentsRect().width() < needed + 2 * _MARGIN
        way = QBoxLayout.Direction
        self._buttons.setDirection(way.TopToBottom if is_narrow else way.LeftToRight)

    @property
    def alert(self) -> Alert | None:
        """What it shows."""
        return self._alert

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme; a note is calmer than what harms the run."""
        self._colors = colors
        is_note = self._alert is not None and self._alert.severity == Severity.NOTE
        fill = colors.stage if is_note else colors.alert_fill
        border = colors.border_strong if is_note else colors.alert_border
        title = colors.text if is_note else colors.alert_title
        self.setStyleSheet(
            f"#{_NAME} {{ background: {fill}; border: 1px solid {border}; border-radius: 8px; }}"
            f"QLabel {{ background: transparent; color: {colors.text_secondary}; }}"
            f"QLabel#title {{ color: {title}; }}"
            "QPushButton { font-size: 12px; padding: 0 10px; }"
            "QPushButton:focus { padding: 0 9px; }"
        )
        name = "info" if is_note else "triangle-alert"
        tint = colors.text_secondary if is_note else title
        self._icon.setPixmap(pixmap(name, tint, _ICON, self.devicePixelRatioF()))
        self._debug.setIcon(icon("bug", colors.panel, faint(colors)))
        self._rewind.setIcon(icon("rotate-ccw", colors.text, faint(colors)))

    def _want_debug(self) -> None:
        if self._alert is not None and self._alert.look_at is not None:
            self.debug_wanted.emit(max(1, self._alert.raised), self._alert.look_at)

    def _want_rewind(self) -> None:
        if self._checkpoint is not None:
            self.rewind_wanted.emit(self._checkpoint)


def _words(name: str, font: Font) -> QLabel:
    label = PlainLabel()
    label.setObjectName(name)
    label.setFont(qfont(font))
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
