"""One weight in a pass: every input that it meets, what comes back from there, their products."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.kinds.kind import Pattern
from backpropviz.engine.program import Operation
from backpropviz.errors import UserError
from backpropviz.figures.number_groups import group_texts
from backpropviz.figures.scales import Scale
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.panel import Outline, Panel
from backpropviz.figures.stage.planes import Plane, Selection, plane
from backpropviz.figures.stage.product_slot import product_slot
from backpropviz.figures.stage.slots import MOST_TILES, Slot, operand_slots
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene.theme import Theme

_MOST_NOTED = 16
_PATTERNS = frozenset({Pattern.FILTERS, Pattern.SUMS})


@frozen(eq=False, slots=False)
class WeightTerms:
    """A weight (`conv1.weight[0,0,1,2]`) with the operation that makes its gradient."""

    view: View
    address: Address

    @cached_property
    def operation(self) -> Operation:
        """∂L/∂W of the layer.

        Raises:
            UserError: the address is no weight of the network.
        """
        wanted = self.address.array.grad
        node = self.view.tape.network.by_name.get(wanted.layer)
        meets_inputs = node is not None and node.layer.about.pattern in _PATTERNS
        for operation in self.view.timeline.operations:
            if operation.nest.target == wanted and wanted.quantity == "weight" and meets_inputs:
                return operation
        raise UserError(
            f"“{self.address}” is no weight of a filter or of a dense layer: point at one."
        )

    @cached_property
    def derivation(self) -> Derivation:
        """Where its gradient comes from."""
        address = self.address.grad
        return derive(self.view.tape, self.operation.nest, address)

    @cached_property
    def value(self) -> float:
        """The weight itself."""
        return self.view.tape.value(self.address)

    @property
    def is_shared(self) -> bool:
        """Whether it works at several places: a filter's value."""
        return self.operation.nest.by_target.channel_axes > 0

    @property
    def count(self) -> int:
        """How many products its gradient adds up."""
        return int(self.derivation.term_values.size)

    @property
    def places(self) -> int:
        """At how many places of one sample it works."""
        return self.count // self.view.tape.batch

    @property
    def not_zero(self) -> int:
        """How many of the products are not 0."""
        return int(np.count_nonzero(self.derivation.term_values))

    @cached_property
    def focus(self) -> Focus:
        """The gradient's block by weight, whatever order is stepped."""
        prefix = self.operation.nest.element_at(self.address.indices)
        loops = self.operation.nest.by_target
        coordinates = (*prefix, *(0,) * loops.term_axes)
        return Focus(self.operation, 0, coordinates, Depth.ELEMENT, 0)

    def backward_slots(self, theme: Theme) -> tuple[Slot, ...]:
        """The input that it meets × the upstream gradient = the products."""
        upstream, source = operand_slots(self.view, self.focus, theme)
        products = product_slot(self.view, self.focus, theme)
        noted = self._noted(source, self._upstream_notes(), theme)
        return (replace(noted, sign=""), replace(upstream, sign="×"), products)

    def forward_slots(self, theme: Theme) -> tuple[Slot, ...]:
        """The input that it meets, and what it added to each output."""
        _, source = operand_slots(self.view, self.focus, theme)
        text = group_texts([self.value], 3)[0]
        notes = dict.fromkeys(self._upstream_notes(), f"× {text}")
        noted = self._noted(source, notes, theme)
        remark = f"{noted.remark}, × {text}"
        return (replace(noted, sign="", remark=remark), self._added(theme))

    def _upstream_notes(self) -> dict[Address, str]:
        """For each input that is met, the upstream value that it is multiplied with."""
        if self.count > _MOST_NOTED * self.view.tape.batch:
            return {}
        pairs = [(term.operands[1], term.operands[0]) for term in self.derivation.terms]
        texts = group_texts([g.value for _, g in pairs], 3)
        return {
            x.address: f"× {text}" for (x, _), text in zip(pairs, texts, strict=True) if x.address
        }

    def _noted(self, slot: Slot, notes: dict[Address, str], theme: Theme) -> Slot:
        """The slot with a note in each cell that is met."""
        panels = tuple(self._noted_panel(panel, notes, theme) for panel in slot.panels)
        remark = f"met at {self.places:,} place{'' if self.places == 1 else 's'}"
        return replace(slot, panels=panels, remark=remark)

    def _noted_panel(self, panel: Panel, notes: dict[Address, str], theme: Theme) -> Panel:
        cells = {panel.plane.cell(a.indices): text for a, text in notes.items()}
        shown = {cell: text for cell, text in cells.items() if cell is not None}
        outlines = [Outline(range(r, r + 1), range(c, c + 1), theme.forward, 2.0) for r, c in shown]
        return replace(panel, notes=shown, outlines=(*panel.outlines, *outlines))

    def _added(self, theme: Theme) -> Slot:
        """Weight · input at every place, by output position."""
        tape, derivation = self.view.tape, self.derivation
        pixels = derivation.nest.by_target.operands[1]
        sizes = tuple(len(r) for r in derivation.region)
        block = np.broadcast_to(pixels.block(tape, derivation.region), sizes)
        found: Array = self.value * np.asarray(block, np.float64)
        filters = self.address.indices[0]
        output = Address(self.address.layer, "output")
        shape = (tape.batch, *tape[output].shape[2:])
        parts = found.reshape(shape)
        limit = float(np.abs(parts).max()) or 1.0
        colors = self.view.scales.diverging or theme.diverging
        scale = Scale(colors, (-limit, limit), is_diverging=True)
        panels = tuple(
            Panel(_output_plane(output, (n, filters), parts[n]), scale, signed=True)
            for n in islice(range(len(parts)), MOST_TILES)
        )
        count = f"{self.count:,} products"
        labels = tuple(str(n) for n in range(len(panels)))
        remark = "one is added to each output"
        return Slot(None, "what it did", count, remark, panels, labels, sign="=")


def _output_plane(output: Address, first: tuple[int, int], values: Array) -> Plane:
    selection: Selection = (None, None)
    pattern = f"{output}[{first[0]},{first[1]},{{row}},{{column}}]"
    return plane(None, selection, values, pattern=pattern)
