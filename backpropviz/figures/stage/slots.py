"""What stands side by side on the stage: operands, their product, the result; each with its planes.

A slot holds one plane or, where the focus spans several channels, one tile a channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.formula import addends
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.protocol import Pattern
from backpropviz.engine.nest import Index, NestRule, Operand, Region
from backpropviz.engine.operands import Choice
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.figures.stage.panel import NO_MARGINS, Margins, Outline, Panel
from backpropviz.figures.stage.planes import (
    CellIndex,
    CloseUp,
    Extent,
    Focus,
    Plane,
    Selection,
    around,
    extents,
    leading_dimensions,
    middle_of,
    plane,
    plane_name,
    shifted,
)
from backpropviz.figures.stage.pooled_plane import pool_moods
from backpropviz.figures.symbols import PARAMETERS, role_color, role_of
from backpropviz.figures.view import View, fixed_sample
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme

MOST_AROUND = 64
"""The side of the part around the current cell that is drawn large."""
_MOST_IN_TILE = 256


def cut_tile(shown: Plane, near: tuple[Extent, ...], focus: Focus, tiles: int) -> Plane:
    """One of several planes, or if it is too large its part around the current cells.

    A plane that stands alone is cut where its room is known.
    """
    if tiles == 1 or shown.wrapped or max(shown.rows, shown.columns) <= MOST_AROUND * 2:
        return shown
    most = MOST_AROUND if focus.is_element else _MOST_IN_TILE
    if max(shown.rows, shown.columns) <= most:
        return shown
    row, column = _current(hulls(shown, near))
    return shown.window(around(row, shown.rows, most), around(column, shown.columns, most))


def middle(view: View, shown: Plane, near: tuple[Extent, ...]) -> CellIndex:
    """The cell around which a plane is cut where it must be: the person's, or the step's."""
    return middle_around(view, shown, hulls(shown, near))


def middle_around(view: View, shown: Plane, found: tuple[range, range]) -> CellIndex:
    """The same where the rows and columns of the current cells are known."""
    chosen = view.options.close_up
    if chosen is not None and chosen.plane == plane_name(shown) and stays(view, chosen, found):
        return chosen.middle
    return _current(found)


def stays(view: View, chosen: CloseUp, found: tuple[range, range]) -> bool:
    """Whether what a person chose to see is still to be seen: the step has not left it."""
    if view.has_no_focus or chosen.k >= view.timeline.steps:
        # It may be of a longer pass that was open before.
        return False
    if (view.state.k, view.depth) == (chosen.k, chosen.depth):
        return True
    same = view.timeline.operation_at(view.state.k) == view.timeline.operation_at(chosen.k)
    return same and chosen.holds(*found)


def hulls(shown: Plane, near: tuple[Extent, ...]) -> tuple[range, range]:
    """The rows and columns of the picture of a plane that hold the current cells."""
    return hulls_along(shown.selection, near, shown.whole[1] if shown.wrapped else 0)


def hulls_along(
    selection: Selection, near: tuple[Extent, ...], row_length: int
) -> tuple[range, range]:
    """The same of a selection; of a vector that is wrapped into rows of `row_length`."""
    free = [e.hull for s, e in zip(selection, near, strict=True) if s is None]
    if len(free) == 2:
        return free[0], free[1]
    if not free:
        return range(1), range(1)
    first, last = free[0].start // row_length, max(0, free[0].stop - 1) // row_length
    if first < last:
        return range(first, last + 1), range(row_length)
    place = free[0].start % row_length
    return range(first, first + 1), range(place, place + len(free[0]))


def _current(found: tuple[range, range]) -> CellIndex:
    """The middle of what the step is in; of much, its beginning."""
    rows, columns = (
        middle_of(hull) if len(hull) < MOST_AROUND else hull.start + MOST_AROUND // 2
        for hull in found
    )
    return rows, columns


def cut_remarks(shown: Plane) -> tuple[str, str]:
    """What part of a plane is in sight, in words and shorter."""
    rows = f"{shown.first_row}–{shown.first_row + shown.rows - 1}"
    columns = f"{shown.first_column}–{shown.first_column + shown.columns - 1}"
    return f"rows {rows}, columns {columns}", f"{rows}, {columns}"


MOST_TILES = 48
"""Channels shown at once; where there are more, the stage says which ones it shows."""
_MET, _OPERAND = 2.0, 4.0


@frozen(eq=False)
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
    middle: CellIndex | None = None
    """The cell around which a single plane is cut where it has no room."""
    whole: Plane | None = None
    """The plane that the panel is cut from."""

    @property
    def panel(self) -> Panel:
        return self.panels[self.current]


def operand_slots(view: View, focus: Focus, theme: Theme) -> tuple[Slot, ...]:
    """A slot for every operand that is read from an array."""
    readers = [reader for operand in focus.loops.operands for reader in _readers(operand)]
    slots = [_operand_slot(view, focus, reader, theme) for reader in readers]
    joined = "+" if any(isinstance(o, Choice) for o in focus.loops.operands) else "×"
    sign = joined if focus.nest.rule is NestRule.SUM else ","
    if focus.nest.formula is not None and addends(focus.nest.formula):
        sign = "+"
    return tuple(replace(slot, sign=sign if k else "") for k, slot in enumerate(slots))


def initial_slots(view: View, focus: Focus, theme: Theme) -> tuple[Slot, ...]:
    """What a sum starts from, where it is read from an array: the bias."""
    initial = focus.loops.initial
    readers = () if initial is None else _readers(initial)
    slots = (_operand_slot(view, focus, reader, theme) for reader in readers)
    return tuple(replace(slot, sign="+") for slot in slots)


@frozen
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


def read_cells(view: View, focus: Focus, name: str) -> tuple[Extent, ...] | None:
    """What the block in focus reads of an array; None where it does not read it."""
    initial = () if focus.loops.initial is None else (focus.loops.initial,)
    for operand in (*focus.loops.operands, *initial):
        for reader in _readers(operand):
            if reader.address.name == name:
                return reader.cells(focus.region, view.tape[reader.address].shape)
    return None


def _operand_slot(view: View, focus: Focus, reader: _Reader, theme: Theme) -> Slot:
    address, array = reader.address, view.tape[reader.address]
    wide = reader.cells(focus.element_region, array.shape)
    near = reader.cells(focus.region, array.shape)
    margins = _margins(reader, focus, array.shape)
    color = role_color(role_of(address), theme)
    scale = view.scales.of(address, theme)
    sample = view.sample if view.has_samples(address) else None
    wide, near = in_sample(wide, sample), in_sample(near, sample)
    chosen = selections_of(address, array.shape, wide, is_element=focus.is_element)
    panels = []
    for selection in chosen:
        shown = cut_tile(plane_of(array, address, selection), near, focus, len(chosen))
        padded = margins if selection.count(None) == 2 else NO_MARGINS
        outlines = _operand_outlines(shown, wide, near, focus, color)
        panels.append(Panel(shown, scale, padded, outlines, pool_moods(view, address, shown)))
    where = planes_remark(address, array.shape, chosen, sample)
    return Slot(
        address,
        view.notation.title(address, focus.operation.layer),
        shape_of(array),
        ", ".join(filter(None, (where, _turn(view, focus, address), _one_of(view, focus, sample)))),
        tuple(panels),
        tuple(tile_label(selection, array.shape, sample) for selection in chosen),
        current=current_panel(chosen, near),
        middle=middle(view, panels[0].plane, near) if len(panels) == 1 else None,
    )


def in_sample(cells: tuple[Extent, ...], sample: int | None) -> tuple[Extent, ...]:
    """Of cells in several samples of a batch those in the one that is shown."""
    if sample is None or sample not in cells[0].cells:
        return cells
    return (Extent((sample,)), *cells[1:])


def _one_of(view: View, focus: Focus, sample: int | None) -> str:
    """That the value is made of all samples, where the figure shows what one of them gives."""
    if sample is None or not focus.is_element or fixed_sample(focus) is not None:
        return ""
    return "" if len(focus.loops.operands) > 1 else f"all {view.tape.batch} add up"


def _turn(view: View, focus: Focus, address: Address) -> str:
    """How the kernel meets the upstream gradient on its way back to the image."""
    target, node = focus.nest.target, view.tape.network.by_name.get(focus.operation.layer)
    is_way_back = target.is_gradient and target.quantity == "input"
    if node is None or node.layer.about.pattern is not Pattern.FILTERS or not is_way_back:
        return ""
    kernel = view.tape[address.array].shape[2:]
    if address.quantity != "weight" or math.prod(kernel) == 1:
        return ""
    is_flipped = isinstance(node.layer, Conv2d) and node.layer.flip
    return "not turned" if focus.is_by_source != is_flipped else "met turned by 180°"


def shape_of(array: Array) -> str:
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
    shown: Plane, wide: tuple[Extent, ...], near: tuple[Extent, ...], focus: Focus, color: Color
) -> tuple[Outline, ...]:
    """Thin around what the element meets, thick around the current operand."""
    if not focus.is_element:
        return ()
    outlines = [
        Outline(rows, columns, color, _MET)
        for rows, columns in blocks(shown, wide)
        if not (len(rows) == 1 and len(columns) == 1)
    ]
    if all(found.is_single for found in near) and is_on(shown.selection, near):
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
    return [(shifted(r, shown.first_row), shifted(c, shown.first_column)) for r, c in found]


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


def is_on(selection: Selection, cells: tuple[Extent, ...]) -> bool:
    """Whether some of the cells may lie on a plane."""
    return all(s is None or s in found.cells for s, found in zip(selection, cells, strict=True))


def current_panel(chosen: Sequence[Selection], near: tuple[Extent, ...]) -> int:
    """Which of the planes the step is in; the first where it is in none."""
    return next((k for k, selection in enumerate(chosen) if is_on(selection, near)), 0)


def tile_label(selection: Selection, shape: Shape, sample: int | None = None) -> str:
    """The indices that tell the tiles of one array, or of one `sample`, apart."""
    first = 0 if sample is None else 1
    pairs = list(zip(selection, shape, strict=True))[first:]
    return ",".join(str(s) for s, size in pairs if s is not None and size > 1)


def planes_remark(
    address: Address, shape: Shape, chosen: Sequence[Selection], sample: int | None = None
) -> str:
    """Which planes are shown, where they are not all."""
    if sample is not None and len(chosen) > 1:
        of_sample = planes_remark(address, shape[1:], [s[1:] for s in chosen])
        return f"{of_sample or f'all {len(chosen)}'} of sample {sample}"
    if len(shape) == 2 and len(chosen) == 1 and chosen[0].count(None) == 1:
        output, number = chosen[0]
        if leading_dimensions(address, 2) == 0:
            return f"from input {number}" if output is None else f"into output {output}"
    total = math.prod(shape[: leading_dimensions(address, len(shape))])
    if len(chosen) == 1 and total > 1:
        return _plane_name(address, chosen[0], shape)
    if 1 < len(chosen) < total and len(chosen) == MOST_TILES:
        return f"the first {MOST_TILES} of {total}"
    return ""


def _plane_name(address: Address, selection: Selection, shape: Shape) -> str:
    """`filter 2 of 6`, `filter 2, channel 0`, `channel 3 of 16`, `sample 1 of 4`."""
    words = ("filter" if address.quantity in PARAMETERS else "sample", "channel")
    named = [
        (f"{word} {s}", size)
        for word, s, size in zip(words, selection, shape, strict=False)
        if s is not None and size > 1
    ]
    return f"{named[0][0]} of {named[0][1]}" if len(named) == 1 else ", ".join(dict(named))


def region_size(region: Region) -> int:
    """Number of steps in a block."""
    return math.prod(len(r) for r in region)
