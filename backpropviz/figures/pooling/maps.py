"""The maps beside a pooling's windows: what was pooled, and what its result is made of."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.partial import Partial
from backpropviz.figures.pooling.pooled_plane import Pixel
from backpropviz.figures.pooling.shown import PoolingShown
from backpropviz.figures.stage.captions import (
    CAPTION_HEIGHT,
    REMARK_HEIGHT,
    Caption,
    caption_marks,
)
from backpropviz.figures.stage.panel import LABELLED, NUMBERED, Mood, Outline, Panel, outline_box
from backpropviz.figures.stage.panel_marks import panel_marks
from backpropviz.figures.stage.planes import Plane, plane
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import CellState, framed, value_fill
from backpropviz.scene.fonts import elide
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Box, Color, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

_GAP = 40
_LABEL_ROOM = 22
_LARGEST = 64
_MOST_RINGS = 600
_MOST_NUMBERS = 49
_DIMMED = "8C"


@frozen
class Region:
    """The part of each map that the windows figure enlarges, as rows and columns."""

    cells: tuple[range, range]
    windows: tuple[range, range]


def map_marks(shown: PoolingShown, region: Region, column: Box, theme: Theme) -> tuple[Mark, ...]:
    """The pooled map above, window values and result below, a frame around the same region."""
    upper = Box(column.x, column.y, column.width, column.height * 0.58)
    top, bottom = _pooled(shown, region, upper, theme)
    y = bottom + 30
    lower = Box(column.x, y, column.width, column.bottom - y)
    return (*top, *_results(shown, region, lower, theme))


def _pooled(
    shown: PoolingShown, region: Region, box: Box, theme: Theme
) -> tuple[tuple[Mark, ...], float]:
    """The map, its winners ringed and its losers dimmed; and where it ends."""
    address = shown.forward_address
    values = _plane(shown, address, shown.plane.values)
    heading = CAPTION_HEIGHT + REMARK_HEIGHT + 8
    room = Box(box.x, box.y + heading, box.width, box.height - heading - 20)
    grid = _grid(values, room)
    settled = _settled(shown)
    is_numbered = grid.cell_width >= NUMBERED and values.values.size <= _MOST_NUMBERS
    panel = Panel(
        values,
        shown.view.scales.of(address, theme),
        moods=_moods(settled, theme) if is_numbered else {},
    )
    rings = () if is_numbered else _rings(shown, settled, values, grid, theme)
    bottom = grid.box.bottom + 18
    legend = elide(_legend(shown), styles.LABEL, box.width)
    return (
        *_caption(shown, address, shown.plane.values.shape, _remark(shown), box, theme),
        *panel_marks(panel, grid, theme),
        *rings,
        *_frame_marks(region.cells, panel, grid, theme),
        Text(box.x, bottom, legend, styles.LABEL, theme.text_secondary),
    ), bottom


def _frame_marks(
    region: tuple[range, range], panel: Panel, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    boxes = (outline_box(o, panel, grid) for o in _frame(region, panel.plane, theme))
    return tuple(m for box in boxes if box for m in framed(box.inset(-1), theme.text, theme, 2.0))


def _legend(shown: PoolingShown) -> str:
    if shown.is_mean:
        return "every cell of a window has an equal share"
    if shown.is_backward:
        return "ring = winner   dimmed = loser, receives 0"
    return "ring = winner   dimmed = loser"


def _remark(shown: PoolingShown) -> str:
    rows, columns = shown.plane.window.kernel
    channels = shown.view.tape[shown.forward_address].shape[1]
    which = f"channel {shown.plane.channel} of {channels} · " if channels > 1 else ""
    kept = "mean" if shown.is_mean else "largest"
    return f"{which}{kept} of each {rows}×{columns} window"


def _caption(
    shown: PoolingShown,
    address: Address,
    shape: tuple[int, ...],
    remark: str,
    box: Box,
    theme: Theme,
) -> tuple[Mark, ...]:
    notation = shown.view.notation
    is_result = address == shown.focus.nest.target
    title = "result" if is_result else notation.title(address, shown.plane.layer)
    caption = Caption(address, title, shape_text(shape), remark)
    return caption_marks(caption, notation, box.x, box.y, box.width, theme)


def _plane(shown: PoolingShown, address: Address, values: np.ndarray) -> Plane:
    return plane(address, (shown.plane.sample, shown.plane.channel, None, None), values)


def _known_plane(shown: PoolingShown, address: Address, known: Partial) -> Plane:
    selection = (shown.plane.sample, shown.plane.channel, None, None)
    return plane(address, selection, known.values, known.computed, known.complete)


def _grid(values: Plane, room: Box) -> Grid:
    """Whole-pixel cells, with room for indices where they are large."""
    side = _side(values, room.width, room.height)
    if side < LABELLED:
        return Grid(round(room.x), round(room.y), values.rows, values.columns, side, side)
    side = max(LABELLED, _side(values, room.width - _LABEL_ROOM, room.height - _LABEL_ROOM))
    x, y = round(room.x + _LABEL_ROOM), round(room.y + _LABEL_ROOM)
    return Grid(x, y, values.rows, values.columns, side, side)


def _side(values: Plane, width: float, height: float) -> int:
    return max(1, int(min(width // values.columns, height // values.rows, _LARGEST)))


def _frame(region: tuple[range, range], values: Plane, theme: Theme) -> tuple[Outline, ...]:
    """Around the region, unless it is the whole map."""
    rows, columns = _inside(region, values)
    if len(rows) == values.rows and len(columns) == values.columns:
        return ()
    return (Outline(rows, columns, theme.text, 2.0),)


def _inside(block: tuple[range, range], values: Plane) -> tuple[range, range]:
    rows, columns = (
        range(max(0, r.start), min(n, r.stop))
        for r, n in zip(block, (values.rows, values.columns), strict=True)
    )
    return rows, columns


def _settled(shown: PoolingShown) -> set[Pixel]:
    """The winners of the windows that are settled."""
    return {
        pixel
        for pixel, windows in shown.plane.won.items()
        if any(shown.is_applied(*window) for window in windows)
    }


def _moods(settled: set[Pixel], theme: Theme) -> dict[Pixel, Mood]:
    return {pixel: Mood(CellState.WINNER, accent=theme.forward) for pixel in settled}


def _rings(
    shown: PoolingShown, settled: set[Pixel], values: Plane, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    """A veil over the map and the winners above it; where cells have numbers, rings alone."""
    if not settled or len(settled) > _MOST_RINGS:
        return ()
    scale = shown.view.scales.of(shown.forward_address, theme)
    large = grid.cell_width >= NUMBERED
    inset = 2.0 if grid.cell_width >= 12 else 1.0 if grid.cell_width >= 6 else 0.0
    side = grid.cell_width - 2 * inset
    # Small rings have square corners and whole pixels: there may be hundreds.
    crisp = 0.0 if large else 0.5
    stroke = Stroke(theme.forward, 2.0 if large else 1.0) if inset else None
    marks: list[Mark] = []
    if not large:
        marks += [_veil(block, values, grid, theme) for block in shown.visited]
    for row, column in settled:
        x, y = grid.x + column * grid.cell_width + inset, grid.y + row * grid.cell_height + inset
        value = float(values.values[row, column])
        fill = None if large else value_fill(value, scale.colormap, scale.limits)
        edges = (x + crisp, y + crisp, side - 2 * crisp, side - 2 * crisp)
        marks.append(Rect(*edges, fill, stroke, radius=1.5 if large else 0.0))
    return tuple(marks)


def _veil(block: tuple[range, range], values: Plane, grid: Grid, theme: Theme) -> Rect:
    rows, columns = _inside(block, values)
    box = grid.span(rows.start, columns.start, len(rows), len(columns))
    return Rect(box.x, box.y, box.width, box.height, fill=theme.stage + _DIMMED)


def _results(shown: PoolingShown, region: Region, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """Upstream → result on one scale; forward the result alone."""
    if box.height < CAPTION_HEIGHT + 24:
        return ()
    target = shown.focus.nest.target
    known = _known_plane(shown, target, shown.known)
    if shown.upstream is None:
        return _map(shown, known, target, region.windows, box, theme)[0]
    half = (box.width - _GAP) / 2
    upstream = _plane(shown, shown.window_address, shown.upstream)
    right_box = Box(box.x + half + _GAP, box.y, half, box.height)
    right, right_grid = _map(shown, known, target, region.cells, right_box, theme)
    height = right_grid.box.bottom - box.y
    left_box = Box(box.x, box.y, half, height)
    left, left_grid = _map(shown, upstream, shown.window_address, region.windows, left_box, theme)
    return (*left, *_arrow(left_grid, right_grid, theme.backward), *right)


def _map(
    shown: PoolingShown,
    values: Plane,
    address: Address,
    region: tuple[range, range],
    box: Box,
    theme: Theme,
) -> tuple[tuple[Mark, ...], Grid]:
    top = CAPTION_HEIGHT + 4
    grid = _grid(values, Box(box.x, box.y + top, box.width, box.height - top))
    panel = Panel(
        values,
        shown.view.scales.of(address, theme),
        outlines=(*_frame(region, values, theme), *_current(shown, values, theme)),
    )
    shape = (values.rows, values.columns)
    caption = _caption(shown, address, shape, "", box, theme)
    return (*caption, *panel_marks(panel, grid, theme)), grid


def _current(shown: PoolingShown, values: Plane, theme: Theme) -> tuple[Outline, ...]:
    """Around the value in focus, dashed while it is in progress."""
    is_result = values.address == shown.focus.nest.target
    place = shown.current_cell if is_result and shown.is_backward else shown.current_window
    if place is None or not values.computed[place]:
        return ()
    dash = () if values.complete[place] else (4.0, 2.0)
    row, column = place
    return (Outline(range(row, row + 1), range(column, column + 1), theme.here, 3.0, dash),)


def _arrow(left: Grid, right: Grid, color: Color) -> tuple[Mark, ...]:
    middle = round((left.box.y + min(left.box.bottom, right.box.bottom)) / 2)
    labels = _LABEL_ROOM if right.cell_width >= LABELLED else 0
    start, end = left.box.right + 8, right.x - 8 - labels
    if end - start < 12:
        return ()
    return (Path(((start, middle), (end, middle)), Stroke(color, 1.75), arrow=True),)
