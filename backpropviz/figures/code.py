"""The current step as the line of a naive program that computes it."""

from __future__ import annotations

from dataclasses import dataclass

from backpropviz.debugger.steps import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Nest, Rule, Values
from backpropviz.figures.code_writer import Coder
from backpropviz.figures.explained_step import ExplainedStep
from backpropviz.figures.number_groups import said

_NOT_YET = "not yet"


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line, what it comes to at this moment, and whether the program stands on it."""

    text: str
    note: str = ""
    is_current: bool = False


def code_lines(step: ExplainedStep) -> tuple[CodeLine, ...]:
    """Three to five lines; none where a step has no nest (the end of the pass, a whole phase)."""
    if step.operation is None or step.depth <= Depth.PHASE:
        return ()
    if step.derivation is None:
        return _of_tensor(step.operation.nest, step.tape)
    return _of_value(step, step.derivation)


def _of_value(step: ExplainedStep, derivation: Derivation) -> tuple[CodeLine, ...]:
    coder = Coder(derivation.nest, step.tape, derivation.address.indices)
    rule = derivation.rule
    value = said(step.progress.running(derivation))
    if rule is Rule.COPY:
        return (CodeLine(coder.copy(), value, True),)
    if rule is Rule.FUNCTION:
        return (CodeLine(f"{coder.target()} = {coder.function()}", value, True),)
    if coder.is_one_product:
        return (CodeLine(f"{coder.target()} = {coder.product()}", value, True),)
    is_complete = step.progress.mask(derivation.term_values.size) is None
    current = step.progress.current
    at_term = current is not None
    last = CodeLine(
        f"{coder.target()} = {coder.running}", value if is_complete else _NOT_YET, not at_term
    )
    inner = _note_of_term(derivation, current)
    start = None if derivation.initial is None else said(derivation.initial.value)
    return (
        CodeLine(coder.start(), start or ""),
        CodeLine(coder.loop(), _note_of_loop(derivation, coder, current)),
        CodeLine(f"    {coder.body()}", inner, at_term),
        last,
    )


def _note_of_term(derivation: Derivation, current: int | None) -> str:
    if current is None:
        return ""
    return said(float(derivation.term_values[current]))


def _note_of_loop(derivation: Derivation, coder: Coder, current: int | None) -> str:
    if current is None or coder.writer.names_windows:
        return f"×{len(derivation.positions):,}"
    axes = derivation.nest.by_target.axes
    pairs = list(zip(axes, derivation.coordinates(current), strict=True))[coder.first_term :]
    return " ".join(f"{axis.name}={index}" for axis, index in pairs if axis.size > 1)


def _of_tensor(nest: Nest, values: Values) -> tuple[CodeLine, ...]:
    coder = Coder(nest, values, None)
    if nest.rule is Rule.COPY:
        return (CodeLine(coder.copy()),)
    loop = CodeLine(coder.outer_loop(), " × ".join(f"{axis.size:,}" for axis in coder.outer_axes))
    if nest.rule is Rule.FUNCTION:
        return (loop, CodeLine(f"    {coder.target()} = {coder.function()}"))
    if coder.is_one_product:
        return (loop, CodeLine(f"    {coder.target()} = {coder.product()}"))
    return (
        loop,
        CodeLine(f"    {coder.start()}"),
        CodeLine(f"    {coder.loop()}"),
        CodeLine(f"        {coder.body()}"),
        CodeLine(f"    {coder.target()} = {coder.running}"),
    )
