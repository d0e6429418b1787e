"""What every overview is made of: an array as a thumbnail, its summary in numbers, its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import lru_cache

import numpy as np

from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME, TARGET
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address, Array, shape_text
from backpropviz.figures.numbers import Scale, Scales, finite_values
from backpropviz.figures.stage.headings import CAPTION_HEIGHT, REMARK_HEIGHT, Caption, caption_marks
from backpropviz.figures.stage.panel import value_cell
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.figures.thumbnails import PHOTO_SIDE, not_computed, photograph, thumbnail
from backpropviz.figures.view import View
from backpropviz.files.fit import displayable
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import cells, number_font
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Box, Group, Mark, Rect, Text
from backpropviz.scene.text import shown, shown_group, text_width
from backpropviz.scene.theme import Theme

_NUMBERED = 26
"""Cells of at least this side carry their number."""


@frozen
class ArraySummary:
    """Of all values of an array; `zeros` is the share that is exactly 0."""

    low: float
    high: float
    mean: float
    zeros: float
    finite: bool

    @property
    def range_text(self) -> str:
        if self.low == self.high:
            return shown(self.low)
        return f"{shown(self.low)} … {shown(self.high)}"

    @property
    def mean_text(self) -> str:
        return f"mean {shown(self.mean)}"

    @property
    def zeros_text(self) -> str:
        """`75 % zero`, `none zero`."""
        if not self.finite:
            return "holds NaN or ∞"
        if self.zeros == 0:
            return "none zero"
        percent = self.zeros * 100
        return f"{percent:.0f} % zero" if percent >= 1 else "below 1 % zero"


@frozen(eq=False)
class _Kept:
    thumbnails: dict[tuple[Address, int, str, int], tuple[Mark, ...]] = field(default_factory=dict)
    statistics: dict[Address, ArraySummary] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _kept(scales: Scales) -> _Kept:
    """Of the pass that is shown; that of the pass before is let go."""
    del scales
    return _Kept()


def is_computed(view: View, address: Address) -> bool:
    """Whether all of an array is known at the shown position."""
    done, total = view.steps_done(address)
    return done >= total


def statistics(view: View, address: Address) -> ArraySummary:
    """The summary of an array of the tape."""
    known = _kept(view.scales).statistics
    if address not in known:
        values = view.tape[address]
        finite = finite_values(values)
        some = finite if finite.size else np.zeros(1)
        known[address] = ArraySummary(
            float(some.min()),
            float(some.max()),
            float(some.mean(dtype=np.float64)),
            (values.size - np.count_nonzero(values)) / values.size,
            finite.size == values.size,
        )
    return known[address]


def array_thumbnail(
    view: View, address: Address, x: float, y: float, size: int, theme: Theme
) -> tuple[Mark, ...]:
    """An array in a square, a dotted frame where it is not computed; the square names it."""
    if is_computed(view, address):
        kept = _kept(view.scales).thumbnails
        key = (address, size, theme.name, view.sample)
        if key not in kept:
            kept[key] = _drawn(view, address, size, theme)
        marks = kept[key]
    else:
        marks = not_computed(size, theme)
    name = Rect(0, 0, size, size, fill=theme.stage + "00", key=address.name)
    return (Group((*marks, name), round(x), round(y)),)


def _drawn(view: View, address: Address, size: int, theme: Theme) -> tuple[Mark, ...]:
    # Maps, a plane, a vector or a number: of the shown sample, or all kernels of a filter.
    values = view.tape[address]
    if address.quantity not in PARAMETERS and values.ndim:
        values = values[view.sample if len(values) == view.tape.batch else 0]
    values = values.reshape(-1, *values.shape[-2:]) if values.ndim > 3 else values
    is_large = values.ndim == 3 and min(values.shape[-2:]) >= PHOTO_SIDE
    if address == IMAGE and is_large and len(values) == view.model.preprocessing.channels:
        return photograph(displayable(values, view.model.preprocessing), size, theme)
    scale = view.scales.of(address, theme)
    numbered = _numbered(values, size, scale, address, theme)
    return numbered or thumbnail(values, size, theme, scale)


def _numbered(
    values: Array, size: int, scale: Scale, address: Address, theme: Theme
) -> tuple[Mark, ...]:
    """A small plane in cells with numbers; nothing where they have no room."""
    planes = values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values.reshape(1, 1, -1)
    rows, columns = planes.shape[1:]
    side = size // max(rows, columns, 1)
    if len(planes) > 1 or side < _NUMBERED:
        return ()
    signed = address.is_gradient or address.part == "step"
    texts = shown_group(planes.ravel().tolist(), signed=signed)
    font = number_font(side, side, texts)
    if font is None:
        return ()
    grid = Grid((size - side * columns) // 2, (size - side * rows) // 2, rows, columns, side, side)
    numbers = enumerate(zip(planes.ravel().tolist(), texts, strict=True))
    boxes_and_numbers = ((grid.cell(*divmod(k, columns)), *number) for k, number in numbers)
    return cells((value_cell(*each, scale) for each in boxes_and_numbers), theme)


_GAP = 28
_STATISTICS = 58
_HEADING = CAPTION_HEIGHT + REMARK_HEIGHT + 4
_LARGEST, _SMALLEST = 260, 40
_NARROWEST = 128


Tensors = tuple[Address, ...]
"""Those that stand in one row."""


def layer_marks(view: View, phase: Phase, layer: str, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Forward: inputs, parameters, output. Backward: gradients. Update: a row a parameter."""
    lines = _lines(view, phase, layer)
    across, size = _arrangement(lines, body)
    rows = [line[k : k + across] for line in lines for k in range(0, len(line), across)]
    marks: list[Mark] = []
    step = _HEADING + size + _STATISTICS + _GAP / 2
    most = max(1, int((body.height + _GAP / 2) // step))
    pitch = (body.width + _GAP) / across
    for down, row in enumerate(rows[:most]):
        for right, address in enumerate(row):
            x, y = round(body.x + right * pitch), body.y + down * step
            marks.extend(_tile(view, address, layer, Box(x, y, pitch - _GAP, step), size, theme))
    hidden = sum(map(len, rows[most:]))
    if hidden:
        text = f"{hidden} more have no room here: step into the layer to see them"
        marks.append(Text(body.x, body.bottom, text, styles.LABEL, theme.text_secondary))
    return tuple(marks)


def _lines(view: View, phase: Phase, layer: str) -> tuple[Tensors, ...]:
    if phase is Phase.UPDATE:
        return tuple(_update_lines(view, layer))
    return ((_backward if phase is Phase.BACKWARD else _forward)(view, layer),)


def _forward(view: View, layer: str) -> Tensors:
    if layer == LOSS_NAME:
        made = [o.nest.target for o in view.timeline.operations if o.phase is Phase.LOSS]
        return (Address(LOSS_NAME, "input"), TARGET, *made)
    node = view.tape.network.by_name[layer]
    inputs = (view.tape.network.input_address(node, k) for k in range(len(node.inputs)))
    parameters = (Address(layer, name) for name in view.tape.network.parameter_shapes(node))
    return (*inputs, *parameters, Address(layer, "output"))


def _backward(view: View, layer: str) -> Tensors:
    """Upstream, and what the layer makes of it."""
    network = view.tape.network
    made = tuple(
        o.nest.target
        for o in view.timeline.operations
        if o.phase is Phase.BACKWARD and o.layer == layer
    )
    output = LOSS.grad if layer == LOSS_NAME else network.output_address(layer).grad
    if layer == IMAGE_NAME or output in made:
        sources = (network.input_address(*reader).grad for reader in network.consumers[layer])
        return tuple(dict.fromkeys((*sources, *made)))
    return (output, *made)


def _update_lines(view: View, layer: str) -> Iterator[Tensors]:
    network = view.tape.network
    updates = [
        o.nest.target
        for o in view.timeline.operations
        if o.phase is Phase.UPDATE and o.layer == layer
    ]
    for name in network.parameter_shapes(network.by_name[layer]):
        parameter = Address(layer, name)
        found = [parameter, parameter.grad]
        for target in updates:
            if target.of("") != parameter:
                continue
            before = target.of(f"{target.part}_before")
            found += [before] if before in view.tape else []
            found.append(target)
        yield tuple(found)


def _arrangement(lines: Sequence[Tensors], body: Box) -> tuple[int, int]:
    """Tiles in a row, and a thumbnail's side: as large as fit."""
    longest = max(map(len, lines))
    widest = max(1, int((body.width + _GAP) // (_NARROWEST + _GAP)))
    best = (min(longest, widest), _SMALLEST)
    for across in range(1, min(longest, widest) + 1):
        down = sum(math.ceil(len(line) / across) for line in lines)
        width = (body.width + _GAP) / across - _GAP
        height = (body.height + _GAP / 2) / down - _GAP / 2 - _HEADING - _STATISTICS
        size = int(min(width, height, _LARGEST))
        if size > best[1] or (size == best[1] and across < best[0]):
            best = (across, size)
    return best


def _tile(
    view: View, address: Address, layer: str, box: Box, size: int, theme: Theme
) -> Iterator[Mark]:
    array = view.tape[address]
    shape = array.shape
    if view.tape.batch == 1 and len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    title = view.notation.title(address, "" if layer in {IMAGE_NAME, LOSS_NAME} else layer)
    caption = Caption(address, title, "", shape_text(shape) if shape else "a number")
    yield from caption_marks(caption, view.notation, box.x, box.y, box.width, theme)
    y = box.y + _HEADING
    yield from array_thumbnail(view, address, box.x, y, size, theme)
    facts: tuple[str, ...] = ("not computed yet",)
    if is_computed(view, address):
        found = statistics(view, address)
        facts = (found.range_text, found.mean_text, found.zeros_text) if array.size > 1 else ()
    for number, text in enumerate(facts):
        baseline = y + size + 17 + 17 * number
        # A number that is cut is another number.
        if text_width(text, styles.INDEX) <= box.width:
            yield Text(box.x, baseline, text, styles.INDEX, theme.text_secondary)
