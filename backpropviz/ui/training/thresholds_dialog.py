"""The rules of the diagnosis: what follows where one is met, and the thresholds of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.diagnosis.diagnosis import RULES
from backpropviz.diagnosis.loss_rules import NotFinite
from backpropviz.diagnosis.rule import Rule
from backpropviz.diagnosis.thresholds import DEFAULTS, LIMITS, Limit, Thresholds
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, LABEL, MONO, ROW, Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.controls import CONTROL_HEIGHT, hairline
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.icons import icon
from backpropviz.ui.plain_text import PlainLabel, plain_tip
from backpropviz.ui.training.typed import typed_value

_WIDTH, _HEIGHT = 600, 620
_FIELD_WIDTH = 92


class ThresholdsDialog(FramedDialog):
    """Edits all of them; what cannot be used is said while it is typed."""

    def __init__(self, parent: QWidget, limits: Thresholds, colors: Theme) -> None:
        super().__init__(parent, parent.tr("Alert rules"))
        self._hint = self.tr("Takes effect at the next update.")
        self._colors = colors
        self._rows: dict[str, _Row] = {}
        self._responses: dict[str, _Response] = {}
        self.body.addWidget(self._area(limits), 1)
        reset = self.add_button(self.tr("Reset all"))
        reset.clicked.connect(self.reset_all)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button(self.tr("Use"), is_primary=True)
        self._accept.clicked.connect(self.accept)
        self.resize(_WIDTH, _HEIGHT)
        self._check()

    def thresholds(self) -> Thresholds:
        """What the fields say.

        Raises:
            UserError: a field holds no number, or one out of range.
        """
        values: Mapping[str, object] = {name: row.value() for name, row in self._rows.items()}
        found = self._responses.values()
        return replace(
            DEFAULTS,
            silent=frozenset(one.name for one in found if not one.alerts.isChecked()),
            pausing=frozenset(one.name for one in found if one.is_pausing),
            **values,  # type: ignore[arg-type]
        )

    def reset_all(self) -> None:
        """Put every field back to its default."""
        for row in self._rows.values():
            row.reset()
        for response in self._responses.values():
            response.show_limits(DEFAULTS)

    def row(self, name: str) -> _Row:
        """The row of a threshold, by its field."""
        return self._rows[name]

    def response(self, name: str) -> _Response:
        """The row of a rule, by its name."""
        return self._responses[name]

    def _area(self, limits: Thresholds) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("Panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(12)
        column.addWidget(_heading(self.tr("When a rule is met")))
        rules = QVBoxLayout()
        rules.setSpacing(6)
        for rule in RULES:
            response = _Response(rule, limits)
            self._responses[rule.name] = response
            rules.addWidget(response)
        column.addLayout(rules)
        for group, members in groupby(LIMITS, lambda name: LIMITS[name].group):
            column.addWidget(hairline())
            column.addWidget(_heading(self.tr(group)))
            for name in members:
                row = _Row(LIMITS[name], getattr(DEFAULTS, name), getattr(limits, name))
                row.use_theme(self._colors)
                row.field.textChanged.connect(self._check)
                self._rows[name] = row
                column.addWidget(row)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def _check(self) -> None:
        refusal = ""
        try:
            self.thresholds()
        except UserError as error:
            refusal = str(error)[:1].upper() + str(error)[1:]
        self.say(refusal or self._hint)
        self._accept.setEnabled(not refusal)


def _heading(text: str) -> PlainLabel:
    heading = PlainLabel(text)
    heading.setFont(qfont(BODY_STRONG))
    return heading


class _Response(QWidget):
    """What follows where a rule is met: an alert, a pause, or both."""

    def __init__(self, rule: type[Rule], limits: Thresholds) -> None:
        super().__init__()
        self.name = rule.name
        title = rule.name[0].upper() + rule.name[1:]
        label = PlainLabel(title)
        label.setFont(qfont(ROW))
        self.alerts, self.pauses = QCheckBox(self.tr("Alert")), QCheckBox(self.tr("Pause"))
        self.alerts.setAccessibleName(self.tr("{rule}: alert").format(rule=title))
        self.pauses.setAccessibleName(self.tr("{rule}: pause").format(rule=title))
        self.pauses.setToolTip(self.tr("Pause the run at the update at which it begins to be met"))
        self._is_free = rule.can_pause and rule is not NotFinite
        self.pauses.setEnabled(self._is_free)
        if rule is NotFinite:
            self.pauses.setToolTip(self.tr("A run cannot go on past such an update"))
        elif not rule.can_pause:
            self.pauses.setToolTip(self.tr("It is known before the first update"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(label, 1)
        row.addWidget(self.alerts)
        row.addWidget(self.pauses)
        self.show_limits(limits)

    @property
    def is_pausing(self) -> bool:
        """Whether the person wants a pause where there is a choice."""
        return self._is_free and self.pauses.isChecked()

    def show_limits(self, limits: Thresholds) -> None:
        """What these thresholds say of the rule."""
        self.alerts.setChecked(self.name not in limits.silent)
        always = self.name == NotFinite.name
        self.pauses.setChecked(always or self.name in limits.pausing)


class _Row(QWidget):
    """A threshold: its title, a field, the way back to the default, and what it is about."""

    def __init__(self, limit: Limit, default: float, value: float) -> None:
        super().__init__()
        self._limit, self._default = limit, default
        title = PlainLabel(limit.title)
        title.setFont(qfont(ROW))
        self.field = QLineEdit(_text(limit, value))
        self.field.setFont(qfont(MONO))
        self.field.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.field.setAccessibleName(f"{limit.group}, {limit.title}")
        self.field.setAccessibleDescription(limit.explanation)
        told = self.tr("From {range}").format(range=limit.range_text)
        self.field.setToolTip(plain_tip(told))
        unit = PlainLabel("%" if limit.is_share else "")
        unit.setFont(qfont(ROW))
        unit.setFixedWidth(14)
        self._reset = QToolButton()
        self._reset.setFixedSize(24, 24)
        self._reset.setIconSize(QSize(16, 16))
        shown = f"{_text(limit, default)} %" if limit.is_share else _text(limit, default)
        self._reset.setToolTip(plain_tip(self.tr("Back to {default}").format(default=shown)))
        self._reset.setAccessibleName(self._reset.toolTip())
        self._reset.clicked.connect(self.reset)
        about = PlainLabel(
            self.tr("{explanation} Default {default}, {source}.").format(
                explanation=limit.explanation, default=shown, source=limit.source
            )
        )
        about.setObjectName("Note")
        about.setFont(qfont(LABEL))
        about.setWordWrap(True)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(title, 1)
        for widget in (self.field, unit, self._reset):
            head.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(about)
        self.field.textChanged.connect(self._follow)
        self._follow()

    def value(self) -> float:
        """The number in the field.

        Raises:
            UserError: there is none.
        """
        text = self.field.text().replace("%", "").replace("∞", "inf")
        found = typed_value(text, self._limit.title)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise UserError(f"{self._limit.title} = “{text}” is no single number: type one.")
        return found / 100 if self._limit.is_share else found

    def reset(self) -> None:
        """Back to the default."""
        self.field.setText(_text(self._limit, self._default))

    def use_theme(self, colors: Theme) -> None:
        """Tint the icon."""
        self._reset.setIcon(icon("rotate-ccw", colors.text_secondary, faint(colors)))

    def _follow(self) -> None:
        self._reset.setEnabled(self.field.text() != _text(self._limit, self._default))


def _text(limit: Limit, value: float) -> str:
    shown = f"{100 * value if limit.is_share else value:g}"
    mantissa, _, exponent = shown.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else shown


def ask_thresholds(parent: QWidget, limits: Thresholds, colors: Theme) -> Thresholds | None:
    """The thresholds that the person wants; None where they dismiss the dialog."""
    dialog = ThresholdsDialog(parent, limits, colors)
    is_used = dialog.exec() == ThresholdsDialog.DialogCode.Accepted
    found = dialog.thresholds() if is_used else None
    dialog.deleteLater()
    return found
