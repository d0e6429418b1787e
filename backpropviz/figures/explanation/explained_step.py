"""What an explanation needs to know of the current step."""

from __future__ import annotations

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.protocol import LOSS_NAME, Layer, Loss
from backpropviz.engine.model import Model
from backpropviz.engine.nest import Rule
from backpropviz.engine.program import Operation
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen


@frozen(eq=False)
class Progress:
    """Which terms of a derivation have run, and which one is current (its number in loop order).

    `ran` is how many, from the first; or, since an order by source reaches a value's terms in an
    order of its own, a boolean a term; None: all.
    """

    current: int | None = None
    ran: int | Array | None = None

    def mask(self, count: int) -> Array | None:
        """Booleans of the terms that have run; None: all of them."""
        if self.ran is None or (isinstance(self.ran, int) and self.ran >= count):
            return None
        mask = np.arange(count) < self.ran if isinstance(self.ran, int) else self.ran
        return None if bool(mask.all()) else mask

    def running(self, derivation: Derivation) -> float:
        """initial + the terms that have run; the tape's own value when all have."""
        mask = self.mask(derivation.term_values.size)
        if mask is None:
            return derivation.value
        ran = derivation.term_values[mask]
        if derivation.rule is Rule.MAX:
            return float(ran.max()) if ran.size else float("-inf")
        start = 0.0 if derivation.initial is None else derivation.initial.value
        return float(start + ran.sum())


ALL: Progress = Progress()
"""Every term has run and none is current: a finished value."""


@frozen(eq=False)
class ExplainedStep:
    """The step in focus; `derivation` is None at depths that hold more than one value."""

    derivation: Derivation | None
    operation: Operation | None
    depth: Depth
    tape: Tape
    model: Model | None = None
    progress: Progress = ALL

    @property
    def layer(self) -> Layer | Loss | None:
        """The layer, or the loss, that it belongs to; an update's step names its layer, too."""
        if self.operation is None:
            return None
        if self.operation.layer == LOSS_NAME:
            return self.tape.network.loss
        node = self.tape.network.by_name.get(self.operation.layer)
        return None if node is None else node.layer
