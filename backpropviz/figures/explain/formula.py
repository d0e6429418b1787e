"""The equations of a value: in symbols, with its indices, with its numbers.

The three say the same thing, and the last one adds up, digit by digit: what is not written out is
there as a subtotal, and what rounding left over as a residue.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.formula import addends
from backpropviz.engine.nest import Factor, Nest, NestRule, Presence, Values
from backpropviz.engine.operands import Choice
from backpropviz.figures.explain.expression import (
    OperandWriter,
    bracketed,
    formula_node,
    number_node,
)
from backpropviz.figures.explain.written_sum import (
    ABOUT,
    DOT,
    EQUALS,
    PLUS,
    TIMES,
    TermOrder,
    WrittenSum,
    fold,
    is_exact,
    is_product,
    joined,
)
from backpropviz.figures.numbers import exact_text, group_texts
from backpropviz.figures.view import ALL, TermProgress
from backpropviz.frozen import frozen
from backpropviz.scene import equation as eq
from backpropviz.scene.text import decimal_of, decimal_text, full, residue


def in_symbols(nest: Nest, values: Values) -> eq.RowNode:
    """A nest's definition: ∂L/∂W_{i,j} = Σ_{y,x} ∂L/∂o_{y,x} · X_{y+i,x+j}."""
    writer = OperandWriter.of(nest, values)
    return eq.row(writer.target(), EQUALS, definition(writer))


def definition(writer: OperandWriter, known: tuple[int, ...] = ()) -> eq.Node:
    """The right side, with the loop variables that are known filled in."""
    nest = writer.nest
    loops = nest.by_target
    choice = loops.operands[0]
    if isinstance(choice, Choice) and loops.term_axes:
        return joined([writer.in_symbols(option, known) for option in choice.options], PLUS)
    operands = [writer.in_symbols(operand, known) for operand in loops.operands]
    if nest.formula is not None:
        return formula_node(nest.formula, operands)
    initial = [] if loops.initial is None else [writer.in_symbols(loops.initial, known), PLUS]
    return eq.row(*initial, *_sign(writer), joined(operands, DOT))


def _sign(writer: OperandWriter) -> tuple[eq.Node, ...]:
    """∑ or max with its limits, where there is more than one term."""
    if writer.nest.rule is NestRule.COPY or not writer.cells.has_many_terms():
        return ()
    names = [axis.name for axis in writer.cells.term_axes()]
    if writer.names_windows:
        names = ["y", "x"][-len(names) :]
    sign = "max" if writer.nest.rule is NestRule.MAX else "∑"
    return (eq.BigOperator(sign, eq.indices(",".join(names))),)


def with_indices(written: WrittenSum) -> eq.RowNode:
    """∂L/∂W_{0,1} = g_{0,0} X_{0,1} + g_{0,1} X_{0,2} + …"""
    left = written.writer.target(written.derivation.address.indices)
    return eq.row(left, EQUALS, _right(written))


def _right(written: WrittenSum) -> eq.Node:
    rule = written.derivation.rule
    if rule is NestRule.COPY:
        return _factors(written, written.first)[0]
    if (function := written.derivation.nest.formula) is not None:
        return formula_node(function, _factors(written, written.first))
    terms = [_term(written, place) for place in range(len(written.terms))]
    if rule is NestRule.MAX:
        return eq.Function("max", tuple(written.with_gaps(terms)))
    expanded = joined([*_initial(written), *written.with_gaps(terms)], PLUS)
    if written.folded.rest is None or written.writer.names_windows:
        return expanded
    known = tuple(r.start for r in written.derivation.region[: _element_axes(written)])
    return eq.row(definition(written.writer, known), EQUALS, expanded)


def _element_axes(written: WrittenSum) -> int:
    loops = written.derivation.nest.by_target
    return loops.channel_axes + loops.element_axes


def _initial(written: WrittenSum) -> list[eq.Node]:
    operand, factor = written.initial_operand, written.derivation.initial
    if operand is None or factor is None:
        return []
    at = tuple(r.start for r in written.derivation.region)
    return [written.writer.with_indices(operand, factor, at)]


def _term(written: WrittenSum, place: int) -> eq.Node:
    factors = _factors(written, written.terms[place])
    are_letters = all(isinstance(factor, eq.Symbol | eq.Indexed) for factor in factors)
    item = eq.product(*factors) if are_letters else joined(factors, DOT)
    current, ran = written.is_current(place), written.ran(place)
    return eq.TermNode(item, current, faded=not ran, key=written.key(place))


def _factors(written: WrittenSum, term: Term) -> list[eq.Node]:
    return [
        written.writer.abbreviated(factor.address)
        if written.abbreviates and factor.address is not None and factor.address.is_gradient
        else written.writer.with_indices(operand, factor, term.coordinates)
        for operand, factor in zip(written.operands, term.operands, strict=True)
    ]


_DIGITS, _OWN_DIGITS = 3, 4


def with_numbers(written: WrittenSum) -> eq.RowNode:
    """= 0 × 2 + 0 × 1 + 2 × 4 + • = 8 so far."""
    if (function := written.derivation.nest.formula) is not None:
        factors = written.first.operands
        values = [*(factor.value for factor in factors), written.derivation.value]
        signs = [sign for sign, _ in addends(function)]
        groups = [values] if signs else [[value] for value in values]
        texts = [text for group in groups for text in group_texts(group, _OWN_DIGITS)]
        nodes = [
            bracketed(number_node(operand, factor, text))
            for operand, factor, text in zip(written.operands, factors, texts, strict=False)
        ]
        formula = formula_node(function, nodes)
        if signs:
            left = _rounding(_left_over(signs, texts))
            return eq.row(EQUALS, formula, *left, EQUALS, _bold(written, texts[-1]))
        result = texts[-1]
        is_passed_on = result in {*texts[:-1], "0"}
        sign = EQUALS if is_passed_on or all(map(is_exact, texts, values)) else ABOUT
        return eq.row(EQUALS, formula, sign, _bold(written, texts[-1]))
    match written.derivation.rule:
        case NestRule.COPY:
            return eq.row(EQUALS, _result(written))
        case NestRule.MAX:
            largest = eq.Function("max", tuple(written.with_gaps(_values(written))))
            return eq.row(EQUALS, largest, EQUALS, _result(written))
        case _:
            return _sum(written)


def _sum(written: WrittenSum) -> eq.RowNode:
    end = (EQUALS, _result(written))
    if len(written.operands) < 2 or not written.terms:
        if _is_alone(written):
            return eq.row(*end)
        return eq.row(EQUALS, _addends(written, _values(written)), *end)
    # The operands' texts, a tuple a term; one operand has the same decimals in all terms.
    by_operand = (
        group_texts([term.operands[k].value for term in written.terms], _DIGITS)
        for k in range(len(written.operands))
    )
    columns = list(zip(*by_operand, strict=True))
    products = [_product(written, place, columns[place]) for place in range(len(written.terms))]
    if _are_products(written, columns):
        return eq.row(EQUALS, _addends(written, products), *end)
    if _is_alone(written):
        return eq.row(EQUALS, products[0], ABOUT, *end[1:])
    rough = joined([*_formula_numbers_initial(written), *written.with_gaps(products)], PLUS)
    return eq.row(ABOUT, rough, ABOUT, _addends(written, _values(written)), *end)


def _is_alone(written: WrittenSum) -> bool:
    """Whether the value is just one term."""
    folded = written.folded
    is_all = folded.rest is None and not folded.initial
    return is_all and folded.texts == (folded.total,)


def _are_products(written: WrittenSum, columns: list[tuple[str, ...]]) -> bool:
    """Whether the products of the shown numbers are the terms, to the last digit."""
    return all(
        is_product(texts, term.operands, value)
        for texts, term, value in zip(columns, written.terms, written.folded.texts, strict=True)
        if value
    )


def _product(written: WrittenSum, place: int, texts: tuple[str, ...]) -> eq.Node:
    key = written.key(place)
    if not written.ran(place):
        return eq.TermNode(eq.Pending(), written.is_current(place), faded=True, key=key)
    operands = written.terms[place].operands
    numbers = map(number_node, written.operands, operands, texts)
    return eq.TermNode(joined(numbers, TIMES), written.is_current(place), key=key)


def _values(written: WrittenSum) -> list[eq.Node]:
    return [_value(written, place, text) for place, text in enumerate(written.folded.texts)]


def _value(written: WrittenSum, place: int, text: str) -> eq.Node:
    is_current, key = written.is_current(place), written.key(place)
    if not text:
        return eq.TermNode(eq.Pending(), is_current, faded=True, key=key)
    if len(written.operands) > 1:
        return eq.TermNode(eq.NumberNode(text), is_current, key=key)
    (factor,) = written.terms[place].operands
    known = "" if written.derivation.rule is NestRule.MAX and factor.address is None else text
    return eq.TermNode(number_node(written.operands[0], factor, known), is_current, key=key)


def _addends(written: WrittenSum, terms: list[eq.Node]) -> eq.RowNode:
    """Everything that adds up to the total."""
    items = [*_formula_numbers_initial(written), *terms, *_rest(written)]
    if not items:
        return eq.row(eq.NumberNode("0", constant=True))
    return eq.row(joined(items, PLUS), *_rounding(written.folded.residue))


def _rounding(left: str) -> tuple[eq.Node, ...]:
    if not left:
        return ()
    sign = eq.Operator(eq.MINUS) if left.startswith(eq.MINUS) else PLUS
    remark = eq.WordsNode("rounding", eq.Role.MUTED, small=True)
    return sign, eq.row(eq.NumberNode(left.removeprefix(eq.MINUS), eq.Role.MUTED), remark)


def _formula_numbers_initial(written: WrittenSum) -> list[eq.Node]:
    operand, factor = written.initial_operand, written.derivation.initial
    if operand is None or factor is None:
        return []
    return [number_node(operand, factor, written.folded.initial)]


def _rest(written: WrittenSum) -> list[eq.Node]:
    rest = written.folded.rest
    if rest is None:
        return []
    remark = eq.WordsNode(f"({rest.count:,} more)", eq.Role.MUTED, small=True)
    return [eq.row(eq.NumberNode(rest.subtotal), remark)]


def _result(written: WrittenSum) -> eq.Node:
    number = _bold(written, written.folded.total)
    return (
        number if written.folded.is_complete else eq.row(number, eq.WordsNode("so far", small=True))
    )


def _bold(written: WrittenSum, text: str) -> eq.NumberNode:
    return eq.NumberNode(text, eq.Role.HERE, bold=True, key=str(written.derivation.address))


def _left_over(signs: Sequence[str], texts: list[str]) -> str:
    """What a sum of shown numbers leaves of the shown result; '' if nothing."""
    *shown, total = texts
    if not all(decimal_of(text).is_finite() for text in texts):
        return ""
    signed = (
        decimal_text(-decimal_of(text) if sign == "−" else decimal_of(text))
        for sign, text in zip(signs, shown, strict=True)
    )
    left = residue(total, signed)
    return exact_text(left) if left else ""


__all__ = ["WrittenFormula", "formula", "in_symbols"]


@frozen
class WrittenFormula:
    """The equations; `where` explains an abbreviation used with indices (`g = ∂L/∂o`)."""

    symbols: eq.RowNode
    indices: eq.RowNode
    numbers: eq.RowNode
    where: str = ""


def formula(
    derivation: Derivation,
    progress: TermProgress = ALL,
    *,
    most: int = 6,
    order: TermOrder = TermOrder.POSITION,
) -> WrittenFormula:
    """The three equations; sums of more than `most` terms are folded."""
    writer = OperandWriter.of(derivation.nest, derivation.tape)
    # A long sum shows fewer terms than a short one, since it has to say what it leaves out.
    is_short = derivation.term_values.size <= most or derivation.rule is NestRule.MAX
    folded = fold(derivation, progress, most=most if is_short else max(3, most - 2), order=order)
    written = WrittenSum(derivation, progress, folded, writer)
    return WrittenFormula(
        in_symbols(derivation.nest, derivation.tape),
        with_indices(written),
        with_numbers(written),
        _where(written),
    )


def _where(written: WrittenSum) -> str:
    if not written.abbreviates:
        return ""
    gradient = next(o.address for o in written.operands if o.address and o.address.is_gradient)
    return f"g = {written.writer.notation.short(gradient)}"


_MOST_LINES, _MOST_TERMS = 24, 6
_RULES = {
    NestRule.SUM: "a sum",
    NestRule.MAX: "a maximum",
    NestRule.FUNCTION: "a function",
    NestRule.COPY: "a copy",
}


def derivation_text(derivation: Derivation) -> str:
    """What a value is and how it came about: equations, then a line a term."""
    found = _formula(derivation)
    where = (f"  (where {found.where})",) if found.where else ()
    # A line a term; of many terms the first and the last.
    count = len(derivation.positions)
    start = () if derivation.initial is None else (_derivation_text_initial(derivation.initial),)
    shown = range(count if count <= _MOST_LINES else _MOST_LINES - 4)
    more = f"  … {count - len(shown):,} more terms; --json lists all of them"
    cut = (more,) if len(shown) < count else ()
    expression = derivation.nest.expression
    rows = (_line(k + 1, derivation.terms[k], expression) for k in shown)
    heading = f"  {_RULES[derivation.rule]} of {count:,} term{'' if count == 1 else 's'}"
    residue = derivation.residue
    rounding = (f"  residue {_number(residue)}",) if residue else ()
    lines = (
        f"{derivation.address} = {_number(derivation.value)}",
        *((f"  {derivation.nest.remark}",) if derivation.nest.remark else ()),
        "",
        f"  {eq.equation_text(found.symbols)}",
        f"  {eq.equation_text(found.indices)}",
        *where,
        f"  {eq.equation_text(found.indices.items[0])} {eq.equation_text(found.numbers)}",
        "",
        *(heading, *start, *rows, *cut, *rounding),
    )
    return "\n".join(lines)


def derivation_latex(derivation: Derivation) -> str:
    """The three equations, each as a display of its own; LaTeX's kernel suffices."""
    found = _formula(derivation)
    numbers = f"{eq.equation_latex(found.indices.items[0])} {eq.equation_latex(found.numbers)}"
    rows = (eq.equation_latex(found.symbols), eq.equation_latex(found.indices), numbers)
    return "\n".join(f"\\[ {row} \\]" for row in rows)


def derivation_json(derivation: Derivation) -> dict[str, Any]:
    """address, value, initial, rule, terms, residue, formula; NaN and infinities as words."""
    initial = derivation.initial
    return {
        "address": str(derivation.address),
        "value": _json_number(derivation.value),
        "initial": None if initial is None else _derivation_text_operand(initial),
        "rule": derivation.rule.value,
        "terms": [
            {
                "value": _json_number(term.value),
                "operands": [_derivation_text_operand(factor) for factor in term.operands],
            }
            for term in derivation.terms
        ],
        "residue": _json_number(derivation.residue),
        "formula": eq.equation_text(_formula(derivation).indices),
    }


def _formula(derivation: Derivation) -> WrittenFormula:
    """Long sums begin with their largest terms, unless there is nothing to fold."""
    is_long = derivation.rule is NestRule.SUM and derivation.term_values.size > _MOST_TERMS
    order = TermOrder.SIZE if is_long else TermOrder.POSITION
    return formula(derivation, most=_MOST_TERMS, order=order)


def _derivation_text_operand(factor: Factor) -> dict[str, Any]:
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


def _derivation_text_initial(factor: Factor) -> str:
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
