"""The result on the stage: the plane that the step is in, and all planes side by side."""

from __future__ import annotations

import math
from itertools import islice, product

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.nest import Rule
from backpropviz.engine.partial import Partial
from backpropviz.figures.scales import Scale
from backpropviz.figures.stage.cutting import cut_tile, middle
from backpropviz.figures.stage.extents import Extent, extents
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.panel import Mood, Outline, Panel
from backpropviz.figures.stage.planes import Plane, Selection, leading_dimensions, plane, selections
from backpropviz.figures.stage.slots import (
    MOST_TILES,
    Slot,
    blocks,
    current_panel,
    in_sample,
    is_on,
    planes_remark,
    selections_of,
    shape_of,
    tile_label,
)
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.numbers import shown_group
from backpropviz.scene.theme import Theme

_MOST_MOODS = 100
_MOST_NOTED = 9


def target_slot(view: View, focus: Focus, theme: Theme) -> Slot:
    """The result, as far as it is known at the end of the block in focus."""
    address, shape = focus.nest.target, focus.nest.shape
    touched = extents(focus.loops.target, focus.region)
    wide = extents(focus.loops.target, focus.element_region)
    sample = view.sample if view.has_samples(address) else None
    chosen = selections_of(address, shape, in_sample(wide, sample), is_element=False)
    chosen = chosen or _first_plane(address, shape)
    scale = view.scales.of(address, theme)
    planes = (
        cut_tile(_plane(address, selection, known), touched, focus, len(chosen))
        for selection, known in zip(chosen, view.plane_statuses(address, chosen), strict=True)
    )
    panels = tuple(_target_panel(view, focus, found, touched, scale, theme) for found in planes)
    return Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        shape_of(view.tape[address]),
        planes_remark(address, shape, chosen, sample),
        panels,
        tuple(tile_label(selection, shape, sample) for selection in chosen),
        sign="→" if focus.nest.rule in {Rule.FUNCTION, Rule.COPY, Rule.MAX} else "=",
        current=current_panel(chosen, touched),
        middle=middle(view, panels[0].plane, touched) if len(panels) == 1 else None,
    )


def _plane(address: Address, selection: Selection, known: Partial) -> Plane:
    return plane(address, selection, known.values, known.computed, known.complete)


def _first_plane(address: Address, shape: Shape) -> tuple[Selection, ...]:
    leading = leading_dimensions(address, len(shape))
    return ((*(0,) * leading, *(None,) * (len(shape) - leading)),)


def _target_panel(
    view: View,
    focus: Focus,
    found: Plane,
    touched: tuple[Extent, ...],
    scale: Scale,
    theme: Theme,
) -> Panel:
    return Panel(
        found,
        scale,
        moods=_target_moods(found, found.selection, touched, focus),
        outlines=_target_outlines(found, touched, focus, theme),
        notes=_weights(view, found),
        signed=focus.nest.target.is_gradient and found.values.size > 4,
    )


def target_tiles(view: View, focus: Focus, theme: Theme) -> tuple[Slot, ...]:
    """All planes of the result side by side, where it has more than one."""
    address, shape = focus.nest.target, focus.nest.shape
    leading = leading_dimensions(address, len(shape))
    if math.prod(shape[1:leading] if view.has_samples(address) else shape[:leading]) < 2:
        return ()
    sample = view.sample if view.has_samples(address) else None
    chosen, remark = _page(shape, leading, focus, sample)
    current = current_panel(chosen, extents(focus.loops.target, focus.region))
    scale = view.scales.of(address, theme)
    panels = tuple(
        Panel(
            plane(address, selection, known.values, known.computed, known.complete),
            scale,
            outlines=_frame(known.values.shape, theme) if k == current else (),
        )
        for k, (selection, known) in enumerate(
            zip(chosen, view.plane_statuses(address, chosen), strict=True)
        )
    )
    slot = Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        shape_of(view.tape[address]),
        remark,
        panels,
        tuple(tile_label(selection, shape, sample) for selection in chosen),
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
    first = place // MOST_TILES * MOST_TILES
    chosen = tuple(islice(selections(shape, tuple(ranges)), first, first + MOST_TILES))
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
    if not focus.is_element or not is_on(selection, touched):
        return {}
    free = [e for s, e in zip(selection, touched, strict=True) if s is None]
    if math.prod(len(e.cells) for e in free) > _MOST_MOODS:
        return {}
    moods: dict[tuple[int, int], Mood] = {}
    for cell in product(*(e.cells for e in touched)):
        place = found.cell(cell)
        if place is not None and found.computed[place]:
            done = bool(found.complete[place])
            state = CellState.CURRENT if done else CellState.IN_PROGRESS
            moods[place] = Mood(state, "" if done else "so far")
    return moods


def _target_outlines(
    shown: Plane, touched: tuple[Extent, ...], focus: Focus, theme: Theme
) -> tuple[Outline, ...]:
    """Where the block adds to more cells than can be marked singly: the rectangle around them."""
    free = [e for s, e in zip(shown.selection, touched, strict=True) if s is None]
    many = math.prod(len(e.cells) for e in free) > _MOST_MOODS
    if not focus.is_element or not many or not is_on(shown.selection, touched):
        return ()
    return tuple(
        Outline(rows, columns, theme.here, 3.0) for rows, columns in blocks(shown, touched)
    )
