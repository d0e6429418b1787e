"""A folded derivation with what its equations share: joined terms, gaps, the decimal check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction as Ratio
from functools import cached_property
from itertools import pairwise

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.nest import Factor, Operand, Rule
from backpropviz.figures.equations.folding import Fold
from backpropviz.figures.equations.operand_nodes import OperandWriter
from backpropviz.figures.explanation.explained_step import Progress
from backpropviz.figures.explanation.term_keys import term_key
from backpropviz.frozen import frozen
from backpropviz.scene.equation import MINUS, Node, Number, Operator, Row, Symbol
from backpropviz.scene.equation import Term as TermNode
from backpropviz.scene.numbers import decimal_of

EQUALS, ABOUT, PLUS, TIMES, DOT = (Operator(sign) for sign in "=≈+×·")
ELLIPSIS = Symbol("…", italic=False)
_EXACT = 1e-6


@frozen(eq=False, slots=False)
class WrittenSum:
    """One value's terms as they are folded, and how its operands are written."""

    derivation: Derivation
    progress: Progress
    folded: Fold
    writer: OperandWriter

    @property
    def operands(self) -> tuple[Operand, ...]:
        """What each term multiplies."""
        return self.derivation.nest.by_target.operands

    @property
    def initial_operand(self) -> Operand | None:
        """The bias, where there is one."""
        return self.derivation.nest.by_target.initial

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms that are written out."""
        return tuple(self.derivation.terms[k] for k in self.folded.numbers)

    @property
    def first(self) -> Term:
        """The one term of a function or a copy."""
        return self.derivation.terms[0]

    def ran(self, place: int) -> bool:
        """Whether the term in a place has run."""
        return bool(self.folded.texts[place])

    def is_current(self, place: int) -> bool:
        """Whether it is the one in focus."""
        return self.folded.numbers[place] == self.progress.current

    def key(self, place: int) -> str:
        """The key of the term in a place."""
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
            and self.derivation.rule is Rule.SUM
        )


def joined(nodes: Iterable[Node], between: Operator) -> Row:
    """Nodes with an operator between them; a negative number after a plus is subtracted."""
    items: list[Node] = []
    for node in nodes:
        if not items:
            items.append(node)
        elif between is PLUS and is_negative(node):
            items += [Operator(MINUS), _positive(node)]
        else:
            items += [between, node]
    return Row(tuple(items))


def is_negative(node: Node) -> bool:
    """Whether a node is, or begins with, a negative number."""
    match node:
        case Number(text=text):
            return text.startswith(MINUS)
        case TermNode(item=Number() as number):
            return is_negative(number)
        case Row(items=(Number() as number, *others)):
            return is_negative(number) and not any(isinstance(o, Operator) for o in others)
        case _:
            return False


def _positive(node: Node) -> Node:
    match node:
        case Number(text=text):
            return replace(node, text=text.removeprefix(MINUS))
        case TermNode(item=Number() as number):
            return replace(node, item=_positive(number))
        case Row(items=(Number() as number, *others)):
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
