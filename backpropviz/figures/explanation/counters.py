"""Gradient, learning rate and update side by side, so that they are never taken for one another."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.optimizer import Sgd
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.explanation.stack import Part, baseline
from backpropviz.figures.number_groups import group_texts, said, said_exactly
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Color, Font, Mark, Text
from backpropviz.scene.theme import LABEL, NUMBER_MEDIUM, NUMBER_SMALL, Theme

_GAP = 16.0
_LABEL_HEIGHT, _VALUE_HEIGHT = 16.0, 24.0


@frozen
class Counter:
    """A label above a number."""

    label: str
    text: str
    color: Color
    key: str = ""


def counters(step: ExplainedStep, theme: Theme) -> tuple[Counter, ...]:
    """Those of a parameter's gradient and update; none elsewhere."""
    derivation = step.derivation
    if derivation is None or derivation.address.quantity not in PARAMETERS:
        return ()
    address = derivation.address
    parameter = address.of("")
    is_complete = step.progress.mask(derivation.term_values.size) is None
    if address.is_gradient:
        gradient = step.progress.running(derivation)
    else:
        gradient = step.tape.value(parameter.grad)
    is_partial = address.is_gradient and not is_complete
    rate = step.tape.optimizer.learning_rate
    found = [
        Counter(
            "Gradient so far" if is_partial else "Gradient",
            said(gradient, signed=True),
            theme.here if address.is_gradient else theme.backward,
            str(parameter.grad),
        ),
        Counter("Learning rate", said_exactly(rate), theme.text),
    ]
    after = _after(step, parameter, gradient, is_partial=is_partial)
    if after is not None:
        before = step.tape.value(parameter)
        texts = group_texts([before, after], 4)
        label = "Update if it stays" if is_partial else "Update"
        found.append(Counter(label, " → ".join(texts), theme.update, str(parameter.of("next"))))
    return tuple(found)


def _after(
    step: ExplainedStep, parameter: Address, gradient: float, *, is_partial: bool
) -> float | None:
    """The new value; from a gradient that is not complete, only where the rule is −η·g alone."""
    following = parameter.of("next")
    if not is_partial:
        return step.tape.value(following) if following in step.tape else None
    optimizer = step.tape.optimizer
    is_plain = isinstance(optimizer, Sgd) and not optimizer.momentum and not optimizer.weight_decay
    if not is_plain:
        return None
    return step.tape.value(parameter) - optimizer.learning_rate * gradient


def counter_row(found: tuple[Counter, ...], width: float, x: float, theme: Theme) -> Part:
    """The counters in a row, with smaller numbers where there is little room; else in a column."""
    for font in (NUMBER_MEDIUM, NUMBER_SMALL):
        widths = [_width(counter, font) for counter in found]
        if sum(widths) + _GAP * (len(found) - 1) <= width:
            return _in_row(found, widths, width, x, font, theme)
    marks: list[Mark] = []
    height = _LABEL_HEIGHT + _VALUE_HEIGHT
    for number, counter in enumerate(found):
        marks.extend(_marks(counter, x, number * height, NUMBER_SMALL, theme))
    return Part(tuple(marks), len(found) * height)


def _in_row(
    found: tuple[Counter, ...],
    widths: list[float],
    width: float,
    x: float,
    font: Font,
    theme: Theme,
) -> Part:
    free = (width - sum(widths)) / max(len(found) - 1, 1)
    gap = min(free, 4 * _GAP)
    marks: list[Mark] = []
    for counter, own in zip(found, widths, strict=True):
        marks.extend(_marks(counter, round(x), 0.0, font, theme))
        x += own + gap
    return Part(tuple(marks), _LABEL_HEIGHT + _VALUE_HEIGHT)


def _width(counter: Counter, font: Font) -> float:
    return max(text_width(counter.label, LABEL), text_width(counter.text, font))


def _marks(counter: Counter, x: float, y: float, font: Font, theme: Theme) -> tuple[Mark, ...]:
    value_y = baseline(y + _LABEL_HEIGHT, _VALUE_HEIGHT, font)
    return (
        Text(x, baseline(y, _LABEL_HEIGHT, LABEL), counter.label, LABEL, theme.text_secondary),
        Text(x, value_y, counter.text, font, counter.color, key=counter.key),
    )
