"""The stage of a pooling: maps at the left, a part of them enlarged at the right as windows."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.debugger.steps import Depth
from backpropviz.figures.pooling.average_beside import average_beside
from backpropviz.figures.pooling.gutters import GutterLayout, gutter_layout, gutter_marks
from backpropviz.figures.pooling.maps import Region, map_marks
from backpropviz.figures.pooling.shown import PoolingShown, pooling_shown
from backpropviz.figures.pooling.windows import (
    WindowLayout,
    shown_ties,
    window_layout,
    window_marks,
)
from backpropviz.figures.stage.captions import (
    CAPTION_HEIGHT,
    REMARK_HEIGHT,
    Caption,
    caption_marks,
)
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width, wrap
from backpropviz.scene.marks import Box, Line, Mark, Stroke, Text
from backpropviz.scene.theme import Theme

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
    below = room.y + laid.size[1] + 6
    drawn = Box(room.x, room.y, *laid.size)
    return (
        *map_marks(shown, region, column, theme),
        *_caption(shown, region, right, theme),
        *figure,
        *average_beside(shown, drawn, Box(x, body.y, right.width, body.bottom - body.y), theme),
        *_rule(shown, region, Box(x, below, right.width, body.bottom - below), theme),
        *_separator(body, x - _GAP / 2, theme),
    )


def _region(shown: PoolingShown, laid: WindowLayout | GutterLayout) -> Region:
    if isinstance(laid, GutterLayout):
        return Region((laid.rows, laid.columns), laid.windows)
    windows = (laid.page.rows, laid.page.columns)
    rows, columns = (shown.plane.covered(axis, windows[axis]) for axis in (0, 1))
    return Region((rows, columns), windows)


def _separator(body: Box, x: float, theme: Theme) -> tuple[Mark, ...]:
    return (Line(x, body.y, x, body.bottom, Stroke(theme.border)),)


def _caption(shown: PoolingShown, region: Region, box: Box, theme: Theme) -> tuple[Mark, ...]:
    title = _title(shown)
    rows, columns = region.cells
    limits = shown.plane.values.shape
    span = ", ".join(
        f"{name} {max(0, r.start)}–{min(n, r.stop) - 1}"
        for name, r, n in zip(("rows", "columns"), (rows, columns), limits, strict=True)
    )
    is_all = all(len(r) >= n for r, n in zip(region.cells, limits, strict=True))
    shape = "" if is_all else span
    caption = Caption(shown.focus.nest.target, title, shape, _remark(shown))
    return caption_marks(caption, shown.view.notation, box.x, box.y, box.width, theme)


def _title(shown: PoolingShown) -> str:
    if shown.is_mean:
        return "shared out evenly" if shown.is_backward else "the mean of each window"
    return "routed to the winners" if shown.is_backward else "the largest of each window"


def _remark(shown: PoolingShown) -> str:
    if shown.is_backward:
        return f"pill: upstream; large: gradient received; small: value {shown.letter}"
    if shown.is_mean:
        return "pill: the window's mean; each value is multiplied by its share"
    return "pill: the window's largest value, which goes on"


def _rule(shown: PoolingShown, region: Region, box: Box, theme: Theme) -> Iterator[Mark]:
    """What is worth saying below: the running maximum, or how a tie is broken."""
    text, color = _words(shown, region), theme.text_secondary
    if not text:
        return
    lines = wrap(text, styles.ROW, box.width)
    most = int(max(0, box.height - 4) // 18)
    for number, line in enumerate(lines[:most]):
        yield Text(box.x, box.y + 14 + 18 * number, line, styles.ROW, color)


def _words(shown: PoolingShown, region: Region) -> str:
    running = _running(shown)
    if running:
        return running
    if shown.is_mean:
        return _shares(shown, region)
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


def _shares(shown: PoolingShown, region: Region) -> str:
    """What each cell of a mean is worth."""
    windows = ((y, x) for y in region.windows[0] for x in region.windows[1])
    labels = list(dict.fromkeys(shown.share_label(*window) for window in windows))
    share = f"× {labels[0]}" if len(labels) == 1 else f"shares {', '.join(labels)}"
    handed = "its upstream gradient" if shown.is_backward else "its cells' values"
    return f"Each window hands on {handed} in equal parts: {share}."


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
