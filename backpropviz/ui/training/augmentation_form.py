"""How the images of a run are changed from batch to batch: a row of switches and amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLineEdit, QWidget

from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.controls import CONTROL_HEIGHT
from backpropviz.ui.plain_text import plain_tip
from backpropviz.ui.training.typed import field_text, typed_value

_AMOUNTS: Final[Mapping[str, tuple[str, str]]] = {
    "shift_px": ("Shift up to", "pixels"),
    "rotation_deg": ("Turn up to", "degrees"),
    "scale": ("Scale by up to", "0.1: from 0.9 to 1.1"),
    "noise": ("Noise", "standard deviation"),
}
_FIELD_WIDTH: Final = 104


class AugmentationForm(QWidget):
    """What is typed becomes an `Augmentation`; `changed` comes when a field is left."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(12)
        rows.setVerticalSpacing(6)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._flip = QCheckBox(self.tr("Mirror every second image"))
        self._flip.toggled.connect(self._tell)
        rows.addRow(self._flip)
        self._fields: dict[str, QLineEdit] = {}
        for name, (title, unit) in _AMOUNTS.items():
            field = QLineEdit("0")
            field.setFont(qfont(MONO))
            field.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setAccessibleName(f"{title}, {unit}")
            field.setToolTip(plain_tip(unit))
            field.editingFinished.connect(self._tell)
            self._fields[name] = field
            rows.addRow(title, field)

    def _tell(self) -> None:
        self.changed.emit()

    def show_amounts(self, augmentation: Augmentation) -> None:
        """Show these."""
        self._flip.setChecked(augmentation.flip)
        for name, field in self._fields.items():
            field.setText(field_text(getattr(augmentation, name)))

    def typed(self) -> Augmentation:
        """What the fields say now.

        Raises:
            UserError: a field cannot be used; the sentence names it.
        """
        amounts: dict[str, float] = {}
        for name, field in self._fields.items():
            value = typed_value(field.text(), _AMOUNTS[name][0])
            if not isinstance(value, int | float):
                raise UserError(f"{_AMOUNTS[name][0]} must be a number.")
            amounts[name] = float(value)
        return Augmentation(flip=self._flip.isChecked(), **amounts)
