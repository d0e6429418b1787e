"""How data are split, limited and normalized: fields, and what they say."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLineEdit, QWidget

from backpropviz.errors import UserError
from backpropviz.importers.datasets.load import Choices
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.controls import CONTROL_HEIGHT
from backpropviz.ui.plain_text import plain_tip
from backpropviz.ui.training.typed import LARGEST, field_text, told, typed_value

_FIELD_WIDTH = 72


class DataFields(QWidget):
    """What is typed becomes `Choices`; `changed` comes when a field is left with another text."""

    changed = Signal()

    def __init__(self, choices: Choices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(12)
        rows.setVerticalSpacing(6)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._held_out = self._field(
            field_text(100 * choices.held_out),
            self.tr("For validation, of every class; unused where the set has a validation part."),
        )
        self._seed = self._field(
            str(choices.seed), self.tr("The same seed holds the same samples out.")
        )
        self._limit = self._field(
            "" if choices.limit is None else str(choices.limit),
            self.tr("Limit the number of images (stratified by class)."),
        )
        self._limit.setPlaceholderText(self.tr("all"))
        self._normalize = QCheckBox(self.tr("Normalize"))
        self._normalize.setToolTip(
            self.tr("Give each channel mean 0 and standard deviation 1 over the training images.")
        )
        self._normalize.setChecked(choices.normalize)
        self._normalize.toggled.connect(self._tell)
        for title, field in (
            (self.tr("Held out, %"), self._held_out),
            (self.tr("Seed of the split"), self._seed),
            (self.tr("Images at most"), self._limit),
        ):
            field.setAccessibleName(title)
            rows.addRow(title, field)
        rows.addRow(self._normalize)

    def _field(self, text: str, help_text: str) -> QLineEdit:
        field = QLineEdit(text)
        field.setFont(qfont(MONO))
        field.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.setToolTip(plain_tip(help_text))
        field.editingFinished.connect(self._tell)
        return field

    def _tell(self) -> None:
        self.changed.emit()

    def typed(self) -> Choices:
        """What the fields say.

        Raises:
            UserError: one of them is no number; the sentence names it.
        """
        share = typed_value(self._held_out.text(), self.tr("Held out"))
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise UserError("Held out must be a number from 0 to 90.")
        limit = self._limit.text().strip()
        wants_all = limit in {"", self.tr("all")}
        return Choices(
            share / 100,
            _whole(self._seed.text(), self.tr("Seed of the split")),
            None if wants_all else _whole(limit, self.tr("Images at most")),
            self._normalize.isChecked(),
        )


def _whole(text: str, title: str) -> int:
    value = typed_value(text, title)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST:
        raise UserError(f"{title} = {told(text)} must be a whole number from 0 on.")
    return value
