"""What a layer reads: one chip an input, and at a join ways to add and drop some."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.survey import Survey
from backpropviz.engine.arrays import shape_text
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.icons import icon


class InputsField(QWidget):
    """`given` carries the names of all inputs."""

    given = Signal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Inputs"))
        self.colors: Theme = LIGHT
        self.chips: list[ChoiceChip] = []
        self._rows: list[QWidget] = []
        self._removers: list[QToolButton] = []
        self._inputs: tuple[str, ...] = ()
        self._nearest = ""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.more = QPushButton(self.tr("Another input"))
        self.more.setObjectName("Quiet")
        self.more.setAutoDefault(False)
        self.more.clicked.connect(self._add)
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_inputs(self, draft: Draft, found: Survey, name: str) -> None:
        """Show what a layer reads, and offer what it may read."""
        node = draft.node(name)
        is_join = node.layer.about.is_join
        sources = draft.sources(name)
        self._inputs, self._nearest = node.inputs, sources[-1]
        self._make_rows(len(node.inputs))
        choices = [(source, _told(source, found), "") for source in reversed(sources)]
        for chip, remover, source in zip(self.chips, self._removers, node.inputs, strict=True):
            chip.set_choices(choices)
            chip.show_value(source)
            remover.setVisible(len(node.inputs) > (2 if is_join else 1))
        self.more.setVisible(is_join)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        for chip, remover in zip(self.chips, self._removers, strict=True):
            chip.use_theme(colors)
            remover.setIcon(icon("x", colors.text_secondary, faint(colors)))

    def _make_rows(self, count: int) -> None:
        while len(self._rows) > count:
            row = self._rows.pop()
            self.chips.pop()
            self._removers.pop()
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self._rows) < count:
            self._add_row()
        self.use_theme(self.colors)

    def _add_row(self) -> None:
        row, chip, remover = QWidget(), ChoiceChip(self.tr("Input")), QToolButton()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(chip)
        line.addWidget(remover)
        line.addStretch(1)
        number = len(self._rows)
        for part in (chip, remover):
            part.setProperty("number", number)
        remover.setFixedSize(24, 24)
        remover.setIconSize(QSize(14, 14))
        remover.setAccessibleName(self.tr("Drop this input"))
        remover.setToolTip(self.tr("Drop this input"))
        remover.clicked.connect(self._drop)
        chip.chosen.connect(self._choose)
        self.chips.append(chip)
        self._rows.append(row)
        self._removers.append(remover)
        self._column.insertWidget(number, row)

    def _choose(self, source: str) -> None:
        number = int(self.sender().property("number"))
        self.given.emit((*self._inputs[:number], source, *self._inputs[number + 1 :]))

    def _drop(self) -> None:
        number = int(self.sender().property("number"))
        self.given.emit((*self._inputs[:number], *self._inputs[number + 1 :]))

    def _add(self) -> None:
        self.given.emit((*self._inputs, self._nearest))


def _told(source: str, found: Survey) -> str:
    shape = found.shapes.get(source)
    return f"{source}   {shape_text(shape)}" if shape else source
