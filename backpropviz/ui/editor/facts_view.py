"""What follows for a layer, as rows of a label and a number."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

from backpropviz.engine.architecture.survey import LayerFacts
from backpropviz.engine.arrays import Shape, shape_text
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, ROW
from backpropviz.ui.editor.setting_fields import LABEL_WIDTH
from backpropviz.ui.plain_text import PlainLabel

UNKNOWN = "not known yet"


class FactsView(QWidget):
    """Rows are made anew only where their labels change."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(6)
        self._values: dict[str, QLabel] = {}

    def show_rows(self, rows: dict[str, str]) -> None:
        """Show label and value of each."""
        if list(rows) != list(self._values):
            while self._form.rowCount():
                self._form.removeRow(0)
            self._values = {label: self._add(label) for label in rows}
        for label, text in rows.items():
            self._values[label].setText(text)

    def value(self, label: str) -> str:
        """What a row says."""
        return self._values[label].text()

    def _add(self, label: str) -> QLabel:
        title, value = PlainLabel(label), PlainLabel()
        title.setFont(qfont(ROW))
        title.setObjectName("Secondary")
        title.setMinimumWidth(LABEL_WIDTH)
        value.setFont(qfont(MONO))
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._form.addRow(title, value)
        return value


def fact_rows(facts: LayerFacts) -> dict[str, str]:
    """Shapes, parameters and costs of a layer in words."""
    inputs = ", ".join(_shape(shape) for shape in facts.inputs)
    rows = {_tr("In"): inputs, _tr("Out"): _shape(facts.output)}
    for name, shape in facts.kept_shapes.items():
        rows[name] = shape_text(shape)
    rows[_tr("Parameters")] = count_text(facts.parameters)
    rows[_tr("Multiply-adds")] = count_text(facts.multiply_adds)
    rows[_tr("Output memory")] = bytes_text(facts.activation_bytes)
    return rows


def count_text(count: int | None) -> str:
    """`61,706`."""
    return _tr(UNKNOWN) if count is None else f"{count:,}"


def bytes_text(count: int | None) -> str:
    """`18.4 KB`, decimal units."""
    if count is None:
        return _tr(UNKNOWN)
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _shape(shape: Shape | None) -> str:
    return _tr(UNKNOWN) if shape is None else shape_text(shape)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Facts", text)
