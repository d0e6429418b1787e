"""A session: what was looked at, where one stood, and the marks.

Places are written as addresses and loop coordinates, not as step numbers, so that a session finds
its place again when the pass has more or fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from backpropviz.debugger.state import SessionState, Stop, StopReason
from backpropviz.debugger.steps import LoopOrder
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.nest import Coordinates
from backpropviz.frozen import frozen

Scalar = str | int | float | bool | None


@frozen
class Place:
    """A step: the array that it computes and its loop coordinates; no array at the end."""

    array: Address | None = None
    coordinates: Coordinates = ()


@frozen
class Subject:
    """What is recorded: network (bundled name or file), image, target, and the pass's settings."""

    network: str
    image: str | None = None
    target: str | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)


@frozen
class Session:
    """A subject, a place, and the state without its position and without numbers of operations.

    `overrides` are the loop orders chosen for single arrays.
    """

    subject: Subject
    place: Place
    state: SessionState
    overrides: tuple[tuple[Address, LoopOrder], ...] = ()


def place_of(timeline: Timeline, k: int) -> Place:
    """The place of step k."""
    if k == timeline.steps:
        return Place()
    return Place(timeline.nest(timeline.operation_at(k)).target, timeline.coordinates(k))


def position_of(timeline: Timeline, place: Place) -> int | None:
    """The step at a place; where coordinates do not fit, the array's first; None if it is gone."""
    if place.array is None:
        return timeline.steps
    operation = timeline.computed_by(place.array)
    if operation is None:
        return None
    sizes = timeline.loops(operation).sizes
    fits = len(place.coordinates) == len(sizes) and all(
        0 <= c < size for c, size in zip(place.coordinates, sizes, strict=True)
    )
    return timeline.position(operation, place.coordinates if fits else ())


def save(subject: Subject, timeline: Timeline, state: SessionState) -> Session:
    """What is needed to come back."""
    overrides = tuple((timeline.nest(k).target, order) for k, order in state.overrides)
    bare = SessionState(
        depth=state.depth,
        order=state.order,
        show_absent=state.show_absent,
        breakpoints=state.breakpoints,
        watches=state.watches,
        pins=state.pins,
    )
    return Session(subject, place_of(timeline, state.k), bare, overrides)


def restore(session: Session, timeline: Timeline) -> SessionState:
    """The state on a newly recorded pass; at the start where the place no longer exists."""
    found = ((timeline.computed_by(array), order) for array, order in session.overrides)
    overrides = tuple(sorted(((k, o) for k, o in found if k is not None), key=lambda pair: pair[0]))
    kept = session.state
    ordered = timeline.ordered(kept.order, dict(overrides))
    k = position_of(ordered, session.place)
    return SessionState(
        k=k or 0,
        depth=kept.depth,
        order=kept.order,
        overrides=overrides,
        show_absent=kept.show_absent,
        breakpoints=kept.breakpoints,
        watches=kept.watches,
        pins=kept.pins,
        stopped=Stop(StopReason.JUMP if k else StopReason.START),
    )
