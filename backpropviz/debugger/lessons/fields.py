"""The values of a lesson file with their lines, read with care: each error says what to write."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from backpropviz.debugger.lessons.expression import LessonExpression, parse_expression
from backpropviz.debugger.lessons.prose import Prose, parse_prose
from backpropviz.debugger.lessons.toml_places import TomlPath, TomlPlaces, places_of
from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

_AT = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL)
LONGEST_TEXT = 6000


@frozen
class Field:
    """A value of a file, and where it stands."""

    value: object
    path: TomlPath
    file: str
    places: TomlPlaces

    @property
    def line(self) -> int:
        """The line (from 1) on which it begins."""
        return self.places.line(self.path)

    def error(self, sentence: str) -> UserError:
        """An error about this value."""
        return located(self.file, self.line, sentence)

    def line_of(self, piece: str) -> int:
        """The line on which a piece of this text stands."""
        return self.places.line_within(self.path, piece)

    def error_within(self, piece: str, sentence: str) -> UserError:
        """An error about a piece of this text."""
        return located(self.file, self.line_of(piece), sentence)

    def members(
        self, what: str, allowed: Sequence[str], required: Sequence[str] = ()
    ) -> Mapping[str, Field]:
        """The fields of a table; `what` says what the table is."""
        if not isinstance(self.value, dict):
            raise self.error(f"{what} must be a table with named fields: {', '.join(allowed)}.")
        found = {name: self._member(name, value) for name, value in self.value.items()}
        for name, member in found.items():
            if name not in allowed:
                raise member.error(_unknown(name, what, allowed))
        for name in required:
            if name not in found:
                raise self.error(f"{what} has no “{name}”: add it.")
        return found

    def _member(self, name: str, value: object) -> Field:
        return Field(value, (*self.path, name), self.file, self.places)

    def items(self) -> tuple[Field, ...]:
        """The items of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"{self._name} must be a list: write [ … ].")
        return tuple(
            Field(value, (*self.path, number), self.file, self.places)
            for number, value in enumerate(self.value)
        )

    def one_or_more(self) -> tuple[Field, ...]:
        """The items of a list, or a single value as a list of one."""
        return self.items() if isinstance(self.value, list) else (self,)

    def text(self) -> str:
        """A text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(f'{self._name} must be a text: write "…" in quotes.')
        if len(self.value) > LONGEST_TEXT:
            raise self.error(f"{self._name} is too long: use at most {LONGEST_TEXT} characters.")
        return self.value.strip()

    def heading(self) -> str:
        """A text in one line that can be printed."""
        text = self.text()
        if not text.isprintable():
            raise self.error(f"{self._name} must be one line: remove line ends and tabs.")
        return text

    def choice(self, options: Sequence[str]) -> str:
        """One of some words."""
        if not isinstance(self.value, str) or self.value not in options:
            listed = ", ".join(f'"{option}"' for option in options)
            raise self.error(f"{self._name} cannot be {_shown(self.value)}: use one of {listed}.")
        return self.value

    def integer(self, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(
                f"{self._name} cannot be {_shown(value)}: "
                f"use a whole number from {least} to {most}."
            )
        return value

    def number(self) -> float:
        """A number that is not negative."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise self.error(f"{self._name} cannot be {_shown(value)}: use 0 or a positive number.")
        return float(value)

    def flag(self) -> bool:
        """true or false."""
        if not isinstance(self.value, bool):
            raise self.error(f"{self._name} cannot be {_shown(self.value)}: use true or false.")
        return self.value

    def address(self) -> Address:
        """An address."""
        text = self.text()
        try:
            return parse(text)
        except UserError as error:
            raise self.error(str(error)) from None

    def expression(self) -> LessonExpression:
        """Arithmetic on addresses; a bare number will do."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        text = repr(self.value) if is_number else self.text()
        try:
            return parse_expression(text, self.line)
        except UserError as error:
            raise self.error(str(error)) from None

    def prose(self) -> Prose:
        """Paragraphs with `code`, **bold** and {values}."""
        return parse_prose(self.text(), self)

    @property
    def _name(self) -> str:
        names = [key for key in self.path if isinstance(key, str)]
        return f"“{names[-1]}”" if names else "the file"


def located(file: str, line: int, sentence: str) -> UserError:
    """`my.toml, line 12: …`."""
    return UserError(f"{file}, line {line}: {sentence}")


def read_toml(text: str, file: str) -> Field:
    """The whole of a TOML text as a table.

    Raises:
        UserError: it is not TOML; with the line and column.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        value: dict[str, Any] = tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), plain, file) from None
    except RecursionError:
        raise UserError(f"{file}: lists or tables are nested too deeply: use fewer.") from None
    except ValueError:
        raise UserError(f"{file}: a number or date is out of bounds: use a smaller one.") from None
    return Field(value, (), file, places_of(plain))


def _not_toml(message: str, text: str, file: str) -> UserError:
    found = _AT.match(message)
    what = _in_words(message.removesuffix(" (at end of document)") if not found else found["what"])
    if found is not None:
        place = f"column {found['column']}"
        return located(file, int(found["line"]), f"this is not TOML ({place}): {what}.")
    return located(file, text.count("\n") + 1, f"this is not TOML (at the end): {what}.")


def _in_words(message: str) -> str:
    """The reader's message, with what to do where it is known."""
    if message.startswith("Cannot overwrite"):
        return "this field is given twice: remove one"
    if message.startswith("Unterminated"):
        return "a text was opened and not closed: close its quotes"
    return message[:1].lower() + message[1:].rstrip(".")


def _unknown(name: str, what: str, allowed: Sequence[str]) -> str:
    near = get_close_matches(name, allowed, n=1)
    remedy = f"write “{near[0]}”" if near else f"use {', '.join(allowed)}"
    return f"{what} has no field “{name}”: {remedy}."


def _shown(value: object) -> str:
    return f"{value!r:.60}" if not isinstance(value, str) else f"“{value:.60}”"
