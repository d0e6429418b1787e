"""A layer's settings as text in a line, and back: `3`, `2, 1`, `0, 1; 1, 0`, `same`."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from backpropviz.number_text import LARGEST_WHOLE, real_number, whole_number


def setting_text(value: object) -> str:
    """A value as it stands in a line; nothing for what follows from other settings."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        if any(isinstance(item, tuple | list) for item in value):
            return "; ".join(setting_text(item) for item in value)
        text = ", ".join("–" if item is None else setting_text(item) for item in value)
        return text if len(value) != 1 else f"{text},"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).replace("-", "−") if isinstance(value, int | float) else str(value)


def read_setting(text: str, hint: Any) -> object:
    """What a line says, as JSON would have it; whether it suits is for the layer to say."""
    plain = text.strip().replace("−", "-")
    if not plain:
        return None
    if ";" in plain:
        return [_row(part) for part in plain.split(";")]
    if "," in plain or "×" in plain:
        return _row(plain)
    value = _atom(plain)
    return [value] if _is_list(hint) and not isinstance(value, str) else value


def choices_of(hint: Any) -> tuple[object, ...]:
    """The options of a setting that has a few, else none."""
    if hint is bool:
        return (False, True)
    return get_args(hint) if get_origin(hint) is Literal else ()


def may_be_empty(hint: Any) -> bool:
    """Whether a setting may be left out, to follow from others."""
    return get_origin(hint) in {Union, UnionType} and NoneType in get_args(hint)


def takes_whole_numbers(hint: Any) -> bool:
    """Whether the arrow keys may count it up and down."""
    return hint is int or (get_origin(hint) in {Union, UnionType} and int in get_args(hint))


def _row(text: str) -> list[object]:
    parts = text.replace("×", ",").split(",")
    return [_atom(part.strip()) for part in parts if part.strip()]


def _atom(text: str) -> object:
    if text in {"–", "-"}:
        return None
    whole = whole_number(text, -LARGEST_WHOLE)
    return whole if whole is not None else text if (n := real_number(text)) is None else n


def _is_list(hint: Any) -> bool:
    """A tuple of any length, also where it may be left out."""
    options = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return any(
        get_origin(option) is tuple and get_args(option)[-1] is Ellipsis for option in options
    )
