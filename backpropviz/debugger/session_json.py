"""A session as plain JSON, and back with every field checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import Place, Session, Subject
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.document import LARGEST_INTEGER, JsonPlace, Readers, Value
from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError

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
    fields = Value(data, JsonPlace("the session")).members(_FIELDS, _FIELDS, "the session")
    version = fields["version"].integer(1, LARGEST_INTEGER)
    if version != VERSION:
        raise UserError(
            f"the session has version {version}, but this program reads version {VERSION}: "
            "open it with the program that saved it."
        )
    place = fields["place"].record(Place, _READERS)
    state = SessionState(
        depth=Depth(DEPTHS.index(fields["depth"].choice(DEPTHS))),
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
        Value(subject, JsonPlace("the session")).record(Subject),
        place,
        state,
        tuple((parse(text), order) for text, order in overrides.items()),
    )


def _address(value: Value) -> Address:
    text = value.text()
    try:
        return parse(text)
    except UserError as error:
        raise value.error(str(error)) from None


DEPTHS = tuple(depth.title for depth in Depth)
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
