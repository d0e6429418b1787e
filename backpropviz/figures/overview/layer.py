"""A layer as a whole: its tensors in rows, each with its range, mean and share of zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.program import Phase
from backpropviz.figures.overview.parts import array_thumbnail, is_computed, statistics
from backpropviz.figures.stage.captions import CAPTION_HEIGHT, REMARK_HEIGHT, Caption, caption_marks
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box, Mark, Text
from backpropviz.scene.theme import Theme

_GAP = 28
_STATISTICS = 58
_HEADING = CAPTION_HEIGHT + REMARK_HEIGHT + 4
_LARGEST, _SMALLEST = 260, 40
_NARROWEST = 128


@frozen
class Line:
    """Tensors that stand in one row."""

    title: str
    tensors: tuple[Address, ...]


def layer_marks(view: View, phase: Phase, layer: str, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Forward: inputs, parameters, output. Backward: gradients. Update: a row a parameter."""
    lines = _lines(view, phase, layer)
    tensors = [address for line in lines for address in line.tensors]
    across, size = _arrangement(lines, body)
    rows = _wrapped(lines, across)
    marks: list[Mark] = []
    step = _HEADING + size + _STATISTICS + _GAP / 2
    most = max(1, int((body.height + _GAP / 2) // step))
    for number, row in enumerate(rows[:most]):
        y = body.y + number * step
        marks.extend(_row(view, row, layer, Box(body.x, y, body.width, step), across, size, theme))
    hidden = len(tensors) - sum(len(row) for row in rows[:most])
    if hidden:
        text = f"{hidden} more have no room here: step into the layer to see them"
        marks.append(Text(body.x, body.bottom, text, styles.LABEL, theme.text_secondary))
    return tuple(marks)


def _lines(view: View, phase: Phase, layer: str) -> tuple[Line, ...]:
    if phase is Phase.UPDATE:
        return tuple(_update_lines(view, layer))
    if phase is Phase.BACKWARD:
        return (Line("", _backward(view, layer)),)
    return (Line("", _forward(view, layer)),)


def _forward(view: View, layer: str) -> tuple[Address, ...]:
    if layer == LOSS_NAME:
        made = [o.nest.target for o in view.timeline.operations if o.phase is Phase.LOSS]
        return (Address(LOSS_NAME, "input"), TARGET, *made)
    node = view.tape.network.by_name[layer]
    inputs = (view.tape.network.input_address(node, k) for k in range(len(node.inputs)))
    parameters = (Address(layer, name) for name in view.tape.network.parameter_shapes(node))
    return (*inputs, *parameters, Address(layer, "output"))


def _backward(view: View, layer: str) -> tuple[Address, ...]:
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


def _update_lines(view: View, layer: str) -> Iterator[Line]:
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
        yield Line(name, tuple(found))


def _wrapped(lines: Sequence[Line], across: int) -> list[tuple[Address, ...]]:
    rows: list[tuple[Address, ...]] = []
    for line in lines:
        rows.extend(line.tensors[k : k + across] for k in range(0, len(line.tensors), across))
    return rows


def _arrangement(lines: Sequence[Line], body: Box) -> tuple[int, int]:
    """Tiles in a row, and a thumbnail's side: as large as fit."""
    longest = max(len(line.tensors) for line in lines)
    widest = max(1, int((body.width + _GAP) // (_NARROWEST + _GAP)))
    best = (min(longest, widest), _SMALLEST)
    for across in range(1, min(longest, widest) + 1):
        down = sum(math.ceil(len(line.tensors) / across) for line in lines)
        width = (body.width + _GAP) / across - _GAP
        height = (body.height + _GAP / 2) / down - _GAP / 2 - _HEADING - _STATISTICS
        size = int(min(width, height, _LARGEST))
        if size > best[1] or (size == best[1] and across < best[0]):
            best = (across, size)
    return best


def _row(
    view: View,
    tensors: Sequence[Address],
    layer: str,
    box: Box,
    across: int,
    size: int,
    theme: Theme,
) -> Iterator[Mark]:
    step = (box.width + _GAP) / across
    for number, address in enumerate(tensors):
        tile = Box(round(box.x + number * step), box.y, step - _GAP, box.height)
        yield from _tile(view, address, layer, tile, size, theme)


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
    for number, text in enumerate(_facts(view, address)):
        baseline = y + size + 17 + 17 * number
        # A number that is cut is another number.
        if text_width(text, styles.INDEX) <= box.width:
            yield Text(box.x, baseline, text, styles.INDEX, theme.text_secondary)


def _facts(view: View, address: Address) -> tuple[str, ...]:
    if not is_computed(view, address):
        return ("not computed yet",)
    found = statistics(view, address)
    if view.tape[address].size == 1:
        return ()
    return found.range_text, found.mean_text, found.zeros_text
