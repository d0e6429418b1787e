"""The products of one value's terms, drawn where the terms lie, and their sum."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice, product

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import block_values
from backpropviz.engine.nest import Region, Rule
from backpropviz.figures.explanation.term_keys import TERM_PATTERN
from backpropviz.figures.number_groups import counted
from backpropviz.figures.scales import Scale
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.panel import Mood, Panel
from backpropviz.figures.stage.planes import Selection, plane
from backpropviz.figures.stage.slots import MOST_TILES, Slot, region_size
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.theme import Theme

FEW_TERMS = 16
"""Up to so many terms are told singly; more are drawn as a map of products."""


def has_product_map(focus: Focus) -> bool:
    """Whether the focus is one sum of many products."""
    operands = [o for o in focus.loops.operands if o.index]
    return (
        focus.is_element
        and not focus.is_by_source
        and focus.nest.rule is Rule.SUM
        and len(operands) > 1
        and region_size(focus.element_region) > FEW_TERMS
    )


def product_slot(view: View, focus: Focus, theme: Theme) -> Slot:
    """Every product of the element, a tile a channel; what has not run is not computed."""
    region = focus.element_region
    values = block_values(view.tape, focus.nest, focus.loops, region)
    ran = _ran(focus, region)
    shape = tuple(len(r) for r in region if len(r) > 1) or (1,)
    leading = shape[:-2] if len(shape) > 2 else ()
    values, ran = values.reshape(shape), ran.reshape(shape)
    limit = float(np.nanmax(np.abs(values))) if values.size else 0.0
    scale = Scale(view.scales.diverging or theme.diverging, (-(limit or 1.0), limit or 1.0), True)
    chosen = tuple(islice(product(*(range(n) for n in leading)), MOST_TILES))
    current = _current_position(focus, shape)
    panels = tuple(
        _panel(values[first], ran[first], _offset(first, shape), scale, current) for first in chosen
    )
    count = region_size(region)
    tile = current // math.prod(shape[-2:]) if current is not None and leading else 0
    return Slot(
        None,
        "products",
        counted(count, "term"),
        "their sum is this one value",
        panels,
        tuple(" ".join(map(str, first)) for first in chosen),
        sign="=",
        current=min(tile, len(panels) - 1),
    )


def _ran(focus: Focus, region: Region) -> Array:
    """Which terms of the element have run when the focus has."""
    count = region_size(region)
    if focus.depth is not Depth.TERM:
        return np.ones(count, bool)
    return np.arange(count) <= term_number(focus)


def term_number(focus: Focus) -> int:
    """The place of the current term among those of its element."""
    number = 0
    for c, r in zip(focus.coordinates, focus.element_region, strict=True):
        number = number * len(r) + (c - r.start if len(r) > 1 else 0)
    return number


def _current_position(focus: Focus, shape: tuple[int, ...]) -> int | None:
    return term_number(focus) if focus.depth is Depth.TERM and shape else None


def _offset(first: tuple[int, ...], shape: tuple[int, ...]) -> int:
    number = 0
    for index, size in zip(first, shape, strict=False):
        number = number * size + index
    return number * math.prod(shape[len(first) :])


def _panel(values: Array, ran: Array, offset: int, scale: Scale, current: int | None) -> Panel:
    selection: Selection = (None,) * values.ndim
    found = plane(None, selection, np.where(ran, values, np.nan), ran, ran, TERM_PATTERN)
    found = replace(found, first_index=offset)
    moods = {}
    position = None if current is None else current - offset
    if position is not None and 0 <= position < values.size:
        place = divmod(position, found.columns)
        moods[place] = Mood(CellState.CURRENT)
    return Panel(found, scale, moods=moods, signed=True)
