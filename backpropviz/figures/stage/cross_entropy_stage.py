"""Cross-entropy as bars: logits become probabilities, and p − [k = t] their gradient."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.engine.nest import Rule
from backpropviz.figures.stage.class_bars import (
    BarColumn,
    ClassRows,
    bar_marks,
    bars_bottom,
    rows_shown,
)
from backpropviz.figures.stage.facts import FACT_HEIGHT, Fact, fact_marks
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.loss_list import loss_list
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Color, Mark
from backpropviz.scene.numbers import group_decimals, shown
from backpropviz.scene.theme import Theme

LOGITS = Address(LOSS_NAME, "input")
_EXP, _PROBABILITIES = Address(LOSS_NAME, "exp"), Address(LOSS_NAME, "probabilities")
_NARROW = 640
_DIGITS = 4


def cross_entropy_marks(
    view: View, focus: Focus | None, body: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Bars for every class; below, the numbers that all classes share, up to the loss."""
    sample = view.sample
    target = int(view.tape[TARGET][sample])
    count = int(view.tape[LOGITS].shape[1])
    bars = Box(body.x, body.y, body.width, body.height - FACT_HEIGHT - 20)
    near = _class(focus) if focus is not None and _class(focus) is not None else target
    rows = ClassRows(class_names(view, count), rows_shown(count, bars.height, near or 0), target)
    columns = tuple(_column(view, focus, a, sample, theme) for a in _arrays(focus, bars))
    facts = Box(body.x, bars_bottom(len(rows.shown), bars) + 20, body.width, FACT_HEIGHT)
    used = bar_marks(columns, rows, view.notation, bars, theme)
    below = Box(body.x, facts.bottom + 24, body.width, body.bottom - facts.bottom - 24)
    return (
        *used,
        *fact_marks(_facts(view, focus, sample, target, theme), facts, theme),
        *loss_list(view, below, theme),
    )


def class_names(view: View, count: int) -> tuple[str, ...]:
    """The model's names, or numbers."""
    names = view.model.class_names
    return names if len(names) == count else tuple(str(k) for k in range(count))


def _class(focus: Focus | None) -> int | None:
    """The class in focus: the element's or the term's."""
    if focus is None or not focus.is_element or len(focus.coordinates) < 2:
        return None
    is_scan = focus.nest.rule is not Rule.FUNCTION
    return None if is_scan and len(focus.region[-1]) > 1 else focus.coordinates[1]


def _arrays(focus: Focus | None, box: Box) -> tuple[Address, ...]:
    """All four where there is room, else those that the step is about."""
    backward = focus is not None and focus.nest.target.is_gradient
    if box.width >= _NARROW:
        return LOGITS, _EXP, _PROBABILITIES, LOGITS.grad
    return (LOGITS, _PROBABILITIES, LOGITS.grad) if backward else (LOGITS, _EXP, _PROBABILITIES)


def _column(
    view: View, focus: Focus | None, address: Address, sample: int, theme: Theme
) -> BarColumn:
    known = view.plane_status(address, (sample, None))
    category = _class(focus)
    is_target = focus is not None and focus.nest.target == address
    reads = focus is not None and any(o.address == address for o in focus.loops.operands)
    return BarColumn(
        address,
        _TITLES[address],
        np.asarray(known.values),
        np.asarray(known.computed),
        theme.backward if address.is_gradient else theme.forward,
        _limits(view.tape[address], address),
        group_decimals(view.tape[address].ravel().tolist()),
        (sample,),
        signed=address.is_gradient,
        current=category if is_target else None,
        read=category if reads and not is_target else None,
    )


def _limits(values: Array, address: Address) -> tuple[float, float]:
    """The ends of the bars' axis, 0 among them; a probability's are 0 and 1."""
    finite = values[np.isfinite(values)]
    if address == _PROBABILITIES or not finite.size:
        return 0.0, 1.0
    return min(0.0, float(finite.min())), max(0.0, float(finite.max()))


_TITLES = {
    LOGITS: "logits",
    _EXP: "exp(z − max)",
    _PROBABILITIES: "probability",
    LOGITS.grad: "p − [k = t]",
}


def _facts(
    view: View, focus: Focus | None, sample: int, target: int, theme: Theme
) -> tuple[Fact, ...]:
    name = class_names(view, int(view.tape[LOGITS].shape[1]))[target]
    chosen: tuple[tuple[Address, str, Color], ...] = (
        (_part("max"), "largest logit", theme.forward),
        (_part("normalizer"), "Σ exp, shared by all", theme.forward),
        (_PROBABILITIES.at((sample, target)), f"p of the target {name}", theme.loss),
        (_part("sample"), "−log p of the target", theme.loss),
        (LOSS, "loss", theme.loss),
    )
    return tuple(
        scalar_fact(view, focus, _indexed(view, address, sample), label, color)
        for address, label, color in chosen
    )


def _part(quantity: str) -> Address:
    return Address(LOSS_NAME, quantity)


def _indexed(view: View, address: Address, sample: int) -> Address:
    has_samples = not address.indices and view.tape[address].ndim == 1
    return address.at((sample,)) if has_samples else address


def scalar_fact(
    view: View, focus: Focus | None, address: Address, label: str, color: Color
) -> Fact:
    """One value as a fact, with what is known of it at the shown position."""
    known = view.plane_status(address.array, tuple(address.indices))
    computed, complete = bool(np.all(known.computed)), bool(np.all(known.complete))
    text = shown(float(known.values), _DIGITS) if computed else ""
    is_made = focus is not None and focus.is_element and focus.nest.target == address.array
    key = str(address)
    so_far = "" if complete or not computed else " so far"
    return Fact(label + so_far, text, color, key, is_made and len(address.indices) < 2)
