"""A number that can be typed over, and the numbers of one array side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.numbers import full
from backpropviz.scene.theme import BODY_STRONG, MONO
from backpropviz.ui.analysis.edit import read_number
from backpropviz.ui.plain_text import PlainLabel, plain_tip

_WIDTH, _GAP, _BLOCK_GAP = 58, 4, 14
_STEPS = {Qt.Key.Key_Up: 1.0, Qt.Key.Key_Down: -1.0}


class NumberField(QLineEdit):
    """`changed` carries the address and the number when it is typed or counted up and down."""

    changed = Signal(object, float)
    refused = Signal(str)

    def __init__(self, address: Address) -> None:
        super().__init__()
        self.address = address
        self._value = 0.0
        self.setFont(qfont(MONO))
        self.setFixedWidth(_WIDTH)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAccessibleName(str(address))
        self.setToolTip(plain_tip(str(address)))
        self.returnPressed.connect(self._take)

    def show_value(self, value: float) -> None:
        """The number of the pass."""
        self._value = value
        self.setText(full(float(f"{value:.6g}")))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._take()
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._become(self._value + step)

    def _take(self) -> None:
        if self.text() == full(float(f"{self._value:.6g}")):
            return
        try:
            self._become(read_number(self.text().strip()))
        except UserError as error:
            self.show_value(self._value)
            self.refused.emit(str(error))

    def _become(self, value: float) -> None:
        if value != self._value:
            self.show_value(value)
            self.changed.emit(self.address, value)


class NumberGrid(QWidget):
    """An array: its name above, each channel a block of rows and columns."""

    def __init__(self, address: Address, array: Array) -> None:
        super().__init__()
        self.fields = tuple(_fields(address, array.shape))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP)
        name = PlainLabel(str(address))
        name.setFont(qfont(BODY_STRONG))
        column.addWidget(name)
        column.addLayout(self._blocks(array.shape))
        self.show_array(array)

    def _blocks(self, shape: tuple[int, ...]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(_BLOCK_GAP)
        columns = shape[-1] if shape else 1
        rows = shape[-2] if len(shape) > 1 else 1
        for start in range(0, len(self.fields), rows * columns):
            grid = QGridLayout()
            grid.setSpacing(_GAP)
            for number, field in enumerate(self.fields[start : start + rows * columns]):
                grid.addWidget(field, *divmod(number, columns))
            row.addLayout(grid)
        row.addStretch(1)
        return row

    def show_array(self, array: Array) -> None:
        """The numbers of a pass."""
        for field, value in zip(self.fields, array.reshape(-1), strict=True):
            field.show_value(float(value))


def _fields(address: Address, shape: tuple[int, ...]) -> Iterator[NumberField]:
    for indices in np.ndindex(*shape):
        yield NumberField(address.at(tuple(int(index) for index in indices)))
