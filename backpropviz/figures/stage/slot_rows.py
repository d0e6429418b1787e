"""Two rows of slots: operands above, and below them a result that so can be drawn whole."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.figures.stage.fitting import LEAST_CELL, fits
from backpropviz.figures.stage.slot_layout import (
    TITLE_HEIGHT,
    Placed,
    place_slots,
    wanted_widths,
)
from backpropviz.figures.stage.slots import Slot
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box

INDENT = 24
"""Room for the sign before the result."""
_BETWEEN = 24
_ABOVE_BAND = 10
_LEAST_ABOVE = 220
_MOST_ABOVE = 330


@frozen
class TwoRows:
    """The operands, the result, and the band between them for wires."""

    upper: tuple[Placed, ...]
    lower: Placed
    band: Box


def in_two_rows(slots: Sequence[Slot], box: Box, band_height: float) -> TwoRows | None:
    """The rows, where the result is too broad for one row but not for the whole width.

    The band has been taken from below the box; here it lies between the rows.
    """
    target = slots[-1]
    panel, room = target.panel, box.height - TITLE_HEIGHT - _BETWEEN - _LEAST_ABOVE
    side = min((box.width - INDENT) // panel.columns, room // panel.rows)
    if side < LEAST_CELL or not _is_broad(slots, box):
        return None
    above = min(_MOST_ABOVE, box.height - TITLE_HEIGHT - _BETWEEN - side * panel.rows)
    upper = place_slots(slots[:-1], Box(box.x, box.y, box.width, above))
    bottom = max(one.bottom for one in upper)
    band = Box(box.x, bottom + _ABOVE_BAND, box.width, band_height)
    y = bottom + band_height + _BETWEEN
    (lower,) = place_slots(
        (target,), Box(box.x + INDENT, y, box.width - INDENT, box.bottom + band_height - y)
    )
    return TwoRows(upper, lower, band)


def _is_broad(slots: Sequence[Slot], box: Box) -> bool:
    """Whether the last of several is one plane that has no room for all of it beside the others."""
    target = slots[-1]
    if len(slots) < 2 or len(target.panels) > 1 or target.panel.plane.wrapped:
        return False
    return not fits(target.panel, wanted_widths(slots, box)[-1], box.height - TITLE_HEIGHT)
