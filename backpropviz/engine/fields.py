"""A configuration dataclass ↔ the fields of a JSON object, checked in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar, Protocol, TypeVar

from backpropviz.document import KIND_FIELD, JsonPlace, Value

__all__ = ["KIND_FIELD", "Configuration", "from_fields", "to_fields"]


class Configuration(Protocol):
    """A dataclass whose class says which kind it is."""

    kind: ClassVar[str]


C = TypeVar("C")


def to_fields(configuration: Configuration) -> dict[str, object]:
    """The kind and every field, as JSON has them."""
    found: dict[str, object] = {KIND_FIELD: configuration.kind}
    for field in fields(configuration):  # type: ignore[arg-type]
        found[field.name] = _as_json(getattr(configuration, field.name))
    return found


def from_fields(
    kinds: Mapping[str, type[C]], given: Mapping[str, object], noun: str, where: str
) -> C:
    """The configuration that a JSON object describes; `where` begins each sentence.

    Raises:
        UserError: the kind or a field is unknown, missing, of a wrong type or out of range.
    """
    return Value(dict(given), JsonPlace(where, ": ")).configuration(kinds, noun)


def _as_json(value: object) -> object:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value
