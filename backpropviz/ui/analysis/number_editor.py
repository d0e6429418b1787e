"""Every number of a small example, to be typed over, beside the whole pass that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QScrollArea, QWidget

from backpropviz.debugger.timeline import Depth
from backpropviz.document import real_number
from backpropviz.engine.architecture.presets import first_fraction
from backpropviz.engine.kinds.protocol import IMAGE, TARGET
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.figures.numbers import said
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.text import full
from backpropviz.scene.theme import BODY_STRONG, MONO
from backpropviz.ui import boxes
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.controls import plain_tip
from backpropviz.ui.dialog import ask
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened, Subject


def ask_value(parent: QWidget, opened: Opened, address: Address) -> float | None:
    """The number, or None where the question was dismissed.

    Raises:
        UserError: the value cannot be edited.
    """
    subject = opened.subject
    before = opened.view.tape.value(address)
    _ = subject.with_value(address, before)

    def refusal(text: str) -> str:
        try:
            subject.with_value(address, read_number(text))
        except UserError as error:
            return str(error)
        return ""

    heading = f"Change {address}"
    hint = "The pass is recorded again with this number; the place is kept."
    text = ask(parent, heading, hint, f"{before + 0.0:.9g}", refusal)
    return None if text is None else read_number(text)


def read_number(text: str) -> float:
    """A number as a person writes it.

    Raises:
        UserError: it is none.
    """
    number = real_number(text)
    if number is None:
        raise UserError(f"“{text:.40}” is no number: give one such as −2 or 0.5.")
    return number


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
        column = boxes.column(gap=_GAP, margins=boxes.BARE, owner=self)
        name = boxes.words(str(address), BODY_STRONG)
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
        for field, value in zip(self.fields, array.reshape(-1), strict=True):
            field.show_value(float(value))


def _fields(address: Address, shape: tuple[int, ...]) -> Iterator[NumberField]:
    for indices in np.ndindex(*shape):
        yield NumberField(address.at(tuple(int(index) for index in indices)))


MOST_NUMBERS: Final = 64
_FIELDS_WIDTH: Final = 250


class NumberEditor(AnalysisWindow):
    """Fields at the left; at the right the finished pass, recorded anew with each number.

    Raises:
        UserError: the network has more numbers than fit side by side.
    """

    def __init__(self, host: Host, opened: Opened) -> None:
        if count_of(opened) > MOST_NUMBERS:
            raise UserError(
                f"{opened.subject.network_title} has {count_of(opened):,} numbers: open a small "
                "example (tiny-max) to edit all of them, or change one value."
            )
        super().__init__(host, "Edit the numbers")
        self._opened, self._first = opened, opened.subject
        self._network = opened.view.tape.network.name
        tape = opened.view.tape
        self.grids = {a: NumberGrid(a, tape[a]) for a in _own(opened)}
        self._kinds = self.add_choices(
            "Numbers",
            [
                ("Any numbers", False, "Fractions are fine."),
                (
                    "Whole numbers",
                    True,
                    "Only whole numbers, and a learning rate of 1: check it by head.",
                ),
            ],
            opened.subject.whole_numbers,
            self.use_whole_numbers,
        )
        self._undo = self.add_button("As it was", self.restore)
        self.body.insertWidget(0, self._fields())
        self._tell()
        self.resize(1100, 720)

    def _fields(self) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("Panel")
        column = boxes.column(gap=16, margins=(16, 8, 16, 16), owner=inside)
        for grid in self.grids.values():
            column.addWidget(grid)
            for field in grid.fields:
                field.changed.connect(self._change)
                field.refused.connect(self.note.setText)
        column.addStretch(1)
        area = QScrollArea()
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(inside)
        area.setFixedWidth(max(_FIELDS_WIDTH, inside.sizeHint().width() + 16))
        return area

    def use_whole_numbers(self, wanted: object) -> None:
        """Whole numbers only, or any."""
        self.controller.change(lambda subject: subject.with_whole_numbers(wanted=bool(wanted)))

    def restore(self) -> None:
        """Back to the numbers that the window was opened with."""
        first = self._first
        self.controller.change(lambda _: first)

    def follow(self, opened: Opened) -> None:
        """The pass with the new numbers; another network has others."""
        if opened.view.tape.network.name != self._network:
            self.done(0)
            return
        self._opened = opened
        for address, grid in self.grids.items():
            grid.show_array(opened.view.tape[address])
        self._kinds.set_value(opened.subject.whole_numbers)
        self._tell()
        self.draw()

    def figure(self, width: float, height: float) -> Scene | None:
        """The whole pass, finished."""
        view = self._opened.view
        state = replace(view.state, k=view.timeline.steps, depth=Depth.PASS)
        finished = View(view.model, view.tape, view.timeline, state, view.scales)
        return stage(finished, width, height, self.colors)

    def _change(self, address: Address, value: float) -> None:
        try:
            changed = with_number(self._opened, address, value)
        except UserError as error:
            self.grids[address.array].show_array(self._opened.view.tape[address.array])
            self.note.setText(str(error))
            return
        # The next number may be typed before this pass is recorded.
        self._opened = replace(self._opened, subject=changed)
        self.controller.change(lambda _: changed)

    def _tell(self) -> None:
        """Whether all of it can be checked by head, and if not, where it stops."""
        tape = self._opened.view.tape
        fraction = first_fraction(tape)
        self._undo.setEnabled(self._opened.subject is not self._first)
        if fraction is None:
            text = "Every number of this pass is whole: check any of them by head."
        else:
            text = f"The first fraction is {fraction} = {said(tape.value(fraction))}."
        hint = "Arrow keys count up and down, Enter takes what is typed."
        self.note.setText(f"{text} {hint}")


def _own(opened: Opened) -> Iterator[Address]:
    """The arrays that are given: image, parameters, and a target of numbers."""
    yield IMAGE
    network = opened.view.tape.network
    for node in network.nodes:
        for name in network.parameter_shapes(node):
            yield Address(node.name, name)
    if not opened.subject.is_classifier:
        yield TARGET


def count_of(opened: Opened) -> int:
    """How many numbers there are to edit."""
    return sum(int(opened.view.tape[address].size) for address in _own(opened))


def with_number(opened: Opened, address: Address, value: float) -> Subject:
    """What is open with one other number.

    Raises:
        UserError: the number does not fit, or is not whole where only whole ones are wanted.
    """
    subject = opened.subject
    if address.array != TARGET:
        return subject.with_value(address, value)
    target = np.array(opened.view.tape[TARGET], dtype=np.float64)
    target[address.indices] = value
    return subject.with_target(tuple(target.reshape(-1).tolist()))
