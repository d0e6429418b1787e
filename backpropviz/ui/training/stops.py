"""Where training is to stop: a list of conditions, each of which can be switched off or changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, cast

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QScrollArea, QToolButton, QVBoxLayout, QWidget

from backpropviz.diagnosis.loss import NotFinite
from backpropviz.diagnosis.rule import Rule, RunFacts
from backpropviz.diagnosis.stops import STOPS, NotFiniteStop, Stop, check_place, stop_kinds
from backpropviz.diagnosis.thresholds import DEFAULTS, LIMITS, Limit, Thresholds
from backpropviz.diagnosis.watch import RULES
from backpropviz.document import KIND_FIELD, from_fields, to_fields
from backpropviz.errors import UserError
from backpropviz.frozen import Setting
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, LABEL, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, Suggestions, hairline, plain_tip
from backpropviz.ui.dialog import FramedDialog, form
from backpropviz.ui.forms import Control, Fields, SettingLine, follow_rows
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

_FIELD_WIDTH: Final = 168
_ENABLED: Final = "enabled"


class StopForm(QWidget):
    """Emits the stop while it is typed, or why it cannot be used."""

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, facts: RunFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self._stop: Stop | None = None
        self._fields = Fields(NotFiniteStop())
        self._inside: QWidget | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_stop(self, stop: Stop) -> None:
        """A row for each of its fields."""
        if self._inside is not None:
            self._column.removeWidget(self._inside)
            self._inside.hide()
            self._inside.deleteLater()
        self._stop, self._inside, rows = stop, QWidget(), form()
        rows.setContentsMargins(0, 0, 0, 0)
        self._inside.setLayout(rows)
        names = [name for name in to_fields(stop) if name not in {KIND_FIELD, _ENABLED}]
        self._fields = fields = Fields(stop, [*names, _ENABLED], width=_FIELD_WIDTH)
        fields.setParent(self._inside)
        fields.add_to(rows)
        switch = fields.controls[_ENABLED]
        rows.takeRow(switch)
        rows.addRow("", switch)
        follow_rows(rows)
        for name, control in fields.controls.items():
            if isinstance(control, SettingLine):
                control.setAlignment(Qt.AlignmentFlag.AlignLeft)
                if control.hint is str:
                    Suggestions(self._offered(name), control)
        fields.edited.connect(self._take)
        self._column.addWidget(self._inside)
        self.setFocusProxy(next(iter(fields.controls.values())))

    def field(self, name: str) -> Control:
        return self._fields.controls[name]

    def _offered(self, name: str) -> Sequence[str]:
        """The names that there are, where an empty field means any."""
        is_tensor = name == "tensor"
        return [one.name for one in self._facts.tensors] if is_tensor else self._facts.rectifiers

    def _take(self) -> None:
        if self._stop is None:
            return
        try:
            given = to_fields(self._stop) | self._fields.values()
            stop = from_fields(stop_kinds(), given, "stop", "This stop")
            check_place(self._facts, stop)
        except UserError as error:
            self.refused.emit(str(error))
            return
        self._stop = stop
        self.changed.emit(stop)


_WIDTH: Final = 560
_ROWS: Final = 7


class StopsDialog(FramedDialog):
    """Edits the stops of a run; what cannot be used is said while it is typed."""

    def __init__(
        self, parent: QWidget, stops: Iterable[Stop], facts: RunFacts, colors: Theme
    ) -> None:
        super().__init__(parent, "Stops in training")
        self._hint = (
            "Training pauses at the update at which one of these begins to hold. "
            "Alert rules can pause it, too."
        )
        self._facts = facts
        self._stops = list(stops)
        self._form = StopForm(facts)
        self._list = RowList("Stops", "")
        self._list.use_theme(colors)
        self._list.setFixedHeight(_ROWS * ROW_HEIGHT)
        self._list.currentRowChanged.connect(self._choose)
        self._list.removed.connect(self.remove)
        self._list.switched.connect(self._switch)
        self._list.opened.connect(self._edit)
        self._form.changed.connect(self._change)
        self._form.refused.connect(self._refuse)
        self._always = boxes.words(
            "A run cannot go on past such an update, so this stop is always on.",
            style="Note",
            wraps=True,
        )
        self._add = Chip("Add")
        self._add.show_value("a stop")
        self._add.use_theme(colors)
        kinds = [cls for cls in STOPS if cls is not NotFiniteStop]
        self._add.fill([boxes.entry(cls.title, self._add, self._add_new, cls) for cls in kinds])
        self._remove = boxes.button("Remove", height=CONTROL_HEIGHT)
        self._remove.setFont(qfont(ROW))
        self._remove.clicked.connect(self.remove)
        self._lay_out()
        self._fill(0)

    def _lay_out(self) -> None:
        row = boxes.row(self._add, self._remove, None, gap=8)
        self.body.addWidget(self._list)
        self.body.addWidget(hairline())
        self.body.addLayout(row)
        self.body.addWidget(self._form)
        self.body.addWidget(self._always)
        self.body.addStretch(1)
        self.add_button("Cancel").clicked.connect(self.reject)
        self._accept = self.add_button("Use", is_primary=True)
        self._accept.clicked.connect(self.accept)
        self.resize(_WIDTH, 0)

    def stops(self) -> tuple[Stop, ...]:
        return tuple(self._stops)

    def add(self, stop: Stop) -> None:
        """One more, which can be adapted at once."""
        self._stops.append(stop)
        self._fill(len(self._stops) - 1)
        self._form.setFocus()

    def remove(self) -> None:
        """Take the chosen one away."""
        number = self._list.currentRow()
        if number >= 0 and not isinstance(self._stops[number], NotFiniteStop):
            del self._stops[number]
            self._fill(min(number, len(self._stops) - 1))

    def _fill(self, chosen: int) -> None:
        self._show()
        self._list.setCurrentRow(chosen)
        self._choose(chosen)

    def _show(self) -> None:
        self._list.show_rows(tuple(self._row(k, stop) for k, stop in enumerate(self._stops)))

    def _row(self, number: int, stop: Stop) -> Row:
        is_fixed = isinstance(stop, NotFiniteStop)
        right = "always" if is_fixed else "" if stop.enabled else "off"
        about = "" if is_fixed else "Space switches it, Delete removes it."
        left = stop.words[0].upper() + stop.words[1:]
        return Row(str(number), left, right, is_quiet=True, dot=stop.enabled, help=about)

    def _choose(self, number: int) -> None:
        stop = self._stops[number] if 0 <= number < len(self._stops) else None
        is_fixed = isinstance(stop, NotFiniteStop)
        self._remove.setEnabled(stop is not None and not is_fixed)
        self._always.setVisible(is_fixed)
        self._form.setVisible(stop is not None and not is_fixed)
        if stop is not None:
            self._form.show_stop(stop)
        self._refuse(self._refusal())

    def _change(self, stop: Stop) -> None:
        self._stops[self._list.currentRow()] = stop
        self._show()
        self._refuse(self._refusal())

    def _switch(self, key: str) -> None:
        stop = self._stops[int(key)]
        if not isinstance(stop, NotFiniteStop):
            self._stops[int(key)] = replace(cast("Any", stop), enabled=not stop.enabled)
            self._fill(int(key))

    def _edit(self) -> None:
        self._form.setFocus()

    def _refusal(self) -> str:
        try:
            for stop in self._stops:
                check_place(self._facts, stop)
        except UserError as error:
            return str(error)
        return ""

    def _refuse(self, refusal: str) -> None:
        self.say(refusal or self._hint)
        self._accept.setEnabled(not refusal)

    def _add_new(self, kind: type[Stop]) -> None:
        self.add(kind())


def ask_stops(
    parent: QWidget, stops: Iterable[Stop], facts: RunFacts, colors: Theme
) -> tuple[Stop, ...] | None:
    """The stops that the person wants; None where they dismiss the dialog."""
    dialog = StopsDialog(parent, stops, facts, colors)
    return dialog.ask_for(dialog.stops)


_THRESHOLDS_DIALOG_WIDTH, _HEIGHT = 600, 620
_THRESHOLDS_DIALOG_FIELD_WIDTH = 92


class ThresholdsDialog(FramedDialog):
    """Edits all of them; what cannot be used is said while it is typed."""

    def __init__(self, parent: QWidget, limits: Thresholds, colors: Theme) -> None:
        super().__init__(parent, "Alert rules")
        self._hint = "Takes effect at the next update."
        self._colors = colors
        self._rows: dict[str, _Row] = {}
        self._responses: dict[str, _Response] = {}
        self.body.addWidget(self._area(limits), 1)
        self.add_button("Reset all").clicked.connect(self.reset_all)
        self.add_button("Cancel").clicked.connect(self.reject)
        self._accept = self.add_button("Use", is_primary=True)
        self._accept.clicked.connect(self.accept)
        self.resize(_THRESHOLDS_DIALOG_WIDTH, _HEIGHT)
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
        column = boxes.column(gap=12, margins=(0, 0, 12, 0), owner=inside)
        column.addWidget(boxes.words("When a rule is met", BODY_STRONG))
        rules = QVBoxLayout()
        rules.setSpacing(6)
        for rule in RULES:
            response = _Response(rule, limits)
            self._responses[rule.name] = response
            rules.addWidget(response)
        column.addLayout(rules)
        for group, members in groupby(LIMITS, lambda name: LIMITS[name].group):
            column.addWidget(hairline())
            column.addWidget(boxes.words(group, BODY_STRONG))
            for name in members:
                row = _Row(LIMITS[name], getattr(DEFAULTS, name), getattr(limits, name))
                row.use_theme(self._colors)
                row.field.textChanged.connect(self._check)
                self._rows[name] = row
                column.addWidget(row)
        return boxes.scrolled(inside)

    def _check(self) -> None:
        refusal = ""
        try:
            self.thresholds()
        except UserError as error:
            refusal = str(error)[:1].upper() + str(error)[1:]
        self.say(refusal or self._hint)
        self._accept.setEnabled(not refusal)


class _Response(QWidget):
    """What follows where a rule is met: an alert, a pause, or both."""

    def __init__(self, rule: type[Rule], limits: Thresholds) -> None:
        super().__init__()
        self.name = rule.name
        title = rule.name[0].upper() + rule.name[1:]
        label = boxes.words(title, ROW)
        self.alerts, self.pauses = QCheckBox("Alert"), QCheckBox("Pause")
        self.alerts.setAccessibleName(f"{title}: alert")
        self.pauses.setAccessibleName(f"{title}: pause")
        self.pauses.setToolTip("Pause the run at the update at which it begins to be met")
        self._is_free = rule.can_pause and rule is not NotFinite
        self.pauses.setEnabled(self._is_free)
        if rule is NotFinite:
            self.pauses.setToolTip("A run cannot go on past such an update")
        elif not rule.can_pause:
            self.pauses.setToolTip("It is known before the first update")
        boxes.row((label, 1), self.alerts, self.pauses, gap=16, margins=boxes.BARE, owner=self)
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
        self._default = default
        title = boxes.words(limit.title, ROW)
        setting = Setting(limit.title, unit="%" if limit.is_share else "")
        self.field = SettingLine(setting, int | float if limit.is_whole else float)
        self.field.show_value(default)
        default_text = self._default_text = self.field.text()
        self.field.show_value(value)
        self.field.setFixedSize(_THRESHOLDS_DIALOG_FIELD_WIDTH, CONTROL_HEIGHT)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.field.setAccessibleName(f"{limit.group}, {limit.title}")
        self.field.setAccessibleDescription(limit.explanation)
        told = f"From {limit.range_text}"
        self.field.setToolTip(plain_tip(told))
        unit = boxes.words("%" if limit.is_share else "", ROW)
        unit.setFixedWidth(14)
        self._reset = QToolButton()
        self._reset.setFixedSize(24, 24)
        self._reset.setIconSize(QSize(16, 16))
        shown = f"{default_text} %" if limit.is_share else default_text
        self._reset.setToolTip(plain_tip(f"Back to {shown}"))
        self._reset.setAccessibleName(self._reset.toolTip())
        self._reset.clicked.connect(self.reset)
        about = boxes.words(
            f"{limit.explanation} Default {shown}, {limit.source}.", LABEL, "Note", wraps=True
        )
        head = boxes.row((title, 1), gap=6)
        for widget in (self.field, unit, self._reset):
            head.addWidget(widget)
        boxes.column(head, about, gap=2, margins=boxes.BARE, owner=self)
        self.field.textChanged.connect(self._follow)
        self._follow()

    def value(self) -> float:
        """The number in the field.

        Raises:
            UserError: there is none.
        """
        number: float = self.field.checked_value()
        return number

    def reset(self) -> None:
        """Back to the default."""
        self.field.show_value(self._default)

    def use_theme(self, colors: Theme) -> None:
        self._reset.setIcon(icon("rotate-ccw", colors.text_secondary, faint(colors)))

    def _follow(self) -> None:
        self._reset.setEnabled(self.field.text() != self._default_text)


def ask_thresholds(parent: QWidget, limits: Thresholds, colors: Theme) -> Thresholds | None:
    """The thresholds that the person wants; None where they dismiss the dialog."""
    dialog = ThresholdsDialog(parent, limits, colors)
    return dialog.ask_for(dialog.thresholds)
