"""The panel of alerts: a card for each, those that are over, and the rules that are quiet."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from backpropviz.diagnosis.diagnosis import Diagnosis
from backpropviz.diagnosis.rule import Alert
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LIGHT, ROW, Theme
from backpropviz.ui.controls import PanelHead
from backpropviz.ui.icons import pixmap
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.training.alert_card import AlertCard

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
        self.setAccessibleName(self.tr("Alerts"))
        self._colors: Theme = LIGHT
        self._has_run = False
        self._cards: dict[str, AlertCard] = {}
        self.head = PanelHead(self.tr("Alerts"))
        self._add_link(self.tr("Stops"), self.stops_wanted)
        self._add_link(self.tr("Edit rules"), self.rules_wanted)
        self._remark, self._quiet, self._over = _Line(), _Line(), _Line()
        self._lay_out()
        self.show_diagnosis(None)

    def _add_link(self, text: str, wanted: object) -> None:
        button = QPushButton(text)
        button.setObjectName("Quiet")
        button.setFixedHeight(26)
        button.setAutoDefault(False)
        button.setStyleSheet("font-size: 12px;")
        button.clicked.connect(wanted)
        row = self.head.layout()
        if row is not None:
            row.addWidget(button)

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("Panel")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(_SIDE, 4, _SIDE, 12)
        self._column.setSpacing(10)
        self._column.addWidget(self._remark)
        self._column.addWidget(self._over)
        self._column.addWidget(self._quiet)
        self._column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidget(inside)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self._area, 1)

    def show_diagnosis(
        self, diagnosis: Diagnosis | None, checkpoints: tuple[int, ...] = (), remark: str = ""
    ) -> None:
        """Show what is wrong, with the way back to these checkpoints; None: there is no run.

        The remark stands over it.
        """
        self._remark.show_text(remark)
        active = diagnosis.active if diagnosis is not None else ()
        self._show_cards(active, checkpoints)
        self._over.show_text(self._over_text(diagnosis.over if diagnosis is not None else ()))
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
        """Take the colors of a theme."""
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

    def _over_text(self, over: tuple[Alert, ...]) -> str:
        lines = [
            self.tr("Over since update {until}: {title}").format(
                until=f"{alert.until:,}", title=alert.title
            )
            for alert in over[:_MOST_OVER]
        ]
        return "\n".join(lines)

    def _quiet_text(self, diagnosis: Diagnosis | None) -> str:
        if diagnosis is None:
            return self.tr("While a network trains, what goes wrong is told here.")
        quiet = diagnosis.quiet
        names = ", ".join(quiet)
        if not quiet:
            return ""
        if self._cards:
            if len(quiet) == 1:
                return self.tr("1 other rule is quiet: {names}").format(names=names)
            text = self.tr("{count} other rules are quiet: {names}")
        else:
            text = self.tr("All {count} rules are quiet: {names}")
        return text.format(count=len(quiet), names=names)


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
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def show_text(self, text: str) -> None:
        """Say this."""
        self._text.setText(text)
        self.setVisible(bool(text))

    def use_mark(self, name: str, color: str) -> None:
        """Show the mark in a color."""
        self._mark.setPixmap(pixmap(name, color, _SIDE, self.devicePixelRatioF()))
