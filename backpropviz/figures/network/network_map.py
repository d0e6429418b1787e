"""The network as a list of layers: what each has computed, and how its gradient fares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.engine.network import IMAGE_NAME
from backpropviz.figures.network.breakpoint_marks import breakpoint_mark, pointer_mark
from backpropviz.figures.network.joins import join_marks
from backpropviz.figures.network.rows import LayerRow, layer_rows, row_thumbnail
from backpropviz.figures.network.sign_shares import sign_bar, sign_colors
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Box, Font, Group, Mark, Rect, Scene, Text
from backpropviz.scene.theme import Theme

GUTTER: Final = 24
MANY_LAYERS: Final = 8
"""Layers from which rows are small."""
_THUMBNAIL_X: Final = 28
_MARGIN: Final = 16


@frozen
class _Measures:
    """Sizes of a row, in pixels."""

    height: int
    pitch: int
    thumbnail: int
    text_x: int
    bar: tuple[int, int]
    line: int
    name: Font
    summary: Font


_LARGE: Final = _Measures(64, 72, 40, 80, (56, 6), 18, styles.BODY_MEDIUM, styles.BODY)
_SMALL: Final = _Measures(36, 36, 28, 68, (48, 5), 15, Font("Inter", 12, 500), styles.ROW)


def network_map(view: View, width: float, theme: Theme) -> Scene:
    """Rows of 64 px, or of 36 px from eight layers on, and the legend below."""
    rows = layer_rows(view)
    measures = _SMALL if len(rows) - 2 >= MANY_LAYERS else _LARGE
    middles = [number * measures.pitch + measures.height / 2 for number in range(len(rows))]
    marks: list[Mark] = []
    for row, middle in zip(rows, middles, strict=True):
        marks.extend(_ground(row, middle, width, measures, theme))
    centers = dict(zip((row.name for row in rows), middles, strict=True))
    marks.extend(join_marks(view.tape.network, centers, _THUMBNAIL_X, measures.thumbnail, theme))
    for row, middle in zip(rows, middles, strict=True):
        marks.extend(_content(view, row, middle, width, measures, theme))
    bottom = (len(rows) - 1) * measures.pitch + measures.height
    legend = _legend(bottom + 8, width, theme, view.scales.diverging or theme.diverging)
    return Scene(width, bottom + 56, theme.panel, (*marks, *legend), "network map")


def _ground(
    row: LayerRow, middle: float, width: float, measures: _Measures, theme: Theme
) -> Iterator[Mark]:
    """The tinted row, and the gutter with breakpoint and pointer."""
    top = middle - measures.height / 2
    fill = theme.here_tint if row.is_current else None
    gutter, layer = f"breakpoint:{row.name}", f"layer:{row.name}"
    yield Rect(0, top, GUTTER, measures.height, fill=fill, key=gutter)
    yield Rect(GUTTER, top, width - GUTTER, measures.height, fill=fill, key=layer)
    enabled = any(found.enabled for found in row.breakpoints)
    shown = [found for found in row.breakpoints if found.enabled == enabled]
    if row.is_current:
        yield from pointer_mark(middle, theme, hole=theme.panel if enabled else None)
    elif shown:
        conditional = all(found.condition for found in shown)
        yield from breakpoint_mark(
            12, middle, theme, enabled=enabled, conditional=conditional, key=gutter
        )


def _content(
    view: View, row: LayerRow, middle: float, width: float, measures: _Measures, theme: Theme
) -> Iterator[Mark]:
    size = measures.thumbnail
    picture = row_thumbnail(view, row.name, size, theme)
    yield Group(picture, dx=_THUMBNAIL_X, dy=round(middle - size / 2))
    upper, lower = middle - measures.line / 2, middle + measures.line / 2
    right = width - _MARGIN
    left_of_status = right
    if row.status:
        font = styles.ROW
        baseline = centered_baseline(upper, font)
        yield Text(right, baseline, row.status, font, theme.text_secondary, Anchor.END)
        left_of_status -= text_width(row.status, font) + 8
    yield from _title(row, upper, left_of_status, measures, theme)
    left_of_bar = right
    if row.has_gradient:
        bar_width, bar_height = measures.bar
        box = Box(right - bar_width, round(lower - bar_height / 2), bar_width, bar_height)
        yield from sign_bar(row.counts, box, theme, view.scales.diverging)
        left_of_bar = box.x - 8
    yield from _shape(row, lower, left_of_bar, measures, theme)


def _title(
    row: LayerRow, middle: float, right: float, measures: _Measures, theme: Theme
) -> Iterator[Text]:
    """The name, and as much of the summary as has room."""
    name_font, font = measures.name, measures.summary
    name = elide(row.name, name_font, right - measures.text_x)
    yield Text(measures.text_x, centered_baseline(middle, name_font), name, name_font, theme.text)
    x = measures.text_x + text_width(name, name_font) + 4
    is_told = row.name == IMAGE_NAME and measures is _SMALL
    summary = "" if is_told else _shortened(row.summary, font, right - x)
    if len(summary) > 2:
        yield Text(x, centered_baseline(middle, font), summary, font, theme.text_secondary)


def _shortened(summary: str, font: Font, room: float) -> str:
    """As many of the parts between commas as fit; the first one is cut if need be."""
    parts = summary.split(", ")
    for count in range(len(parts), 1, -1):
        text = ", ".join(parts[:count])
        if text_width(text, font) <= room:
            return text
    return elide(parts[0], font, room)


def _shape(
    row: LayerRow, middle: float, right: float, measures: _Measures, theme: Theme
) -> Iterator[Text]:
    """The output's shape; then what is wrong with its values, and with those of the gradient."""
    font = styles.INDEX
    baseline = centered_baseline(middle, font)
    if row.counts is not None and row.counts.not_finite:
        strong = Font("JetBrains Mono", 11, 600)
        yield Text(right, baseline, "NaN", strong, theme.not_finite, Anchor.END)
        right -= text_width("NaN", strong) + 6
    words = text_width(row.health, font) + 6 if row.health else 0.0
    shape = elide(row.shape, font, right - measures.text_x - words)
    yield Text(measures.text_x, baseline, shape, font, theme.text_secondary)
    if row.health:
        x = measures.text_x + text_width(shape, font) + 6
        yield Text(x, baseline, row.health, font, theme.not_finite)


def _legend(top: float, width: float, theme: Theme, diverging: str) -> Iterator[Mark]:
    negative, positive = sign_colors(diverging)
    font = styles.LABEL
    entries = (("negative", negative), ("zero", theme.border_strong), ("positive", positive))
    used = sum(12 + text_width(word, font) for word, _ in entries)
    gap = min(14.0, (width - _THUMBNAIL_X - 4 - used) / 2)
    x, middle = float(_THUMBNAIL_X), top + 10
    for word, color in entries:
        yield Rect(round(x), middle - 4, 8, 8, fill=color, radius=2)
        yield Text(x + 12, centered_baseline(middle, font), word, font, theme.text_secondary)
        x += 12 + text_width(word, font) + gap
    text = elide("Share of gradient values by sign", font, width - _THUMBNAIL_X - _MARGIN)
    baseline = centered_baseline(middle + 20, font)
    yield Text(_THUMBNAIL_X, baseline, text, font, theme.text_secondary)
