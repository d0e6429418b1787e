"""A phase as cards in flow order: outputs forward, gradients backward, changes in the update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backpropviz.engine.address import Address
from backpropviz.engine.layers.protocol import IMAGE, LOSS, LOSS_NAME
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.program import Phase
from backpropviz.figures.overview_parts import array_thumbnail, is_computed, statistics
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide
from backpropviz.scene.marks import Box, Color, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

_GAP = 30
_PADDING = 12
_TITLE, _FOOT = 30, 44
_LARGEST, _SMALLEST = 150, 24
_LANES, _LANE = 5, 4


@dataclass(frozen=True, slots=True)
class Card:
    """A layer with one or two arrays; `reads` are the cards that it follows, by name."""

    name: str
    arrays: tuple[Address, ...]
    foot: str
    reads: tuple[str, ...] = ()


def phase_marks(view: View, phase: Phase, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Cards in rows, in the order in which they run; arrows from card to card."""
    if phase is Phase.UPDATE:
        return _card_marks(view, tuple(_update_cards(view)), body, theme.update, theme)
    if phase is Phase.BACKWARD:
        return _card_marks(view, tuple(_backward_cards(view)), body, theme.backward, theme)
    return _card_marks(view, tuple(_forward_cards(view)), body, theme.forward, theme)


def _forward_cards(view: View) -> Iterator[Card]:
    yield Card(IMAGE_NAME, (IMAGE,), _range(view, IMAGE))
    for node in view.tape.network.nodes:
        output = Address(node.name, "output")
        yield Card(node.name, (output,), _range(view, output), node.inputs)


def _backward_cards(view: View) -> Iterator[Card]:
    """From the loss to the image; each card shows what has reached the layer's output."""
    network = view.tape.network
    yield Card(LOSS_NAME, (LOSS.grad,), "∂L/∂L")
    for name in (*(node.name for node in reversed(network.nodes)), IMAGE_NAME):
        gradient = network.output_address(name).grad
        if gradient in view.tape:
            yield Card(name, (gradient,), _range(view, gradient), _readers(network, name))


def _readers(network: Network, name: str) -> tuple[str, ...]:
    readers = (reader for reader, _ in network.consumers[name])
    return tuple(dict.fromkeys(LOSS_NAME if r is None else r.name for r in readers))


def _update_cards(view: View) -> Iterator[Card]:
    network = view.tape.network
    for node in network.nodes:
        for name in network.parameter_shapes(node):
            parameter = Address(node.name, name)
            foot = _change(view, parameter)
            yield Card(parameter.name, (parameter, parameter.of("next")), foot)


def _range(view: View, address: Address) -> str:
    return statistics(view, address).range_text if is_computed(view, address) else "not yet"


def _change(view: View, parameter: Address) -> str:
    step = parameter.of("step")
    if not is_computed(view, step):
        return "not yet"
    return f"step {statistics(view, step).range_text}"


def _card_marks(
    view: View, cards: Sequence[Card], body: Box, color: Color, theme: Theme
) -> tuple[Mark, ...]:
    if not cards:
        text = "No layer has parameters: there is nothing to update."
        return (Text(body.x, body.y + 16, text, styles.BODY, theme.text_secondary),)
    wide = max(len(card.arrays) for card in cards)
    across, size = _arrangement(len(cards), wide, body)
    places = _places(cards, wide, across, size, body)
    most = max(1, int((body.height + _GAP) // (_height(size) + _GAP))) * across
    marks: list[Mark] = []
    for card in cards[:most]:
        marks.extend(_card(view, card, places[card.name], size, theme))
    is_flow = any(card.reads for card in cards)
    marks.extend(_joins(cards[:most], places, color) if is_flow else ())
    return tuple(marks)


def _height(size: int) -> float:
    return _TITLE + size + _FOOT


def _width(wide: int, size: int) -> float:
    return wide * size + (wide - 1) * _GAP + 2 * _PADDING


def _arrangement(count: int, wide: int, body: Box) -> tuple[int, int]:
    """Cards in a row, and a thumbnail's side: as large as fit."""
    best = (1, 0)
    for across in range(1, count + 1):
        down = math.ceil(count / across)
        width = (body.width + _GAP) / across - _GAP - 2 * _PADDING - (wide - 1) * _GAP
        height = (body.height + _GAP) / down - _GAP - _TITLE - _FOOT
        size = int(min(width / wide, height, _LARGEST))
        best = max(best, (across, size), key=lambda found: found[1])
    if best[1] >= _SMALLEST:
        return best
    return max(1, int((body.width + _GAP) // (_width(wide, _SMALLEST) + _GAP))), _SMALLEST


def _places(cards: Sequence[Card], wide: int, across: int, size: int, body: Box) -> dict[str, Box]:
    own, height = _width(wide, size), _height(size)
    step = min((body.width + _GAP) / across, max(own, 96) + _GAP * 1.6)
    step = max(step, own + 8)
    return {
        card.name: Box(
            round(body.x + k % across * step),
            round(body.y + k // across * (height + _GAP)),
            min(step - _GAP, max(own, 96)) if across > 1 else min(body.width, max(own, 96)),
            height,
        )
        for k, card in enumerate(cards)
    }


def _card(view: View, card: Card, box: Box, size: int, theme: Theme) -> Iterator[Mark]:
    yield Rect(
        *(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1),
        fill=theme.panel,
        stroke=Stroke(theme.border),
        radius=8.0,
    )
    x, width = box.x + _PADDING, box.width - 2 * _PADDING
    name = elide(card.name, styles.PANEL_TITLE, width)
    yield Text(x, box.y + 20, name, styles.PANEL_TITLE, theme.text)
    for number, address in enumerate(card.arrays):
        left = x + number * (size + _GAP)
        yield from array_thumbnail(view, address, left, box.y + _TITLE, size, theme)
        if number:
            middle = box.y + _TITLE + round(size / 2)
            points = ((left - _GAP + 5, middle), (left - 5, middle))
            yield Path(points, Stroke(theme.update, 1.75), arrow=True)
    y = box.y + _TITLE + size
    foot = elide(card.foot, styles.INDEX, width)
    yield Text(x, y + 17, foot, styles.INDEX, theme.text_secondary)
    if len(card.reads) > 1:
        reads = elide(" + ".join(card.reads), styles.LABEL, width)
        yield Text(x, y + 34, reads, styles.LABEL, theme.text_tertiary)


def _joins(cards: Sequence[Card], places: dict[str, Box], color: Color) -> Iterator[Mark]:
    """An arrow to the neighbor; what skips cards has a lane of its own in the gutters."""
    stroke = Stroke(color, 1.75)
    lanes: dict[float, int] = {}
    for number, card in enumerate(cards):
        for port, source in enumerate(dict.fromkeys(card.reads)):
            if source not in places:
                continue
            start, end = places[source], places[card.name]
            is_next = number > 0 and cards[number - 1].name == source
            if is_next and start.y == end.y:
                points = _straight(start, end)
            else:
                lane = lanes.get(end.y, 0)
                lanes[end.y] = lane + 1
                points = _around(start, end, lane % _LANES, port)
            yield Path(points, stroke, corner_radius=4.0, arrow=True)


def _straight(start: Box, end: Box) -> tuple[tuple[float, float], ...]:
    middle = start.y + _TITLE + (start.height - _TITLE - _FOOT) / 2
    return ((start.right + 2, middle), (end.x - 2, middle))


def _around(start: Box, end: Box, lane: int, port: int) -> tuple[tuple[float, float], ...]:
    """Through the gutter above the goal's row into its top; past other rows beside a column."""
    x1 = start.x + start.width * (0.5 + 0.1 * (lane - 1))
    x2 = end.x + end.width * (0.5 + 0.16 * port)
    y = end.y - _GAP + 6 + lane * _LANE
    if start.y == end.y:
        return ((x1, start.y), (x1, y), (x2, y), (x2, end.y - 1))
    if end.y - start.bottom <= _GAP:
        return ((x1, start.bottom), (x1, y), (x2, y), (x2, end.y - 1))
    side, first = start.right + 6 + lane * _LANE, start.bottom + 6 + lane * _LANE
    return (
        *((x1, start.bottom), (x1, first), (side, first), (side, y)),
        *((x2, y), (x2, end.y - 1)),
    )
