"""Random max-poolings, the winners that are drawn of them, and the winners by looking at cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.operands import TieRule
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.figures.stage.pooled_plane import Pixel, PooledPlane, PoolingShown, pooling_shown
from backpropviz.figures.stage.pooling_windows import gradient_cell
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.marks import Box
from backpropviz.scene.theme import LIGHT
from tests.figures.stages import at, of_layer

RULES: tuple[TieRule, ...] = ("first", "all", "first", "shared")


def random_layers(ties: Sequence[TieRule] = RULES) -> Iterator[tuple[MaxPool2d, np.ndarray]]:
    """Overlap, gaps, padding, dilation, ceil mode, and values so few that ties are common."""
    random = np.random.default_rng(11)
    for rule in cycle(ties):
        yield _random_layer(random, rule)


def _random_layer(random: np.random.Generator, rule: TieRule) -> tuple[MaxPool2d, np.ndarray]:
    while True:
        kernel = tuple(int(k) for k in random.integers(1, 4, 2))
        layer = MaxPool2d(
            kernel,  # type: ignore[arg-type]
            stride=tuple(int(s) for s in random.integers(1, 4, 2)),  # type: ignore[arg-type]
            padding=tuple(int(random.integers(0, k // 2 + 1)) for k in kernel),  # type: ignore[arg-type]
            dilation=tuple(int(d) for d in random.integers(1, 3, 2)),  # type: ignore[arg-type]
            ceil_mode=bool(random.integers(2)),
            ties=rule,
        )
        shape = (int(random.integers(1, 3)), *(int(n) for n in random.integers(3, 8, 2)))
        try:
            layer.output_shape((shape,))
        except UserError:
            continue
        return layer, random.integers(-2, 3, shape).astype(np.float64)


def pooling_views(count: int, ties: Sequence[TieRule] = RULES) -> Iterator[View]:
    """That many poolings, in both loop orders in turn."""
    made = zip(random_layers(ties), cycle(LoopOrder), strict=False)
    return (of_layer(layer, image, order) for (layer, image), order in islice(made, count))


def drawn_winners(view: View) -> set[Pixel]:
    """The cells that the stage of the gradient's first channel draws as winners."""
    last = at(view, "layer.input.grad", 0, Depth.CHANNEL)
    assert last.focus is not None
    shown = pooling_shown(last, last.focus)
    assert shown is not None
    pixels = np.ndindex(*shown.plane.values.shape)
    return {(u, v) for u, v in pixels if _state(shown, (u, v)) is CellState.WINNER}


def _state(shown: PoolingShown, pixel: Pixel) -> CellState:
    scale = shown.view.scales.of(shown.cell_address, LIGHT)
    return gradient_cell(shown, pixel, Box(0, 0, 72, 72), scale, LIGHT).state


def winners_by_looking(view: View) -> set[Pixel]:
    """Window by window: the first of the largest, or by the rule all of them.

    The rule "first" is held against the switches of the tape too.
    """
    layer = view.tape.network.by_name["layer"].layer
    assert isinstance(layer, MaxPool2d)
    values = view.tape[parse("layer.input")][0, 0]
    switches = view.tape[parse("layer.switches")][0, 0]
    found: set[Pixel] = set()
    for y, x in np.ndindex(*switches.shape):
        cells = [c for c in _cells_of(layer, (y, x)) if _is_inside(c, values.shape)]
        largest = max(values[c] for c in cells)
        best = [c for c in cells if values[c] == largest]
        assert divmod(int(switches[y, x]), values.shape[1]) == best[0]
        found |= set(best if layer.ties != "first" else best[:1])
    return found


def _cells_of(layer: MaxPool2d, window: Pixel) -> list[Pixel]:
    shape = layer.window
    (top, _), (left, _) = shape.padding
    y, x = window[0] * shape.stride[0] - top, window[1] * shape.stride[1] - left
    return [
        (y + i * shape.dilation[0], x + j * shape.dilation[1])
        for i in range(shape.kernel[0])
        for j in range(shape.kernel[1])
    ]


def _is_inside(cell: Pixel, shape: tuple[int, ...]) -> bool:
    return 0 <= cell[0] < shape[0] and 0 <= cell[1] < shape[1]


def naive_winner(found: PooledPlane, y: int, x: int) -> Pixel:
    """The first of the largest, by looking at the window cell by cell."""
    inside = [tap.pixel for tap in found.taps(y, x) if tap.pixel is not None]
    return max(inside, key=lambda pixel: found.values[pixel])
