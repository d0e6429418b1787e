"""A value's equation with its indices filled in: short sums written out, long ones folded."""

from __future__ import annotations

from backpropviz.engine.derivation import Term
from backpropviz.engine.nest import Nest, Rule, Values
from backpropviz.engine.operands import Choice
from backpropviz.figures.equations.expression import formula_node
from backpropviz.figures.equations.operand_nodes import OperandWriter
from backpropviz.figures.equations.written_sum import DOT, EQUALS, PLUS, WrittenSum, joined
from backpropviz.scene.equation import (
    BigOperator,
    Function,
    Indexed,
    Node,
    Row,
    Symbol,
    indices,
    product,
    row,
)
from backpropviz.scene.equation import Term as TermNode


def in_symbols(nest: Nest, values: Values) -> Row:
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
    if writer.nest.rule is Rule.COPY or not writer.cells.has_many_terms():
        return ()
    names = [axis.name for axis in writer.cells.term_axes()]
    if writer.names_windows:
        names = ["y", "x"][-len(names) :]
    sign = "max" if writer.nest.rule is Rule.MAX else "∑"
    return (BigOperator(sign, indices(",".join(names))),)


def with_indices(written: WrittenSum) -> Row:
    """∂L/∂W_{0,1} = g_{0,0} X_{0,1} + g_{0,1} X_{0,2} + …"""
    left = written.writer.target(written.derivation.address.indices)
    return row(left, EQUALS, _right(written))


def _right(written: WrittenSum) -> Node:
    rule = written.derivation.rule
    if rule is Rule.COPY:
        return _factors(written, written.first)[0]
    if (function := written.derivation.nest.formula) is not None:
        return formula_node(function, _factors(written, written.first))
    terms = [_term(written, place) for place in range(len(written.terms))]
    if rule is Rule.MAX:
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
