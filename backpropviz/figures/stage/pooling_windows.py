"""Windows of a pooling drawn apart, a pill above each, and a route between pill and winner.

The pill holds what the window hands back (backward) or on (forward). Routes run in the gutters
between the columns, so that they cross no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from backpropviz.debugger.timeline import Depth
from backpropviz.figures.numbers import Scale, said
from backpropviz.figures.stage.panel import PLAIN, Mood, value_cell
from backpropviz.figures.stage.pooled_plane import Pixel, PoolingShown
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, number_font, tie_frame
from backpropviz.scene.flow import bounds
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Mark,
    Path,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, fixed, text_width
from backpropviz.scene.theme import Theme

PILL_HEIGHT = 20
_EMPTY_WIDTH = 36
_STYLES: tuple[tuple[Font, int], ...] = ((styles.NUMBER_SMALL, 18), (styles.NOTE, 10))
"""Fonts, the larger first, each with the room beside its text."""


@frozen
class Pill:
    """`text` is empty where nothing is computed yet."""

    text: str
    font: Font
    width: int
    is_complete: bool


def pill_of(shown: PoolingShown, window: Pixel, room: float) -> Pill:
    """The longest text, in the largest font, that fits between its neighbors."""
    is_complete = shown.upstream is not None or bool(shown.known.complete[window])
    texts = _texts(shown, window, is_complete)
    if not texts:
        return Pill("", styles.NUMBER_SMALL, _EMPTY_WIDTH, is_complete)
    options = [(text, font, space) for font, space in _STYLES for text in texts]
    widths = [2 * math.ceil((text_width(t, f) + space) / 2) for t, f, space in options]
    best = next((k for k, width in enumerate(widths) if width <= room), len(options) - 1)
    return Pill(*options[best][:2], widths[best], is_complete)


def _texts(shown: PoolingShown, window: Pixel, is_complete: bool) -> tuple[str, ...]:
    """The longest first."""
    if shown.upstream is None:
        if not shown.known.computed[window]:
            return ()
        text = fixed(float(shown.known.values[window]), shown.decimals)
        return (text,) if is_complete else (f"{text} so far", text)
    text = fixed(float(shown.upstream[window]), shown.decimals, signed=True)
    # What part of the upstream value each cell takes that takes any.
    parts = shown.plane.parts(*window)
    share = shown.share_label(*window) if shown.is_mean else f"1/{parts}"
    if parts == 1 and not shown.is_mean:
        return (text,)
    return f"{text} × {share}", f"{text} ÷ {share.removeprefix('1/')}", text


def pill_marks(
    shown: PoolingShown, window: Pixel, pill: Pill, box: Box, theme: Theme
) -> Iterator[Mark]:
    """The frame, dashed while the number is in progress, and the number; a dot where it is none."""
    key = shown.at(shown.window_address, window)
    color, tint = pill_colors(shown, theme)
    edges = (box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    if not pill.text:
        dashed = Stroke(theme.border_strong, 1.0, (3.0, 3.0))
        yield Rect(*edges, fill=theme.stage, stroke=dashed, radius=9.5, key=key)
        yield Ellipse(*middle, 2.5, 2.5, fill=theme.text_tertiary)
        return
    stroke = Stroke(color) if pill.is_complete else Stroke(color, 1.5, (4.0, 2.0))
    yield Rect(*edges, fill=tint, stroke=stroke, radius=9.5, key=key)
    baseline = centered_baseline(middle[1], pill.font)
    yield Text(middle[0], baseline, pill.text, pill.font, color, Anchor.MIDDLE, key)


def pill_colors(shown: PoolingShown, theme: Theme) -> tuple[Color, Color]:
    """Line and tint."""
    if shown.is_backward:
        return theme.backward, theme.backward_tint
    return theme.forward, theme.forward_tint


GUTTER, _BETWEEN = 14, 20
_BELOW_PILL, _BELOW_WINDOW = 12, 24
_ROUTE = 1.75
_MOST_TAGS = 4
_MOST_WINDOWS = (4, 4)
_SIZES = ((84, 76), (72, 72), (62, 54), (58, 48), (52, 42))
_SIZES_OF_PAGES = _SIZES[2:]
"""Where many windows are seen, the words winner and loser would only be noise."""
_SMALLEST = (46, 38)


@frozen
class Page:
    """The windows shown, and the size of a cell."""

    rows: range
    columns: range
    cell: tuple[int, int]


@frozen
class WindowLayout:
    """Where windows and their cells lie."""

    x: float
    y: float
    kernel: Pixel
    page: Page

    @property
    def size(self) -> tuple[float, float]:
        wide, high = _window_size(self.kernel, self.page.cell)
        columns, rows = len(self.page.columns), len(self.page.rows)
        width = columns * wide + (columns - 1) * _BETWEEN
        return width, rows * (PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW)

    def window(self, y: int, x: int) -> Box:
        wide, high = _window_size(self.kernel, self.page.cell)
        row, column = y - self.page.rows.start, x - self.page.columns.start
        top = self.y + PILL_HEIGHT + _BELOW_PILL
        step_y = PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW
        return Box(self.x + column * (wide + _BETWEEN), top + row * step_y, wide, high)

    def cell(self, window: Pixel, place: Pixel) -> Box:
        box = self.window(*window)
        width, height = self.page.cell
        return Box(box.x + place[1] * (width + GUTTER), box.y + place[0] * height, width, height)

    def pill(self, window: Pixel, width: float) -> Box:
        """Above the middle of a window."""
        box = self.window(*window)
        x = round(box.x + (box.width - width) / 2)
        return Box(x, box.y - PILL_HEIGHT - _BELOW_PILL, width, PILL_HEIGHT)


def _window_size(kernel: Pixel, cell: tuple[int, int]) -> tuple[float, float]:
    return kernel[1] * (cell[0] + GUTTER) - GUTTER, kernel[0] * cell[1]


def window_layout(shown: PoolingShown, room: Box) -> WindowLayout | None:
    """Windows that are easily seen at once, their cells as large as fit; None if none fits."""
    kernel, count = shown.plane.window.kernel, shown.plane.count
    wanted = tuple(map(min, count, _MOST_WINDOWS))
    is_whole = wanted == count
    for cell in (*(_SIZES if is_whole else _SIZES_OF_PAGES), _SMALLEST):
        wide, high = _window_size(kernel, cell)
        across = (room.width + _BETWEEN) / (wide + _BETWEEN)
        down = room.height / (PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW)
        fits = math.floor(down), math.floor(across)
        is_last = cell in {_SIZES[-1], _SMALLEST} and min(fits) >= 1
        if is_last or all(f >= n for f, n in zip(fits, wanted, strict=True)):
            break
    else:
        return None
    near = shown.nearest_window
    rows, columns = (
        page_of(n, min(size, most), place)
        for n, size, most, place in zip(count, fits, _MOST_WINDOWS, near, strict=True)
    )
    return WindowLayout(round(room.x), round(room.y), kernel, Page(rows, columns, cell))


def page_of(count: int, size: int, place: int) -> range:
    """The stretch of `size` that holds a place; it stays while the place moves inside it."""
    start = max(0, min(place // size * size, count - size))
    return range(start, min(count, start + size))


def window_marks(shown: PoolingShown, laid: WindowLayout, theme: Theme) -> tuple[Mark, ...]:
    """Every window of the page."""
    scale = shown.view.scales.of(shown.cell_address, theme)
    windows = [(y, x) for y in laid.page.rows for x in laid.page.columns]
    many = [cell for w in windows for cell in _window_cells(shown, laid, w, scale, theme)]
    ties = shown_ties(shown, (laid.page.rows, laid.page.columns))
    frames = [m for w in ties for m in tie_frame(laid.window(*w), theme, "")]
    if len(ties) <= _MOST_TAGS:
        frames += [m for w in ties for m in _tie_tag(shown, laid.window(*w), w, theme)]
    overlays = [*frames, *(m for w in windows for m in _over_window(shown, laid, w, theme))]
    return (*cells(with_common_font(many, laid.page.cell), theme), *overlays)


def with_common_font(many: list[Cell], size: tuple[int, int]) -> list[Cell]:
    """Numbers side by side in one size, where a cell is too small to choose its own."""
    if min(size) >= 64 or not many:
        return many
    font = number_font(*size, [cell.text for cell in many], note=True)
    return [replace(cell, font=font) for cell in many]


def _window_cells(
    shown: PoolingShown, laid: WindowLayout, window: Pixel, scale: Scale, theme: Theme
) -> Iterator[Cell]:
    for tap in shown.plane.taps(*window):
        box = laid.cell(window, tap.place)
        if tap.pixel is None:
            yield Cell(box, CellState.PADDING)
        elif shown.is_backward:
            yield gradient_cell(shown, tap.pixel, box, scale, theme)
        else:
            yield _value_cell(shown, window, tap.pixel, box, scale, theme)


def gradient_cell(
    shown: PoolingShown, pixel: Pixel, box: Box, scale: Scale, theme: Theme, text: str = ""
) -> Cell:
    """What a cell received above the value that it had."""
    key, large = shown.at(shown.cell_address, pixel), min(box.width, box.height) >= 64
    note = shown.note(pixel, large=large)
    if not shown.known.computed[pixel]:
        return Cell(box, CellState.NOT_COMPUTED, note=note, key=key)
    value = float(shown.known.values[pixel])
    is_number = math.isfinite(value)
    if not text or not is_number:
        text = fixed(value, shown.decimals, signed=is_number)
    mood = Mood(CellState.LOSER, "loser", note)
    if shown.is_mean or not shown.plane.is_reached(*pixel):
        mood = Mood(CellState.FINAL, note=note)
    elif pixel in shown.plane.won:
        mood = Mood(CellState.WINNER, "winner", note, None if large else theme.backward)
    return value_cell(box, value, text, scale, mood, key)


def _value_cell(
    shown: PoolingShown, window: Pixel, pixel: Pixel, box: Box, scale: Scale, theme: Theme
) -> Cell:
    """A value that competes, has won or has lost; or that has its share in a mean."""
    key, text = shown.at(shown.cell_address, pixel), shown.value_text(pixel)
    mood = Mood(CellState.LOSER, "loser")
    if shown.is_mean:
        mood = Mood(CellState.FINAL, note=f"× {shown.share_label(*window)}")
    elif not shown.is_applied(*window):
        mood = PLAIN
    elif pixel in shown.plane.winners(*window):
        mood = Mood(CellState.WINNER, "winner", accent=theme.forward)
    return value_cell(box, float(shown.plane.values[pixel]), text, scale, mood, key)


def _over_window(
    shown: PoolingShown, laid: WindowLayout, window: Pixel, theme: Theme
) -> Iterator[Mark]:
    """Route, pill, and the frame of what is in focus."""
    settled = shown.is_applied(*window)
    pill = pill_of(shown, window, laid.window(*window).width + _BETWEEN - 6)
    place = laid.pill(window, pill.width)
    if not shown.is_mean and settled:
        for winner in shown.plane.winning_places(*window):
            yield _route(shown, laid.cell(window, winner), winner, place, theme)
    yield from pill_marks(shown, window, pill, place, theme)
    if shown.current_window == window:
        is_term = shown.focus.depth is Depth.TERM
        dash = (8.0, 4.0) if is_term else ()
        yield from framed(laid.window(*window).inset(-1), theme.here, theme, 3.0, dash)
    for tap in shown.plane.taps(*window):
        is_current = tap.pixel is not None and tap.pixel == shown.current_cell
        if is_current and shown.current_window in {None, window}:
            color, width = current_outline(shown, theme)
            yield from framed(laid.cell(window, tap.place), color, theme, width)


def tie_tags(shown: PoolingShown, window: Pixel) -> tuple[str, ...]:
    """What becomes of a tie, the longest first."""
    parts = shown.plane.parts(*window)
    if parts > 1:
        return (f"tie: 1/{parts} to each", f"1/{parts} each", "tie")
    if shown.plane.ties == "all":
        return ("tie: all win", "all win", "tie")
    return ("tie: first wins", "first wins", "tie")


def _tie_tag(shown: PoolingShown, box: Box, window: Pixel, theme: Theme) -> Iterator[Mark]:
    """Below a window, so that it covers no number."""
    font = styles.CORNER_WORD
    texts = tie_tags(shown, window)
    text = next((t for t in texts if text_width(t, font) + 12 <= box.width), "tie")
    width = round(text_width(text, font)) + 12
    left = round(box.x + (box.width - width) / 2)
    edges = (left + 0.5, box.bottom + 0.5, width - 1, 16)
    yield Rect(*edges, fill=theme.loss_tint, stroke=Stroke(theme.loss), radius=4.0)
    baseline = centered_baseline(box.bottom + 8.5, font)
    yield Text(left + width / 2, baseline, text, font, theme.loss, Anchor.MIDDLE)


def shown_ties(shown: PoolingShown, windows: tuple[range, range]) -> list[Pixel]:
    """The settled windows of a page that were tied."""
    everywhere = ((y, x) for y in windows[0] for x in windows[1])
    return [w for w in everywhere if shown.is_applied(*w) and shown.plane.is_tie(*w)]


def _route(shown: PoolingShown, box: Box, place: Pixel, pill: Box, theme: Theme) -> Path:
    """From the pill down a gutter into a winner's side; forward the other way."""
    at_left = place[1] == 0 and shown.plane.window.kernel[1] > 1
    edge = box.right + 2 if at_left else box.x - 2
    lane = edge + (GUTTER - 5 if at_left else 5 - GUTTER)
    start = min(max(lane, pill.x + 8), pill.right - 8)
    turn = pill.bottom + (_BELOW_PILL / 2 if shown.is_backward else _BELOW_PILL - 2)
    height = box.y + box.height / 2
    points = [(start, pill.bottom), (start, turn), (lane, turn), (lane, height), (edge, height)]
    if start == lane:
        points = [(lane, pill.bottom), (lane, height), (edge, height)]
    color, _ = pill_colors(shown, theme)
    ordered = tuple(points if shown.is_backward else points[::-1])
    return Path(ordered, Stroke(color, _ROUTE), corner_radius=3, arrow=True)


def current_outline(shown: PoolingShown, theme: Theme) -> tuple[Color, float]:
    """Backward the current cell is the result; forward it is what the scan reads."""
    return (theme.here, 3.0) if shown.is_backward else (theme.forward, 4.0)


_COLUMN_GUTTER, _ROW_GUTTER = 18, 32
_GUTTERS_MOST_WINDOWS = 5
_GUTTERS_SIZES = ((84, 76), (72, 72), (58, 48), (52, 42))


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
        return _extent(len(self.rows), len(self.columns), self.cell_size)

    def cell(self, pixel: Pixel) -> Box:
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
    wanted = tuple(min(n, _GUTTERS_MOST_WINDOWS) for n in count)
    for size in _GUTTERS_SIZES:
        most = tuple(_most_windows(shown, axis, size, room) for axis in (0, 1))
        is_last = size == _GUTTERS_SIZES[-1] and min(most) >= 1
        if is_last or all(m >= n for m, n in zip(most, wanted, strict=True)):
            break
    else:
        return None
    pages = [
        page_of(n, min(m, _GUTTERS_MOST_WINDOWS), w)
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
    routes = [
        _gutters_route(shown, laid, window, winner, theme)
        for window in windows
        if shown.is_applied(*window)
        for winner in shown.plane.winners(*window)
    ]
    pills = [m for w in windows for m in _pill(shown, laid, w, theme)]
    body = cells(with_common_font(many, laid.cell_size), theme)
    now: tuple[Mark, ...] = ()
    cell = shown.current_cell
    if cell is not None and cell[0] in laid.rows and cell[1] in laid.columns:
        color, width = current_outline(shown, theme)
        now = framed(laid.cell(cell), color, theme, width)
    return (*body, *frames, *routes, *pills, *now)


def _cell(
    shown: PoolingShown, laid: GutterLayout, pixel: Pixel, scale: Scale, theme: Theme
) -> Cell:
    box = laid.cell(pixel)
    inside = all(0 <= p < n for p, n in zip(pixel, shown.plane.values.shape, strict=True))
    if not inside:
        return Cell(box, CellState.PADDING)
    if shown.is_backward:
        return gradient_cell(shown, pixel, box, scale, theme, _sum_text(shown, pixel, box))
    won = [w for w in shown.plane.won.get(pixel, ()) if shown.is_applied(*w)]
    word = "winner" if len(won) == 1 else f"won {len(won)}"
    mood = Mood(CellState.WINNER, word, accent=theme.forward) if won else PLAIN
    text, key = shown.value_text(pixel), shown.at(shown.cell_address, pixel)
    return value_cell(box, float(shown.plane.values[pixel]), text, scale, mood, key)


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


def _middle_cell(shown: PoolingShown, window: Pixel) -> Pixel:
    """The cell right below the middle of a window."""
    shape, (u, v) = shown.plane.window, shown.plane.corner(window)
    (rows, columns), (down, across) = shape.kernel, shape.dilation
    return u + rows // 2 * down, v + columns // 2 * across


def _pill(shown: PoolingShown, laid: GutterLayout, window: Pixel, theme: Theme) -> Iterator[Mark]:
    pitch = shown.plane.window.stride[1] * (laid.cell_size[0] + _COLUMN_GUTTER)
    pill = pill_of(shown, window, pitch - 6)
    width = pill.width
    x, y = laid.crossing(_middle_cell(shown, window))
    box = Box(round(x - width / 2), round(y - PILL_HEIGHT / 2), width, PILL_HEIGHT)
    yield from pill_marks(shown, window, pill, box, theme)
    if shown.plane.is_tie(*window) and (shown.is_backward or shown.is_applied(*window)):
        edge = box.inset(-2.5)
        dashed = Stroke(theme.loss, 1.5, (4.0, 3.0))
        yield Rect(edge.x, edge.y, edge.width, edge.height, stroke=dashed, radius=12.0)


def _gutters_route(
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
    ordered = points if shown.is_backward else points[::-1]
    return Path(ordered, Stroke(color, _ROUTE), corner_radius=3, arrow=shown.is_backward)


def _focus_frame(
    shown: PoolingShown, laid: GutterLayout, window: Pixel, theme: Theme
) -> Iterator[Mark]:
    if shown.current_window != window:
        return
    u, v = shown.plane.corner(window)
    down, across = shown.plane.window.extent
    box = bounds((laid.cell((u, v)), laid.cell((u + down - 1, v + across - 1))))
    yield from framed(box.inset(-4), theme.here, theme, 3.0)


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
    whole = said(_upstream(shown), signed=True)
    texts = ("Average pooling instead:", f"{whole} × 1/{rows * columns} to each cell")
    widest = max(text_width(text, styles.LABEL) for text in texts)
    width, height = max(columns * _CELL[0], widest), _HEADING + rows * _CELL[1]
    x, y = round(figure.right + 36), figure.y
    if x + width > room.right or y + height > room.bottom:
        return ()
    words = (
        Text(x, y + 14 + number * _LINE, text, styles.LABEL, theme.text_secondary)
        for number, text in enumerate(texts)
    )
    return (*words, *_shares(shown, x, y + _HEADING, theme))


def _upstream(shown: PoolingShown) -> float:
    found = shown.upstream
    return math.nan if found is None else float(found[shown.nearest_window])


def _shares(shown: PoolingShown, x: float, y: float, theme: Theme) -> tuple[Mark, ...]:
    rows, columns = shown.plane.window.kernel
    share = _upstream(shown) / (rows * columns)
    text, scale = said(share, signed=True), shown.view.scales.of(shown.cell_address, theme)
    boxes = (
        Box(x + column * _CELL[0], y + row * _CELL[1], *_CELL)
        for row in range(rows)
        for column in range(columns)
    )
    return cells((value_cell(box, share, text, scale) for box in boxes), theme)
