"""A map of a whole plane beside the part of it that is drawn large, with a frame where that lies.

Where several values share a pixel it shows the one of largest magnitude, as thumbnails do; where
none of them is computed it stays empty.
"""

from __future__ import annotations

from backpropviz.engine.arrays import shape_text
from backpropviz.figures.scales import Reduced, Scale, Scales
from backpropviz.figures.stage.close_up import Window, plane_name, window_shown
from backpropviz.figures.stage.planes import Plane
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Box, Mark, Pixels, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

_SHARE, _MOST, _LEAST = 0.3, 160, 14
_GAP, _CAPTION = 10, 17
_LEAST_ROOM = (100, 150)
_TALL = 1.5
_MOST_KEPT = 64
_CAPTIONS = (
    "The whole {shape}, each pixel its largest magnitude",
    "The whole, each pixel its largest magnitude",
    "The whole, by largest magnitude",
    "The whole {shape}",
    "The whole",
)


@frozen
class MapRoom:
    """Where the map of a plane stands, and what is left for the part that is drawn large."""

    caption: Box
    map: Box
    rest: Box


def parted(whole: Plane, room: Box) -> MapRoom | None:
    """The room of a slot divided; None where it is too small for a map.

    The map lies above, so that wires from the part lead down freely; of a high plane at the left.
    """
    if room.width < _LEAST_ROOM[0] or room.height < _LEAST_ROOM[1]:
        return None
    caption = Box(room.x, room.y, room.width, _CAPTION)
    below = Box(room.x, caption.bottom, room.width, room.height - _CAPTION)
    if whole.rows > _TALL * whole.columns:
        width, height = _size(whole, min(_MOST, _SHARE * below.width), below.height)
        left = Box(below.x, below.y, width, height)
        x = left.right + _GAP
        return MapRoom(caption, left, Box(x, below.y, below.right - x, below.height))
    width, height = _size(whole, below.width, min(_MOST, _SHARE * below.height))
    top = Box(below.x, below.y, width, height)
    y = top.bottom + _GAP
    return MapRoom(caption, top, Box(below.x, y, below.width, below.bottom - y))


def _size(whole: Plane, width: float, height: float) -> tuple[int, int]:
    """At most a pixel a cell, in the plane's proportion unless a side would vanish."""
    scale = min(1.0, width / whole.columns, height / whole.rows)
    return (
        max(_LEAST, int(whole.columns * scale)),
        max(_LEAST, int(whole.rows * scale)),
    )


def map_marks(
    whole: Plane, shown: Plane, room: MapRoom, scale: Scale, scales: Scales, theme: Theme
) -> tuple[Mark, ...]:
    """Caption, map, and the frame around the part that is drawn large."""
    window, box = window_shown(shown), room.map
    values, known = _reduced(whole, int(box.height), int(box.width), scales)
    pixels = Pixels(
        *(box.x, box.y, box.width, box.height, values),
        *(scale.colormap, scale.limits, None if known is None else ~known, theme.stage),
        window.spot_pattern(int(box.height), int(box.width)),
    )
    edge = Rect(
        *(box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1),
        stroke=Stroke(theme.border_strong),
    )
    behind = Rect(box.x, box.y, box.width, box.height, fill=theme.stage, key=window.key)
    return (
        *_caption(whole, room.caption, theme),
        behind,
        pixels,
        edge,
        *_frame(window, box, theme),
    )


def window_mark(shown: Plane, box: Box, theme: Theme) -> Rect:
    """Behind the part that is drawn large: what it is a part of."""
    key = window_shown(shown).key
    return Rect(box.x, box.y, box.width, box.height, fill=theme.stage, key=key)


def _caption(whole: Plane, box: Box, theme: Theme) -> tuple[Text, ...]:
    font, shape = styles.LABEL, shape_text(whole.whole)
    texts = [text.format(shape=shape) for text in _CAPTIONS]
    words = next((t for t in texts if text_width(t, font) <= box.width), texts[-1])
    return (Text(box.x, box.y + 10, elide(words, font, box.width), font, theme.text_tertiary),)


def _frame(window: Window, box: Box, theme: Theme) -> tuple[Rect, ...]:
    """A dark line between light ones, to be seen on any color."""
    down, across = box.height / window.whole[0], box.width / window.whole[1]
    x, y = round(box.x + window.columns.start * across), round(box.y + window.rows.start * down)
    width = max(4, round(len(window.columns) * across))
    height = max(4, round(len(window.rows) * down))
    inner = Rect(x, y, width, height, stroke=Stroke(theme.text, 2.0))
    outer = Rect(x - 1.5, y - 1.5, width + 3, height + 3, stroke=Stroke(theme.stage))
    return outer, inner


def _reduced(whole: Plane, rows: int, columns: int, scales: Scales) -> Reduced:
    """A value a pixel, and where there is one (None: everywhere); of what is complete kept."""
    if whole.address is None or not _is_complete(whole):
        return _strongest(whole, rows, columns)
    key = (plane_name(whole), rows, columns)
    if key not in scales.reduced:
        if len(scales.reduced) >= _MOST_KEPT:
            scales.reduced.clear()
        scales.reduced[key] = _strongest(whole, rows, columns)
    return scales.reduced[key]


def _is_complete(whole: Plane) -> bool:
    return bool(whole.complete.all()) and whole.length == whole.values.size


def _strongest(whole: Plane, rows: int, columns: int) -> Reduced:
    # Only a plane that is cut has a map: the first step of a network does not wait for it.
    from backpropviz.figures.network.thumbnails import reduced

    values, known = reduced(whole.values, whole.computed, rows, columns)
    return values, None if known.all() else known
