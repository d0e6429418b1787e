"""Watches: what is known of chosen values when the focus has run."""

from __future__ import annotations

from backpropviz.debugger.progress import Reading, value_at
from backpropviz.debugger.state import SessionState, shown_position
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Watched:
    """A watch and what it reads; None where the pass has no such value."""

    address: Address
    reading: Reading | None


def read_watches(timeline: Timeline, tape: Tape, state: SessionState) -> tuple[Watched, ...]:
    """Every watch, read after the focus."""
    k = shown_position(timeline, state)
    return tuple(Watched(address, _read(timeline, tape, k, address)) for address in state.watches)


def _read(timeline: Timeline, tape: Tape, k: int, address: Address) -> Reading | None:
    try:
        return value_at(timeline, tape, k, address)
    except UserError:
        return None
