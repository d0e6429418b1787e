"""Breakpoints: where to stop, and under what condition.

A breakpoint names a phase, a layer, an array or one value (what is left out is not asked for), and
may have a condition. Without one it stops where the named thing begins; one value scattered to by
source stops at every term it takes. With one it stops at the step whose result, or term, meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from backpropviz.debugger.timeline import Depth, Timeline, depths_of, operation_of
from backpropviz.engine.contraction import join
from backpropviz.engine.nest import NestRule
from backpropviz.engine.partial import contributions
from backpropviz.engine.tape import Phase, Tape
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

if TYPE_CHECKING:
    # Read and searched for where there is a condition; the first stage does not wait for it.
    from backpropviz.debugger.search import Condition, Search


@frozen
class Breakpoint:
    """Where to stop; the first `ignore` hits are passed, `hits` counts those met so far.

    Raises:
        UserError: it names nothing and has no condition, or the condition cannot be read.
    """

    phase: Phase | None = None
    layer: str | None = None
    address: Address | None = None
    condition: str = ""
    enabled: bool = True
    ignore: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.condition:
            _parsed(self.condition)
        elif self.phase is None and self.layer is None and self.address is None:
            raise UserError("a breakpoint needs a place or a condition: give one of them.")

    @property
    def place(self) -> tuple[Phase | None, str | None, Address | None, str]:
        """What makes it the same breakpoint, whatever its settings."""
        return self.phase, self.layer, self.address, self.condition

    def __str__(self) -> str:
        """`backward › conv1 › conv1.weight.grad[0,0,1,1]: abs(term) > 5`."""
        places = (self.phase and self.phase.value, self.layer, self.address and str(self.address))
        where = " › ".join(place for place in places if place) or "anywhere"
        return f"{where}: {self.condition}" if self.condition else where


class BreakpointHit(NamedTuple):
    """A step at which a breakpoint stops, and how deep one has to look to see why."""

    k: int
    depth: Depth


@frozen(eq=False, slots=False)
class Seeker:
    """Looks for hits of breakpoints in one pass; `proceed` may raise to give up."""

    timeline: Timeline
    tape: Tape
    forward: bool
    proceed: Callable[[], None] = lambda: None

    def nearest(self, found: Breakpoint, k: int) -> BreakpointHit | None:
        """Forwards the first hit from step k on, backwards the last one up to step k.

        Raises:
            UserError: its condition names a value that the pass does not have.
        """
        if found.condition:
            try:
                condition = _parsed(found.condition).on(self.tape)
            except UserError as error:
                raise UserError(f"{error} Change or remove the breakpoint.") from None
            return next(self._conditional(found, condition, k), None)
        if found.address is None:
            return self._first(self._begins(found), k)
        operation = operation_of(self.timeline, self.tape, found.address)
        if operation is None or not self._in_scope(found, operation):
            return None
        return self._first(self._values(operation, found.address), k)

    def doubt(self, found: Breakpoint) -> str:
        """Why its condition can never hold, in a sentence; empty if it may."""
        if not found.condition:
            return ""
        try:
            condition = _parsed(found.condition).on(self.tape)
        except UserError as error:
            return str(error)
        if condition.is_impossible:
            return f"No number can meet “{condition.expression.text}”: it would never stop."
        operations = self._operations(found)
        fit = [number for number in operations if self._can_be_asked(number, condition)]
        if operations and not fit:
            asked = ", ".join(sorted(condition.names))
            if condition.names == {"term"}:
                return "Nothing here has terms, only values: ask for “value” instead of “term”."
            return f"No operation here has all of {asked}: name its own operands and loops."
        numbers = condition.numbers
        if fit and numbers is not None and not numbers.has_finite:
            targets = (self.tape[self.timeline.nest(number).target] for number in fit)
            if all(array.dtype.kind in "iub" for array in targets):
                return "Whole numbers are never NaN or infinite: it would never stop."
        return ""

    def _can_be_asked(self, operation: int, condition: Condition) -> bool:
        """Whether an operation has what a condition speaks of: terms, operands, loops."""
        from backpropviz.debugger.search import Search

        nest, order = self.timeline.nest(operation), self.timeline.orders[operation]
        if nest.rule is NestRule.COPY:
            return condition.names == {"value"}
        if condition.about_term and nest.rule is NestRule.FUNCTION:
            return False
        return Search(self.tape, nest, order, condition, self.forward).is_sensible

    def _first(self, hits: list[BreakpointHit], k: int) -> BreakpointHit | None:
        if self.forward:
            return min((hit for hit in hits if hit.k >= k), default=None)
        return max((hit for hit in hits if hit.k <= k), default=None)

    def _begins(self, found: Breakpoint) -> list[BreakpointHit]:
        by_layer = found.layer is not None
        extents = self.timeline.layers if by_layer else self.timeline.phases
        depth = Depth.LAYER if by_layer else Depth.PHASE
        return [BreakpointHit(e.start, depth) for e in extents if self._in_scope(found, e.first)]

    def _in_scope(self, found: Breakpoint, operation: int) -> bool:
        own = self.timeline.operations[operation]
        return found.phase in {None, own.phase} and found.layer in {None, own.layer}

    def _values(self, operation: int, address: Address) -> list[BreakpointHit]:
        """Where an array begins, where a value does, or the terms that are added to it."""
        nest, start = self.timeline.nest(operation), self.timeline.starts[operation]
        indices = self.tape.resolve(address).indices
        if not indices or nest.rule is NestRule.COPY or len(indices) != len(nest.shape):
            return [BreakpointHit(start, Depth.TENSOR)]
        order = self.timeline.orders[operation]
        if order == 0:
            k = self.timeline.position(operation, nest.element_at(indices))
            return [BreakpointHit(k, Depth.ELEMENT)]
        leaf = depths_of(nest, order)[-1]
        steps = contributions(self.tape, nest, order, indices)
        return [BreakpointHit(start + int(step), leaf) for step in steps]

    def _conditional(
        self, found: Breakpoint, condition: Condition, k: int
    ) -> Iterator[BreakpointHit]:
        operations = self._operations(found)
        for operation in operations if self.forward else reversed(operations):
            start, stop = self.timeline.starts[operation], self.timeline.starts[operation + 1]
            first, last = (max(k, start), stop) if self.forward else (start, min(k + 1, stop))
            if first >= last:
                continue
            own = first - start, last - start
            if hit := self._in_operation(operation, found.address, condition, *own):
                yield BreakpointHit(start + hit.k, hit.depth)

    def _operations(self, found: Breakpoint) -> list[int]:
        if found.address is not None:
            operation = operation_of(self.timeline, self.tape, found.address)
            return [] if operation is None else [operation]
        every = range(len(self.timeline.operations))
        return [operation for operation in every if self._in_scope(found, operation)]

    def _in_operation(
        self, operation: int, address: Address | None, condition: Condition, start: int, stop: int
    ) -> BreakpointHit | None:
        """The nearest hit among the operation's own steps `start … stop − 1`."""
        nest, order = self.timeline.nest(operation), self.timeline.orders[operation]
        leaf = depths_of(nest, order)[-1]
        if nest.rule is NestRule.COPY:
            meets = condition.names == {"value"} and condition.mask(self.tape[nest.target]).any()
            return BreakpointHit(0, leaf) if meets else None
        from backpropviz.debugger.search import Search

        search = Search(self.tape, nest, order, condition, self.forward, self.proceed)
        indices = () if address is None else self.tape.resolve(address).indices
        if indices and len(indices) == len(nest.shape):
            return self._of_one_value(search, indices, start, stop)
        if condition.about_term:
            step = None if nest.rule is NestRule.FUNCTION else search.term(start, stop)
            return None if step is None else BreakpointHit(step, leaf)
        if order == 0:
            step = search.result(start, stop)
            return None if step is None else BreakpointHit(step, Depth.ELEMENT)
        step = search.completion(start, stop)
        return None if step is None else BreakpointHit(step, leaf)

    def _of_one_value(
        self, search: Search, indices: tuple[int, ...], start: int, stop: int
    ) -> BreakpointHit | None:
        nest, order, condition = search.nest, search.order, search.condition
        leaf = depths_of(nest, order)[-1]
        if condition.about_term:
            if nest.rule is NestRule.FUNCTION:
                return None
            met = [BreakpointHit(step, leaf) for step in search.terms_of(indices)]
            inside = [hit for hit in met if start <= hit.k < stop]
            return self._first(inside, start if self.forward else stop - 1)
        steps = contributions(self.tape, nest, order, indices)
        if not len(steps) or not search.is_met_by(indices):
            return None
        if order:
            found = BreakpointHit(int(steps[-1]), leaf)
        else:
            element, sizes = nest.element_at(indices), search.loops.sizes
            first = element + (0,) * (len(sizes) - len(element))
            found = BreakpointHit(join(first, sizes), Depth.ELEMENT)
        return found if start <= found.k < stop else None


def _parsed(condition: str) -> Condition:
    from backpropviz.debugger.search import parse_condition

    return parse_condition(condition)
