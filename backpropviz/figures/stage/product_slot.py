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
from backpropviz.engine.shares import sample_axis
from backpropviz.figures.explanation.term_keys import TERM_PATTERN
from backpropviz.figures.number_groups import counted
from backpropviz.figures.scales import Scale, finite_values
from backpropviz.figures.stage.close_up import Cell
from backpropviz.figures.stage.cutting import middle_around
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.panel import Mood, Outline, Panel
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
    """Every product of the element, a tile a channel; what has not run is not computed.

    Of a sum over a batch, the products of the sample that is shown.
    """
    region = focus.element_region
    values = block_values(view.tape, focus.nest, focus.loops, region)
    ran = _ran(focus, region)
    shape = tuple(len(r) for r in region if len(r) > 1) or (1,)
    leading = shape[:-2] if len(shape) > 2 else ()
    values, ran = values.reshape(shape), ran.reshape(shape)
    limit = float(np.max(np.abs(finite_values(values)), initial=0.0))
    scale = Scale(view.scales.diverging or theme.diverging, (-(limit or 1.0), limit or 1.0), True)
    sample = view.sample if leading and _runs_over_samples(focus, region) else None
    ranges = [range(n) for n in leading]
    if sample is not None:
        ranges[0] = range(sample, sample + 1)
    chosen = tuple(islice(product(*ranges), MOST_TILES))
    current = _current_position(focus, shape)
    panels = tuple(
        _panel(values[first], ran[first], _offset(first, shape), scale, current) for first in chosen
    )
    by_sample = not leading and view.tape.batch > 1 and _runs_over_samples(focus, region)
    if by_sample and len(shape) == 1:
        panels = (_with_sample(panels[0], view.sample, theme),)
    plane_size = math.prod(shape[-2:])
    tile = current // plane_size if current is not None and leading else 0
    tile -= _offset(chosen[0], shape) // plane_size if leading else 0
    count = counted(region_size(region), "term")
    labels = (first if sample is None else first[1:] for first in chosen)
    return Slot(
        None,
        "products",
        count if sample is None else f"{len(chosen) * plane_size:,} of {count}",
        _remark(sample, one_each=by_sample and len(shape) == 1),
        panels,
        tuple(" ".join(map(str, label)) for label in labels),
        sign="=",
        current=max(0, min(tile, len(panels) - 1)),
        middle=_middle(view, panels[0]) if len(panels) == 1 else None,
    )


def _middle(view: View, panel: Panel) -> Cell:
    row, column = next(iter(panel.moods), (0, 0))
    return middle_around(view, panel.plane, (range(row, row + 1), range(column, column + 1)))


def _remark(sample: int | None, *, one_each: bool) -> str:
    if sample is not None:
        return f"of sample {sample}"
    return "one a sample; the sum is this value" if one_each else "their sum is this one value"


def _with_sample(panel: Panel, sample: int, theme: Theme) -> Panel:
    """The product of the sample that is shown in a frame of its own."""
    row, column = divmod(sample, panel.plane.columns)
    frame = Outline(range(row, row + 1), range(column, column + 1), theme.here, 2.0)
    return replace(panel, outlines=(*panel.outlines, frame))


def _runs_over_samples(focus: Focus, region: Region) -> bool:
    """Whether the outermost loop of the terms is the one over the samples."""
    axis = sample_axis(focus.loops)
    return axis is not None and axis == next(k for k, r in enumerate(region) if len(r) > 1)


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
