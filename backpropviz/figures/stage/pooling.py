"""The stage of a pooling: maps at the left, a part of them enlarged at the right as windows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import Address, Shape, shape_text
from backpropviz.figures.stage.headings import CAPTION_HEIGHT, REMARK_HEIGHT, Caption, caption_marks
from backpropviz.figures.stage.panel import (
    LABELLED,
    NUMBERED,
    Mood,
    Outline,
    Panel,
    outline_box,
    panel_marks,
)
from backpropviz.figures.stage.planes import Focus, Plane, known_plane, plane
from backpropviz.figures.stage.pooled_plane import Pixel, PoolingShown, pooling_shown
from backpropviz.figures.stage.pooling_windows import (
    GutterLayout,
    WindowLayout,
    average_beside,
    gutter_layout,
    gutter_marks,
    shown_ties,
    window_layout,
    window_marks,
)
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import CellState, framed, value_fill
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Box, Line, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import elide, text_width, wrap
from backpropviz.scene.theme import Theme

_MAPS_GAP = 40
_LABEL_ROOM = 22
_LARGEST = 64
_MOST_RINGS, _MOST_NUMBERS = 600, 49
_DIMMED = "8C"


@frozen
class PooledRegion:
    """The part of each map that the windows figure enlarges, as rows and columns."""

    cells: tuple[range, range]
    windows: tuple[range, range]


def map_marks(
    shown: PoolingShown, region: PooledRegion, column: Box, theme: Theme
) -> tuple[Mark, ...]:
    """The pooled map above, window values and result below, a frame around the same region."""
    upper = Box(column.x, column.y, column.width, column.height * 0.58)
    top, bottom = _pooled(shown, region, upper, theme)
    y = bottom + 30
    lower = Box(column.x, y, column.width, column.bottom - y)
    return (*top, *_results(shown, region, lower, theme))


def _pooled(
    shown: PoolingShown, region: PooledRegion, box: Box, theme: Theme
) -> tuple[tuple[Mark, ...], float]:
    """The map, its winners ringed and its losers dimmed; and where it ends."""
    address = shown.forward_address
    values = _plane(shown, address, shown.plane.values)
    heading = CAPTION_HEIGHT + REMARK_HEIGHT + 8
    room = Box(box.x, box.y + heading, box.width, box.height - heading - 20)
    grid = _grid(values, room)
    settled = _settled(shown)
    is_numbered = grid.cell_width >= NUMBERED and values.values.size <= _MOST_NUMBERS
    numbered = settled if is_numbered else ()
    moods = {pixel: Mood(CellState.WINNER, accent=theme.forward) for pixel in numbered}
    panel = Panel(values, shown.view.scales.of(address, theme), moods=moods)
    rings = () if is_numbered else _rings(shown, settled, values, grid, theme)
    bottom = grid.box.bottom + 18
    legend = elide(_legend(shown), styles.LABEL, box.width)
    rows, columns = shown.plane.window.kernel
    channels = shown.view.tape[shown.forward_address].shape[1]
    which = f"channel {shown.plane.channel} of {channels} · " if channels > 1 else ""
    kept = "mean" if shown.is_mean else "largest"
    remark = f"{which}{kept} of each {rows}×{columns} window"
    outlines = (outline_box(o, panel, grid) for o in _frame(region.cells, values, theme))
    frames = (framed(o.inset(-1), theme.text, theme, 2.0) for o in outlines if o)
    return (
        *_maps_caption(shown, address, shown.plane.values.shape, remark, box, theme),
        *panel_marks(panel, grid, theme),
        *rings,
        *chain.from_iterable(frames),
        Text(box.x, bottom, legend, styles.LABEL, theme.text_secondary),
    ), bottom


def _legend(shown: PoolingShown) -> str:
    if shown.is_mean:
        return "every cell of a window has an equal share"
    if shown.is_backward:
        return "ring = winner   dimmed = loser, receives 0"
    return "ring = winner   dimmed = loser"


def _maps_caption(
    shown: PoolingShown, address: Address, shape: Shape, remark: str, box: Box, theme: Theme
) -> tuple[Mark, ...]:
    notation = shown.view.notation
    is_result = address == shown.focus.nest.target
    title = "result" if is_result else notation.title(address, shown.plane.layer)
    caption = Caption(address, title, shape_text(shape), remark)
    return caption_marks(caption, notation, box.x, box.y, box.width, theme)


def _plane(shown: PoolingShown, address: Address, values: np.ndarray) -> Plane:
    return plane(address, (shown.plane.sample, shown.plane.channel, None, None), values)


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


def _results(shown: PoolingShown, region: PooledRegion, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """Upstream → result on one scale; forward the result alone."""
    if box.height < CAPTION_HEIGHT + 24:
        return ()
    target = shown.focus.nest.target
    selection = (shown.plane.sample, shown.plane.channel, None, None)
    known = known_plane(target, selection, shown.known)
    if shown.upstream is None:
        return _map(shown, known, target, region.windows, box, theme)[0]
    half = (box.width - _MAPS_GAP) / 2
    upstream = _plane(shown, shown.window_address, shown.upstream)
    right_box = Box(box.x + half + _MAPS_GAP, box.y, half, box.height)
    right, right_grid = _map(shown, known, target, region.cells, right_box, theme)
    height = right_grid.box.bottom - box.y
    left_box = Box(box.x, box.y, half, height)
    left, left_grid = _map(shown, upstream, shown.window_address, region.windows, left_box, theme)
    middle = round((left_grid.box.y + min(left_grid.box.bottom, right_grid.box.bottom)) / 2)
    labels = _LABEL_ROOM if right_grid.cell_width >= LABELLED else 0
    start, end = left_grid.box.right + 8, right_grid.x - 8 - labels
    arrow: tuple[Mark, ...] = ()
    if end - start >= 12:
        points = ((start, middle), (end, middle))
        arrow = (Path(points, Stroke(theme.backward, 1.75), arrow=True),)
    return (*left, *arrow, *right)


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
    caption = _maps_caption(shown, address, shape, "", box, theme)
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


_GAP = 44
_RULE_HEIGHT = 40
_COLUMN_SHARE = 0.36
_NARROWEST, _WIDEST = 150.0, 350.0


def pooling_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The stage, or None where the focus is none of one pooling's channels, or no window fits."""
    shown = pooling_shown(view, focus)
    if shown is None:
        return None
    width = min(max(body.width * _COLUMN_SHARE, _NARROWEST), _WIDEST)
    column = Box(body.x, body.y, width, body.height)
    x = body.x + width + _GAP
    right = Box(x, body.y, body.right - x, body.height)
    heading = CAPTION_HEIGHT + REMARK_HEIGHT + 14
    room = Box(x, body.y + heading, right.width, body.height - heading - _RULE_HEIGHT)
    laid = gutter_layout(shown, room) if shown.plane.overlaps else window_layout(shown, room)
    if laid is None:
        return None
    region = _region(shown, laid)
    figure = (
        gutter_marks(shown, laid, theme)
        if isinstance(laid, GutterLayout)
        else window_marks(shown, laid, theme)
    )
    below, middle = room.y + laid.size[1] + 6, x - _GAP / 2
    drawn = Box(room.x, room.y, *laid.size)
    return (
        *map_marks(shown, region, column, theme),
        *_caption(shown, region, right, theme),
        *figure,
        *average_beside(shown, drawn, right, theme),
        *_rule(shown, region, Box(x, below, right.width, body.bottom - below), theme),
        Line(middle, body.y, middle, body.bottom, Stroke(theme.border)),
    )


def _region(shown: PoolingShown, laid: WindowLayout | GutterLayout) -> PooledRegion:
    if isinstance(laid, GutterLayout):
        return PooledRegion((laid.rows, laid.columns), laid.windows)
    windows = (laid.page.rows, laid.page.columns)
    rows, columns = (shown.plane.covered(axis, windows[axis]) for axis in (0, 1))
    return PooledRegion((rows, columns), windows)


def _caption(shown: PoolingShown, region: PooledRegion, box: Box, theme: Theme) -> tuple[Mark, ...]:
    if shown.is_backward:
        title = "shared out evenly" if shown.is_mean else "routed to the winners"
        remark = f"pill: upstream; large: gradient received; small: value {shown.letter}"
    elif shown.is_mean:
        title = "the mean of each window"
        remark = "pill: the window's mean; each value is multiplied by its share"
    else:
        title = "the largest of each window"
        remark = "pill: the window's largest value, which goes on"
    cells = list(zip(("rows", "columns"), region.cells, shown.plane.values.shape, strict=True))
    span = ", ".join(f"{name} {max(0, r.start)}–{min(n, r.stop) - 1}" for name, r, n in cells)
    is_all = all(len(r) >= n for _, r, n in cells)
    caption = Caption(shown.focus.nest.target, title, "" if is_all else span, remark)
    return caption_marks(caption, shown.view.notation, box.x, box.y, box.width, theme)


def _rule(shown: PoolingShown, region: PooledRegion, box: Box, theme: Theme) -> Iterator[Mark]:
    """What is worth saying below: the running maximum, or how a tie is broken."""
    lines = wrap(_words(shown, region), styles.ROW, box.width)
    most = int(max(0, box.height - 4) // 18)
    for number, line in enumerate(lines[:most]):
        yield Text(box.x, box.y + 14 + 18 * number, line, styles.ROW, theme.text_secondary)


def _words(shown: PoolingShown, region: PooledRegion) -> str:
    running = _running(shown)
    if running:
        return running
    if shown.is_mean:
        # What each cell of a mean is worth.
        windows = ((y, x) for y in region.windows[0] for x in region.windows[1])
        labels = list(dict.fromkeys(shown.share_label(*window) for window in windows))
        share = f"× {labels[0]}" if len(labels) == 1 else f"shares {', '.join(labels)}"
        handed = "its upstream gradient" if shown.is_backward else "its cells' values"
        return f"Each window hands on {handed} in equal parts: {share}."
    ties = shown_ties(shown, region.windows)
    if not ties:
        return ""
    largest = shown.value_text(shown.plane.winner(*ties[0]) or (0, 0))
    takes = _takes(shown)
    if len(ties) == 1:
        return f"Several cells are {largest}: a tie, so {takes}."
    return f"Dashed: several cells share the maximum, so {takes}."


def _takes(shown: PoolingShown) -> str:
    """Who wins a tie, by the rule in use."""
    gradient = shown.is_backward
    if shown.plane.ties == "shared":
        return "each takes an equal part of the gradient" if gradient else "all of them win"
    if shown.plane.ties == "all":
        return "each takes the whole gradient" if gradient else "all of them win"
    return f"the first in row-major order {'takes the gradient' if gradient else 'wins'}"


def _running(shown: PoolingShown) -> str:
    """`3, 4, 1, 5 → so far 4`: what the scan of a window has seen."""
    window, place = shown.current_window, shown.focus.coordinates[4:6]
    is_scan = not shown.is_backward and not shown.is_mean and shown.focus.depth is Depth.TERM
    if window is None or not is_scan:
        return ""
    seen = [
        tap.pixel
        for tap in shown.plane.taps(*window)
        if tap.pixel is not None and tap.place <= place
    ]
    largest: list[tuple[float, str]] = []
    for pixel in seen:
        own = (float(shown.plane.values[pixel]), shown.value_text(pixel))
        best = largest[-1] if largest else own
        largest.append(own if not own[0] <= best[0] else best)
    chain = " → ".join(text for _, text in largest)
    text = f"The largest so far, cell by cell: {chain}"
    return text if text_width(text, styles.ROW) <= 900 else f"The largest so far: {largest[-1][1]}"
