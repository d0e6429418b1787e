"""What does this value feed? Every operation that reads it, with the terms that it is part of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np

from backpropviz.debugger.ancestry import TOP, Ancestry
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.contraction import narrow
from backpropviz.engine.derivation import block_values, derive
from backpropviz.engine.nest import Coordinates, Factor, Loops, Nest, Operand, Region, Rule
from backpropviz.engine.operands import Choice
from backpropviz.engine.program import Operation, Phase
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen


@frozen
class Use:
    """One term of one value: which value, and what it took from here.

    `took_part` is False for what lost a maximum.
    """

    target: Address
    value: float
    coordinates: Coordinates
    term: float
    operands: tuple[Factor, ...]
    took_part: bool = True


@frozen
class Feed:
    """The uses of a value in one operation, the largest terms first.

    `total` is the sum of all `count` terms, `rest_sum` of those not listed; both are None where the
    terms are no summands.
    """

    target: Address
    phase: Phase
    layer: str
    rule: Rule
    count: int
    total: float | None
    uses: tuple[Use, ...]
    rest_sum: float | None

    @property
    def rest_count(self) -> int:
        """How many uses are not listed."""
        return self.count - len(self.uses)


def feeds(ancestry: Ancestry, address: Address, top: int = TOP) -> tuple[Feed, ...]:
    """Who uses a value, in execution order; copies are passed over.

    Raises:
        UserError: there is no such value.
    """
    _ = ancestry.stop(address)
    found = _feeds(ancestry, ancestry.tape.resolve(address), top)
    order = {operation.nest.target: k for k, operation in enumerate(ancestry.operations)}
    return tuple(sorted(found, key=lambda feed: order[feed.target]))


def _feeds(ancestry: Ancestry, own: Address, top: int) -> Iterator[Feed]:
    tape = ancestry.tape
    for operation in ancestry.operations:
        nest = operation.nest
        if nest.rule is Rule.COPY:
            for cell in _terms_with(tape, nest, own):
                yield from _feeds(ancestry, tape.resolve(nest.target.at(_target(nest, cell))), top)
            continue
        terms = _terms_with(tape, nest, own)
        if len(terms):
            yield _feed(tape, operation, terms, top)
        yield from _started(tape, operation, own, top)


def _feed(tape: Tape, operation: Operation, coordinates: Array, top: int) -> Feed:
    nest = operation.nest
    terms = _values_at(tape, nest, coordinates)
    is_maximum, is_sum = nest.rule is Rule.MAX, nest.rule is Rule.SUM
    took = [not is_maximum or _won(tape, nest, tuple(c)) for c in coordinates.tolist()]
    sizes = np.where(np.isnan(terms), np.inf, np.abs(terms))
    order = np.lexsort((-sizes, ~np.array(took)))[:top]
    uses = (_use(tape, nest, tuple(coordinates[k].tolist()), terms[k], took[k]) for k in order)
    total = float(terms.sum()) if is_sum else None
    rest = float(np.delete(terms, order).sum()) if is_sum else None
    listed = tuple(uses)
    return Feed(
        nest.target, operation.phase, operation.layer, nest.rule, len(terms), total, listed, rest
    )


def _use(tape: Tape, nest: Nest, coordinates: Coordinates, term: float, took_part: bool) -> Use:
    target = nest.target.at(_target(nest, coordinates))
    operands = tuple(o.at(tape, coordinates) for o in nest.by_target.operands)
    return Use(target, tape.value(target), coordinates, float(term), operands, took_part)


def _won(tape: Tape, nest: Nest, coordinates: Coordinates) -> bool:
    found = derive(tape, nest, nest.target.at(_target(nest, coordinates)))
    return found.coordinates(int(np.argmax(found.term_values))) == coordinates


def _target(nest: Nest, coordinates: Coordinates) -> Coordinates:
    return nest.by_target.target_at(coordinates, nest.shape) or ()


def _terms_with(tape: Tape, nest: Nest, own: Address) -> Array:
    """The loop coordinates of all terms that read a cell, one row a term, in loop order."""
    loops = nest.by_target
    readers = [operand for operand in loops.operands if _reads(tape, operand, own)]
    found = [_coordinates(tape, operand, loops.region(()), own) for operand in readers]
    if not found or not any(map(len, found)):
        return np.empty((0, len(loops.axes)), np.int64)
    rows = found[0] if len(found) == 1 else np.unique(np.concatenate(found), axis=0)
    return rows[_existing(tape, loops, rows)]


def _started(tape: Tape, operation: Operation, own: Address, top: int) -> Iterator[Feed]:
    """Values whose sum starts from the cell: what a bias feeds."""
    nest, loops = operation.nest, operation.nest.by_target
    if loops.initial is None or not _reads(tape, loops.initial, own):
        return
    inner = tuple(range(1) for _ in range(loops.term_axes))
    region = loops.region(())[: len(loops.axes) - loops.term_axes] + inner
    rows = _coordinates(tape, loops.initial, region, own)
    operands = (loops.initial.at(tape, tuple(rows[0].tolist())),)
    targets = (nest.target.at(_target(nest, tuple(row))) for row in rows[:top].tolist())
    term = tape.value(own)
    uses = tuple(Use(target, tape.value(target), (), term, operands) for target in targets)
    total, rest = term * len(rows), term * (len(rows) - len(uses))
    yield Feed(
        nest.target, operation.phase, operation.layer, nest.rule, len(rows), total, uses, rest
    )


def _reads(tape: Tape, operand: Operand, own: Address) -> bool:
    if isinstance(operand, Choice):
        return any(_reads(tape, option, own) for option in operand.options)
    address = operand.address
    return address is not None and tape.resolve(address).array == own.array


def _coordinates(tape: Tape, operand: Operand, region: Region, own: Address) -> Array:
    """Where in a box of steps an operand reads the cell: its maps narrow the box, a mark finds it.

    An operand is asked for its block of an array that is 1 at the cell and 0 elsewhere, so that
    every kind of operand answers, and padding never does.
    """
    if operand.index and operand.address is not None:
        narrowed = narrow(operand.index, region, tuple(range(i, i + 1) for i in own.indices))
        if narrowed is None:
            return np.empty((0, len(region)), np.int64)
        region = narrowed
    marked = np.asarray(operand.block(_Marked(tape, own), region)) == 1
    sizes = tuple(len(r) for r in region)
    return np.argwhere(np.broadcast_to(marked, sizes)) + [r.start for r in region]


class _Marked(Mapping[Address, Array]):
    """The arrays of a tape with 0 everywhere but at one cell, which is 1 under all its names."""

    def __init__(self, tape: Tape, own: Address) -> None:
        self._tape = tape
        self._own = own

    def __getitem__(self, address: Address) -> Array:
        array = self._tape[address]
        if array.dtype.kind != "f" and address.array != self._own.array:
            return array  # classes and switches say where others read
        marks = np.zeros(array.shape, np.int8)
        if self._tape.resolve(address).array == self._own.array:
            marks[self._own.indices] = 1
        return marks

    def __iter__(self) -> Iterator[Address]:
        return iter(self._tape)

    def __len__(self) -> int:
        return len(self._tape)


def _box(rows: Array) -> Region:
    """The smallest box of steps that holds all rows."""
    lows, highs = rows.min(axis=0), rows.max(axis=0)
    return tuple(range(int(low), int(high) + 1) for low, high in zip(lows, highs, strict=True))


def _values_at(tape: Tape, nest: Nest, rows: Array) -> Array:
    """The terms at some loop coordinates, in float64."""
    region = _box(rows)
    return _picked(block_values(tape, nest, nest.by_target, region), region, rows)


def _existing(tape: Tape, loops: Loops, rows: Array) -> Array:
    """Which of the terms are not absent."""
    region = _box(rows)
    masks = (operand.exists(tape, region) for operand in loops.operands)
    exists = reduce(np.logical_and, (m for m in masks if m is not None), np.array(True))
    return _picked(np.broadcast_to(exists, tuple(len(r) for r in region)), region, rows)


def _picked(block: Array, region: Region, rows: Array) -> Array:
    return np.asarray(block[tuple((rows - [r.start for r in region]).T)])
