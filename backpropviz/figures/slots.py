"""What stands side by side on the stage: operands, their product, the result; each with its planes.

A slot holds one plane or, where the focus spans several channels, one tile a channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.index import Index
from backpropviz.engine.nest import Operand, Region, Rule
from backpropviz.engine.operands import Choice
from backpropviz.figures.expression import is_plain_sum
from backpropviz.figures.extents import Extent, extents
from backpropviz.figures.focus import Focus
from backpropviz.figures.panel import NO_MARGINS, Margins, Mood, Outline, Panel
from backpropviz.figures.planes import Plane, Selection, leading_dimensions, plane, selections
from backpropviz.figures.roles import role_color
from backpropviz.figures.scales import Scale
from backpropviz.figures.symbols import role_of
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme

MOST_TILES = 64
"""Channels shown at once; where there are more, the stage says which ones it shows."""
_DIMENSION_NAMES = (("sample", "channel"), ("filter", "channel"))
_MET, _OPERAND = 2.0, 4.0
_MOST_CELLS = 256
_MOST_CELLS_AROUND = 64
"""Longest side of a plane; a longer one is cut, at element depth close around the current cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One thing on the stage; `address` names it, `remark` is the line under its title."""

    address: Address | None
    title: str
    shape: str
    remark: str
    panels: tuple[Panel, ...]
    labels: tuple[str, ...] = ()
    sign: str = ""
    """What stands before it: ×, +, =, →."""
    current: int = 0
    """Which panel the step is in."""

    @property
    def panel(self) -> Panel:
        """The panel that the step is in."""
        return self.panels[self.current]


def operand_slots(view: View, focus: Focus, theme: Theme) -> tuple[Slot, ...]:
    """A slot for every operand that is read from an array."""
    readers = [reader for operand in focus.loops.operands for reader in _readers(operand)]
    slots = [_operand_slot(view, focus, reader, theme) for reader in readers]
    joined = "+" if any(isinstance(o, Choice) for o in focus.loops.operands) else "×"
    sign = joined if focus.nest.rule is Rule.SUM else ","
    if is_plain_sum(focus.nest.expression):
        sign = "+"
    return tuple(replace(slot, sign=sign if k else "") for k, slot in enumerate(slots))


@dataclass(frozen=True, slots=True)
class _Reader:
    """An array that the operation reads, and by which maps, where they are affine."""

    address: Address
    index: tuple[Index, ...]

    def cells(self, region: Region, shape: Shape) -> tuple[Extent, ...]:
        """What a block of steps reads along each dimension; all, where it is not affine."""
        if len(self.index) == len(shape):
            return extents(self.index, region)
        return tuple(Extent(tuple(range(size))) for size in shape)


def _readers(operand: Operand) -> tuple[_Reader, ...]:
    if isinstance(operand, Choice):
        return tuple(reader for option in operand.options for reader in _readers(option))
    return () if operand.address is None else (_Reader(operand.address, operand.index),)


def _operand_slot(view: View, focus: Focus, reader: _Reader, theme: Theme) -> Slot:
    address, array = reader.address, view.tape[reader.address]
    wide = reader.cells(focus.element_region, array.shape)
    near = reader.cells(focus.region, array.shape)
    margins = _margins(reader, focus, array.shape)
    color = role_color(role_of(address), theme)
    chosen = selections_of(address, array.shape, wide, is_element=focus.is_element)
    panels = tuple(
        Panel(
            shown,
            view.scales.of(address, theme),
            margins if selection.count(None) == 2 else NO_MARGINS,
            _operand_outlines(shown, wide, near, focus, color),
        )
        for selection, shown in ((s, cut(plane_of(array, address, s), near, focus)) for s in chosen)
    )
    return Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        _shape(array),
        _planes_remark(address, array.shape, chosen) or cut_remark(panels[0].plane),
        panels,
        tuple(_tile_label(selection, array.shape) for selection in chosen),
        current=_current(chosen, near),
    )


def _shape(array: Array) -> str:
    """The shape without the batch of one."""
    shape = array.shape[1:] if array.ndim > 1 and array.shape[0] == 1 else array.shape
    return shape_text(shape)


def selections_of(
    address: Address, shape: Shape, cells: tuple[Extent, ...], *, is_element: bool
) -> tuple[Selection, ...]:
    """The planes on which the cells lie; of a matrix, the row or column that an element needs."""
    if len(shape) == 2 and leading_dimensions(address, 2) == 0 and is_element:
        row, column = cells
        if row.is_single and not column.is_single:
            return ((row.cells[0], None),)
        if column.is_single and not row.is_single:
            return ((None, column.cells[0]),)
    leading = leading_dimensions(address, len(shape))
    inside = [
        [c for c in found.cells if 0 <= c < size]
        for found, size in zip(cells[:leading], shape[:leading], strict=True)
    ]
    free = (None,) * (len(shape) - leading)
    return tuple((*first, *free) for first in islice(product(*inside), MOST_TILES))


def plane_of(array: Array, address: Address, selection: Selection) -> Plane:
    """A finished plane."""
    part = tuple(slice(None) if s is None else s for s in selection)
    return plane(address, selection, np.asarray(array[part], dtype=np.float64))


def cut(shown: Plane, near: tuple[Extent, ...], focus: Focus) -> Plane:
    """The plane itself, or of one that is too large the part around the current cells."""
    if shown.wrapped or max(shown.rows, shown.columns) <= _MOST_CELLS_AROUND * 2:
        return shown
    most = _MOST_CELLS_AROUND if focus.is_element else _MOST_CELLS
    if max(shown.rows, shown.columns) <= most:
        return shown
    free = [e.hull for s, e in zip(shown.selection, near, strict=True) if s is None]
    rows, columns = (
        _around(hull, size, most)
        for hull, size in zip(free, (shown.rows, shown.columns), strict=True)
    )
    return shown.window(rows, columns)


def _around(hull: range, size: int, most: int) -> range:
    middle = (hull.start + hull.stop) // 2 if len(hull) < most else most // 2
    first = max(0, min(middle - most // 2, size - most))
    return range(first, min(size, first + most))


def cut_remark(shown: Plane) -> str:
    """What part of a plane is in sight."""
    if not shown.is_cut:
        return ""
    rows = f"rows {shown.first_row}–{shown.first_row + shown.rows - 1}"
    columns = f"columns {shown.first_column}–{shown.first_column + shown.columns - 1}"
    return f"{rows}, {columns} of {shown.whole[0]}×{shown.whole[1]}"


def _margins(reader: _Reader, focus: Focus, shape: Shape) -> Margins:
    """The padding that the operation ever reads, drawn from its first step to its last."""
    if len(shape) != 4 or reader.address.is_gradient:
        return NO_MARGINS
    rows, columns = reader.cells(focus.region_at(Depth.TENSOR), shape)[2:]
    return Margins(
        max(0, -rows.hull.start),
        max(0, rows.hull.stop - shape[2]),
        max(0, -columns.hull.start),
        max(0, columns.hull.stop - shape[3]),
    )


def _operand_outlines(
    shown: Plane,
    wide: tuple[Extent, ...],
    near: tuple[Extent, ...],
    focus: Focus,
    color: Color,
) -> tuple[Outline, ...]:
    """Thin around what the element meets, thick around the current operand."""
    if not focus.is_element:
        return ()
    outlines = [
        Outline(rows, columns, color, _MET)
        for rows, columns in blocks(shown, wide)
        if not (len(rows) == 1 and len(columns) == 1)
    ]
    if all(found.is_single for found in near) and _is_on(shown.selection, near):
        outlines.extend(
            Outline(rows, columns, color, _OPERAND) for rows, columns in blocks(shown, near)
        )
    return tuple(outlines)


_MOST_BLOCKS = 64


def blocks(shown: Plane, cells: tuple[Extent, ...]) -> list[tuple[range, range]]:
    """The cells on a plane as rectangles; where they are too many, the rectangle around them."""
    free = [found for s, found in zip(shown.selection, cells, strict=True) if s is None]
    if not free:
        return [(range(1), range(1))]
    if not all(found.cells for found in free):
        return []
    if len(free) == 1:
        return [block for run in free[0].runs() for block in _wrapped_blocks(shown, run)]
    rows, columns = free
    many = [(r, c) for r in rows.runs() for c in columns.runs()]
    found = many if len(many) <= _MOST_BLOCKS else [(rows.hull, columns.hull)]
    return [(_shifted(r, shown.first_row), _shifted(c, shown.first_column)) for r, c in found]


def _shifted(cells: range, first: int) -> range:
    return range(cells.start - first, cells.stop - first)


def _wrapped_blocks(shown: Plane, run: range) -> list[tuple[range, range]]:
    """A stretch of a wrapped vector: whole rows, and what is left of the first and the last."""
    across = shown.whole[1]
    if len(run) == shown.length:
        return [(range(shown.rows), range(across))]
    first, last = run.start // across, (run.stop - 1) // across
    found = []
    for row in range(first, last + 1):
        start, stop = max(run.start - row * across, 0), min(run.stop - row * across, across)
        found.append((range(row, row + 1), range(start, stop)))
    return found


def _is_on(selection: Selection, cells: tuple[Extent, ...]) -> bool:
    return all(s is None or s in found.cells for s, found in zip(selection, cells, strict=True))


def _current(chosen: Sequence[Selection], near: tuple[Extent, ...]) -> int:
    return next((k for k, selection in enumerate(chosen) if _is_on(selection, near)), 0)


def _tile_label(selection: Selection, shape: Shape) -> str:
    """The indices that tell the tiles of one array apart."""
    telling = (
        str(s) for s, size in zip(selection, shape, strict=True) if s is not None and size > 1
    )
    return ",".join(telling)


def _planes_remark(address: Address, shape: Shape, chosen: Sequence[Selection]) -> str:
    total = math.prod(shape[: leading_dimensions(address, len(shape))])
    if len(chosen) == 1 and total > 1:
        return _plane_name(address, chosen[0], shape)
    if 1 < len(chosen) < total and len(chosen) == MOST_TILES:
        return f"the first {MOST_TILES} of {total}"
    return ""


def _plane_name(address: Address, selection: Selection, shape: Shape) -> str:
    """`filter 2 of 6`, `filter 2, channel 0`, `channel 3 of 16`, `sample 1 of 4`."""
    first, second = _DIMENSION_NAMES[address.quantity in {"weight", "bias"}]
    named = [
        (word, s, size)
        for word, s, size in zip((first, second), selection, shape, strict=False)
        if s is not None and size > 1
    ]
    if len(named) == 1:
        word, s, size = named[0]
        return f"{word} {s} of {size}"
    return ", ".join(f"{word} {s}" for word, s, _ in named)


def target_slot(view: View, focus: Focus, theme: Theme) -> Slot:
    """The result, as far as it is known at the end of the block in focus."""
    address, shape = focus.nest.target, focus.nest.shape
    touched = extents(focus.loops.target, focus.region)
    wide = extents(focus.loops.target, focus.element_region)
    chosen = selections_of(address, shape, wide, is_element=False) or _first_plane(address, shape)
    scale = view.scales.of(address, theme)
    panels = tuple(
        _target_panel(view, focus, selection, touched, scale, theme) for selection in chosen
    )
    return Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        _shape(view.tape[address]),
        _planes_remark(address, shape, chosen) or cut_remark(panels[0].plane),
        panels,
        tuple(_tile_label(selection, shape) for selection in chosen),
        sign="→" if focus.nest.rule in {Rule.FUNCTION, Rule.COPY, Rule.MAX} else "=",
        current=_current(chosen, touched),
    )


def _first_plane(address: Address, shape: Shape) -> tuple[Selection, ...]:
    leading = leading_dimensions(address, len(shape))
    return ((*(0,) * leading, *(None,) * (len(shape) - leading)),)


def _target_panel(
    view: View,
    focus: Focus,
    selection: Selection,
    touched: tuple[Extent, ...],
    scale: Scale,
    theme: Theme,
) -> Panel:
    known = view.plane_status(focus.nest.target, selection)
    whole = plane(focus.nest.target, selection, known.values, known.computed, known.complete)
    found = cut(whole, touched, focus)
    return Panel(
        found,
        scale,
        moods=_target_moods(found, selection, touched, focus),
        outlines=_target_outlines(found, touched, focus, theme),
        signed=focus.nest.target.is_gradient and found.values.size > 4,
    )


def target_tiles(view: View, focus: Focus, theme: Theme) -> tuple[Slot, ...]:
    """All planes of the result side by side, where it has more than one."""
    address, shape = focus.nest.target, focus.nest.shape
    leading = leading_dimensions(address, len(shape))
    if math.prod(shape[:leading]) < 2:
        return ()
    everything = tuple(range(size) for size in shape[:leading])
    chosen = tuple(islice(selections(shape, everything), MOST_TILES))
    near = extents(focus.loops.target, focus.region)
    current = _current(chosen, near)
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
        _shape(view.tape[address]),
        _planes_remark(address, shape, chosen) or f"all {len(chosen)}",
        panels,
        tuple(_tile_label(selection, shape) for selection in chosen),
        current=current,
    )
    return (slot,)


def _frame(shape: Shape, theme: Theme) -> tuple[Outline, ...]:
    if len(shape) < 2:
        return ()
    return (Outline(range(shape[0]), range(shape[1]), theme.here, 2.0),)


_MOST_MOODS = 100


def _target_moods(
    found: Plane, selection: Selection, touched: tuple[Extent, ...], focus: Focus
) -> dict[tuple[int, int], Mood]:
    """The cells that the block adds to: in progress, or complete."""
    if not focus.is_element or not _is_on(selection, touched):
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
    if not focus.is_element or not many or not _is_on(shown.selection, touched):
        return ()
    return tuple(
        Outline(rows, columns, theme.here, 3.0) for rows, columns in blocks(shown, touched)
    )


def region_size(region: Region) -> int:
    """Number of steps in a block."""
    return math.prod(len(r) for r in region)
