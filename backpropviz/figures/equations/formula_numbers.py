"""A value's equation with its numbers; what follows the last `≈` adds up, digit by digit."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.engine.formula import Formula, addends
from backpropviz.engine.nest import Factor, Operand, Rule
from backpropviz.figures.equations.expression import formula_node
from backpropviz.figures.equations.operand_nodes import number_node
from backpropviz.figures.equations.written_sum import (
    ABOUT,
    EQUALS,
    PLUS,
    TIMES,
    WrittenSum,
    is_exact,
    is_negative,
    is_product,
    joined,
)
from backpropviz.figures.number_groups import exact_text, group_texts
from backpropviz.scene.equation import (
    MINUS,
    Delimited,
    Function,
    Node,
    Number,
    Operator,
    Pending,
    Role,
    Row,
    Words,
    row,
)
from backpropviz.scene.equation import Term as TermNode
from backpropviz.scene.numbers import decimal_of, decimal_text, residue

_DIGITS, _OWN_DIGITS = 3, 4


def with_numbers(written: WrittenSum) -> Row:
    """= 0 × 2 + 0 × 1 + 2 × 4 + • = 8 so far."""
    if (function := written.derivation.nest.formula) is not None:
        return _function(written, function)
    match written.derivation.rule:
        case Rule.COPY:
            return row(EQUALS, _result(written))
        case Rule.MAX:
            largest = Function("max", tuple(written.with_gaps(_values(written))))
            return row(EQUALS, largest, EQUALS, _result(written))
        case _:
            return _sum(written)


def _sum(written: WrittenSum) -> Row:
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
    rough = joined([*_initial(written), *written.with_gaps(products)], PLUS)
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
        return TermNode(Number(text), is_current, key=key)
    (factor,) = written.terms[place].operands
    known = "" if written.derivation.rule is Rule.MAX and factor.address is None else text
    return TermNode(number_node(written.operands[0], factor, known), is_current, key=key)


def _addends(written: WrittenSum, terms: list[Node]) -> Row:
    """Everything that adds up to the total."""
    items = [*_initial(written), *terms, *_rest(written)]
    if not items:
        return row(Number("0", constant=True))
    return row(joined(items, PLUS), *_rounding(written.folded.residue))


def _rounding(left: str) -> tuple[Node, ...]:
    if not left:
        return ()
    sign = Operator(MINUS) if left.startswith(MINUS) else PLUS
    remark = Words("rounding", Role.MUTED, small=True)
    return sign, row(Number(left.removeprefix(MINUS), Role.MUTED), remark)


def _initial(written: WrittenSum) -> list[Node]:
    operand, factor = written.initial_operand, written.derivation.initial
    if operand is None or factor is None:
        return []
    return [number_node(operand, factor, written.folded.initial)]


def _rest(written: WrittenSum) -> list[Node]:
    rest = written.folded.rest
    if rest is None:
        return []
    remark = Words(f"({rest.count:,} more)", Role.MUTED, small=True)
    return [row(Number(rest.subtotal), remark)]


def _result(written: WrittenSum) -> Node:
    number = _bold(written, written.folded.total)
    return number if written.folded.is_complete else row(number, Words("so far", small=True))


def _bold(written: WrittenSum, text: str) -> Number:
    return Number(text, Role.HERE, bold=True, key=str(written.derivation.address))


def _function(written: WrittenSum, function: Formula) -> Row:
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
