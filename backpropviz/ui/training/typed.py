"""Settings as text in a field, and back."""

from __future__ import annotations

from backpropviz.errors import UserError
from backpropviz.number_text import real_number, whole_number

LARGEST = 10**15
"""Whole numbers stay below it: files hold no larger ones."""
_LONGEST = 30
_SWITCHES = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


def field_text(value: object) -> str:
    """A setting as it stands in its field."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(field_text(item) for item in value)
    # All that a person types, but not what binary fractions leave behind: 100 · 0.07 is 7.
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def told(text: str) -> str:
    """What a person typed, as a sentence repeats it: not in full where it is long."""
    plain = text.strip()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def typed_value(text: str, title: str) -> object:
    """What a person typed: on or off, a number, or numbers separated by commas.

    Raises:
        UserError: it is none of these; the sentence begins with the field's title.
    """
    wanted = text.strip().replace("\u2212", "-")
    if wanted.casefold() in _SWITCHES:
        return _SWITCHES[wanted.casefold()]
    pieces = [_number(piece, title) for piece in wanted.split(",")]
    return pieces[0] if len(pieces) == 1 else pieces


def _number(text: str, title: str) -> int | float:
    whole = whole_number(text, -(10**30), 10**30)
    number = real_number(text, infinite=True) if whole is None else whole
    if number is None:
        raise UserError(f"{title} = “{told(text)}” is no number: type one.")
    return number
