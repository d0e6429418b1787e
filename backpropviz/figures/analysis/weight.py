"""A weight in the center: a filter's value, which many places share, beside a dense one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.kinds.protocol import Pattern
from backpropviz.engine.tape import Operation
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.figures.explain.formula import formula
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.numbers import Scale, counted, group_texts, said
from backpropviz.figures.stage.operation import placed_marks
from backpropviz.figures.stage.panel import Outline, Panel
from backpropviz.figures.stage.planes import Focus, Selection, plane
from backpropviz.figures.stage.result import product_slot
from backpropviz.figures.stage.slot_layout import place_slots
from backpropviz.figures.stage.slots import MOST_TILES, Slot, operand_slots
from backpropviz.figures.symbols import equation_style, role_color, role_of
from backpropviz.figures.view import ALL, View
from backpropviz.frozen import frozen
from backpropviz.scene.cells import Cell, CellState, cell, value_fill
from backpropviz.scene.flow import PanelPart, equations, paragraph, space, stacked
from backpropviz.scene.marks import Anchor, Box, Group, Line, Mark, Pixels, Scene, Stroke, Text
from backpropviz.scene.text import centered_baseline, decimal_of, elide
from backpropviz.scene.theme import BODY, COUNTER, LABEL, ROW, SENTENCE, Theme


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
        meets_inputs = node is not None and node.layer.about.pattern in frozenset(
            {Pattern.FILTERS, Pattern.SUMS}
        )
        for operation in self.view.timeline.operations:
            if operation.nest.target == wanted and wanted.quantity == "weight" and meets_inputs:
                return operation
        raise UserError(
            f"“{self.address}” is no weight of a filter or of a dense layer: point at one."
        )

    @cached_property
    def derivation(self) -> Derivation:
        address = self.address.grad
        return derive(self.view.tape, self.operation.nest, address)

    @cached_property
    def value(self) -> float:
        return self.view.tape.value(self.address)

    @property
    def is_shared(self) -> bool:
        """Whether it works at several places: a filter's value."""
        return self.operation.nest.by_target.channel_axes > 0

    @property
    def count(self) -> int:
        return int(self.derivation.term_values.size)

    @property
    def places(self) -> int:
        return self.count // self.view.tape.batch

    @property
    def not_zero(self) -> int:
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
        if self.count > 16 * self.view.tape.batch:
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
        selection: Selection = (None, None)
        patterns = (f"{output}[{n},{filters},{{row}},{{column}}]" for n in range(MOST_TILES))
        panels = tuple(
            Panel(plane(None, selection, values, pattern=pattern), scale, signed=True)
            for values, pattern in zip(parts, patterns, strict=False)
        )
        count = f"{self.count:,} products"
        labels = tuple(str(n) for n in range(len(panels)))
        remark = "one is added to each output"
        return Slot(None, "what it did", count, remark, panels, labels, sign="=")


_MARGIN, _GAP = 24.0, 32.0
_BESIDE_FROM, _DENSE_WIDTH, _DENSE_HEIGHT = 880.0, 344.0, 190.0
_CELL_WIDTH, _CELL_HEIGHT, _CELL_GAP, _MOST_SAMPLES = 84.0, 46.0, 30.0, 3
_FEW_TERMS = 4


def weight_view(
    view: View,
    address: Address,
    width: float,
    height: float,
    theme: Theme,
    *,
    dense: View | None = None,
    forward: bool = False,
) -> Scene:
    """One filter value: each input that it meets, what that is multiplied with, and the sum.

    Beside a filter value stands a weight of the first dense layer of this network, or else of
    `dense`: the one whose gradient is largest. `forward` shows what the value did instead of what
    comes back to it.

    Raises:
        UserError: the address is no weight of the network.
    """
    terms = WeightTerms(view, address.of(""))
    other = dense_weight(view) or dense_weight(dense) if terms.is_shared else None
    said_apart = _contrast(terms, other, forward=forward)
    contrast = stacked([paragraph(said_apart, BODY, 20, theme.text, width - 2 * _MARGIN)])
    body = Box(_MARGIN, _MARGIN, width - 2 * _MARGIN, height - 2 * _MARGIN - contrast.height - 16)
    left, right = _halves(body, other is not None)
    marks = [*_filter_half(terms, left, theme, forward=forward)]
    if other is not None:
        half = tuple(_dense_half(other, right, theme, forward=forward, is_own=other.view is view))
        marks.append(_between(left, right, theme))
        marks += half if other.view is view else _without_keys(half)
    marks.append(Group(contrast.marks, dx=_MARGIN, dy=body.bottom + 16))
    return Scene(width, height, theme.stage, tuple(marks), f"{address} at every place")


def dense_weight(view: View | None) -> WeightTerms | None:
    """The weight of the first dense layer whose gradient is largest; None without such a layer."""
    if view is None:
        return None
    for node in view.tape.network.nodes:
        if node.layer.about.pattern is Pattern.SUMS:
            address = Address(node.name, "weight")
            gradient = np.nan_to_num(np.abs(view.tape[address.grad]))
            found = np.unravel_index(int(gradient.argmax()), gradient.shape)
            return WeightTerms(view, address.at(tuple(map(int, found))))
    return None


def _halves(body: Box, has_dense: bool) -> tuple[Box, Box]:
    if not has_dense:
        return body, Box(body.right, body.y, 0, 0)
    if body.width >= _BESIDE_FROM - 2 * _MARGIN:
        left = body.width - _DENSE_WIDTH - _GAP
        right = Box(body.right - _DENSE_WIDTH, body.y, _DENSE_WIDTH, body.height)
        return Box(body.x, body.y, left, body.height), right
    upper = body.height - _DENSE_HEIGHT - _GAP / 2
    lower = Box(body.x, body.bottom - _DENSE_HEIGHT, body.width, _DENSE_HEIGHT)
    return Box(body.x, body.y, body.width, upper), lower


def _between(left: Box, right: Box, theme: Theme) -> Line:
    if right.y > left.y:
        y = right.y - _GAP / 4
        return Line(left.x, y, right.right, y, Stroke(theme.border))
    x = right.x - _GAP / 2
    return Line(x, left.y, x, left.bottom, Stroke(theme.border))


def _title(terms: WeightTerms, width: float, theme: Theme, origin: str = "") -> Iterator[PanelPart]:
    kind = "One filter value" if terms.is_shared else "One dense weight"
    key = str(terms.address)
    yield paragraph(kind, SENTENCE, 22, theme.text, width, key=key)
    text = f"{key} = {said(terms.value)}{origin}"
    yield paragraph(text, ROW, 18, theme.text_secondary, width, key=key)


def _filter_half(terms: WeightTerms, box: Box, theme: Theme, *, forward: bool) -> Iterator[Mark]:
    top = stacked([*_title(terms, box.width, theme), space(10)])
    below = stacked(_told(terms, box.width, theme, forward=forward))
    yield Group(top.marks, dx=box.x, dy=box.y)
    slots = terms.forward_slots(theme) if forward else terms.backward_slots(theme)
    room = Box(box.x, box.y + top.height, box.width, box.height - top.height - below.height - 12)
    placed = place_slots(slots, room)
    yield from placed_marks(placed, terms.view, theme)
    lowest = max(grid.box.bottom for one in placed for grid in one.grids)
    yield Group(below.marks, dx=box.x, dy=min(lowest + 12, box.bottom - below.height))


def _told(terms: WeightTerms, width: float, theme: Theme, *, forward: bool) -> Iterator[PanelPart]:
    """What the products come to: outputs, or the gradient as their sum."""
    yield space(4)
    if forward:
        many = counted(terms.count, "product")
        where = "each went into one output" if terms.count > 1 else "it went into one output"
        yield paragraph(f"{many}: {where}.", LABEL, 16, theme.text_secondary, width)
        return
    many = counted(terms.count, "product")
    rest = f", {terms.not_zero:,} of them not 0" if terms.count > 1 else ""
    label = f"The sum of {many}{rest}, is its gradient" if terms.count > 1 else "is its gradient"
    yield paragraph(label, LABEL, 16, theme.text_secondary, width)
    yield space(4)
    order = TermOrder.SIZE if terms.count > _FEW_TERMS else TermOrder.POSITION
    found = formula(terms.derivation, ALL, most=_FEW_TERMS, order=order)
    yield from equations((found.symbols, found.numbers), equation_style(theme), width, 0.0)


def _without_keys(marks: tuple[Mark, ...]) -> Iterator[Mark]:
    """Marks of another network, whose addresses mean nothing in this one."""
    for mark in marks:
        if isinstance(mark, Group):
            yield replace(mark, marks=tuple(_without_keys(mark.marks)), key="")
        elif isinstance(mark, Line | Pixels):
            yield mark
        else:
            yield replace(mark, key="")


def _dense_half(
    terms: WeightTerms, box: Box, theme: Theme, *, forward: bool, is_own: bool
) -> Iterator[Mark]:
    origin = "" if is_own else f", in the example {terms.view.tape.network.name}"
    top = stacked([*_title(terms, box.width, theme, origin), space(10)])
    yield Group(top.marks, dx=box.x, dy=box.y)
    y = box.y + top.height
    columns = _columns(terms, forward=forward)
    is_flat = box.height <= _DENSE_HEIGHT
    rows = min(1 if is_flat else _MOST_SAMPLES, len(columns[0][1]))
    for row in range(rows):
        yield from _product_row(terms, columns, row, box, y, theme)
        y += _CELL_HEIGHT + 26
    left = len(columns[0][1]) - rows
    if left > 0:
        text = f"and {counted(left, 'more sample')}"
        yield Text(box.x, y + 6, text, LABEL, theme.text_secondary)
        y += 20
    if not forward and not is_flat:
        below = stacked(_told(terms, box.width, theme, forward=False))
        if y + below.height <= box.bottom:
            yield Group(below.marks, dx=box.x, dy=y)


_Column = tuple[str, list[tuple[float, Address | None]]]


def _columns(terms: WeightTerms, *, forward: bool) -> tuple[_Column, ...]:
    """Input × upstream = product, or input × weight = what it added; a row a sample."""
    found = list(terms.derivation.terms)
    upstream = [(term.operands[0].value, term.operands[0].address) for term in found]
    source = [(term.operands[1].value, term.operands[1].address) for term in found]
    if not forward:
        own = terms.address.grad if len(found) == 1 else None
        products = [(term.value, own) for term in found]
        return (("one input", source), ("from one output", upstream), ("one product", products))
    weight: list[tuple[float, Address | None]] = [(terms.value, terms.address)] * len(found)
    added = [
        (value * terms.value, None if output is None else output.of(""))
        for (value, _), (_, output) in zip(source, upstream, strict=True)
    ]
    return (("one input", source), ("the weight", weight), ("to one output", added))


def _product_row(
    terms: WeightTerms, columns: tuple[_Column, ...], row: int, box: Box, y: float, theme: Theme
) -> Iterator[Mark]:
    x = box.x
    texts = [group_texts([values[row][0]], 4)[0] for _, values in columns]
    for number, (label, values) in enumerate(columns):
        value, address = values[row]
        place = Box(round(x), round(y + 18), _CELL_WIDTH, _CELL_HEIGHT)
        if row == 0:
            text = elide(label, LABEL, _CELL_WIDTH + _CELL_GAP - 6)
            yield Text(place.x, place.y - 7, text, LABEL, theme.text_secondary)
        color = theme.text if address is None else role_color(role_of(address), theme)
        scale = terms.view.scales.of(address or terms.address.grad, theme)
        fill = value_fill(value, scale.colormap, scale.limits)
        text = texts[number]
        key = "" if address is None else str(address)
        yield from cell(Cell(place, CellState.FINAL, text, fill, accent=color, key=key), theme)
        x = place.right + _CELL_GAP
        if number < len(columns) - 1:
            sign = "×" if number == 0 else _relation(texts)
            baseline = centered_baseline(place.y + _CELL_HEIGHT / 2, COUNTER)
            middle = place.right + _CELL_GAP / 2
            yield Text(middle, baseline, sign, COUNTER, theme.text_secondary, Anchor.MIDDLE)


def _relation(texts: list[str]) -> str:
    """Whether the shown numbers are a product to the last digit."""
    first, second, result = map(decimal_of, texts)
    exact = not (first.is_finite() and second.is_finite()) or first * second == result
    return "=" if exact else "≈"


def _contrast(terms: WeightTerms, other: WeightTerms | None, *, forward: bool) -> str:
    """The difference between both in a sentence."""
    places = counted(terms.places, "place")
    if forward:
        outputs = counted(terms.places, "output")
        is_alone = other is None or not terms.is_shared
        lone = "" if is_alone else "; the dense weight joins one input to one output"
        return f"This one number took part in {outputs}{lone}."
    shared = (
        f"The filter value works at {places} of the image, so its gradient adds up "
        f"{counted(terms.count, 'product')}"
        if terms.is_shared
        else f"This weight works at one place, so its gradient is "
        f"{counted(terms.count, 'product')}; a filter value works at many places and adds up a "
        "product from each"
    )
    if other is None or not terms.is_shared:
        return f"{shared}."
    sample = "" if other.count == 1 else ", for each sample"
    return (
        f"{shared}; the dense weight joins one input to one output, so its gradient is one "
        f"product{sample}. That is the whole difference: the same rule, once or {places.split()[0]}"
        " times."
    )
