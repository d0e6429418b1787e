"""A configuration dataclass ↔ the fields of a JSON object, checked in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as type_hints

from backpropviz.errors import UserError

KIND_FIELD = "kind"


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
    kind = given.get(KIND_FIELD)
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(
            f"{where}: {_quoted(kind)} is not a kind of {noun}; there are {', '.join(kinds)}."
        )
    values = {name: value for name, value in given.items() if name != KIND_FIELD}
    _check_names(kinds[kind], kind, values, where)
    hints = type_hints(kinds[kind])
    checked = {name: _checked(name, value, hints[name], where) for name, value in values.items()}
    try:
        return kinds[kind](**checked)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _check_names(cls: type[Any], kind: str, given: Mapping[str, object], where: str) -> None:
    known = {field.name: field for field in fields(cls)}
    allowed = f"it has {', '.join(known)}" if known else "it has none"
    for name in given:
        if name not in known:
            raise UserError(f"{where}: “{name}” is not a field of {kind}; {allowed}.")
    for name, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and name not in given:
            raise UserError(f"{where}: {kind} needs the field “{name}”.")


def _checked(name: str, value: object, hint: Any, where: str) -> object:
    try:
        return _fitted(value, hint)
    except TypeError:
        raise UserError(f"{where}: {name} = {value!r} must be {_in_words(hint)}.") from None


def _fitted(value: object, hint: Any) -> object:
    """The value as the annotation wants it (lists become tuples); TypeError if it does not fit."""
    origin, options = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return _fitted_to_any(value, options)
    if origin is tuple and isinstance(value, list | tuple):
        return _fitted_tuple(value, options)
    if origin is Literal and value in options:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    raise TypeError


def _fitted_to_any(value: object, options: tuple[Any, ...]) -> object:
    for option in options:
        try:
            return _fitted(value, option)
        except TypeError:
            continue
    raise TypeError


def _fitted_tuple(
    value: list[object] | tuple[object, ...], options: tuple[Any, ...]
) -> tuple[object, ...]:
    if len(options) == 2 and options[1] is Ellipsis:
        return tuple(_fitted(item, options[0]) for item in value)
    if len(value) != len(options):
        raise TypeError
    return tuple(_fitted(item, option) for item, option in zip(value, options, strict=True))


_WORDS: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "null",
}


def _in_words(hint: Any) -> str:
    origin, options = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return " or ".join(_in_words(option) for option in options)
    if origin is Literal:
        return " or ".join(_quoted(option) for option in options)
    if origin is tuple and options[-1] is Ellipsis:
        return f"a list of which each item is {_in_words(options[0])}"
    if origin is tuple:
        return f"[{', '.join(_in_words(option) for option in options)}]"
    return _WORDS.get(hint, str(hint))


def _as_json(value: object) -> object:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value


def _quoted(value: object) -> str:
    return f"“{value}”" if isinstance(value, str) else repr(value)
