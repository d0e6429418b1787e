"""Where did this value come from? Operand by operand, to the loss or down to pixels and weights.

Further names and pure copies are passed over: a stop is where a number was made. Of a sum the
largest terms come first, of a maximum the winner; nothing is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cached_property

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation, derive, factors
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, TARGET
from backpropviz.engine.nest import Coordinates, Factor, Presence, Rule
from backpropviz.engine.program import Operation, Phase
from backpropviz.engine.tape import Tape
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
class Stop:
    """A value on the way: where it was made, and the name by which it was asked for."""

    address: Address
    named: Address
    value: float
    origin: Origin
    phase: Phase | None = None
    rule: Rule | None = None

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
    sources: tuple[Stop, ...]
    presence: Presence = Presence.PRESENT


@frozen
class Parentage:
    """What a value was made of: its largest contributions, and what the others come to.

    `count` includes what the sum starts from (a bias). `rest_sum` is None where terms do not add.
    """

    stop: Stop
    contributions: tuple[Contribution, ...]
    count: int
    rest_sum: float | None
    rest_share: float

    @property
    def rest_count(self) -> int:
        """How many contributions are not listed."""
        return self.count - len(self.contributions)


@frozen
class Path:
    """A way back: from each stop to the next by the largest contribution.

    The i-th step is the contribution to stop i that stop i + 1 carries. A path ends early at a
    value to which nothing contributed.
    """

    stops: tuple[Stop, ...]
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

    def stop(self, address: Address) -> Stop:
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
            return Stop(own, address, float(value), self._given(own))
        rule = operation.nest.rule
        return Stop(own, address, float(value), Origin.COMPUTED, operation.phase, rule)

    def parentage(self, address: Address, top: int = TOP) -> Parentage:
        """What a value was made of; errors as for `stop`. What was given has no contributions."""
        stop = self.stop(address)
        if stop.is_end:
            return Parentage(stop, (), 0, None, 0.0)
        found = derive(self.tape, self.by_target[stop.address.array].nest, stop.address)
        terms, shares, ranking = _weighed(found)
        chosen = np.argsort(-ranking, kind="stable")[:top]
        listed = tuple(self._contribution(found, int(k), terms, shares) for k in chosen)
        rest = None
        if found.rule is Rule.SUM:
            others = np.delete(terms, chosen)
            rest = float(np.sum(others))
        rest_share = max(0.0, 1.0 - float(shares[chosen].sum())) if len(listed) < len(terms) else 0
        return Parentage(stop, listed, len(terms), rest, rest_share)

    def main_path(self, address: Address) -> Path:
        """The largest contributor each time, until something given; errors as for `stop`."""
        stops, steps = [self.stop(address)], []
        while not stops[-1].is_end:
            largest = self.parentage(stops[-1].address, 1).contributions
            if not largest or not largest[0].sources or _is_blocked(stops[-1], largest[0]):
                break
            steps.append(largest[0])
            stops.append(largest[0].sources[0])
        return Path(tuple(stops), tuple(steps))

    def _made(self, address: Address) -> Address:
        """Through further names and copies to the array that the value was computed in."""
        own = self.tape.resolve(address)
        operation = self.by_target.get(own.array)
        while operation is not None and operation.nest.rule is Rule.COPY:
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

    def _sources(self, target: Address, operands: tuple[Factor, ...]) -> tuple[Stop, ...]:
        """What carries the value on comes first: gradients into a gradient, then what was computed.

        Among equals the one of largest size.
        """
        stops = [self.stop(o.address) for o in operands if o.address is not None]
        return tuple(sorted(stops, key=lambda stop: (_rank(target, stop), -abs(stop.value))))


def _rank(target: Address, stop: Stop) -> int:
    if target.part and stop.address.is_gradient:
        return 0
    if stop.origin is Origin.COMPUTED:
        return 1 if stop.address.part else 2
    order = (Origin.IMAGE, Origin.PARAMETER, Origin.BEFORE, Origin.TARGET)
    return 3 + (order.index(stop.origin) if stop.origin in order else len(order))


def _is_blocked(stop: Stop, largest: Contribution) -> bool:
    """Whether nothing came through: all terms of a sum are 0, or a gradient was stopped."""
    return largest.term == 0 and (stop.rule is Rule.SUM or stop.address.is_gradient)


def _weighed(found: Derivation) -> tuple[Array, Array, Array]:
    """All terms (the initial value first), their shares, and the numbers to rank them by."""
    terms = found.term_values
    if found.rule is Rule.MAX:
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
