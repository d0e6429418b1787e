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
from backpropviz.engine.formula import Formula as imported_Formula
from backpropviz.engine.formula import addends
from backpropviz.engine.nest import Factor, Nest, NestRule, Operand, Presence, Values
from backpropviz.engine.operands import Choice
from backpropviz.figures.explain.expression import OperandWriter, formula_node, number_node
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
    is_negative,
    is_product,
    joined,
)
from backpropviz.figures.numbers import exact_text, group_texts
from backpropviz.figures.view import ALL, TermProgress
from backpropviz.frozen import frozen
from backpropviz.scene.equation import (
    MINUS,
    BigOperator,
    Delimited,
    Function,
    Indexed,
    Node,
    NumberNode,
    Operator,
    Pending,
    Role,
    RowNode,
    Symbol,
    TermNode,
    Words,
    indices,
    product,
    row,
)
from backpropviz.scene.equation_text import equation_latex, equation_text
from backpropviz.scene.text import decimal_of, decimal_text, full, residue


def in_symbols(nest: Nest, values: Values) -> RowNode:
    """A nest's definition: ∂L/∂W_{i,j} = Σ_{y,x} ∂L/∂o_{y,x} · X_{y+i,x+j}."""
    writer = OperandWriter.of(nest, values)
    return row(writer.target(), EQUALS, definition(writer))


def definition(writer: OperandWriter, known: tuple[int, ...] = ()) -> Node:
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
    return row(*initial, *_sign(writer), joined(operands, DOT))


def _sign(writer: OperandWriter) -> tuple[Node, ...]:
    """∑ or max with its limits, where there is more than one term."""
    if writer.nest.rule is NestRule.COPY or not writer.cells.has_many_terms():
        return ()
    names = [axis.name for axis in writer.cells.term_axes()]
    if writer.names_windows:
        names = ["y", "x"][-len(names) :]
    sign = "max" if writer.nest.rule is NestRule.MAX else "∑"
    return (BigOperator(sign, indices(",".join(names))),)


def with_indices(written: WrittenSum) -> RowNode:
    """∂L/∂W_{0,1} = g_{0,0} X_{0,1} + g_{0,1} X_{0,2} + …"""
    left = written.writer.target(written.derivation.address.indices)
    return row(left, EQUALS, _right(written))


def _right(written: WrittenSum) -> Node:
    rule = written.derivation.rule
    if rule is NestRule.COPY:
        return _factors(written, written.first)[0]
    if (function := written.derivation.nest.formula) is not None:
        return formula_node(function, _factors(written, written.first))
    terms = [_term(written, place) for place in range(len(written.terms))]
    if rule is NestRule.MAX:
        return Function("max", tuple(written.with_gaps(terms)))
    expanded = joined([*_initial(written), *written.with_gaps(terms)], PLUS)
    if written.folded.rest is None or written.writer.names_windows:
        return expanded
    known = tuple(r.start for r in written.derivation.region[: _element_axes(written)])
    return row(definition(written.writer, known), EQUALS, expanded)


def _element_axes(written: WrittenSum) -> int:
    loops = written.derivation.nest.by_target
    return loops.channel_axes + loops.element_axes


def _initial(written: WrittenSum) -> list[Node]:
    operand, factor = written.initial_operand, written.derivation.initial
    if operand is None or factor is None:
        return []
    at = tuple(r.start for r in written.derivation.region)
    return [written.writer.with_indices(operand, factor, at)]


def _term(written: WrittenSum, place: int) -> Node:
    factors = _factors(written, written.terms[place])
    letters = (Symbol, Indexed)
    item = (
        product(*factors) if all(isinstance(f, letters) for f in factors) else joined(factors, DOT)
    )
    current, ran = written.is_current(place), written.ran(place)
    return TermNode(item, current, faded=not ran, key=written.key(place))


def _factors(written: WrittenSum, term: Term) -> list[Node]:
    return [
        written.writer.abbreviated(factor.address)
        if written.abbreviates and factor.address is not None and factor.address.is_gradient
        else written.writer.with_indices(operand, factor, term.coordinates)
        for operand, factor in zip(written.operands, term.operands, strict=True)
    ]


_DIGITS, _OWN_DIGITS = 3, 4


def with_numbers(written: WrittenSum) -> RowNode:
    """= 0 × 2 + 0 × 1 + 2 × 4 + • = 8 so far."""
    if (function := written.derivation.nest.formula) is not None:
        return _function(written, function)
    match written.derivation.rule:
        case NestRule.COPY:
            return row(EQUALS, _result(written))
        case NestRule.MAX:
            largest = Function("max", tuple(written.with_gaps(_values(written))))
            return row(EQUALS, largest, EQUALS, _result(written))
        case _:
            return _sum(written)


def _sum(written: WrittenSum) -> RowNode:
    end = (EQUALS, _result(written))
    if len(written.operands) < 2 or not written.terms:
        return (
            row(EQUALS, *end[1:])
            if _is_alone(written)
            else row(EQUALS, _addends(written, _values(written)), *end)
        )
    columns = _columns(written)
    products = [_product(written, place, columns[place]) for place in range(len(written.terms))]
    if _are_products(written, columns):
        return row(EQUALS, _addends(written, products), *end)
    if _is_alone(written):
        return row(EQUALS, products[0], ABOUT, *end[1:])
    rough = joined([*_formula_numbers_initial(written), *written.with_gaps(products)], PLUS)
    return row(ABOUT, rough, ABOUT, _addends(written, _values(written)), *end)


def _is_alone(written: WrittenSum) -> bool:
    """Whether the value is just one term."""
    folded = written.folded
    return (
        len(folded.numbers) == 1
        and folded.rest is None
        and not folded.initial
        and folded.texts[0] == folded.total
    )


def _columns(written: WrittenSum) -> list[tuple[str, ...]]:
    """The operands' texts, a tuple a term; one operand has the same decimals in all terms."""
    by_operand = (
        group_texts([term.operands[k].value for term in written.terms], _DIGITS)
        for k in range(len(written.operands))
    )
    return list(zip(*by_operand, strict=True))


def _are_products(written: WrittenSum, columns: list[tuple[str, ...]]) -> bool:
    """Whether the products of the shown numbers are the terms, to the last digit."""
    return all(
        is_product(texts, term.operands, value)
        for texts, term, value in zip(columns, written.terms, written.folded.texts, strict=True)
        if value
    )


def _product(written: WrittenSum, place: int, texts: tuple[str, ...]) -> Node:
    key = written.key(place)
    if not written.ran(place):
        return TermNode(Pending(), written.is_current(place), faded=True, key=key)
    operands = written.terms[place].operands
    numbers = map(number_node, written.operands, operands, texts)
    return TermNode(joined(numbers, TIMES), written.is_current(place), key=key)


def _values(written: WrittenSum) -> list[Node]:
    return [_value(written, place, text) for place, text in enumerate(written.folded.texts)]


def _value(written: WrittenSum, place: int, text: str) -> Node:
    is_current, key = written.is_current(place), written.key(place)
    if not text:
        return TermNode(Pending(), is_current, faded=True, key=key)
    if len(written.operands) > 1:
        return TermNode(NumberNode(text), is_current, key=key)
    (factor,) = written.terms[place].operands
    known = "" if written.derivation.rule is NestRule.MAX and factor.address is None else text
    return TermNode(number_node(written.operands[0], factor, known), is_current, key=key)


def _addends(written: WrittenSum, terms: list[Node]) -> RowNode:
    """Everything that adds up to the total."""
    items = [*_formula_numbers_initial(written), *terms, *_rest(written)]
    if not items:
        return row(NumberNode("0", constant=True))
    return row(joined(items, PLUS), *_rounding(written.folded.residue))


def _rounding(left: str) -> tuple[Node, ...]:
    if not left:
        return ()
    sign = Operator(MINUS) if left.startswith(MINUS) else PLUS
    remark = Words("rounding", Role.MUTED, small=True)
    return sign, row(NumberNode(left.removeprefix(MINUS), Role.MUTED), remark)


def _formula_numbers_initial(written: WrittenSum) -> list[Node]:
    operand, factor = written.initial_operand, written.derivation.initial
    if operand is None or factor is None:
        return []
    return [number_node(operand, factor, written.folded.initial)]


def _rest(written: WrittenSum) -> list[Node]:
    rest = written.folded.rest
    if rest is None:
        return []
    remark = Words(f"({rest.count:,} more)", Role.MUTED, small=True)
    return [row(NumberNode(rest.subtotal), remark)]


def _result(written: WrittenSum) -> Node:
    number = _bold(written, written.folded.total)
    return number if written.folded.is_complete else row(number, Words("so far", small=True))


def _bold(written: WrittenSum, text: str) -> NumberNode:
    return NumberNode(text, Role.HERE, bold=True, key=str(written.derivation.address))


def _function(written: WrittenSum, function: imported_Formula) -> RowNode:
    factors = written.first.operands
    values = [*(factor.value for factor in factors), written.derivation.value]
    signs = [sign for sign, _ in addends(function)]
    texts = group_texts(values, _OWN_DIGITS) if signs else [_alone(value) for value in values]
    nodes = list(map(_operand, written.operands, factors, texts))
    formula = formula_node(function, nodes)
    if signs:
        left = _rounding(_left_over(signs, texts))
        return row(EQUALS, formula, *left, EQUALS, _bold(written, texts[-1]))
    result = texts[-1]
    is_passed_on = result in {*texts[:-1], "0"}
    sign = EQUALS if is_passed_on or all(map(is_exact, texts, values)) else ABOUT
    return row(EQUALS, formula, sign, _bold(written, texts[-1]))


def _alone(value: float) -> str:
    return group_texts([value], _OWN_DIGITS)[0]


def _operand(operand: Operand, factor: Factor, text: str) -> Node:
    """A negative number stands in parentheses, since a sign may precede it."""
    node = number_node(operand, factor, text)
    return Delimited(node) if is_negative(node) else node


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


__all__ = ["Formula", "formula", "in_symbols"]


@frozen
class Formula:
    """The equations; `where` explains an abbreviation used with indices (`g = ∂L/∂o`)."""

    symbols: RowNode
    indices: RowNode
    numbers: RowNode
    where: str = ""


def formula(
    derivation: Derivation,
    progress: TermProgress = ALL,
    *,
    most: int = 6,
    order: TermOrder = TermOrder.POSITION,
) -> Formula:
    """The three equations; sums of more than `most` terms are folded."""
    writer = OperandWriter.of(derivation.nest, derivation.tape)
    folded = fold(derivation, progress, most=_shown(derivation, most), order=order)
    written = WrittenSum(derivation, progress, folded, writer)
    return Formula(
        in_symbols(derivation.nest, derivation.tape),
        with_indices(written),
        with_numbers(written),
        _where(written),
    )


def _shown(derivation: Derivation, most: int) -> int:
    """A long sum shows fewer terms than a short one, since it has to say what it leaves out."""
    is_short = derivation.term_values.size <= most or derivation.rule is NestRule.MAX
    return most if is_short else max(3, most - 2)


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
        "initial": None if initial is None else _derivation_text_operand(initial),
        "rule": derivation.rule.value,
        "terms": [_derivation_text_term(term) for term in derivation.terms],
        "residue": _json_number(derivation.residue),
        "formula": equation_text(_formula(derivation).indices),
    }


def _formula(derivation: Derivation) -> Formula:
    """Long sums begin with their largest terms, unless there is nothing to fold."""
    is_long = derivation.rule is NestRule.SUM and derivation.term_values.size > _MOST_TERMS
    order = TermOrder.SIZE if is_long else TermOrder.POSITION
    return formula(derivation, most=_MOST_TERMS, order=order)


def _left(equation: RowNode) -> str:
    return equation_text(equation.items[0])


def _derivation_text_term(term: Term) -> dict[str, Any]:
    return {
        "value": _json_number(term.value),
        "operands": [_derivation_text_operand(factor) for factor in term.operands],
    }


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


def _table(derivation: Derivation) -> tuple[str, ...]:
    """A line a term; of many terms the first and the last."""
    count = len(derivation.positions)
    start = () if derivation.initial is None else (_derivation_text_initial(derivation.initial),)
    shown = range(count if count <= _MOST_LINES else _MOST_LINES - 4)
    more = f"  … {count - len(shown):,} more terms; --json lists all of them"
    cut = (more,) if len(shown) < count else ()
    expression = derivation.nest.expression
    rows = tuple(_line(k + 1, derivation.terms[k], expression) for k in shown)
    heading = f"  {_RULES[derivation.rule]} of {count:,} term{'' if count == 1 else 's'}"
    residue = derivation.residue
    rounding = (f"  residue {_number(residue)}",) if residue else ()
    return (heading, *start, *rows, *cut, *rounding)


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
