"""How active each map of a layer is: a numbered chip a map, and what the colors say in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.figures.number_groups import counted
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Color, Mark, Rect, Scene, Text
from backpropviz.scene.theme import Theme

_CHIP: Final = 22
_GAP: Final = 5
_HEAD: Final = 26
_LINE: Final = 20
_MANY: Final = 128
"""Units from which chips carry no number and are small."""


def activity_figure(
    layer: str, shares: Array, inactive: Array, width: float, theme: Theme, inactive_after: int = 10
) -> Scene:
    """Maps in the order of their channels: active, inactive for a while, inactive for long.

    `shares` is each map's active share of the last batch that was measured, `inactive` the number
    of updates in a row without any. A chip answers to `map:relu2,3`.
    """
    kinds = _kinds(shares, inactive, inactive_after)
    small = len(shares) > _MANY
    side, gap = (8, 2) if small else (_CHIP, _GAP)
    per_line = max(1, int((width + gap) // (side + gap)))
    marks: list[Mark] = list(_heading(layer, len(shares), width, theme))
    for number, kind in enumerate(kinds):
        line, column = divmod(number, per_line)
        place = (column * (side + gap), _HEAD + line * (side + gap))
        marks.extend(_chip(layer, number, int(kind), (*place, side), theme))
    y = _HEAD + math.ceil(len(shares) / per_line) * (side + gap) + 4
    for line, (color, text) in enumerate(_words(kinds, inactive, inactive_after, theme)):
        marks.extend(_legend(color, text, y + line * _LINE, width, theme))
    lines = len(set(kinds.tolist()))
    return Scene(width, y + lines * _LINE, theme.panel, tuple(marks), f"activity of {layer}")


def _kinds(shares: Array, inactive: Array, inactive_after: int) -> Array:
    """0 active, 1 inactive for fewer updates, 2 inactive for long."""
    idle = (shares <= 0) | (inactive > 0)
    kinds: Array = np.where(inactive >= inactive_after, 2, np.where(idle, 1, 0))
    return kinds


def _colors(kind: int, theme: Theme) -> tuple[Color, Color]:
    """A chip's ink and ground."""
    return {
        0: (theme.forward, theme.forward_tint),
        1: (theme.loss, theme.loss_tint),
        2: (theme.alert_title, theme.alert_fill),
    }[kind]


def _heading(layer: str, count: int, width: float, theme: Theme) -> Iterator[Mark]:
    font = styles.PANEL_TITLE
    text = elide(f"{layer} maps", font, width)
    baseline = centered_baseline(9, font)
    yield Text(0, baseline, text, font, theme.text, key=f"layer:{layer}")
    told = str(count)
    if text_width(text, font) + text_width(told, styles.INDEX) + 12 <= width:
        yield Text(width, baseline, told, styles.INDEX, theme.text_tertiary, Anchor.END)


def _chip(
    layer: str, number: int, kind: int, place: tuple[int, int, int], theme: Theme
) -> Iterator[Mark]:
    x, y, side = place
    ink, ground = _colors(kind, theme)
    key = f"map:{layer},{number}"
    fill = ground if side == _CHIP else ink
    yield Rect(x, y, side, side, fill=fill, radius=4.0 if side == _CHIP else 2.0, key=key)
    font = styles.INDEX
    if side == _CHIP and text_width(str(number), font) <= side:
        baseline = centered_baseline(y + side / 2, font)
        yield Text(x + side / 2, baseline, str(number), font, ink, Anchor.MIDDLE, key)


def _words(
    kinds: Array, inactive: Array, inactive_after: int, theme: Theme
) -> Iterator[tuple[Color, str]]:
    """As many lines as there are kinds, the worst first."""
    counts = {kind: int(np.count_nonzero(kinds == kind)) for kind in (2, 1, 0)}
    if counts[2]:
        updates = counted(inactive_after, "update")
        yield theme.breakpoint, f"{counts[2]:,} inactive for {updates} or more"
    if counts[1]:
        waits = sorted({int(k) for k in inactive[kinds == 1]})
        told = ", ".join(map(str, waits[:4])) + (" …" if len(waits) > 4 else "")
        word = "update" if waits == [1] else "updates"
        yield theme.loss, f"{counts[1]:,} inactive for fewer: {told} {word}"
    if counts[0]:
        yield theme.forward, f"{counts[0]:,} active in the last batch"


def _legend(color: Color, text: str, y: float, width: float, theme: Theme) -> Iterator[Mark]:
    middle = y + _LINE / 2
    yield Rect(0, round(middle) - 5, 10, 10, fill=color, radius=2.0)
    if text_width(text, styles.ROW) > width - 18:
        text = text.replace("inactive for ", "idle ")
    shown = elide(text, styles.ROW, width - 18)
    yield Text(18, centered_baseline(middle, styles.ROW), shown, styles.ROW, theme.text)
