"""Counters of the whole network: parameters, multiply-adds, memory."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from backpropviz.engine.architecture.survey import Survey
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import COUNTER, LABEL
from backpropviz.ui.editor.facts_view import bytes_text
from backpropviz.ui.plain_text import PlainLabel


class Totals(QFrame):
    """Three numbers with their names; a dash where one is not known yet."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("EditorStage")
        self.setFixedHeight(68)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 10, 20, 8)
        row.setSpacing(36)
        self.parameters = self._add(row, self.tr("Parameters"))
        self.multiply_adds = self._add(row, self.tr("Multiply-adds, one image"))
        self.memory = self._add(row, self.tr("Outputs, one image"))
        row.addStretch(1)

    def show_survey(self, found: Survey) -> None:
        """Show the totals."""
        self.parameters.setText(_grouped(found.parameters))
        self.multiply_adds.setText(_grouped(found.multiply_adds))
        memory = found.activation_bytes
        self.memory.setText("–" if memory is None else bytes_text(memory))

    @staticmethod
    def _add(row: QHBoxLayout, title: str) -> QLabel:
        value, label = PlainLabel("–"), PlainLabel(title)
        value.setFont(qfont(COUNTER))
        label.setFont(qfont(LABEL))
        for part, name in ((value, "Plain"), (label, "Secondary")):
            part.setObjectName(name)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(value)
        column.addWidget(label)
        row.addLayout(column)
        value.setAccessibleName(title)
        return value


def _grouped(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"
