"""What average pooling would do with the same window, beside what max-pooling does with it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from backpropviz.figures.number_groups import said
from backpropviz.figures.pooling.shown import PoolingShown
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, value_fill
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box, Mark, Text
from backpropviz.scene.theme import Theme

_CELL = (56, 44)
_HEADING, _LINE = 44.0, 16.0
_MOST_CELLS = 9


def average_beside(shown: PoolingShown, figure: Box, room: Box, theme: Theme) -> tuple[Mark, ...]:
    """Right of the figure the window in question, its upstream value shared out evenly.

    Nothing where there is no room, or where the value has not been handed back yet.
    """
    if shown.upstream is None or shown.is_mean or not shown.is_applied(*shown.nearest_window):
        return ()
    rows, columns = shown.plane.window.kernel
    if rows * columns > _MOST_CELLS or rows * columns == 1:
        return ()
    texts = _heading(shown)
    widest = max(text_width(text, styles.LABEL) for text in texts)
    width, height = max(columns * _CELL[0], widest), _HEADING + rows * _CELL[1]
    x, y = round(figure.right + 36), figure.y
    if x + width > room.right or y + height > room.bottom:
        return ()
    return (*_words(texts, x, y, theme), *_shares(shown, x, y + _HEADING, theme))


def _heading(shown: PoolingShown) -> tuple[str, str]:
    rows, columns = shown.plane.window.kernel
    whole = said(_upstream(shown), signed=True)
    return "Average pooling instead:", f"{whole} × 1/{rows * columns} to each cell"


def _upstream(shown: PoolingShown) -> float:
    found = shown.upstream
    return math.nan if found is None else float(found[shown.nearest_window])


def _words(texts: tuple[str, str], x: float, y: float, theme: Theme) -> Iterator[Mark]:
    for number, text in enumerate(texts):
        baseline = y + 14 + number * _LINE
        yield Text(x, baseline, text, styles.LABEL, theme.text_secondary)


def _shares(shown: PoolingShown, x: float, y: float, theme: Theme) -> tuple[Mark, ...]:
    rows, columns = shown.plane.window.kernel
    share = _upstream(shown) / (rows * columns)
    scale = shown.view.scales.of(shown.cell_address, theme)
    fill = value_fill(share, scale.colormap, scale.limits)
    text = said(share, signed=True)
    is_number = math.isfinite(share)
    state = CellState.FINAL if is_number else CellState.NOT_FINITE
    boxes = (
        Box(x + column * _CELL[0], y + row * _CELL[1], *_CELL)
        for row in range(rows)
        for column in range(columns)
    )
    many = [Cell(box, state, text, fill if is_number else None) for box in boxes]
    return cells(many, theme)
