"""The result on the stage: the plane that the step is in, and all planes side by side."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice, product
from math import isfinite

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.contraction import join
from backpropviz.engine.derivation import block_values, sample_axis
from backpropviz.engine.nest import NestRule, Region
from backpropviz.engine.value import Array, Shape
from backpropviz.figures.numbers import Scale, counted, finite_values, group_texts
from backpropviz.figures.stage import slots
from backpropviz.figures.stage.panel import Mood, Outline, Panel
from backpropviz.figures.stage.planes import (
    CellIndex,
    Extent,
    Focus,
    Plane,
    Selection,
    extents,
    known_plane,
    leading_dimensions,
    plane,
    selections,
)
from backpropviz.figures.stage.slot_layout import PlacedSlot
from backpropviz.figures.view import SAMPLE_KEY, TERM_PATTERN, View
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cell, value_fill
from backpropviz.scene.flow import bounds
from backpropviz.scene.marks import Anchor, Box, Mark, Path, Stroke, Text
from backpropviz.scene.text import shown_group, text_width
from backpropviz.scene.theme import Theme

_MOST_MOODS = 100
_MOST_NOTED = 9


def target_slot(view: View, focus: Focus, theme: Theme) -> slots.Slot:
    """The result, as far as it is known at the end of the block in focus."""
    address, shape = focus.nest.target, focus.nest.shape
    touched = extents(focus.loops.target, focus.region)
    wide = extents(focus.loops.target, focus.element_region)
    sample = view.sample if view.has_samples(address) else None
    chosen = slots.selections_of(address, shape, slots.in_sample(wide, sample), is_element=False)
    if not chosen:
        leading = leading_dimensions(address, len(shape))
        chosen = ((*(0,) * leading, *(None,) * (len(shape) - leading)),)
    scale = view.scales.of(address, theme)
    planes = (
        slots.cut_tile(known_plane(address, selection, known), touched, focus, len(chosen))
        for selection, known in zip(chosen, view.plane_statuses(address, chosen), strict=True)
    )
    panels = tuple(_target_panel(view, focus, found, touched, scale, theme) for found in planes)
    return slots.Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        slots.shape_of(view.tape[address]),
        slots.planes_remark(address, shape, chosen, sample),
        panels,
        tuple(slots.tile_label(selection, shape, sample) for selection in chosen),
        sign="→" if focus.nest.rule in {NestRule.FUNCTION, NestRule.COPY, NestRule.MAX} else "=",
        current=slots.current_panel(chosen, touched),
        middle=slots.middle(view, panels[0].plane, touched) if len(panels) == 1 else None,
    )


def _target_panel(
    view: View, focus: Focus, found: Plane, touched: tuple[Extent, ...], scale: Scale, theme: Theme
) -> Panel:
    # Where the block adds to more cells than can be marked singly: the rectangle around them.
    free = [e for s, e in zip(found.selection, touched, strict=True) if s is None]
    many = math.prod(len(e.cells) for e in free) > _MOST_MOODS
    is_marked = focus.is_element and many and slots.is_on(found.selection, touched)
    blocks = slots.blocks(found, touched) if is_marked else ()
    return Panel(
        found,
        scale,
        moods=_target_moods(found, found.selection, touched, focus),
        outlines=tuple(Outline(rows, columns, theme.here, 3.0) for rows, columns in blocks),
        notes=_weights(view, found),
        signed=focus.nest.target.is_gradient and found.values.size > 4,
    )


def target_tiles(view: View, focus: Focus, theme: Theme) -> tuple[slots.Slot, ...]:
    """All planes of the result side by side, where it has more than one."""
    address, shape = focus.nest.target, focus.nest.shape
    leading = leading_dimensions(address, len(shape))
    if math.prod(shape[1:leading] if view.has_samples(address) else shape[:leading]) < 2:
        return ()
    sample = view.sample if view.has_samples(address) else None
    chosen, remark = _page(shape, leading, focus, sample)
    current = slots.current_panel(chosen, extents(focus.loops.target, focus.region))
    scale = view.scales.of(address, theme)
    panels = tuple(
        Panel(
            known_plane(address, selection, known),
            scale,
            outlines=_frame(known.values.shape, theme) if k == current else (),
        )
        for k, (selection, known) in enumerate(
            zip(chosen, view.plane_statuses(address, chosen), strict=True)
        )
    )
    slot = slots.Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        slots.shape_of(view.tape[address]),
        remark,
        panels,
        tuple(slots.tile_label(selection, shape, sample) for selection in chosen),
        current=current,
    )
    return (slot,)


def _page(
    shape: Shape, leading: int, focus: Focus, sample: int | None
) -> tuple[tuple[Selection, ...], str]:
    """The page of planes, of a batch those of one sample, that the current one is on."""
    ranges = [range(size) for size in shape[:leading]]
    if sample is not None:
        ranges[0] = range(sample, sample + 1)
    total = math.prod(map(len, ranges))
    place = 0
    for found, inside in zip(extents(focus.loops.target, focus.region), ranges, strict=False):
        cell = found.cells[0] if found.cells else 0
        place = place * len(inside) + (cell - inside.start if cell in inside else 0)
    first = place // slots.MOST_TILES * slots.MOST_TILES
    chosen = tuple(islice(selections(shape, tuple(ranges)), first, first + slots.MOST_TILES))
    of_sample = "" if sample is None else f" of sample {sample}"
    if len(chosen) == total:
        return chosen, f"all {total}{of_sample}"
    return chosen, f"{first + 1} to {first + len(chosen)} of {total}{of_sample}"


def _frame(shape: Shape, theme: Theme) -> tuple[Outline, ...]:
    if len(shape) < 2:
        return ()
    return (Outline(range(shape[0]), range(shape[1]), theme.here, 2.0),)


def _weights(view: View, found: Plane) -> dict[tuple[int, int], str]:
    """Under each gradient of a small filter the weight that it belongs to: `W = 2`."""
    address = found.address
    is_weight = address is not None and address.is_gradient and address.quantity == "weight"
    if address is None or not is_weight or found.values.size > _MOST_NOTED:
        return {}
    weight = address.of("")
    letter = view.notation.letter(weight).text
    part = tuple(slice(None) if s is None else s for s in found.selection)
    texts = shown_group(view.tape[weight][part].reshape(-1).tolist())
    return {divmod(k, found.columns): f"{letter} = {text}" for k, text in enumerate(texts)}


def _target_moods(
    found: Plane, selection: Selection, touched: tuple[Extent, ...], focus: Focus
) -> dict[tuple[int, int], Mood]:
    """The cells that the block adds to: in progress, or complete."""
    if not focus.is_element or not slots.is_on(selection, touched):
        return {}
    free = [e for s, e in zip(selection, touched, strict=True) if s is None]
    if math.prod(len(e.cells) for e in free) > _MOST_MOODS:
        return {}
    moods: dict[tuple[int, int], Mood] = {}
    for index in product(*(e.cells for e in touched)):
        place = found.cell(index)
        if place is not None and found.computed[place]:
            done = bool(found.complete[place])
            state = CellState.CURRENT if done else CellState.IN_PROGRESS
            moods[place] = Mood(state, "" if done else "so far")
    return moods


FEW_TERMS = 16
"""Up to so many terms are told singly; more are drawn as a map of products."""


def has_product_map(focus: Focus) -> bool:
    """Whether the focus is one sum of many products."""
    operands = [o for o in focus.loops.operands if o.index]
    return (
        focus.is_element
        and not focus.is_by_source
        and focus.nest.rule is NestRule.SUM
        and len(operands) > 1
        and slots.region_size(focus.element_region) > FEW_TERMS
    )


def product_slot(view: View, focus: Focus, theme: Theme) -> slots.Slot:
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
    chosen = tuple(islice(product(*ranges), slots.MOST_TILES))
    current = term_number(focus) if focus.depth is Depth.TERM else None
    panels = tuple(
        _panel(values[first], ran[first], _offset(first, shape), scale, current) for first in chosen
    )
    by_sample = len(shape) == 1 and view.tape.batch > 1 and _runs_over_samples(focus, region)
    if by_sample:
        # The product of the sample that is shown in a frame of its own.
        row, column = divmod(view.sample, panels[0].plane.columns)
        frame = Outline(range(row, row + 1), range(column, column + 1), theme.here, 2.0)
        panels = (replace(panels[0], outlines=(*panels[0].outlines, frame)),)
    plane_size = math.prod(shape[-2:])
    tile = current // plane_size if current is not None and leading else 0
    tile -= _offset(chosen[0], shape) // plane_size if leading else 0
    count = counted(slots.region_size(region), "term")
    remark = "one a sample; the sum is this value" if by_sample else "their sum is this one value"
    labels = (first if sample is None else first[1:] for first in chosen)
    return slots.Slot(
        None,
        "products",
        count if sample is None else f"{len(chosen) * plane_size:,} of {count}",
        remark if sample is None else f"of sample {sample}",
        panels,
        tuple(" ".join(map(str, label)) for label in labels),
        sign="=",
        current=max(0, min(tile, len(panels) - 1)),
        middle=_middle(view, panels[0]) if len(panels) == 1 else None,
    )


def _middle(view: View, panel: Panel) -> CellIndex:
    row, column = next(iter(panel.moods), (0, 0))
    return slots.middle_around(view, panel.plane, (range(row, row + 1), range(column, column + 1)))


def _runs_over_samples(focus: Focus, region: Region) -> bool:
    """Whether the outermost loop of the terms is the one over the samples."""
    axis = sample_axis(focus.loops)
    return axis is not None and axis == next(k for k, r in enumerate(region) if len(r) > 1)


def _ran(focus: Focus, region: Region) -> Array:
    """Which terms of the element have run when the focus has."""
    count = slots.region_size(region)
    last = term_number(focus) if focus.depth is Depth.TERM else count
    return np.arange(count) <= last


def term_number(focus: Focus) -> int:
    """The place of the current term among those of its element."""
    number = 0
    for c, r in zip(focus.coordinates, focus.element_region, strict=True):
        number = number * len(r) + (c - r.start if len(r) > 1 else 0)
    return number


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
    if current is not None and 0 <= current - offset < values.size:
        moods[divmod(current - offset, found.columns)] = Mood(CellState.CURRENT)
    return Panel(found, scale, moods=moods, signed=True)


_ARROW = 30
_HEIGHT = 48
_SIGNIFICANT = 4


def total_width(view: View, focus: Focus) -> float:
    """Room that the arrow and the value need at the right."""
    return _ARROW + 16 + _cell_width(view, focus)


def _cell_width(view: View, focus: Focus) -> float:
    below = max((text_width(text, styles.LABEL) for text, _ in _share_lines(view)), default=0.0)
    return max(72.0, text_width(_text(view, focus), styles.NUMBER_MEDIUM) + 20, below)


def _text(view: View, focus: Focus) -> str:
    value = view.value
    signed = focus.nest.target.is_gradient
    return "" if value is None else group_texts([value], _SIGNIFICANT, signed=signed)[0]


def total_marks(view: View, focus: Focus, before: PlacedSlot, theme: Theme) -> tuple[Mark, ...]:
    """At the right of the products, at the height of their middle."""
    value = view.value
    if value is None or focus.target is None:
        return ()
    extent = bounds([grid.box for grid in before.grids])
    middle = round(extent.y + extent.height / 2)
    x = extent.right + 8
    box = Box(round(x + _ARROW), middle - _HEIGHT / 2, _cell_width(view, focus), _HEIGHT)
    arrow = Path(((x, middle), (box.x - 5, middle)), Stroke(theme.here, 2.0), arrow=True)
    address = focus.nest.target.at(focus.target)
    center, ink = box.x + box.width / 2, theme.text_secondary
    varying = [str(i) for i, n in zip(focus.target, focus.nest.shape, strict=True) if n > 1]
    name = f"element [{', '.join(varying)}]"
    return (
        Text(x + _ARROW / 2 - 2, middle - 14, "∑", styles.FORMULA_SUM, theme.text, Anchor.MIDDLE),
        arrow,
        *cell(_cell(view, focus, value, box, theme), theme),
        Text(center, box.bottom + 20, name, styles.LABEL, theme.here, Anchor.MIDDLE, str(address)),
        *_start(view, focus, box, theme),
        *(
            Text(center, box.bottom + 40 + 18 * k, text, styles.LABEL, ink, Anchor.MIDDLE, key)
            for k, (text, key) in enumerate(_share_lines(view))
        ),
    )


def _share_lines(view: View) -> tuple[tuple[str, str], ...]:
    """What the shown sample adds, and all others; each with a key."""
    shares = view.shares
    if shares is None or not np.isfinite(shares.values).all():
        return ()
    own = float(shares.values[view.sample])
    others = float(shares.values.sum()) - own
    texts = group_texts([own, others], 3, signed=True)
    first = (f"sample {view.sample}: {texts[0]}", f"{SAMPLE_KEY}{view.sample}")
    count = view.samples_begun - 1
    word = f"{count} other{'s' if count > 1 else ''}"
    return (first, (f"{word}: {texts[1]}", "")) if count else (first,)


def _start(view: View, focus: Focus, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """What the sum starts from, where that is not 0: the bias."""
    if focus.loops.initial is None:
        return ()
    found = focus.loops.initial.at(view.tape, focus.coordinates)
    if found.address is None:
        return ()
    letter = view.notation.letter(found.address).text
    text = f"from {letter} = {group_texts([found.value], _SIGNIFICANT)[0]}"
    x, font = box.x + box.width / 2, styles.LABEL
    key = str(found.address)
    return (Text(x, box.bottom + 38, text, font, theme.text_secondary, Anchor.MIDDLE, key),)


def _cell(view: View, focus: Focus, value: float, box: Box, theme: Theme) -> Cell:
    key = str(focus.nest.target.at(focus.target or ()))
    if not isfinite(value):
        return Cell(box, CellState.NOT_FINITE, _text(view, focus), key=key)
    scale = view.scales.of(focus.nest.target, theme)
    last = tuple(r.stop - 1 for r in focus.element_region)
    done = focus.steps_done > join(last, focus.loops.sizes)
    return Cell(
        box,
        CellState.CURRENT if done else CellState.IN_PROGRESS,
        _text(view, focus),
        value_fill(value, scale.colormap, scale.limits),
        key=key,
        font=styles.NUMBER_MEDIUM,
    )
