"""The stage of one operation: operands, the product of the current term, the result, the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.debugger.steps import Depth
from backpropviz.engine.nest import Rule
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.headings import slot_heading
from backpropviz.figures.stage.panel_marks import panel_marks
from backpropviz.figures.stage.product_slot import has_product_map, product_slot
from backpropviz.figures.stage.slot_layout import Placed, place_slots
from backpropviz.figures.stage.slot_rows import INDENT, TwoRows, in_two_rows
from backpropviz.figures.stage.slots import initial_slots, operand_slots, region_size
from backpropviz.figures.stage.target_slots import target_slot, target_tiles
from backpropviz.figures.stage.total import total_marks, total_width
from backpropviz.figures.stage.whole_map import map_marks, window_mark
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.hit import mark_box
from backpropviz.scene.marks import Anchor, Box, Mark, Rect, Text
from backpropviz.scene.theme import Theme

LEDGER_LEAST_WIDTH = 372
LEDGER_LEAST_HEIGHT = 160
_LEDGER_FRAME, _LEDGER_ROW = 132, 28
_MOST_ROWS = 9
_WIRES_HEIGHT = 84
_LEAST_PANELS = 200
_BETWEEN = 24
_ABOVE_LEDGER = 12
_TILES_FROM_WIDTH = 940


@frozen
class Areas:
    """The parts of the stage from top to bottom; those without height are left out."""

    top: Box
    wires: Box
    ledger: Box


def operation_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Everything between the header and the lower edge."""
    if has_product_map(focus):
        return _of_many_terms(view, focus, body, theme)
    areas = _areas(focus, body)
    slots = (
        *operand_slots(view, focus, theme),
        *initial_slots(view, focus, theme),
        target_slot(view, focus, theme),
    )
    rows = in_two_rows(slots, areas.top, areas.wires.height)
    if rows is not None:
        shown = _two_rows(view, focus, rows, theme)
    else:
        placed = place_slots(slots, areas.top)
        shown = (
            *placed_marks(placed, view, theme),
            *_joined(view, focus, placed, _below(placed, areas), theme),
        )
    return (
        *shown,
        *ledger_marks(view, areas.ledger, theme),
    )


def _areas(focus: Focus, body: Box) -> Areas:
    """Room for wires around a single term, for the ledger where a value has several."""
    is_leaf = focus.depth is Depth.TERM or focus.nest.rule is Rule.FUNCTION
    wired = _WIRES_HEIGHT if focus.is_element and is_leaf else 0
    ledger = _ledger_height(focus, body.height - wired) if has_ledger(focus) else 0
    top = body.height - wired - ledger
    return Areas(
        Box(body.x, body.y, body.width, top if wired or not ledger else top - _ABOVE_LEDGER),
        Box(body.x, body.y + top, body.width, wired),
        Box(body.x, body.bottom - ledger, body.width, ledger),
    )


def _ledger_height(focus: Focus, room: float) -> float:
    """As high as its rows want it, but the panels above come first."""
    rows = min(region_size(focus.element_region) + 1, _MOST_ROWS)
    wanted = min(_LEDGER_FRAME + _LEDGER_ROW * rows, room * 0.55)
    least = room - _LEAST_PANELS
    return wanted if wanted <= least else max(0.0, least if least >= LEDGER_LEAST_HEIGHT else 0.0)


def _joined(
    view: View, focus: Focus, placed: Sequence[Placed], band: Box, theme: Theme
) -> tuple[Mark, ...]:
    if not band.height:
        return ()
    # Like the ledger: nothing that the first step of a network shows.
    from backpropviz.figures.stage.wires import wires

    return tuple(wires(view, focus, placed, band, theme))


def _two_rows(view: View, focus: Focus, rows: TwoRows, theme: Theme) -> tuple[Mark, ...]:
    """The operands above, the wires, and the result over the whole width below."""
    target, font = rows.lower, styles.COUNTER
    baseline = target.box.y + 16
    sign = Text(target.box.x - INDENT, baseline, target.slot.sign, font, theme.text_secondary)
    return (
        *placed_marks(rows.upper, view, theme),
        *_panels(target, view, theme),
        *_joined(view, focus, (*rows.upper, target), rows.band, theme),
        *_uncrossed((sign, *slot_heading(target, view.notation, theme)), theme),
    )


def _uncrossed(marks: Sequence[Mark], theme: Theme) -> tuple[Mark, ...]:
    """Words that a wire passes behind."""
    boxes = [mark_box(mark).inset(-3) for mark in marks]
    return (*(Rect(b.x, b.y, b.width, b.height, fill=theme.stage) for b in boxes), *marks)


def _below(placed: Sequence[Placed], areas: Areas) -> Box:
    """The band for the wires: right below the panels, so that they stay short."""
    bottom = max(one.bottom for one in placed)
    y = min(bottom + 10, areas.wires.y)
    return Box(areas.wires.x, y, areas.wires.width, areas.wires.height)


def has_ledger(focus: Focus) -> bool:
    """Whether the focus is one value that is made of several terms."""
    return focus.target is not None and region_size(focus.element_region) > 1


def _of_many_terms(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Maps above, their products and the sum; below, where the sum goes, and its terms."""
    upper = (*operand_slots(view, focus, theme), product_slot(view, focus, theme))
    half = round(body.height * 0.53)
    width = body.width - total_width(view, focus)
    top = place_slots(upper, Box(body.x, body.y, width, half - _BETWEEN))
    lower = Box(body.x, body.y + half, body.width, body.height - half)
    left, right = _lower_halves(focus, lower)
    is_wide = body.width >= _TILES_FROM_WIDTH - 64
    tiles = target_tiles(view, focus, theme) if is_wide else ()
    bottom = place_slots((target_slot(view, focus, theme), *tiles), left)
    return (
        *placed_marks(top, view, theme),
        *total_marks(view, focus, top[-1], theme),
        *placed_marks(bottom, view, theme, signs=False),
        *ledger_marks(view, right, theme),
    )


def _lower_halves(focus: Focus, lower: Box) -> tuple[Box, Box]:
    if not has_ledger(focus):
        return lower, Box(lower.right, lower.y, 0, 0)
    right = max(LEDGER_LEAST_WIDTH, lower.width * 0.42)
    left = lower.width - right - 2 * _BETWEEN
    return (
        Box(lower.x, lower.y, left, lower.height),
        Box(lower.right - right, lower.y, right, lower.height),
    )


def ledger_marks(view: View, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """The ledger of the current value, if there is room for it."""
    step = view.explained
    if step.derivation is None or box.height < LEDGER_LEAST_HEIGHT or box.width < 360:
        return ()
    # The first step of a network shows none: the stage does not wait for it.
    from backpropviz.figures.equations.folding import TermOrder
    from backpropviz.figures.ledger.ledger import ledger

    if view.options.ledger_by_sample and view.shares is not None:
        from backpropviz.figures.ledger.sample_ledger import sample_ledger

        return sample_ledger(view, view.shares, box, theme)
    order = TermOrder.SIZE if view.options.ledger_by_size else TermOrder.POSITION
    is_of_batch = view.shares is not None
    return ledger(step.derivation, step.progress, box, theme, order, is_of_batch=is_of_batch)


def placed_marks(
    placed: Sequence[Placed], view: View, theme: Theme, *, signs: bool = True
) -> tuple[Mark, ...]:
    """Headings, panels and the signs between them."""
    marks: list[Mark] = []
    for number, one in enumerate(placed):
        marks.extend(slot_heading(one, view.notation, theme))
        marks.extend(_panels(one, view, theme))
        if number and one.slot.sign and signs:
            marks.append(_sign(placed[number - 1], one, theme))
    return tuple(marks)


def _panels(one: Placed, view: View, theme: Theme) -> tuple[Mark, ...]:
    """All below the heading."""
    marks = list(_whole(one, view, theme))
    for k, (panel, grid) in enumerate(zip(one.slot.panels, one.grids, strict=True)):
        if len(one.slot.panels) > 1:
            marks.extend(_tile_label(one.slot.labels[k], grid.box, theme))
        marks.extend(panel_marks(panel, grid, theme, is_tile=len(one.grids) > 1))
    return tuple(marks)


def _whole(one: Placed, view: View, theme: Theme) -> tuple[Mark, ...]:
    """The map of a plane of which a part is drawn."""
    if one.slot.whole is None or one.map_room is None:
        return ()
    panel = one.slot.panel
    return (
        window_mark(panel.plane, one.grids[0].box, theme),
        *map_marks(one.slot.whole, panel.plane, one.map_room, panel.scale, view.scales, theme),
    )


def _tile_label(text: str, box: Box, theme: Theme) -> tuple[Text, ...]:
    """Which channel a tile is; left out where the tile is narrower than its label."""
    if text_width(text, styles.NOTE) > box.width + 4:
        return ()
    return (Text(box.x, box.y - 4, text, styles.NOTE, theme.text_tertiary),)


def _sign(before: Placed, after: Placed, theme: Theme) -> Text:
    """In the gap between two slots, at the height of their panels' middle."""
    left = max(grid.box.right for grid in before.grids)
    right = min(grid.box.x for grid in after.grids)
    labelled = len(after.grids) == 1 and after.grids[0].x > after.box.x
    font = styles.COUNTER
    return Text(
        (left + right - (16 if labelled else 0)) / 2,
        centered_baseline(_middle(before, after), font),
        after.slot.sign,
        font,
        theme.text_secondary,
        Anchor.MIDDLE,
    )


def _middle(before: Placed, after: Placed) -> float:
    heights = [max(grid.box.bottom for grid in p.grids) for p in (before, after)]
    top = min(before.grids[0].box.y, after.grids[0].box.y)
    return (top + min(heights)) / 2
