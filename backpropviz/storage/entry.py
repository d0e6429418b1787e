"""JSON from anywhere, read with care: each value knows its place, and each error names it."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

LONGEST_TEXT = 2000
LARGEST_INTEGER = 10**15


def plain(value: object, *, lines: bool = False) -> object:
    """A value for a JSON file, each text of it such that `Entry.text` reads it again.

    Names from a file system may hold anything: what is no character or cannot be printed is
    written as its number, and of a long one the two ends stay. Only a remark may have `lines`.
    """
    match value:
        case str():
            return _plain_text(value, lines=lines)
        case Mapping():
            return {name: plain(item, lines=name == "remark") for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value


def _plain_text(text: str, *, lines: bool) -> str:
    kept = "\n" if lines else ""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in kept else _number(c) for c in text)
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2 - 2
        text = f"{text[:half]} … {text[-half:]}"
    return text


def _number(character: str) -> str:
    r"""`\xe9` for the byte E9 of a name that is not UTF-8, `\u202e` for what only steers text."""
    raw = character.encode("utf-8", "surrogateescape") if character in _BYTES else b""
    return f"\\x{raw[0]:02x}" if raw else ascii(character)[1:-1]


_BYTES = frozenset(map(chr, range(0xDC80, 0xDD00)))


@frozen
class Entry:
    """A JSON value and where it stands, such as `layers[2] (pool1).stride`."""

    value: object
    place: str

    def refuse(self, remedy: str) -> NoReturn:
        """Raise: the place, the value, what to do."""
        place = f"{self.place} = " if self.place else ""
        raise UserError(f"{place}{reprlib.repr(self.value)}: {remedy}.")

    def members(
        self, allowed: Sequence[str] | None = None, required: Sequence[str] = ()
    ) -> Mapping[str, Entry]:
        """The fields of an object; `allowed` None: any."""
        if not isinstance(self.value, dict):
            self.refuse("use an object { … } with named fields")
        for name in self.value:
            if allowed is not None and name not in allowed:
                remedy = f"use {', '.join(allowed)}" if allowed else "leave it out"
                raise UserError(f"{self._begin}{reprlib.repr(name)} is not a field here: {remedy}.")
        for name in required:
            if name not in self.value:
                raise UserError(f"{self._begin}the field “{name}” is missing: add it.")
        return {name: Entry(value, self._at(name)) for name, value in self.value.items()}

    def items(self) -> list[Entry]:
        """The items of a list."""
        if not isinstance(self.value, list):
            self.refuse("use a list [ … ]")
        return [Entry(value, f"{self.place}[{k}]") for k, value in enumerate(self.value)]

    def text(self, longest: int = LONGEST_TEXT, *, lines: bool = False) -> str:
        """A text of bounded length, in one line unless `lines`."""
        if not isinstance(self.value, str):
            self.refuse('use a text in quotes "…"')
        if len(self.value) > longest:
            self.refuse(f"use at most {longest} characters")
        if not (self.value.replace("\n", "") if lines else self.value).isprintable():
            self.refuse("remove what cannot be printed")
        return self.value

    def integer(self, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(f"use a whole number from {least} to {most}")
        return value

    def choice(self, options: Sequence[str]) -> str:
        """One of some texts."""
        if not isinstance(self.value, str) or self.value not in options:
            self.refuse(f"use {' or '.join(options)}")
        return self.value

    def array(self, shape: Shape) -> Array:
        """Nested lists of finite numbers, as read-only float32."""
        flat: list[float] = []
        _collect(self, shape, flat)
        array = np.array(flat, dtype=np.float64).reshape(shape)
        if np.abs(array).max(initial=0) > np.finfo(np.float32).max:
            raise UserError(f"{self._begin}a number is too large for float32: use smaller ones.")
        array = array.astype(np.float32)
        array.flags.writeable = False
        return array

    def number(self) -> float:
        """A number, whole or not."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("use a number")
        return float(value)

    @property
    def _begin(self) -> str:
        return f"{self.place}: " if self.place else ""

    def _at(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def _collect(entry: Entry, shape: Shape, flat: list[float]) -> None:
    if not shape:
        flat.append(entry.number())
        return
    if not isinstance(entry.value, list):
        entry.refuse(f"use lists of numbers for {shape_text(shape)}")
    if len(entry.value) != shape[0]:
        raise UserError(
            f"{entry.place}: {len(entry.value)} items stand here, but {shape_text(shape)} "
            f"needs {shape[0]}: mend the list."
        )
    for item in entry.items():
        _collect(item, shape[1:], flat)


def parse_json(text: str | bytes) -> Entry:
    """Strict JSON: no NaN, no field given twice, numbers that a float holds.

    Raises:
        UserError: with the line and column of a syntax error.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, **_STRICT)
        if "\\ud" in decoded.lower():
            # Half a character, written as \\ud800, could be neither shown nor saved.
            json.dumps(value, ensure_ascii=False).encode()
        return Entry(value, "")
    except json.JSONDecodeError as error:
        raise UserError(
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}."
        ) from None
    except UnicodeEncodeError:
        raise UserError("a text holds half a character (\\ud800 to \\udfff): remove it.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"byte {error.start} is not UTF-8 text: save it as UTF-8.") from None
    except RecursionError:
        raise UserError("the lists or objects are nested too deeply: use fewer levels.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise UserError(f"the field {reprlib.repr(name)} is given twice: remove one.")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST_INTEGER:
        raise UserError(f"the number {reprlib.repr(digits)} is too large: use at most 15 digits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UserError(f"the number {reprlib.repr(digits)} is too large: use a smaller one.")
    return value


def _constant(name: str) -> NoReturn:
    raise UserError(f"{name} is not a number that JSON or a network may hold: use a finite one.")


_STRICT: Mapping[str, Any] = {
    "object_pairs_hook": _object,
    "parse_int": _integer,
    "parse_float": _float,
    "parse_constant": _constant,
}
