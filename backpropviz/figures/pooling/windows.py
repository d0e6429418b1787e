"""Windows of a pooling drawn apart, a pill above each, and a route between pill and winner.

The pill holds what the window hands back (backward) or on (forward). Routes run in the gutters
between the columns, so that they cross no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from backpropviz.debugger.steps import Depth
from backpropviz.figures.pooling.pills import PILL_HEIGHT, pill_colors, pill_marks, pill_of
from backpropviz.figures.pooling.pooled_plane import Pixel
from backpropviz.figures.pooling.shown import PoolingShown
from backpropviz.figures.scales import Scale
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import (
    Cell,
    CellState,
    cells,
    framed,
    number_font,
    tie_frame,
    value_fill,
)
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import Anchor, Box, Color, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.numbers import fixed
from backpropviz.scene.theme import Theme

GUTTER = 14
_BELOW_PILL = 12
_BELOW_WINDOW = 24
_BETWEEN = 20
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
        """Width and height of all that is drawn."""
        wide, high = self._window_size()
        columns, rows = len(self.page.columns), len(self.page.rows)
        width = columns * wide + (columns - 1) * _BETWEEN
        return width, rows * (PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW)

    def _window_size(self) -> tuple[float, float]:
        return _window_size(self.kernel, self.page.cell)

    def window(self, y: int, x: int) -> Box:
        """A window's cells, with their gutters."""
        wide, high = self._window_size()
        row, column = y - self.page.rows.start, x - self.page.columns.start
        top = self.y + PILL_HEIGHT + _BELOW_PILL
        step_y = PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW
        return Box(self.x + column * (wide + _BETWEEN), top + row * step_y, wide, high)

    def cell(self, window: Pixel, place: Pixel) -> Box:
        """A cell of a window."""
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
    wanted = tuple(min(n, most) for n, most in zip(count, _MOST_WINDOWS, strict=True))
    is_whole = all(n <= most for n, most in zip(count, _MOST_WINDOWS, strict=True))
    for cell in (*(_SIZES if is_whole else _SIZES_OF_PAGES), _SMALLEST):
        fits = _capacity(kernel, cell, room)
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


def _capacity(kernel: Pixel, cell: tuple[int, int], room: Box) -> Pixel:
    wide, high = _window_size(kernel, cell)
    across = (room.width + _BETWEEN) / (wide + _BETWEEN)
    down = room.height / (PILL_HEIGHT + _BELOW_PILL + high + _BELOW_WINDOW)
    return math.floor(down), math.floor(across)


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
    return [
        Cell(c.box, c.state, c.text, c.fill, c.word, c.note, c.accent, c.key, font) for c in many
    ]


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
    if not math.isfinite(value):
        return Cell(box, CellState.NOT_FINITE, fixed(value, shown.decimals), key=key)
    text = text or fixed(value, shown.decimals, signed=True)
    fill = value_fill(value, scale.colormap, scale.limits)
    if shown.is_mean or not shown.plane.is_reached(*pixel):
        return Cell(box, CellState.FINAL, text, fill, note=note, key=key)
    if pixel in shown.plane.won:
        accent = None if large else theme.backward
        return Cell(box, CellState.WINNER, text, fill, "winner", note, accent, key)
    return Cell(box, CellState.LOSER, text, word="loser", note=note, key=key)


def _value_cell(
    shown: PoolingShown, window: Pixel, pixel: Pixel, box: Box, scale: Scale, theme: Theme
) -> Cell:
    """A value that competes, has won or has lost; or that has its share in a mean."""
    key, text = shown.at(shown.cell_address, pixel), shown.value_text(pixel)
    value = float(shown.plane.values[pixel])
    if not math.isfinite(value):
        return Cell(box, CellState.NOT_FINITE, text, key=key)
    fill = value_fill(value, scale.colormap, scale.limits)
    if shown.is_mean:
        return Cell(
            box, CellState.FINAL, text, fill, note=f"× {shown.share_label(*window)}", key=key
        )
    if not shown.is_applied(*window):
        return Cell(box, CellState.FINAL, text, fill, key=key)
    if pixel in shown.plane.winners(*window):
        return Cell(box, CellState.WINNER, text, fill, "winner", accent=theme.forward, key=key)
    return Cell(box, CellState.LOSER, text, word="loser", key=key)


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
    yield from _focus_frames(shown, laid, window, theme)


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
    yield Rect(
        *(left + 0.5, box.bottom + 0.5, width - 1, 16),
        fill=theme.loss_tint,
        stroke=Stroke(theme.loss),
        radius=4.0,
    )
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
    ordered = tuple(points if shown.is_backward else reversed(points))
    return Path(ordered, Stroke(color, _ROUTE), corner_radius=3, arrow=True)


def _focus_frames(
    shown: PoolingShown, laid: WindowLayout, window: Pixel, theme: Theme
) -> Iterator[Mark]:
    if shown.current_window == window:
        is_term = shown.focus.depth is Depth.TERM
        dash = (8.0, 4.0) if is_term else ()
        yield from framed(laid.window(*window).inset(-1), theme.here, theme, 3.0, dash)
    for tap in shown.plane.taps(*window):
        is_current = tap.pixel is not None and tap.pixel == shown.current_cell
        if is_current and shown.current_window in {None, window}:
            color, width = current_outline(shown, theme)
            yield from framed(laid.cell(window, tap.place), color, theme, width)


def current_outline(shown: PoolingShown, theme: Theme) -> tuple[Color, float]:
    """Backward the current cell is the result; forward it is what the scan reads."""
    return (theme.here, 3.0) if shown.is_backward else (theme.forward, 4.0)
