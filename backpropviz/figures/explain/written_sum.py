"""A folded derivation with what its equations share: joined terms, gaps, the decimal check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from fractions import Fraction as Ratio
from functools import cached_property
from itertools import pairwise

import numpy as np

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.nest import Factor, NestRule, Operand
from backpropviz.engine.value import Array
from backpropviz.figures.explain.expression import OperandWriter
from backpropviz.figures.numbers import exact_text, group_texts
from backpropviz.figures.view import ALL, TermProgress, term_key
from backpropviz.frozen import frozen
from backpropviz.scene.equation import MINUS, Node, NumberNode, Operator, RowNode, Symbol, TermNode
from backpropviz.scene.text import decimal_of, residue


class TermOrder(Enum):
    """How terms are listed."""

    POSITION = "position"
    SIZE = "size"


@frozen
class Rest:
    """The terms that are not written out: how many, and what those that have run make."""

    not_zero: int
    zero: int
    not_run: int
    subtotal: str

    @property
    def count(self) -> int:
        return self.not_zero + self.zero + self.not_run


@frozen
class Fold:
    """The text of a sum. A term that has not run has the text ''.

    `residue` is '' where the shown numbers add up (or where one of them is not finite).
    """

    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    initial: str
    rest: Rest | None
    residue: str
    total: str
    is_complete: bool


def fold(
    derivation: Derivation,
    progress: TermProgress = ALL,
    *,
    most: int,
    order: TermOrder = TermOrder.POSITION,
    digits: int = 3,
) -> Fold:
    """The `most` terms to write out: the largest, or the first, the current one and the last."""
    values = derivation.term_values
    ran = progress.mask(values.size)
    numbers = shown_numbers(values, ran, progress.current, most, order)
    # Of the terms that are not written out: the values of those that ran, and how many did not.
    hidden = np.ones(values.size, dtype=bool)
    hidden[list(numbers)] = False
    rest_values = values[hidden if ran is None else hidden & ran]
    not_run = 0 if ran is None else int(np.count_nonzero(hidden & ~ran))
    total = progress.running(derivation)
    shown = [float(values[k]) for k in numbers if ran is None or ran[k]]
    initial = [] if derivation.initial is None else [derivation.initial.value]
    has_rest = len(numbers) < values.size
    is_sum = derivation.rule is not NestRule.MAX
    subtotal = _subtotal(rest_values, is_sum=is_sum) if has_rest else 0.0
    texts = group_texts([*initial, *shown, subtotal, total], digits)
    addends = texts[: len(initial) + len(shown)]
    not_zero = int(np.count_nonzero(rest_values))
    rest = Rest(not_zero, rest_values.size - not_zero, not_run, texts[-2])
    following = iter(addends[len(initial) :])
    return Fold(
        numbers,
        tuple(next(following) if ran is None or ran[k] else "" for k in numbers),
        addends[0] if initial else "",
        rest if has_rest else None,
        _residue(texts[-1], texts[:-1]) if is_sum else "",
        texts[-1],
        ran is None,
    )


def shown_numbers(
    values: Array, ran: Array | None, current: int | None, most: int, order: TermOrder
) -> tuple[int, ...]:
    """The numbers of the terms to write out, in the order in which they are written."""
    count = values.size
    if order is TermOrder.SIZE:
        largest = _largest(values, ran, min(most, count))
        if current is None or current in largest:
            return largest
        return (*largest[:-1], current)
    if count <= most:
        return tuple(range(count))
    if current is None:
        return (*range(max(1, most - 1)), count - 1)[:most]
    head = max(1, (most - 2) // 2)
    middle = most - head - 1
    start = min(max(current - middle // 2, head), count - 1 - middle)
    return (*range(head), *range(start, start + middle), count - 1) if middle > 0 else (current,)


def _largest(values: Array, ran: Array | None, most: int) -> tuple[int, ...]:
    size = np.nan_to_num(np.abs(values), nan=np.inf)
    if ran is not None:
        size = np.where(ran, size, -1.0)
    candidates = np.arange(size.size)
    if most < size.size:
        threshold = np.partition(size, size.size - most)[size.size - most]
        candidates = np.flatnonzero(size >= threshold)
    by_size = candidates[np.argsort(-size[candidates], kind="stable")]
    return tuple(int(k) for k in by_size[:most])


def _subtotal(values: Array, *, is_sum: bool) -> float:
    if is_sum:
        return float(values.sum())
    finite = values[values > -np.inf]
    return float(finite.max()) if finite.size else 0.0


def _residue(total: str, addends: list[str]) -> str:
    if not all(decimal_of(text).is_finite() for text in (total, *addends)):
        return ""
    left = residue(total, addends)
    return "" if left == Decimal(0) else exact_text(left)


EQUALS, ABOUT, PLUS, TIMES, DOT = (Operator(sign) for sign in "=≈+×·")
ELLIPSIS = Symbol("…", italic=False)
_EXACT = 1e-6


@frozen(eq=False, slots=False)
class WrittenSum:
    """One value's terms as they are folded, and how its operands are written."""

    derivation: Derivation
    progress: TermProgress
    folded: Fold
    writer: OperandWriter

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self.derivation.nest.by_target.operands

    @property
    def initial_operand(self) -> Operand | None:
        return self.derivation.nest.by_target.initial

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        return tuple(self.derivation.terms[k] for k in self.folded.numbers)

    @property
    def first(self) -> Term:
        """The one term of a function or a copy."""
        return self.derivation.terms[0]

    def ran(self, place: int) -> bool:
        return bool(self.folded.texts[place])

    def is_current(self, place: int) -> bool:
        return self.folded.numbers[place] == self.progress.current

    def key(self, place: int) -> str:
        return term_key(self.derivation, self.folded.numbers[place])

    def with_gaps(self, written: Sequence[Node]) -> list[Node]:
        """The terms with an ellipsis for each stretch that is left out; by size, one at the end."""
        numbers = self.folded.numbers
        result: list[Node] = []
        is_by_position = all(a < b for a, b in pairwise(numbers))
        for place, item in enumerate(written):
            if is_by_position and place and numbers[place] > numbers[place - 1] + 1:
                result.append(ELLIPSIS)
            result.append(item)
        is_cut = len(numbers) < self.derivation.term_values.size
        return [*result, ELLIPSIS] if is_cut and ELLIPSIS not in result else result

    @cached_property
    def abbreviates(self) -> bool:
        """Whether the one gradient among the operands of several terms is written g."""
        found = [o.address for o in self.operands if o.address is not None]
        gradients = [address for address in found if address.is_gradient]
        return (
            len(gradients) == 1
            and len(self.operands) > 1
            and len(self.folded.numbers) > 1
            and self.derivation.rule is NestRule.SUM
        )


def joined(nodes: Iterable[Node], between: Operator) -> RowNode:
    """Nodes with an operator between them; a negative number after a plus is subtracted."""
    items: list[Node] = []
    for node in nodes:
        if not items:
            items.append(node)
        elif between is PLUS and is_negative(node):
            items += [Operator(MINUS), _positive(node)]
        else:
            items += [between, node]
    return RowNode(tuple(items))


def is_negative(node: Node) -> bool:
    """Whether a node is, or begins with, a negative number."""
    match node:
        case NumberNode(text=text):
            return text.startswith(MINUS)
        case TermNode(item=NumberNode() as number):
            return is_negative(number)
        case RowNode(items=(NumberNode() as number, *others)):
            return is_negative(number) and not any(isinstance(o, Operator) for o in others)
        case _:
            return False


def _positive(node: Node) -> Node:
    match node:
        case NumberNode(text=text):
            return replace(node, text=text.removeprefix(MINUS))
        case TermNode(item=NumberNode() as number):
            return replace(node, item=_positive(number))
        case RowNode(items=(NumberNode() as number, *others)):
            return replace(node, items=(_positive(number), *others))
        case _:
            return node


def is_product(texts: Sequence[str], factors: Sequence[Factor], value: str) -> bool:
    """Whether the product of the shown factors is the shown value, to the last digit."""
    if not all(decimal_of(text).is_finite() for text in (*texts, value)):
        return True
    result = Ratio(1)
    for text, factor in zip(texts, factors, strict=True):
        result *= Ratio(factor.label) if "/" in factor.label else Ratio(decimal_of(text))
    return result == Ratio(decimal_of(value))


def is_exact(text: str, value: float) -> bool:
    """Whether a shown number is the value, to the digits that float32 has."""
    decimal = decimal_of(text)
    if not decimal.is_finite():
        return True
    return abs(float(decimal - Decimal(value))) <= _EXACT * abs(value)
