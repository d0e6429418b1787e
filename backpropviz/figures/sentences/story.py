"""What the sentences about one value ask of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.nest import Operand
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen


@frozen
class Sentences:
    """The one sentence that is set in bold, and the plain ones below it."""

    bold: str
    plain: tuple[str, ...] = ()

    def also(self, further: Iterable[str]) -> Sentences:
        """With more at the end."""
        return Sentences(self.bold, (*self.plain, *further))


@frozen(eq=False, slots=False)
class Story:
    """One value and its surroundings."""

    step: ExplainedStep
    derivation: Derivation

    @property
    def address(self) -> Address:
        """Whose story it is."""
        return self.derivation.address

    @cached_property
    def value(self) -> float:
        """The value so far."""
        return self.step.progress.running(self.derivation)

    @cached_property
    def is_complete(self) -> bool:
        """Whether all of its terms have run."""
        return self.step.progress.mask(self.derivation.term_values.size) is None

    @property
    def so_far(self) -> str:
        """How a sentence about a sum that is not complete begins."""
        return "" if self.is_complete else "So far, "

    @property
    def is_finite(self) -> bool:
        """Whether the value is a number in the ordinary sense, or has no terms at all."""
        return math.isfinite(self.value) or self.derivation.term_values.size == 0

    def not_finite_terms(self, most: int) -> list[int]:
        """Numbers of the first terms that are NaN or infinite."""
        found = np.flatnonzero(~np.isfinite(self.derivation.term_values))
        return [int(k) for k in found[:most]]

    @property
    def kind(self) -> str:
        """The kind of the layer whose operation this is."""
        operation = self.step.operation
        return self.kind_of(operation.layer) if operation else ""

    def chosen(self, option: str) -> object:
        """What the layer chose where mathematics leaves a choice; None where it has none."""
        operation = self.step.operation
        node = self.step.tape.network.by_name.get(operation.layer) if operation else None
        return None if node is None else getattr(node.layer, option, None)

    def kind_of(self, layer: str) -> str:
        """The kind of a layer; '' for the image and the loss."""
        node = self.step.tape.network.by_name.get(layer)
        return "" if node is None else node.layer.kind

    @property
    def loss_kind(self) -> str:
        """The kind of the loss."""
        return self.step.tape.network.loss.kind

    @property
    def notation(self) -> Notation:
        """How arrays are called."""
        return Notation.of(self.step.tape)

    @property
    def consumer_kind(self) -> str:
        """The kind of the only layer that reads this output; '' for several or the loss."""
        operation = self.step.operation
        readers = self.step.tape.network.consumers.get(operation.layer if operation else "", ())
        reader = readers[0][0] if len(readers) == 1 else None
        return "" if reader is None else reader.layer.kind

    def value_at(self, address: Address) -> float:
        """Another value of the pass."""
        return float(self.step.tape[address])

    def has(self, address: Address) -> bool:
        """Whether the pass recorded it."""
        return address.array in self.step.tape

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Those of the nest."""
        return self.derivation.nest.by_target.operands

    def all_values(self, number: int) -> Array:
        """The operand `number` of every term."""
        block = self.operands[number].block(self.derivation.tape, self.derivation.region)
        return self._of_terms(block)

    def _of_terms(self, block: Array) -> Array:
        """A block's entries at the terms that exist."""
        derivation = self.derivation
        flat = np.broadcast_to(block, tuple(len(r) for r in derivation.region)).reshape(-1)
        return flat if flat.size == derivation.positions.size else flat[derivation.positions]

    def padding_count(self, number: int) -> int:
        """How many terms find no cell of operand `number`, but padding."""
        derivation = self.derivation
        inside = self.operands[number].inside(derivation.tape, derivation.region)
        if inside is None:
            return 0
        found = self._of_terms(inside)
        return int(found.size - np.count_nonzero(found))

    @property
    def is_of_loss(self) -> bool:
        """Whether the operation belongs to the loss."""
        return self.address.layer == LOSS_NAME
