"""A derivation for a terminal and for programs."""

from __future__ import annotations

import math
import re
from typing import Any

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.nest import Factor, Presence, Rule
from backpropviz.figures.equations.folding import TermOrder
from backpropviz.figures.equations.formula import Formula, formula
from backpropviz.scene.equation import Row
from backpropviz.scene.equation_latex import equation_latex
from backpropviz.scene.equation_text import equation_text
from backpropviz.scene.numbers import full

_MOST_LINES, _MOST_TERMS = 24, 6
_RULES = {
    Rule.SUM: "a sum",
    Rule.MAX: "a maximum",
    Rule.FUNCTION: "a function",
    Rule.COPY: "a copy",
}


def derivation_text(derivation: Derivation) -> str:
    """What a value is and how it came about: equations, then a line a term."""
    found = _formula(derivation)
    where = (f"  (where {found.where})",) if found.where else ()
    lines = (
        f"{derivation.address} = {_number(derivation.value)}",
        *((f"  {derivation.nest.remark}",) if derivation.nest.remark else ()),
        "",
        f"  {equation_text(found.symbols)}",
        f"  {equation_text(found.indices)}",
        *where,
        f"  {_left(found.indices)} {equation_text(found.numbers)}",
        "",
        *_table(derivation),
    )
    return "\n".join(lines)


def derivation_latex(derivation: Derivation) -> str:
    """The three equations, each as a display of its own; LaTeX's kernel suffices."""
    found = _formula(derivation)
    numbers = f"{equation_latex(found.indices.items[0])} {equation_latex(found.numbers)}"
    rows = (equation_latex(found.symbols), equation_latex(found.indices), numbers)
    return "\n".join(f"\\[ {row} \\]" for row in rows)


def derivation_json(derivation: Derivation) -> dict[str, Any]:
    """address, value, initial, rule, terms, residue, formula; NaN and infinities as words."""
    initial = derivation.initial
    return {
        "address": str(derivation.address),
        "value": _json_number(derivation.value),
        "initial": None if initial is None else _operand(initial),
        "rule": derivation.rule.value,
        "terms": [_term(term) for term in derivation.terms],
        "residue": _json_number(derivation.residue),
        "formula": equation_text(_formula(derivation).indices),
    }


def _formula(derivation: Derivation) -> Formula:
    """Long sums begin with their largest terms, unless there is nothing to fold."""
    is_long = derivation.rule is Rule.SUM and derivation.term_values.size > _MOST_TERMS
    order = TermOrder.SIZE if is_long else TermOrder.POSITION
    return formula(derivation, most=_MOST_TERMS, order=order)


def _left(equation: Row) -> str:
    return equation_text(equation.items[0])


def _term(term: Term) -> dict[str, Any]:
    return {
        "value": _json_number(term.value),
        "operands": [_operand(factor) for factor in term.operands],
    }


def _operand(factor: Factor) -> dict[str, Any]:
    return {
        "address": None if factor.address is None else str(factor.address),
        "label": factor.label or None,
        "value": _json_number(factor.value),
    }


def _json_number(value: float) -> float | str:
    """A number, or its word where JSON has none."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value + 0.0  # no −0


def _table(derivation: Derivation) -> tuple[str, ...]:
    """A line a term; of many terms the first and the last."""
    count = len(derivation.positions)
    start = () if derivation.initial is None else (_initial(derivation.initial),)
    shown = range(count if count <= _MOST_LINES else _MOST_LINES - 4)
    more = f"  … {count - len(shown):,} more terms; --json lists all of them"
    cut = (more,) if len(shown) < count else ()
    expression = derivation.nest.expression
    rows = tuple(_line(k + 1, derivation.terms[k], expression) for k in shown)
    heading = f"  {_RULES[derivation.rule]} of {count:,} term{'' if count == 1 else 's'}"
    residue = derivation.residue
    rounding = (f"  residue {_number(residue)}",) if residue else ()
    return (heading, *start, *rows, *cut, *rounding)


def _initial(factor: Factor) -> str:
    return f"  {'start':>6}  {_number(factor.value):>14}  = {_name(factor)}"


def _line(number: int, term: Term, expression: str) -> str:
    note = "  padding" if term.presence is Presence.PADDING else ""
    return f"  {number:>6}  {_number(term.value):>14}  = {_joined(term, expression)}{note}"


def _joined(term: Term, expression: str) -> str:
    """The operands as the rule joins them: a product, or the function's own formula."""
    operands = [f"{_name(factor)} ({_number(factor.value)})" for factor in term.operands]
    if not expression:
        return " · ".join(operands)

    def filled(place: re.Match[str]) -> str:
        operand, power = operands[int(place[1])], place[2]
        return f"({operand}){power}" if power else operand

    return re.sub(r"\{(\d+)\}([²³^]?)", filled, expression)


def _name(factor: Factor) -> str:
    return str(factor.address) if factor.address is not None else factor.label


def _number(value: float) -> str:
    """About nine digits: what a float32 holds."""
    return full(float(f"{value:.9g}"))
