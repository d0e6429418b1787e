"""The whole training step: what was predicted, what every layer got back, what the update did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, TARGET
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.figures.number_groups import said
from backpropviz.figures.overview.parts import array_thumbnail, statistics
from backpropviz.figures.stage.class_bars import (
    BarColumn,
    ClassRows,
    bar_marks,
    bars_bottom,
)
from backpropviz.figures.stage.cross_entropy_stage import class_names
from backpropviz.figures.stage.facts import FACT_HEIGHT, Fact, fact_marks
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide
from backpropviz.scene.marks import Anchor, Box, Color, Mark, Text
from backpropviz.scene.numbers import group_decimals, shown
from backpropviz.scene.theme import Theme

_PROBABILITIES = Address("loss", "probabilities")
_PREDICTION = Address("loss", "input")
_LABEL_WIDTH = 76
_LARGEST, _SMALLEST = 150, 22
_LEAST_TILE = 8
_NAME = 18
_MOST_CLASSES = 10
_BARS_WIDTH = 380
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
    height = min(body.bottom - y - _least_rows(view, body), 290)
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
    steps = [a for a in tape if a.part == "step"]
    if steps:
        largest = max(steps, key=lambda a: _size(view, a))
        text = said(_size(view, largest))
        facts.append(Fact(f"largest step, in {largest.of('').name}", text, theme.update))
    return tuple(facts)


def _classifies(view: View) -> bool:
    """Whether one class is the target; a binary cross-entropy asks of each output by itself."""
    return view.tape.network.loss.about.is_of_classes and _PROBABILITIES in view.tape


def _size(view: View, address: Address) -> float:
    found = statistics(view, address)
    return max(abs(found.low), abs(found.high))


def _least_rows(view: View, body: Box) -> float:
    columns = _columns(view)
    across = max(1, int((body.width - _LABEL_WIDTH) // (_SMALLEST + 8)))
    return math.ceil(len(columns) / across) * (3 * (_SMALLEST + 6) + _NAME + 12) + 14


def _prediction(view: View, box: Box, theme: Theme) -> tuple[tuple[Mark, ...], float]:
    """Probabilities of the likeliest classes, where the network classifies and there is room."""
    if not _classifies(view) or box.height < 90:
        return (), box.y - 14
    values = np.asarray(view.tape[_PROBABILITIES][view.sample], dtype=np.float64)
    target = int(view.tape[TARGET][view.sample])
    chosen = _likeliest(values, target, max(3, min(_MOST_CLASSES, int((box.height - 40) // 20))))
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


def _likeliest(values: np.ndarray, target: int, count: int) -> list[int]:
    """The classes with the largest probabilities, in their own order; the target always."""
    if len(values) <= count:
        return list(range(len(values)))
    order = [int(k) for k in np.argsort(-values, kind="stable")[:count]]
    if target not in order:
        order[-1] = target
    return sorted(order)


def _columns(view: View) -> tuple[LayerColumn, ...]:
    network, tape = view.tape.network, view.tape
    found = []
    for name in (IMAGE_NAME, *(node.name for node in network.nodes)):
        output = IMAGE if name == IMAGE_NAME else Address(name, "output")
        step = Address(name, "weight", "step")
        found.append(
            LayerColumn(
                name,
                output,
                output.grad if output.grad in tape else None,
                step if step in tape else None,
            )
        )
    return tuple(found)


def _layer_rows(view: View, box: Box, theme: Theme) -> Iterator[Mark]:
    """Three rows a band; as many bands as it takes for tiles that can be seen."""
    columns = _columns(view)
    bands = _bands(len(columns), box)
    across = math.ceil(len(columns) / bands)
    width = (box.width - _LABEL_WIDTH) / across
    height = box.height / bands
    size = int(min(width - 8, (height - _NAME - 24) / 3 - 6, _LARGEST))
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
        return min(width, (box.height / bands - _NAME - 24) / 3 - 6, _LARGEST)

    return max(range(1, min(count, 6) + 1), key=lambda bands: (side(bands), -bands))


def _band(
    view: View, columns: Sequence[LayerColumn], box: Box, tile: tuple[float, int], theme: Theme
) -> Iterator[Mark]:
    width, size = tile
    width = min(width, size + _BETWEEN) if len(columns) > 1 else width
    rows: tuple[tuple[str, Color], ...] = (
        ("output", theme.forward),
        ("gradient", theme.backward),
        ("step of W", theme.update),
    )
    top = box.y + _NAME + 6
    for number, (label, color) in enumerate(rows):
        y = top + number * (size + 6) + size / 2 + 4
        yield Text(box.x, y, label, styles.LABEL_MEDIUM, color)
    for k, column in enumerate(columns):
        x = round(box.x + _LABEL_WIDTH + k * width)
        name = elide(column.name, styles.LABEL, width - 4)
        if name:
            middle = x + size / 2
            yield Text(
                *(middle, box.y + _NAME - 4, name, styles.LABEL),
                color=theme.text_secondary,
                anchor=Anchor.MIDDLE,
            )
        for number, address in enumerate((column.output, column.gradient, column.step)):
            if address is not None:
                y = top + number * (size + 6)
                yield from array_thumbnail(view, address, x, y, size, theme)
