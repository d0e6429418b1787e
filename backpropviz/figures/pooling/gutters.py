"""Overlapping windows of a pooling: the plane itself, its cells apart, routes in the gutters.

A window's pill stands where its middle cells meet. A cell that won several windows shows what they
hand back, added up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from backpropviz.figures.pooling.pills import PILL_HEIGHT, pill_colors, pill_marks, pill_of
from backpropviz.figures.pooling.pooled_plane import Pixel
from backpropviz.figures.pooling.shown import PoolingShown
from backpropviz.figures.pooling.windows import (
    current_outline,
    gradient_cell,
    page_of,
    with_common_font,
)
from backpropviz.figures.scales import Scale
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, value_fill
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box, Mark, Path, Rect, Stroke
from backpropviz.scene.numbers import fixed
from backpropviz.scene.theme import Theme

_COLUMN_GUTTER = 18
_ROW_GUTTER = 32
_ROUTE = 1.75
_MOST_WINDOWS = 5
_SIZES = ((84, 76), (72, 72), (58, 48), (52, 42))


@frozen
class GutterLayout:
    """Where the cells of a part of the plane lie; rows and columns may reach into the padding."""

    x: float
    y: float
    rows: range
    columns: range
    windows: tuple[range, range]
    cell_size: tuple[int, int]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of all that is drawn."""
        return _extent(len(self.rows), len(self.columns), self.cell_size)

    def cell(self, pixel: Pixel) -> Box:
        """A cell, inside the plane or in its padding."""
        width, height = self.cell_size
        x = self.x + _COLUMN_GUTTER + (pixel[1] - self.columns.start) * (width + _COLUMN_GUTTER)
        y = self.y + _ROW_GUTTER + (pixel[0] - self.rows.start) * (height + _ROW_GUTTER)
        return Box(x, y, width, height)

    def crossing(self, pixel: Pixel) -> tuple[float, float]:
        """The middle of the gutters above and left of a cell."""
        box = self.cell(pixel)
        return box.x - _COLUMN_GUTTER / 2, box.y - _ROW_GUTTER / 2


def _extent(rows: int, columns: int, cell: tuple[int, int]) -> tuple[float, float]:
    width = columns * (cell[0] + _COLUMN_GUTTER) + _COLUMN_GUTTER
    return width, rows * (cell[1] + _ROW_GUTTER) + _ROW_GUTTER


def gutter_layout(shown: PoolingShown, room: Box) -> GutterLayout | None:
    """As many windows as fit around the current one; None where not even one fits."""
    count = shown.plane.count
    wanted = tuple(min(n, _MOST_WINDOWS) for n in count)
    for size in _SIZES:
        most = tuple(_most_windows(shown, axis, size, room) for axis in (0, 1))
        is_last = size == _SIZES[-1] and min(most) >= 1
        if is_last or all(m >= n for m, n in zip(most, wanted, strict=True)):
            break
    else:
        return None
    pages = [
        page_of(n, min(m, _MOST_WINDOWS), w)
        for n, m, w in zip(count, most, shown.nearest_window, strict=True)
    ]
    rows, columns = (shown.plane.covered(axis, pages[axis]) for axis in (0, 1))
    return GutterLayout(round(room.x), round(room.y), rows, columns, (pages[0], pages[1]), size)


def _most_windows(shown: PoolingShown, axis: int, size: tuple[int, int], room: Box) -> int:
    count = shown.plane.count[axis]
    free = room.height if axis == 0 else room.width
    for n in range(count, 0, -1):
        length = len(shown.plane.covered(axis, range(n)))
        if _extent(length, length, size)[1 - axis] <= free:
            return n
    return 0


def gutter_marks(shown: PoolingShown, laid: GutterLayout, theme: Theme) -> tuple[Mark, ...]:
    """Cells, then routes, then pills, so that a route runs below other windows' pills."""
    scale = shown.view.scales.of(shown.cell_address, theme)
    many = [_cell(shown, laid, (u, v), scale, theme) for u in laid.rows for v in laid.columns]
    windows = [(y, x) for y in laid.windows[0] for x in laid.windows[1]]
    frames = [m for w in windows for m in _focus_frame(shown, laid, w, theme)]
    routes = [m for w in windows for m in _routes(shown, laid, w, theme)]
    pills = [m for w in windows for m in _pill(shown, laid, w, theme)]
    body = cells(with_common_font(many, laid.cell_size), theme)
    return (*body, *frames, *routes, *pills, *_current_cell(shown, laid, theme))


def _cell(
    shown: PoolingShown, laid: GutterLayout, pixel: Pixel, scale: Scale, theme: Theme
) -> Cell:
    box = laid.cell(pixel)
    inside = all(0 <= p < n for p, n in zip(pixel, shown.plane.values.shape, strict=True))
    if not inside:
        return Cell(box, CellState.PADDING)
    if shown.is_backward:
        return gradient_cell(shown, pixel, box, scale, theme, _sum_text(shown, pixel, box))
    return _value_cell(shown, pixel, box, scale, theme)


def _sum_text(shown: PoolingShown, pixel: Pixel, box: Box) -> str:
    """`1 + 3 = 4`, where it fits; empty where there is nothing to add."""
    won = [w for w in shown.plane.won.get(pixel, ()) if shown.is_applied(*w)]
    if len(won) < 2 or shown.upstream is None:
        return ""
    parts = [float(shown.upstream[w]) / shown.plane.parts(*w) for w in won]
    texts = [fixed(part, shown.decimals) for part in parts]
    joined = texts[0] + "".join(
        f" {'−' if part < 0 else '+'} {text.lstrip('−')}"
        for part, text in zip(parts[1:], texts[1:], strict=True)
    )
    text = f"{joined} = {fixed(float(shown.known.values[pixel]), shown.decimals)}"
    return text if text_width(text, styles.NUMBER_SMALL) <= box.width - 6 else ""


def _value_cell(shown: PoolingShown, pixel: Pixel, box: Box, scale: Scale, theme: Theme) -> Cell:
    value, text = float(shown.plane.values[pixel]), shown.value_text(pixel)
    key = shown.at(shown.cell_address, pixel)
    if not math.isfinite(value):
        return Cell(box, CellState.NOT_FINITE, text, key=key)
    fill = value_fill(value, scale.colormap, scale.limits)
    won = [w for w in shown.plane.won.get(pixel, ()) if shown.is_applied(*w)]
    if not won:
        return Cell(box, CellState.FINAL, text, fill, key=key)
    word = "winner" if len(won) == 1 else f"won {len(won)}"
    return Cell(box, CellState.WINNER, text, fill, word, accent=theme.forward, key=key)


def _middle_cell(shown: PoolingShown, window: Pixel) -> Pixel:
    """The cell right below the middle of a window."""
    shape, (u, v) = shown.plane.window, shown.plane.corner(window)
    (rows, columns), (down, across) = shape.kernel, shape.dilation
    return u + rows // 2 * down, v + columns // 2 * across


def _pill_box(laid: GutterLayout, middle: Pixel, width: float) -> Box:
    x, y = laid.crossing(middle)
    return Box(round(x - width / 2), round(y - PILL_HEIGHT / 2), width, PILL_HEIGHT)


def _pill(shown: PoolingShown, laid: GutterLayout, window: Pixel, theme: Theme) -> Iterator[Mark]:
    pitch = shown.plane.window.stride[1] * (laid.cell_size[0] + _COLUMN_GUTTER)
    pill = pill_of(shown, window, pitch - 6)
    box = _pill_box(laid, _middle_cell(shown, window), pill.width)
    yield from pill_marks(shown, window, pill, box, theme)
    if shown.plane.is_tie(*window) and (shown.is_backward or shown.is_applied(*window)):
        edge = box.inset(-2.5)
        dashed = Stroke(theme.loss, 1.5, (4.0, 3.0))
        yield Rect(edge.x, edge.y, edge.width, edge.height, stroke=dashed, radius=12.0)


def _routes(shown: PoolingShown, laid: GutterLayout, window: Pixel, theme: Theme) -> Iterator[Mark]:
    """A route to each winner of a window that is settled."""
    if shown.is_applied(*window):
        for winner in shown.plane.winners(*window):
            yield _route(shown, laid, window, winner, theme)


def _route(
    shown: PoolingShown, laid: GutterLayout, window: Pixel, winner: Pixel, theme: Theme
) -> Path:
    """Along the row gutter, then down or up the column gutter, to the winner's nearest corner."""
    middle = _middle_cell(shown, window)
    x, y = laid.crossing(middle)
    box = laid.cell(winner)
    is_above, is_left = winner[0] < middle[0], winner[1] < middle[1]
    lane = box.right + _COLUMN_GUTTER / 2 if is_left else box.x - _COLUMN_GUTTER / 2
    height = box.bottom - 10 if is_above else box.y + 10
    edge = box.right + 2 if is_left else box.x - 2
    lane = lane + (4 if is_left else -4)
    points = ((x, y), (lane, y), (lane, height), (edge, height))
    color, _ = pill_colors(shown, theme)
    ordered = points if shown.is_backward else tuple(reversed(points))
    return Path(ordered, Stroke(color, _ROUTE), corner_radius=3, arrow=shown.is_backward)


def _focus_frame(
    shown: PoolingShown, laid: GutterLayout, window: Pixel, theme: Theme
) -> Iterator[Mark]:
    if shown.current_window != window:
        return
    u, v = shown.plane.corner(window)
    down, across = shown.plane.window.extent
    first, last = laid.cell((u, v)), laid.cell((u + down - 1, v + across - 1))
    box = Box(first.x, first.y, last.right - first.x, last.bottom - first.y)
    yield from framed(box.inset(-4), theme.here, theme, 3.0)


def _current_cell(shown: PoolingShown, laid: GutterLayout, theme: Theme) -> Iterator[Mark]:
    cell = shown.current_cell
    if cell is not None and cell[0] in laid.rows and cell[1] in laid.columns:
        color, width = current_outline(shown, theme)
        yield from framed(laid.cell(cell), color, theme, width)
