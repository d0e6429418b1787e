"""A session as plain JSON, and back with every field checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import Place, Session, Subject
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.engine.address import parse
from backpropviz.engine.program import Phase
from backpropviz.errors import UserError

VERSION = 1
Json = Mapping[str, Any]
T = TypeVar("T")


def to_json(session: Session) -> dict[str, Any]:
    """Plain dictionaries, lists, texts and numbers."""
    state, subject = session.state, session.subject
    return {
        "version": VERSION,
        "network": subject.network,
        "image": subject.image,
        "target": subject.target,
        "settings": dict(subject.settings),
        "place": {
            "array": None if session.place.array is None else str(session.place.array),
            "coordinates": list(session.place.coordinates),
        },
        "depth": state.depth.title,
        "order": state.order.value,
        "overrides": {str(array): order.value for array, order in session.overrides},
        "show_absent": state.show_absent,
        "breakpoints": [_breakpoint_to_json(b) for b in state.breakpoints],
        "watches": [str(address) for address in state.watches],
        "pins": [str(address) for address in state.pins],
    }


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
    fields = _object(data, "the session")
    version = _of(fields, "version", int)
    if version != VERSION:
        raise UserError(
            f"the session has version {version}, but this program reads version {VERSION}: "
            "open it with the program that saved it."
        )
    place = _object(_of(fields, "place", dict), "place")
    array = _optional(place, "array", str)
    coordinates = tuple(_each(place, "coordinates", int))
    state = SessionState(
        depth=_choice(fields, "depth", {depth.title: depth for depth in Depth}),
        order=_choice(fields, "order", _ORDERS),
        show_absent=_of(fields, "show_absent", bool),
        breakpoints=tuple(_breakpoint(b) for b in _each(fields, "breakpoints", dict)),
        watches=tuple(parse(text) for text in _each(fields, "watches", str)),
        pins=tuple(parse(text) for text in _each(fields, "pins", str)),
    )
    overrides = _object(_of(fields, "overrides", dict), "overrides")
    return Session(
        _subject(fields),
        Place(None if array is None else parse(array), coordinates),
        state,
        tuple((parse(text), _choice(overrides, text, _ORDERS)) for text in overrides),
    )


_ORDERS: Mapping[str, LoopOrder] = {order.value: order for order in LoopOrder}
_PHASES: Mapping[str, Phase] = {phase.value: phase for phase in Phase}


def _subject(fields: Json) -> Subject:
    settings = _object(_of(fields, "settings", dict), "settings")
    for name, value in settings.items():
        if not isinstance(value, str | int | float | bool | None):
            raise _wrong(name, "a text, a number, true, false or null", value)
    return Subject(
        _of(fields, "network", str),
        _optional(fields, "image", str),
        _optional(fields, "target", str),
        settings,
    )


def _breakpoint(data: object) -> Breakpoint:
    fields = _object(data, "a breakpoint")
    address = _optional(fields, "address", str)
    phase = None if fields.get("phase") is None else _choice(fields, "phase", _PHASES)
    return Breakpoint(
        phase,
        _optional(fields, "layer", str),
        None if address is None else parse(address),
        _of(fields, "condition", str),
        _of(fields, "enabled", bool),
        _of(fields, "ignore", int),
    )


def _object(data: object, what: str) -> Json:
    if not isinstance(data, dict):
        raise _wrong(what, "an object with fields", data)
    return data


def _of(fields: Json, name: str, kind: type[T]) -> T:
    if name not in fields:
        raise UserError(f"the session has no “{name}”: it is damaged or not a session.")
    value = fields[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _wrong(name, _KINDS[kind], value)
    return value


_KINDS: Mapping[type, str] = {
    int: "a whole number",
    str: "a text",
    bool: "true or false",
    dict: "an object with fields",
    list: "a list",
}


def _optional(fields: Json, name: str, kind: type[T]) -> T | None:
    return None if fields.get(name) is None else _of(fields, name, kind)


def _each(fields: Json, name: str, kind: type[T]) -> list[T]:
    return [_of({name: item}, name, kind) for item in _of(fields, name, list)]


def _choice(fields: Json, name: str, choices: Mapping[str, T]) -> T:
    value = _of(fields, name, str)
    if value not in choices:
        raise _wrong(name, f"one of {', '.join(choices)}", value)
    return choices[value]


def _wrong(name: str, wanted: str, value: object) -> UserError:
    return UserError(f"in the session “{name}” must be {wanted}, but it is {value!r:.40}.")
