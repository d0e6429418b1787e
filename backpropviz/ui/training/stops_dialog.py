"""Where training is to stop: a list of conditions, each of which can be switched off or changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, cast

from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.stops import STOPS, NotFiniteStop, Stop, check_place, stop_kinds
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import ROW, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, hairline
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList
from backpropviz.ui.training.stop_form import StopForm

_WIDTH: Final = 560
_ROWS: Final = 7


class StopsDialog(FramedDialog):
    """Edits the stops of a run; what cannot be used is said while it is typed."""

    def __init__(
        self, parent: QWidget, stops: Iterable[Stop], facts: RunFacts, colors: Theme
    ) -> None:
        super().__init__(parent, parent.tr("Stops in training"))
        self._hint = self.tr(
            "Training pauses at the update at which one of these begins to hold. "
            "Alert rules can pause it, too."
        )
        self._facts = facts
        self._stops = list(stops)
        self._form = StopForm(facts)
        self._list = RowList(self.tr("Stops"), "")
        self._list.use_theme(colors)
        self._list.setFixedHeight(_ROWS * ROW_HEIGHT)
        self._list.currentRowChanged.connect(self._choose)
        self._list.removed.connect(self.remove)
        self._list.switched.connect(self._switch)
        self._list.opened.connect(self._edit)
        self._form.changed.connect(self._change)
        self._form.refused.connect(self._refuse)
        self._always = PlainLabel(
            self.tr("A run cannot go on past such an update, so this stop is always on.")
        )
        self._always.setObjectName("Note")
        self._always.setWordWrap(True)
        self._add = Chip(self.tr("Add"))
        self._add.show_value(self.tr("a stop"))
        self._add.use_theme(colors)
        self._add.fill([self._adding(cls) for cls in STOPS if cls is not NotFiniteStop])
        self._remove = QPushButton(self.tr("Remove"))
        self._remove.setFixedHeight(CONTROL_HEIGHT)
        self._remove.setAutoDefault(False)
        self._remove.setFont(qfont(ROW))
        self._remove.clicked.connect(self.remove)
        self._lay_out()
        self._fill(0)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._add)
        row.addWidget(self._remove)
        row.addStretch(1)
        self.body.addWidget(self._list)
        self.body.addWidget(hairline())
        self.body.addLayout(row)
        self.body.addWidget(self._form)
        self.body.addWidget(self._always)
        self.body.addStretch(1)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button(self.tr("Use"), is_primary=True)
        self._accept.clicked.connect(self.accept)
        self.resize(_WIDTH, 0)

    def stops(self) -> tuple[Stop, ...]:
        """What the list says."""
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
        right = self.tr("always") if is_fixed else "" if stop.enabled else self.tr("off")
        about = "" if is_fixed else self.tr("Space switches it, Delete removes it.")
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

    def _adding(self, kind: type[Stop]) -> QAction:
        action = QAction(self.tr(kind.title), self._add)
        action.setData(kind.kind)
        action.triggered.connect(self._add_chosen)
        return action

    def _add_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.add(stop_kinds()[str(action.data())]())


def ask_stops(
    parent: QWidget, stops: Iterable[Stop], facts: RunFacts, colors: Theme
) -> tuple[Stop, ...] | None:
    """The stops that the person wants; None where they dismiss the dialog."""
    dialog = StopsDialog(parent, stops, facts, colors)
    is_used = dialog.exec() == StopsDialog.DialogCode.Accepted
    found = dialog.stops() if is_used else None
    dialog.deleteLater()
    return found
