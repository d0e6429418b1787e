"""Loops written with letters as the design writes them: `nc|yx|ij` is channel | element | term."""

from __future__ import annotations

from collections.abc import Mapping

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.index import Index, picked, variables
from backpropviz.engine.nest import Axis, Loops, Operand
from backpropviz.engine.operands import Cell
from backpropviz.frozen import frozen


@frozen
class Lettering:
    """One order of loops, a letter an axis; a cell is addressed by the same letters."""

    label: str
    written: str
    sizes: Mapping[str, int]

    @property
    def letters(self) -> str:
        """The axes, outermost first."""
        return self.written.replace("|", "")

    def index(self, letter: str) -> Index:
        """An axis as an index."""
        return variables(len(self.letters))[self.letters.index(letter)]

    def cell(self, address: Address, letters: str) -> Cell:
        """The value at `letters` of an array."""
        return Cell(address, picked(self.letters, letters))

    def loops(self, target: str, operands: tuple[Operand, ...], other: str = "") -> Loops:
        """The loops; `other` is how the nest's other order is written, if it has one."""
        channel, element, _ = self.written.split("|")
        return Loops(
            self.label,
            axes=tuple(Axis(letter, self.sizes[letter]) for letter in self.letters),
            channel_axes=len(channel),
            element_axes=len(element),
            target=picked(self.letters, target),
            operands=operands,
            locate=picked(other.replace("|", ""), self.letters) if other else (),
        )


def sizes_of(shape: Shape, letters: str = "ncyx", **further: int) -> dict[str, int]:
    """The sizes of an array's axes by their letters, and of further axes."""
    return dict(zip(letters, shape, strict=False)) | further
