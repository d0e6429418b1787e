"""What the stage shows where the focus holds several tensors: a layer, a phase, the whole step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME, TARGET
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address
from backpropviz.figures.numbers import said
from backpropviz.figures.stage.array_summary import (
    array_thumbnail,
    is_computed,
    layer_marks,
    statistics,
)
from backpropviz.figures.stage.headings import FACT_HEIGHT, Fact, fact_marks
from backpropviz.figures.stage.losses import (
    BarColumn,
    ClassRows,
    bar_marks,
    bars_bottom,
    class_names,
    loss_stage,
)
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Anchor, Box, Color, Font, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import elide, group_decimals, shown, text_width, wrap
from backpropviz.scene.theme import Theme

_LARGEST, _SMALLEST = 150, 24
_NOTE_HEIGHT = 20
_LANES = 5


@frozen
class Measures:
    """Room in and between cards (px); `foot` holds two lines below the thumbnail."""

    gap: int
    padding: int
    title: int
    foot: int
    least_width: int
    font: Font


_ROOMY = Measures(30, 12, 30, 44, 96, styles.PANEL_TITLE)
_COMPACT = Measures(14, 3, 18, 4, 40, styles.LABEL)


@frozen
class Card:
    """A layer with one or two arrays; `reads` are the cards that it follows, by name.

    `feet` are the words below it, the longest first: as much is shown as has room.
    """

    name: str
    arrays: tuple[Address, ...]
    feet: tuple[str, ...]
    reads: tuple[str, ...] = ()


def phase_marks(view: View, phase: Phase, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Cards in rows, in the order in which they run; arrows from card to card."""
    cards, color = _forward_cards, theme.forward
    if phase is Phase.UPDATE:
        cards, color = _update_cards, theme.update
    elif phase is Phase.BACKWARD:
        cards, color = _backward_cards, theme.backward
    return _card_marks(view, tuple(cards(view)), body, color, theme)


def _forward_cards(view: View) -> Iterator[Card]:
    yield Card(IMAGE_NAME, (IMAGE,), _range(view, IMAGE))
    for node in view.tape.network.nodes:
        output = Address(node.name, "output")
        yield Card(node.name, (output,), _range(view, output), node.inputs)


def _backward_cards(view: View) -> Iterator[Card]:
    """From the loss to the image; each card shows what has reached the layer's output."""
    network = view.tape.network
    yield Card(LOSS_NAME, (LOSS.grad,), ("∂L/∂L",))
    for name in (*(node.name for node in reversed(network.nodes)), IMAGE_NAME):
        gradient = network.output_address(name).grad
        if gradient in view.tape:
            readers = (reader for reader, _ in network.consumers[name])
            yield Card(
                name,
                (gradient,),
                _range(view, gradient),
                tuple(dict.fromkeys(LOSS_NAME if r is None else r.name for r in readers)),
            )


def _update_cards(view: View) -> Iterator[Card]:
    network = view.tape.network
    for node in network.nodes:
        for name in network.parameter_shapes(node):
            parameter = Address(node.name, name)
            both = (parameter, parameter.of("next"))
            found = _range(view, parameter.of("step"))
            yield Card(parameter.name, both, (f"step {found[0]}", *found))


def _range(view: View, address: Address) -> tuple[str, ...]:
    if not is_computed(view, address):
        return ("not yet",)
    found = statistics(view, address)
    return found.range_text, f"{shown(found.low, 1)} … {shown(found.high, 1)}"


def _card_marks(
    view: View, cards: Sequence[Card], body: Box, color: Color, theme: Theme
) -> tuple[Mark, ...]:
    if not cards:
        text = "No layer has parameters: there is nothing to update."
        return (Text(body.x, body.y + 16, text, styles.BODY, theme.text_secondary),)
    wide = max(len(card.arrays) for card in cards)
    measures = _ROOMY
    across, size = _arrangement(len(cards), wide, body, measures)
    if size < _SMALLEST + 16:
        measures = _COMPACT
        across, size = _arrangement(len(cards), wide, body, measures)
    # How many cards have room; a line is kept free where that is not all.
    step = _height(size, measures) + measures.gap
    most = int((body.height + measures.gap) // step) * across
    if most < len(cards):
        most = max(1, int((body.height - _NOTE_HEIGHT + measures.gap) // step)) * across
    places = _places(cards[:most], wide, across, size, body, measures)
    marks: list[Mark] = []
    for card in cards[:most]:
        marks.extend(_card(view, card, places[card.name], size, measures, theme))
    marks.extend(_joins(cards[:most], places, color, measures))
    if most < len(cards):
        text = f"{len(cards) - most} more have no room here: enlarge the stage to see them"
        marks.append(Text(body.x, body.bottom, text, styles.LABEL, theme.text_secondary))
    return tuple(marks)


def _height(size: int, measures: Measures) -> float:
    return measures.title + size + measures.foot


def _width(wide: int, size: int, measures: Measures) -> float:
    return wide * size + (wide - 1) * measures.gap + 2 * measures.padding


def _arrangement(count: int, wide: int, body: Box, measures: Measures) -> tuple[int, int]:
    """Cards in a row, and a thumbnail's side: as large as fit."""
    gap, best = measures.gap, (1, 0)
    for across in range(1, count + 1):
        down = math.ceil(count / across)
        width = (body.width + gap) / across - gap - 2 * measures.padding - (wide - 1) * gap
        height = (body.height + gap) / down - gap - measures.title - measures.foot
        size = int(min(width / wide, height, _LARGEST))
        best = max(best, (across, size), key=lambda found: found[1])
    if best[1] >= _SMALLEST:
        return best
    narrowest = _width(wide, _SMALLEST, measures)
    return max(1, int((body.width + gap) // (narrowest + gap))), _SMALLEST


def _places(
    cards: Sequence[Card], wide: int, across: int, size: int, body: Box, measures: Measures
) -> dict[str, Box]:
    own, height = _width(wide, size, measures), _height(size, measures)
    full = max(own, measures.least_width)
    step = min((body.width + measures.gap) / across, full + measures.gap * 1.6)
    step = max(step, own + 8)
    width = min(step - measures.gap, full) if across > 1 else min(body.width, full)
    return {
        card.name: Box(
            round(body.x + k % across * step),
            round(body.y + k // across * (height + measures.gap)),
            max(width, own),
            height,
        )
        for k, card in enumerate(cards)
    }


def _card(
    view: View, card: Card, box: Box, size: int, measures: Measures, theme: Theme
) -> Iterator[Mark]:
    if measures is _ROOMY:
        edges = (box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)
        yield Rect(*edges, fill=theme.panel, stroke=Stroke(theme.border), radius=8.0)
    x, width = box.x + measures.padding, box.width - 2 * measures.padding
    name = elide(card.name, measures.font, width)
    yield Text(x, box.y + round(measures.title * 0.68), name, measures.font, theme.text)
    top = box.y + measures.title
    for number, address in enumerate(card.arrays):
        left = x + number * (size + measures.gap)
        yield from array_thumbnail(view, address, left, top, size, theme)
        if number:
            middle = top + round(size / 2)
            points = ((left - measures.gap + 2, middle), (left - 2, middle))
            yield Path(points, Stroke(theme.update, 1.75), arrow=True)
    if measures is _ROOMY:
        # A range whole or not at all, since a cut number is another number; and what is joined.
        y = top + size
        fitting = (text for text in card.feet if text_width(text, styles.INDEX) <= width)
        if foot := next(fitting, ""):
            yield Text(x, y + 17, foot, styles.INDEX, theme.text_secondary)
        if len(card.reads) > 1:
            reads = elide(" + ".join(card.reads), styles.LABEL, width)
            yield Text(x, y + 34, reads, styles.LABEL, theme.text_tertiary)


def _joins(
    cards: Sequence[Card], places: dict[str, Box], color: Color, measures: Measures
) -> Iterator[Mark]:
    """An arrow to the neighbor; what skips cards has a lane of its own in the gutters."""
    stroke = Stroke(color, 1.75 if measures is _ROOMY else 1.25)
    lanes: dict[float, int] = {}
    for number, card in enumerate(cards):
        for port, source in enumerate(dict.fromkeys(card.reads)):
            if source not in places:
                continue
            start, end = places[source], places[card.name]
            is_next = number > 0 and cards[number - 1].name == source
            if is_next and start.y == end.y:
                thumbnail = start.height - measures.title - measures.foot
                middle = start.y + measures.title + thumbnail / 2
                points: tuple[tuple[float, float], ...]
                points = ((start.right + 2, middle), (end.x - 2, middle))
            else:
                lane = lanes.get(end.y, 0)
                lanes[end.y] = lane + 1
                points = _around(start, end, lane % _LANES, port, measures)
            yield Path(points, stroke, corner_radius=4.0, arrow=True)


def _around(
    start: Box, end: Box, lane: int, port: int, measures: Measures
) -> tuple[tuple[float, float], ...]:
    """Through the gutter above the goal's row into its top; past other rows beside a column."""
    gap = measures.gap
    shift = gap / 5 + lane * gap * 0.13
    x1 = start.x + start.width * (0.5 + 0.1 * (lane - 1))
    x2 = end.x + end.width * (0.5 + 0.16 * port)
    y = end.y - gap + shift
    if start.y == end.y or end.y - start.bottom <= gap:
        begin = start.y if start.y == end.y else start.bottom
        return ((x1, begin), (x1, y), (x2, y), (x2, end.y - 1))
    side, first = start.right + shift, start.bottom + shift
    around = ((x1, first), (side, first), (side, y))
    return ((x1, start.bottom), *around, (x2, y), (x2, end.y - 1))


_PROBABILITIES = Address("loss", "probabilities")
_PREDICTION = Address("loss", "input")
_LABEL_WIDTH, _NAME = 76, 18
_STEP_LARGEST, _STEP_SMALLEST, _LEAST_TILE = 150, 22, 8
_MOST_CLASSES, _BARS_WIDTH = 10, 380
_BETWEEN = 26


@frozen
class LayerColumn:
    """A layer's output, its gradient, and its parameters' steps, as far as it has them."""

    name: str
    output: Address
    gradient: Address | None
    step: Address | None


def step_marks(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Numbers at the top, the prediction below, then a column a layer in three rows."""
    facts = fact_marks(_facts(view, theme), Box(body.x, body.y, body.width, FACT_HEIGHT), theme)
    y = body.y + FACT_HEIGHT + 18
    columns = _columns(view)
    across = max(1, int((body.width - _LABEL_WIDTH) // (_STEP_SMALLEST + 8)))
    least_rows = math.ceil(len(columns) / across) * (3 * (_STEP_SMALLEST + 6) + _NAME + 12) + 14
    height = min(body.bottom - y - least_rows, 290)
    prediction, bottom = _prediction(view, Box(body.x, y, body.width, height), theme)
    rows = Box(body.x, bottom + 14, body.width, body.bottom - bottom - 14)
    return (*facts, *prediction, *_layer_rows(view, rows, theme))


def _facts(view: View, theme: Theme) -> tuple[Fact, ...]:
    tape = view.tape
    facts = [Fact("loss before the update", shown(tape.loss, 4), theme.loss, str(LOSS))]
    if _classifies(view):
        names = class_names(view, int(tape[_PROBABILITIES].shape[1]))
        probabilities = tape[_PROBABILITIES][view.sample]
        best = "NaN" if np.isnan(probabilities).any() else names[int(np.argmax(probabilities))]
        facts.append(Fact("reads it as", best, theme.forward))
        facts.append(Fact("target", names[int(tape[TARGET][view.sample])], theme.loss))
    elif tape[_PREDICTION][0].size == 1:
        value = shown(float(tape[_PREDICTION].ravel()[view.sample]), 4)
        facts.append(Fact("prediction", value, theme.forward))
        facts.append(Fact("target", shown(float(tape[TARGET].ravel()[view.sample]), 4), theme.loss))

    def size(address: Address) -> float:
        found = statistics(view, address)
        return max(abs(found.low), abs(found.high))

    steps = [address for address in tape if address.part == "step"]
    if steps:
        largest = max(steps, key=size)
        text = said(size(largest))
        facts.append(Fact(f"largest step, in {largest.of('').name}", text, theme.update))
    return tuple(facts)


def _classifies(view: View) -> bool:
    """Whether one class is the target; a binary cross-entropy asks of each output by itself."""
    return view.tape.network.loss.about.is_of_classes and _PROBABILITIES in view.tape


def _prediction(view: View, box: Box, theme: Theme) -> tuple[tuple[Mark, ...], float]:
    """Probabilities of the likeliest classes, where the network classifies and there is room."""
    if not _classifies(view) or box.height < 90:
        return (), box.y - 14
    values = np.asarray(view.tape[_PROBABILITIES][view.sample], dtype=np.float64)
    target = int(view.tape[TARGET][view.sample])
    # The likeliest in their own order, and the target always.
    count = max(3, min(_MOST_CLASSES, int((box.height - 40) // 20)))
    chosen = [int(k) for k in np.argsort(-values, kind="stable")[:count]]
    chosen = sorted(chosen if target in chosen else [*chosen[:-1], target])
    names = class_names(view, len(values))
    column = BarColumn(
        _PROBABILITIES,
        "probability",
        values[chosen],
        np.ones(len(chosen), bool),
        theme.forward,
        (0.0, 1.0),
        group_decimals(values.tolist()),
        (view.sample,),
        keys=tuple(chosen),
    )
    rows = ClassRows(tuple(names[k] for k in chosen), range(len(chosen)), chosen.index(target))
    height = min(box.height, 40 + 24 * len(chosen))
    room = Box(box.x, box.y, min(_BARS_WIDTH, box.width), height)
    return bar_marks((column,), rows, view.notation, room, theme), bars_bottom(len(chosen), room)


def _columns(view: View) -> tuple[LayerColumn, ...]:
    def column(name: str) -> LayerColumn:
        output = IMAGE if name == IMAGE_NAME else Address(name, "output")
        gradient, step = output.grad, Address(name, "weight", "step")
        found = (address if address in view.tape else None for address in (gradient, step))
        return LayerColumn(name, output, *found)

    return tuple(map(column, (IMAGE_NAME, *(node.name for node in view.tape.network.nodes))))


def _layer_rows(view: View, box: Box, theme: Theme) -> Iterator[Mark]:
    """Three rows a band; as many bands as it takes for tiles that can be seen."""
    columns = _columns(view)
    bands = _bands(len(columns), box)
    across = math.ceil(len(columns) / bands)
    width = (box.width - _LABEL_WIDTH) / across
    height = box.height / bands
    size = int(min(width - 8, (height - _NAME - 24) / 3 - 6, _STEP_LARGEST))
    if size < _LEAST_TILE:
        text = f"{len(columns)} layers have no room here: enlarge the stage to see them"
        fitting = elide(text, styles.LABEL, box.width)
        yield Text(box.x, box.y + 12, fitting, styles.LABEL, theme.text_secondary)
        return
    for band in range(bands):
        part = columns[band * across : (band + 1) * across]
        place = Box(box.x, box.y + band * height, box.width, height)
        yield from _band(view, part, place, (width, size), theme)


def _bands(count: int, box: Box) -> int:
    def side(bands: int) -> float:
        width = (box.width - _LABEL_WIDTH) / math.ceil(count / bands) - 8
        return min(width, (box.height / bands - _NAME - 24) / 3 - 6, _STEP_LARGEST)

    return max(range(1, min(count, 6) + 1), key=lambda bands: (side(bands), -bands))


def _band(
    view: View, columns: Sequence[LayerColumn], box: Box, tile: tuple[float, int], theme: Theme
) -> Iterator[Mark]:
    width, size = tile
    width = min(width, size + _BETWEEN) if len(columns) > 1 else width
    top = box.y + _NAME + 6
    colors = {"output": theme.forward, "gradient": theme.backward, "step of W": theme.update}
    for number, (label, color) in enumerate(colors.items()):
        y = top + number * (size + 6) + size / 2 + 4
        yield Text(box.x, y, label, styles.LABEL_MEDIUM, color)
    for k, column in enumerate(columns):
        x = round(box.x + _LABEL_WIDTH + k * width)
        name = elide(column.name, styles.LABEL, width - 4)
        if name:
            middle, baseline, color = x + size / 2, box.y + _NAME - 4, theme.text_secondary
            yield Text(middle, baseline, name, styles.LABEL, color, Anchor.MIDDLE)
        for number, address in enumerate((column.output, column.gradient, column.step)):
            if address is not None:
                y = top + number * (size + 6)
                yield from array_thumbnail(view, address, x, y, size, theme)


_TITLE, _LINE, _HINT_WIDTH = 22, 20, 640.0


def start_marks(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """That nothing has run, a hint of three lines, and the network with what it is given."""
    title = "Nothing has run yet"
    marks = [Text(body.x, body.y + 16, title, styles.CARD_TITLE, theme.text)]
    y = float(body.y + 16 + _TITLE)
    # What this is, what the keys do, where to look.
    steps = view.timeline.steps
    for sentence in (
        f"One training step as a program of {steps:,} steps: forward, loss, backward, update.",
        "F10 steps over to the next block, F11 into it, F5 runs on to a breakpoint or the end.",
        "Values appear here as they are computed; what they mean is explained at the right.",
    ):
        for line in wrap(sentence, styles.BODY, min(body.width, _HINT_WIDTH)):
            y += _LINE
            marks.append(Text(body.x, y - 6, line, styles.BODY, theme.text_secondary))
        y += 4
    top = y + 18
    room = Box(body.x, top, body.width, body.bottom - top)
    return (*marks, *phase_marks(view, Phase.FORWARD, room, theme))


def overview_stage(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """The stage at layer, phase and pass depth, at the start and when every step has run."""
    if not view.has_begun:
        return start_marks(view, body, theme)
    if view.is_done or view.depth is Depth.PASS:
        return step_marks(view, body, theme)
    operation = view.timeline.operations[view.timeline.operation_at(view.state.k)]
    if operation.phase is Phase.LOSS or operation.layer == LOSS_NAME:
        is_phase = view.depth is Depth.PHASE and operation.phase is not Phase.LOSS
        figure = None if is_phase else loss_stage(view, None, body, theme)
        if figure is not None:
            return figure
    if view.depth is Depth.PHASE:
        return phase_marks(view, operation.phase, body, theme)
    return layer_marks(view, operation.phase, operation.layer, body, theme)
