"""The thresholds of the diagnosis: each with its default, its source, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import groupby

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.debugger.training.thresholds import DEFAULTS, LIMITS, Limit, Thresholds
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
        self._hint = self.tr("A change holds from the next update on.")
        self._colors = colors
        self._rows: dict[str, _Row] = {}
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
        return replace(DEFAULTS, **values)  # type: ignore[arg-type]

    def reset_all(self) -> None:
        """Put every field back to its default."""
        for row in self._rows.values():
            row.reset()

    def row(self, name: str) -> _Row:
        """The row of a threshold, by its field."""
        return self._rows[name]

    def _area(self, limits: Thresholds) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("Panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(12)
        names = (field.name for field in fields(Thresholds))
        for group, members in groupby(names, lambda name: LIMITS[name].group):
            if self._rows:
                column.addWidget(hairline())
            heading = PlainLabel(self.tr(group))
            heading.setFont(qfont(BODY_STRONG))
            column.addWidget(heading)
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
