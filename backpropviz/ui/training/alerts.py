"""The panel of alerts: a card for each, those that are over, and the rules that are quiet."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from backpropviz.diagnosis.rule import Alert, Severity
from backpropviz.diagnosis.watch import Diagnosis
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, LIGHT, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import faint, icon, pixmap
from backpropviz.ui.controls import PanelHead, PlainLabel, plain_tip

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
        self.alert: Alert | None = None
        self._checkpoint: int | None = None
        self._colors = colors
        self._icon = PlainLabel()
        self._title = boxes.words("", BODY_STRONG, "title", wraps=True, is_selectable=True)
        self._evidence = boxes.words("", ROW, "evidence", wraps=True, is_selectable=True)
        self._meaning = boxes.words("", ROW, "meaning", wraps=True, is_selectable=True)
        # A style sheet leaves no room between an icon and its words but a space.
        self._debug = QPushButton(" " + "Debug this update")
        self._debug.setAccessibleName("Debug this update")
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
        boxes.column(
            head,
            self._evidence,
            self._meaning,
            4,
            self._buttons,
            gap=6,
            margins=(_MARGIN, 12, _MARGIN, 14),
            owner=self,
        )

    def show_alert(self, alert: Alert, checkpoints: tuple[int, ...]) -> None:
        """Show an alert, and the way to the last of these checkpoints that does not have it."""
        place = bisect_left(checkpoints, max(alert.since, 1))
        checkpoint = checkpoints[place - 1] if place and alert.since else None
        if alert == self.alert and checkpoint == self._checkpoint:
            return
        is_dressed = self.alert is not None and self.alert.severity == alert.severity
        self.alert, self._checkpoint = alert, checkpoint
        self._title.setText(alert.title)
        self._evidence.setText(alert.evidence)
        self._meaning.setText(alert.meaning)
        self._debug.setVisible(alert.look_at is not None)
        update = f"{max(1, alert.raised):,}"
        told = f"Open update {update} in the debugger, at {alert.look_at}."
        self._debug.setToolTip(plain_tip(told))
        self._rewind.setVisible(checkpoint is not None)
        text = f"Rewind to {checkpoint:,}" if checkpoint else "Rewind to the start"
        self._rewind.setText(" " + text)
        self._rewind.setAccessibleName(text)
        self._rewind.setToolTip("Go back to the checkpoint before it began.")
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

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme; a note is calmer than what harms the run."""
        self._colors = colors
        is_note = self.alert is not None and self.alert.severity == Severity.NOTE
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
        if self.alert is not None and self.alert.look_at is not None:
            self.debug_wanted.emit(max(1, self.alert.raised), self.alert.look_at)

    def _want_rewind(self) -> None:
        if self._checkpoint is not None:
            self.rewind_wanted.emit(self._checkpoint)


_SIDE = 16
_MOST_OVER = 3


class AlertsPanel(QFrame):
    """Shows a diagnosis; what a person wants is told by signals."""

    debug_wanted = Signal(int, object)
    """An update, and the `Address` in it to look at."""
    rewind_wanted = Signal(int)
    """The update of a checkpoint."""
    rules_wanted = Signal()
    stops_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setAccessibleName("Alerts")
        self._colors: Theme = LIGHT
        self._has_run = False
        self._cards: dict[str, AlertCard] = {}
        self.head = PanelHead("Alerts")
        self._add_link("Stops", self.stops_wanted)
        self._add_link("Edit rules", self.rules_wanted)
        self._remark, self._quiet, self._over = _Line(), _Line(), _Line()
        self._lay_out()
        self.show_diagnosis(None)

    def _add_link(self, text: str, wanted: object) -> None:
        button = boxes.button(text, style="Quiet", height=26)
        button.setStyleSheet("font-size: 12px;")
        button.clicked.connect(wanted)
        row = self.head.layout()
        if row is not None:
            row.addWidget(button)

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("Panel")
        self._column = boxes.column(
            self._remark,
            self._over,
            self._quiet,
            None,
            gap=10,
            margins=(_SIDE, 4, _SIDE, 12),
            owner=inside,
        )
        self._area = boxes.scrolled(inside)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        boxes.column(self.head, (self._area, 1), gap=0, margins=boxes.BARE, owner=self)

    def show_diagnosis(
        self, diagnosis: Diagnosis | None, checkpoints: tuple[int, ...] = (), remark: str = ""
    ) -> None:
        """Show what is wrong, with the way back to these checkpoints; None: there is no run.

        The remark stands over it.
        """
        self._remark.show_text(remark)
        active, over = ((), ()) if diagnosis is None else (diagnosis.active, diagnosis.over)
        self._show_cards(active, checkpoints)
        ended = [f"Over since update {one.until:,}: {one.title}" for one in over[:_MOST_OVER]]
        self._over.show_text("\n".join(ended))
        self._quiet.show_text(self._quiet_text(diagnosis))
        self._has_run = diagnosis is not None
        self._mark_lines()
        self.updateGeometry()

    @property
    def cards(self) -> tuple[AlertCard, ...]:
        """The cards from top to bottom."""
        return tuple(self._cards.values())

    @property
    def remark_text(self) -> str:
        """What stands over the alerts."""
        return self._remark.text

    @property
    def quiet_text(self) -> str:
        """The line about the rules that see nothing."""
        return self._quiet.text

    def use_theme(self, colors: Theme) -> None:
        self._colors = colors
        self.head.use_theme(colors)
        for card in self.cards:
            card.use_theme(colors)
        self._mark_lines()

    def _mark_lines(self) -> None:
        colors = self._colors
        mark = ("check", colors.ok) if self._has_run else ("info", colors.text_secondary)
        self._quiet.use_mark(*mark)
        self._over.use_mark("history", colors.text_secondary)
        self._remark.use_mark("info", colors.text_secondary)

    def sizeHint(self) -> QSize:
        """As high as all that it says, so that a panel below comes right after it."""
        inside = self._area.widget()
        width = max(self.width(), 240)
        height = inside.heightForWidth(width) if inside is not None else 0
        return QSize(width, self.head.height() + max(height, 40))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.head.height() + 40)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        inside = self._area.widget()
        return self.head.height() + (inside.heightForWidth(width) if inside is not None else 0)

    def _show_cards(self, alerts: tuple[Alert, ...], checkpoints: tuple[int, ...]) -> None:
        wanted = {alert.key: alert for alert in alerts}
        for key in [key for key in self._cards if key not in wanted]:
            card = self._cards.pop(key)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        ordered = {}
        for place, (key, alert) in enumerate(wanted.items(), 1):
            card = self._cards.get(key) or self._new_card(alert)
            card.show_alert(alert, checkpoints)
            if self._column.indexOf(card) != place:
                self._column.insertWidget(place, card)
            ordered[key] = card
        self._cards = ordered

    def _new_card(self, alert: Alert) -> AlertCard:
        card = AlertCard(self._colors)
        card.debug_wanted.connect(self.debug_wanted)
        card.rewind_wanted.connect(self.rewind_wanted)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, alert.title))
        return card

    def _quiet_text(self, diagnosis: Diagnosis | None) -> str:
        if diagnosis is None:
            return "While a network trains, what goes wrong is told here."
        quiet = diagnosis.quiet
        names = ", ".join(quiet)
        if not quiet:
            return ""
        if not self._cards:
            return f"All {len(quiet)} rules are quiet: {names}"
        if len(quiet) == 1:
            return f"1 other rule is quiet: {names}"
        return f"{len(quiet)} other rules are quiet: {names}"


class _Line(QWidget):
    """A small mark before a text; it is hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self._mark, self._text = PlainLabel(), PlainLabel()
        self._mark.setFixedWidth(_SIDE)
        self._text.setObjectName("Note")
        self._text.setFont(qfont(ROW))
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        boxes.row(
            (self._mark, Qt.AlignmentFlag.AlignTop),
            (self._text, 1),
            gap=8,
            margins=boxes.BARE,
            owner=self,
        )

    @property
    def text(self) -> str:
        return self._text.text()

    def show_text(self, text: str) -> None:
        self._text.setText(text)
        self.setVisible(bool(text))

    def use_mark(self, name: str, color: str) -> None:
        """Show the mark in a color."""
        self._mark.setPixmap(pixmap(name, color, _SIDE, self.devicePixelRatioF()))
