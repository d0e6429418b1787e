"""Squared error as numbers: prediction − target = difference, and what its squares add up to."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.figures.stage.cross_entropy_stage import scalar_fact
from backpropviz.figures.stage.facts import FACT_HEIGHT, fact_marks
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.operation_stage import placed_marks
from backpropviz.figures.stage.panel import Mood, Panel
from backpropviz.figures.stage.planes import Selection, leading_dimensions, plane
from backpropviz.figures.stage.slot_layout import place_slots
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import CellState
from backpropviz.scene.fonts import elide
from backpropviz.scene.marks import Box, Mark, Text
from backpropviz.scene.numbers import shown_group
from backpropviz.scene.theme import Theme

PREDICTION = Address(LOSS_NAME, "input")
_DIFFERENCE = Address(LOSS_NAME, "difference")
_FEW = 6


def squared_error_marks(
    view: View, focus: Focus | None, body: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Prediction, target, difference and gradient side by side; the loss with its sum below."""
    selection = _selection(view, focus)
    slots = tuple(
        _slot(view, focus, address, selection, sign, theme)
        for address, sign in (
            (PREDICTION, ""),
            (TARGET, "−"),
            (_DIFFERENCE, "="),
            (PREDICTION.grad, ""),
        )
    )
    below = FACT_HEIGHT + 48
    top = Box(body.x, body.y, body.width, max(60.0, body.height - below))
    placed = place_slots(slots, top)
    bottom = max(grid.box.bottom for one in placed for grid in one.grids)
    y = min(bottom + 36, body.bottom - below)
    facts = Box(body.x, y + 28, body.width, FACT_HEIGHT)
    sentence = elide(_sum_text(view), styles.MONO, body.width)
    return (
        *placed_marks(placed, view, theme),
        Text(body.x, y + 12, sentence, styles.MONO, theme.text_secondary),
        *fact_marks((scalar_fact(view, focus, LOSS, "loss", theme.loss),), facts, theme),
    )


def _selection(view: View, focus: Focus | None) -> Selection:
    """The plane in focus, of the sample that is shown."""
    shape = view.tape[PREDICTION].shape
    leading = leading_dimensions(PREDICTION, len(shape))
    known = focus.coordinates[:leading] if focus is not None else ()
    first = (*known, *(0,) * (leading - len(known)))
    if view.tape.batch > 1 and leading:
        first = (view.sample, *first[1:])
    return (*first, *(None,) * (len(shape) - leading))


def _slot(
    view: View,
    focus: Focus | None,
    address: Address,
    selection: Selection,
    sign: str,
    theme: Theme,
) -> Slot:
    known = view.plane_status(address, selection)
    found = plane(address, selection, known.values, known.computed, known.complete)
    moods = {}
    indices = focus.coordinates if focus is not None and focus.is_element else ()
    if focus is not None and len(indices) == len(selection):
        place = found.cell(indices)
        is_target = focus.nest.target == address
        reads = any(o.address == address for o in focus.loops.operands)
        if place is not None and is_target:
            moods[place] = Mood(CellState.CURRENT)
        elif place is not None and reads:
            color = theme.loss if address == TARGET else theme.forward
            moods[place] = Mood(CellState.OPERAND, accent=color)
    scale = view.scales.of(PREDICTION if address == TARGET else address, theme)
    panel = Panel(found, scale, moods=moods, signed=address.is_gradient)
    titles = {PREDICTION: "prediction", TARGET: "target", _DIFFERENCE: "difference"}
    shape = shape_text(view.tape[address].shape[1:]) if found.values.size > 1 else ""
    title = titles.get(address, "gradient")
    return Slot(address, title, shape, "", (panel,), sign=sign)


def _sum_text(view: View) -> str:
    """`½ · (1² + 3² + (−2)² + 2²) = 9`, as soon as the loss is computed."""
    done, total = view.steps_done(LOSS)
    differences = view.tape[_DIFFERENCE].ravel().tolist()
    if done < total:
        return "the loss adds up the squared differences"
    nest = next(o.nest for o in view.timeline.operations if o.nest.target == LOSS)
    factors = [o.label for o in nest.by_target.operands if not o.index]
    texts = shown_group(differences[:_FEW])
    squares = [f"({t})²" if t.startswith("−") else f"{t}²" for t in texts]
    more = f" + … ({len(differences)} squares)" if len(differences) > _FEW else ""
    loss = shown_group([view.tape.loss])[0]
    inner = " + ".join(squares) + more
    grouped = f"({inner})" if factors and len(differences) > 1 else inner
    return " · ".join((*factors, grouped)) + f" = {loss}"
