"""What the sentences about one value ask of it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.kind import Pattern
from backpropviz.engine.kinds.protocol import LOSS_NAME, TARGET
from backpropviz.engine.kinds.words import Words
from backpropviz.engine.nest import Operand
from backpropviz.engine.network import IMAGE_NAME, Node
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import counted, said, said_exactly
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen


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
    def layer(self) -> Any:
        """The layer or the loss whose operation this is."""
        return self.step.layer

    @property
    def optimizer(self) -> Any:
        """The optimizer of the pass."""
        return self.step.tape.optimizer

    @property
    def words(self) -> Words:
        """The words of its kind."""
        layer = self.layer
        return Words() if layer is None else layer.about.words

    @property
    def noun(self) -> str:
        """What an input value is called."""
        node = self._node
        return "pixel" if node is not None and node.inputs[0] == IMAGE_NAME else "value"

    @property
    def goes_into_maximum(self) -> bool:
        """Whether the one layer that reads the output keeps the largest of each window."""
        node = self._node
        readers = () if node is None else self.step.tape.network.consumers.get(node.name, ())
        reader = readers[0][0] if len(readers) == 1 else None
        return reader is not None and reader.layer.about.pattern is Pattern.LARGEST

    @property
    def comes_from_filter(self) -> bool:
        """Whether a convolution made the map that the layer reads."""
        return comes_from_filter(self.step)

    def said(self, value: float) -> str:
        """A number as sentences have it."""
        return said(value)

    def said_exactly(self, value: float) -> str:
        """A setting, with all of its digits."""
        return said_exactly(value)

    def counted(self, number: int, noun: str) -> str:
        """`1 value`, `1,024 values`."""
        return counted(number, noun)

    def target_at(self, sample: int) -> int:
        """The class that a sample should be given."""
        return int(self.step.tape[TARGET].reshape(-1)[sample])

    def terms_seen(self) -> Array:
        """The values of the terms that have run."""
        values = self.derivation.term_values
        mask = self.step.progress.mask(values.size)
        return values if mask is None else values[mask]

    @property
    def _node(self) -> Node | None:
        operation = self.step.operation
        return self.step.tape.network.by_name.get(operation.layer) if operation else None

    @property
    def notation(self) -> Notation:
        """How arrays are called."""
        return Notation.of(self.step.tape)

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


def comes_from_filter(step: ExplainedStep) -> bool:
    """Whether a convolution made the map that a step's layer reads, each value in its place."""
    network, operation = step.tape.network, step.operation
    node = network.by_name.get(operation.layer) if operation is not None else None
    while node is not None and node.layer.about.pattern is not Pattern.FILTERS:
        is_on_the_way = node.layer.about.pattern.keeps_places
        node = network.by_name.get(node.inputs[0]) if is_on_the_way else None
    return node is not None
