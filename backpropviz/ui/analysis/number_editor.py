"""Every number of a small example, to be typed over, beside the whole pass that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address
from backpropviz.engine.integers import first_fraction
from backpropviz.engine.kinds.protocol import IMAGE, TARGET
from backpropviz.errors import UserError
from backpropviz.figures.number_groups import said
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.number_field import NumberGrid
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened
from backpropviz.ui.subject import Subject

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench

MOST_NUMBERS: Final = 64
_FIELDS_WIDTH: Final = 250


class NumberEditor(AnalysisWindow):
    """Fields at the left; at the right the finished pass, recorded anew with each number.

    Raises:
        UserError: the network has more numbers than fit side by side.
    """

    def __init__(self, bench: Workbench, window: MainWindow, opened: Opened) -> None:
        if count_of(opened) > MOST_NUMBERS:
            raise UserError(
                f"{opened.subject.network_title} has {count_of(opened):,} numbers: open a small "
                "example (tiny-max) to edit all of them, or change one value."
            )
        super().__init__(bench, window, window.tr("Edit the numbers"))
        self._opened, self._first = opened, opened.subject
        self._network = opened.view.tape.network.name
        tape = opened.view.tape
        self.grids = {a: NumberGrid(a, tape[a]) for a in _own(opened)}
        self._kinds = self.add_choices(
            self.tr("Numbers"),
            [
                (self.tr("Any numbers"), False, self.tr("Fractions are fine.")),
                (
                    self.tr("Whole numbers"),
                    True,
                    self.tr("Only whole numbers, and a learning rate of 1: check it by head."),
                ),
            ],
            opened.subject.whole_numbers,
            self.use_whole_numbers,
        )
        self._undo = self.add_button(self.tr("As it was"), self.restore)
        self.body.insertWidget(0, self._fields())
        self.canvas.clicked.connect(self._click)
        self._tell()
        self.resize(1100, 720)

    def _fields(self) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("Panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 8, 16, 16)
        column.setSpacing(16)
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
            text = self.tr("Every number of this pass is whole: check any of them by head.")
        else:
            text = self.tr("The first fraction is {address} = {value}.").format(
                address=fraction, value=said(tape.value(fraction))
            )
        hint = self.tr("Arrow keys count up and down, Enter takes what is typed.")
        self.note.setText(f"{text} {hint}")

    def _click(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            self.go_to(address)


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
