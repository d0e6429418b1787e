"""Ancestry of a value: operand by operand, to the loss or down to pixels and weights.

Further names and pure copies are passed over: a stop is where a number was made. Of a sum the
largest terms come first, of a maximum the winner; nothing is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property, reduce

import numpy as np

from backpropviz.engine.contraction import narrow
from backpropviz.engine.derivation import Derivation, block_values, derive, factors
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, TARGET
from backpropviz.engine.nest import (
    Coordinates,
    Factor,
    Loops,
    Nest,
    NestRule,
    Operand,
    Presence,
    Region,
)
from backpropviz.engine.operands import Choice
from backpropviz.engine.tape import Operation, Phase, Tape
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

TOP = 6


class Origin(Enum):
    """How a value came into the pass; all but `COMPUTED` end a path."""

    COMPUTED = "computed"
    START = "start"  # ∂L/∂L = 1
    IMAGE = "image"
    PARAMETER = "parameter"
    TARGET = "target"
    BEFORE = "before"  # an optimizer's state from earlier updates
    KEPT = "kept"  # what a layer keeps for the way back, as a pooling its switches


@frozen
class AncestryStop:
    """A value on the way: where it was made, and the name by which it was asked for."""

    address: Address
    named: Address
    value: float
    origin: Origin
    phase: Phase | None = None
    rule: NestRule | None = None

    @property
    def is_end(self) -> bool:
        """Whether nothing lies behind it."""
        return self.origin is not Origin.COMPUTED


@frozen
class Contribution:
    """One term of a value; `share` is its part of Σ|terms|, of a maximum all for the winner.

    `operands` are the derivation's own, `sources` the stops behind those that have an address, the
    one that carries the value on first.
    """

    coordinates: Coordinates
    term: float
    share: float
    operands: tuple[Factor, ...]
    sources: tuple[AncestryStop, ...]
    presence: Presence = Presence.PRESENT


@frozen
class Parentage:
    """What a value was made of: its largest contributions, and what the others come to.

    `count` includes what the sum starts from (a bias). `rest_sum` is None where terms do not add.
    """

    stop: AncestryStop
    contributions: tuple[Contribution, ...]
    count: int
    rest_sum: float | None
    rest_share: float

    @property
    def rest_count(self) -> int:
        """How many contributions are not listed."""
        return self.count - len(self.contributions)


@frozen
class AncestryPath:
    """A way back: from each stop to the next by the largest contribution.

    The i-th step is the contribution to stop i that stop i + 1 carries. A path ends early at a
    value to which nothing contributed.
    """

    stops: tuple[AncestryStop, ...]
    steps: tuple[Contribution, ...]


@frozen(eq=False, slots=False)
class Ancestry:
    """A pass as a graph of values; `operations` are those of the pass in execution order."""

    tape: Tape
    operations: tuple[Operation, ...]

    @cached_property
    def by_target(self) -> Mapping[Address, Operation]:
        """Which operation makes an array."""
        return {operation.nest.target: operation for operation in self.operations}

    def stop(self, address: Address) -> AncestryStop:
        """The place where a value was made, whatever it is called.

        Raises:
            UserError: there is no such value, or the address names an array.
        """
        value, dimensions = self.tape[address], self.tape[address.array].ndim
        if len(address.indices) != dimensions:
            example = address.array.at((0,) * dimensions)
            raise UserError(f"“{address}” names an array: name one value, for example {example}.")
        own = self._made(address)
        operation = self.by_target.get(own.array)
        if operation is None:
            return AncestryStop(own, address, float(value), self._given(own))
        rule = operation.nest.rule
        return AncestryStop(own, address, float(value), Origin.COMPUTED, operation.phase, rule)

    def parentage(self, address: Address, top: int = TOP) -> Parentage:
        """What a value was made of; errors as for `stop`. What was given has no contributions."""
        stop = self.stop(address)
        if stop.is_end:
            return Parentage(stop, (), 0, None, 0.0)
        found = derive(self.tape, self.by_target[stop.address.array].nest, stop.address)
        terms, shares, ranking = _weighed(found)
        chosen = np.argsort(-ranking, kind="stable")[:top]
        listed = tuple(self._contribution(found, int(k), terms, shares) for k in chosen)
        is_sum = found.rule is NestRule.SUM
        rest = float(np.sum(np.delete(terms, chosen))) if is_sum else None
        rest_share = max(0.0, 1.0 - float(shares[chosen].sum())) if len(listed) < len(terms) else 0
        return Parentage(stop, listed, len(terms), rest, rest_share)

    def main_path(self, address: Address) -> AncestryPath:
        """The largest contributor each time, until something given; errors as for `stop`."""
        stops, steps = [self.stop(address)], []
        while not stops[-1].is_end:
            found = self.parentage(stops[-1].address, 1).contributions
            if not found or not found[0].sources:
                break
            stop, largest = stops[-1], found[0]
            # Nothing came through where all terms of a sum are 0, or a gradient was stopped.
            if not largest.term and (stop.rule is NestRule.SUM or stop.address.is_gradient):
                break
            steps.append(largest)
            stops.append(largest.sources[0])
        return AncestryPath(tuple(stops), tuple(steps))

    def _made(self, address: Address) -> Address:
        """Through further names and copies to the array that the value was computed in."""
        own = self.tape.resolve(address)
        operation = self.by_target.get(own.array)
        while operation is not None and operation.nest.rule is NestRule.COPY:
            nest = operation.nest
            source = nest.by_target.operands[0].at(self.tape, nest.element_at(own.indices))
            if source.address is None:
                break
            own = self.tape.resolve(source.address)
            operation = self.by_target.get(own.array)
        return own

    def _given(self, own: Address) -> Origin:
        known = {IMAGE: Origin.IMAGE, TARGET: Origin.TARGET, LOSS.grad: Origin.START}
        if own.array in known:
            return known[own.array]
        if own.part:
            return Origin.BEFORE
        node = self.tape.network.by_name.get(own.layer)
        is_parameter = node is not None and own.quantity in self.tape.network.parameter_shapes(node)
        return Origin.PARAMETER if is_parameter else Origin.KEPT

    def _contribution(
        self, found: Derivation, number: int, terms: Array, shares: Array
    ) -> Contribution:
        weight = float(terms[number]), float(shares[number])
        if found.initial is not None:
            if number == 0:
                sources = self._sources(found.address, (found.initial,))
                return Contribution((), *weight, (found.initial,), sources)
            number -= 1
        coordinates = found.coordinates(number)
        operands, presence = factors(found, coordinates)
        sources = self._sources(found.address, operands)
        return Contribution(coordinates, *weight, operands, sources, presence)

    def _sources(self, target: Address, operands: tuple[Factor, ...]) -> tuple[AncestryStop, ...]:
        """What carries the value on comes first: gradients into a gradient, then what was computed.

        Among equals the one of largest size.
        """
        stops = [self.stop(o.address) for o in operands if o.address is not None]
        return tuple(sorted(stops, key=lambda stop: (_rank(target, stop), -abs(stop.value))))


def _rank(target: Address, stop: AncestryStop) -> int:
    if target.part and stop.address.is_gradient:
        return 0
    if stop.origin is Origin.COMPUTED:
        return 1 if stop.address.part else 2
    order = (Origin.IMAGE, Origin.PARAMETER, Origin.BEFORE, Origin.TARGET)
    return 3 + (order.index(stop.origin) if stop.origin in order else len(order))


def _weighed(found: Derivation) -> tuple[Array, Array, Array]:
    """All terms (the initial value first), their shares, and the numbers to rank them by."""
    terms = found.term_values
    if found.rule is NestRule.MAX:
        shares = np.zeros(len(terms))
        shares[int(np.argmax(terms))] = 1.0
        return terms, shares, np.where(np.isnan(terms), np.inf, terms)
    if found.initial is not None:
        terms = np.concatenate(([found.initial.value], terms))
    sizes = np.abs(terms)
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    return terms, _shares(sizes), sizes


def _shares(sizes: Array) -> Array:
    """Parts of the whole; what is infinite takes all, and of nothing there is no part."""
    endless = np.isinf(sizes)
    if endless.any():
        return np.asarray(endless / np.count_nonzero(endless))
    largest = sizes.max(initial=0.0)
    if largest == 0:
        return np.zeros(len(sizes))
    scaled = sizes / largest
    return np.asarray(scaled / scaled.sum())


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
    rule: NestRule
    count: int
    total: float | None
    uses: tuple[Use, ...]
    rest_sum: float | None

    @property
    def rest_count(self) -> int:
        """How many uses are not listed."""
        return self.count - len(self.uses)


def feeds(ancestry: Ancestry, address: Address, top: int = TOP) -> tuple[Feed, ...]:
    """Who uses a value, in execution order; copies are passed over."""
    _ = ancestry.stop(address)
    found = _feeds(ancestry, ancestry.tape.resolve(address), top)
    order = {operation.nest.target: k for k, operation in enumerate(ancestry.operations)}
    return tuple(sorted(found, key=lambda feed: order[feed.target]))


def _feeds(ancestry: Ancestry, own: Address, top: int) -> Iterator[Feed]:
    tape = ancestry.tape
    for operation in ancestry.operations:
        nest = operation.nest
        if nest.rule is NestRule.COPY:
            for cell in _terms_with(tape, nest, own):
                yield from _feeds(ancestry, tape.resolve(nest.target.at(_target(nest, cell))), top)
            continue
        terms = _terms_with(tape, nest, own)
        if len(terms):
            yield _feed(tape, operation, terms, top)
        yield from _started(tape, operation, own, top)


def _feed(tape: Tape, operation: Operation, coordinates: Array, top: int) -> Feed:
    nest = operation.nest
    region = _box(coordinates)
    terms = _picked(block_values(tape, nest, nest.by_target, region), region, coordinates)
    is_maximum, is_sum = nest.rule is NestRule.MAX, nest.rule is NestRule.SUM
    rows = [tuple(row) for row in coordinates.tolist()]
    took = [not is_maximum or _won(tape, nest, row) for row in rows]
    sizes = np.where(np.isnan(terms), np.inf, np.abs(terms))
    order = np.lexsort((-sizes, ~np.array(took)))[:top]
    uses = []
    for k in order:
        target = nest.target.at(_target(nest, rows[k]))
        operands = tuple(operand.at(tape, rows[k]) for operand in nest.by_target.operands)
        uses.append(Use(target, tape.value(target), rows[k], float(terms[k]), operands, took[k]))
    total = float(terms.sum()) if is_sum else None
    rest = float(np.delete(terms, order).sum()) if is_sum else None
    made = operation.phase, operation.layer, nest.rule
    return Feed(nest.target, *made, len(terms), total, tuple(uses), rest)


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
    made = operation.phase, operation.layer, nest.rule
    yield Feed(nest.target, *made, len(rows), total, uses, rest)


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


def _existing(tape: Tape, loops: Loops, rows: Array) -> Array:
    """Which of the terms are not absent."""
    region = _box(rows)
    masks = (operand.exists(tape, region) for operand in loops.operands)
    exists = reduce(np.logical_and, (m for m in masks if m is not None), np.array(True))
    return _picked(np.broadcast_to(exists, tuple(len(r) for r in region)), region, rows)


def _picked(block: Array, region: Region, rows: Array) -> Array:
    return np.asarray(block[tuple((rows - [r.start for r in region]).T)])
