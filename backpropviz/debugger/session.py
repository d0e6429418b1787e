"""All that the debugger knows, without arrays: cheap to compare and undo; and how it is saved.

In a saved session places are written as addresses and loop coordinates, not as step numbers, so
that it finds its place again when the pass has more or fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.timeline import Depth, LoopOrder, Step, Timeline
from backpropviz.document import LARGEST_INTEGER, JsonPlace, Readers, Value
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.nest import Coordinates
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class StopReason(Enum):
    """Why the debugger stands where it stands."""

    START = "before the first step"
    END = "at the end"
    STEP = "after a step"
    JUMP = "after a jump"
    BREAKPOINT = "at a breakpoint"


@frozen
class StopCause:
    """A reason, with the place of the breakpoint that it was."""

    reason: StopReason = StopReason.JUMP
    breakpoint: str = ""

    def __str__(self) -> str:
        """`at a breakpoint (conv1.weight.grad: value is nan)`."""
        text = self.reason.value
        return f"{text} ({self.breakpoint})" if self.breakpoint else text


@frozen
class SessionState:
    """Position, wishes, and marks. `overrides` are operations whose loop order differs.

    Two states have k = 0: the start, with nothing in focus, and the first block in focus.
    """

    k: int = 0
    depth: Depth = Depth.TENSOR
    order: LoopOrder = LoopOrder.TARGET
    overrides: tuple[tuple[int, LoopOrder], ...] = ()
    show_absent: bool = False
    breakpoints: tuple[Breakpoint, ...] = ()
    watches: tuple[Address, ...] = ()
    pins: tuple[Address, ...] = ()
    stopped: StopCause = StopCause()

    @property
    def has_begun(self) -> bool:
        """False at the start, where nothing is in focus; its reason is kept by no other place."""
        return self.k > 0 or self.stopped.reason is not StopReason.START

    def at(self, k: int, reason: StopReason, depth: Depth | None = None) -> SessionState:
        return replace(
            self, k=k, depth=self.depth if depth is None else depth, stopped=StopCause(reason)
        )


def timeline_of(timeline: Timeline, state: SessionState) -> Timeline:
    """The timeline in the loop orders that the state asks for; itself where they are the same."""
    return timeline.ordered(state.order, dict(state.overrides))


def focus(timeline: Timeline, state: SessionState) -> Step | None:
    """The block about to run, shown as it will be when it has run; None at start and end."""
    if not state.has_begun or state.k == timeline.steps:
        return None
    return timeline.step(state.k, state.depth)


def focus_block(timeline: Timeline, state: SessionState) -> tuple[int, int]:
    """Start and stop of the focus; (0, 0) at the start, (N, N) at the end."""
    if not state.has_begun:
        return 0, 0
    return timeline.block(state.k, state.depth)


def shown_position(timeline: Timeline, state: SessionState) -> int:
    """How many steps have run in what the screen shows: all up to the focus's end."""
    return focus_block(timeline, state)[1]


_KEPT = 100


@frozen
class Visit:
    """A position and the depth it was looked at."""

    k: int
    depth: Depth
    has_begun: bool = True


@frozen
class JumpHistory:
    """Visits behind and ahead, nearest last."""

    behind: tuple[Visit, ...] = ()
    ahead: tuple[Visit, ...] = ()

    def left(self, visit: Visit) -> JumpHistory:
        """After a jump away from a visit; what was ahead is forgotten."""
        if self.behind and self.behind[-1] == visit:
            return JumpHistory(self.behind)
        return JumpHistory((*self.behind, visit)[-_KEPT:])

    def back(self, here: Visit) -> tuple[Visit, JumpHistory] | None:
        """The visit before, and the history then; None where there is none."""
        if not self.behind:
            return None
        return self.behind[-1], JumpHistory(self.behind[:-1], (*self.ahead, here))

    def forward(self, here: Visit) -> tuple[Visit, JumpHistory] | None:
        """The visit that `back` came from, and the history then; None where there is none."""
        if not self.ahead:
            return None
        return self.ahead[-1], JumpHistory((*self.behind, here), self.ahead[:-1])


Scalar = str | int | float | bool | None


@frozen
class SavedPlace:
    """A step: the array that it computes and its loop coordinates.

    No array is the end; the image, which no step computes, the start.
    """

    array: Address | None = None
    coordinates: Coordinates = ()


@frozen
class SavedSubject:
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

    subject: SavedSubject
    place: SavedPlace
    state: SessionState
    overrides: tuple[tuple[Address, LoopOrder], ...] = ()


START = SavedPlace(IMAGE)


def place_of(timeline: Timeline, k: int) -> SavedPlace:
    """The place of step k."""
    if k == timeline.steps:
        return SavedPlace()
    return SavedPlace(timeline.nest(timeline.operation_at(k)).target, timeline.coordinates(k))


def position_of(timeline: Timeline, place: SavedPlace) -> int | None:
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


def save(subject: SavedSubject, timeline: Timeline, state: SessionState) -> Session:
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
    place = place_of(timeline, state.k) if state.has_begun else START
    return Session(subject, place, bare, overrides)


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
        stopped=StopCause(StopReason.START if k is None else StopReason.JUMP),
    )


VERSION = 1


def to_json(session: Session) -> dict[str, Any]:
    """Plain dictionaries, lists, texts and numbers."""
    state, subject = session.state, session.subject
    return {
        "version": VERSION,
        "network": subject.network,
        "image": subject.image,
        "target": subject.target,
        "settings": dict(subject.settings),
        "place": _place_to_json(session.place),
        "depth": state.depth.title,
        "order": state.order.value,
        "overrides": {str(array): order.value for array, order in session.overrides},
        "show_absent": state.show_absent,
        "breakpoints": [_breakpoint_to_json(b) for b in state.breakpoints],
        "watches": [str(address) for address in state.watches],
        "pins": [str(address) for address in state.pins],
    }


def moment_to_json(timeline: Timeline, state: SessionState) -> dict[str, Any]:
    """Of a session's members those that say where it stands."""
    place = place_of(timeline, state.k) if state.has_begun else START
    return {
        "place": _place_to_json(place),
        "depth": state.depth.title,
        "order": state.order.value,
    }


def _place_to_json(place: SavedPlace) -> dict[str, Any]:
    array = None if place.array is None else str(place.array)
    return {"array": array, "coordinates": list(place.coordinates)}


def _breakpoint_to_json(found: Breakpoint) -> dict[str, Any]:
    return {
        "phase": None if found.phase is None else found.phase.value,
        "layer": found.layer,
        "address": None if found.address is None else str(found.address),
        "condition": found.condition,
        "enabled": found.enabled,
        "ignore": found.ignore,
    }


def from_json(data: object) -> Session:
    """The session that `to_json` wrote.

    Raises:
        UserError: something is missing, unknown or of the wrong kind; the sentence names it.
    """
    fields = Value(data, JsonPlace("the session")).members(_FIELDS, _FIELDS, "the session")
    version = fields["version"].integer(1, LARGEST_INTEGER)
    if version != VERSION:
        raise UserError(
            f"the session has version {version}, but this program reads version {VERSION}: "
            "open it with the program that saved it."
        )
    place = fields["place"].record(SavedPlace, _READERS)
    state = SessionState(
        depth=read_depth(fields["depth"]),
        order=fields["order"].fitted(LoopOrder),
        show_absent=fields["show_absent"].flag(),
        breakpoints=tuple(
            item.record(Breakpoint, _READERS) for item in fields["breakpoints"].items()
        ),
        watches=fields["watches"].fitted(tuple[Address, ...], _READERS),
        pins=fields["pins"].fitted(tuple[Address, ...], _READERS),
    )
    subject = {name: fields[name].value for name in _SUBJECT}
    overrides = fields["overrides"].fitted(Mapping[str, LoopOrder])
    return Session(
        Value(subject, JsonPlace("the session")).record(SavedSubject),
        place,
        state,
        tuple((parse(text), order) for text, order in overrides.items()),
    )


def read_depth(value: Value) -> Depth:
    """A depth by its name."""
    return Depth(_DEPTHS.index(value.choice(_DEPTHS)))


def _address(value: Value) -> Address:
    text = value.text()
    try:
        return parse(text)
    except UserError as error:
        raise value.error(str(error)) from None


_DEPTHS = tuple(depth.title for depth in Depth)
_READERS: Readers = {Address: _address}
_SUBJECT = ("network", "image", "target", "settings")
_FIELDS = (
    "version",
    *_SUBJECT,
    "place",
    "depth",
    "order",
    "overrides",
    "show_absent",
    "breakpoints",
    "watches",
    "pins",
)
