"""Where the values of a TOML text stand, so that an error names its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from backpropviz.frozen import frozen

TomlPath: TypeAlias = tuple[str | int, ...]
"""Keys and positions in lists: ("step", 2, "check", "focus")."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_AT = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]*")


@frozen
class TomlPlaces:
    """The span of each value in a text; of a table, that of its head."""

    text: str
    spans: Mapping[TomlPath, tuple[int, int]]

    def line(self, path: TomlPath, piece: str = "") -> int:
        """The line (from 1) of a value, or of what encloses it, or of a piece of its text."""
        while path and path not in self.spans:
            path = path[:-1]
        start, stop = self.spans.get(path, (0, 0))
        return self.text.count("\n", 0, max(self.text.find(piece, start, stop), start)) + 1


def places_of(text: str) -> TomlPlaces:
    """The places of all values of a TOML text that `tomllib.loads` takes, with plain line ends.

    The standard reader gives values without their lines; this only follows the structure.
    """
    return TomlPlaces(text, _Scanner(text).scan())


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.table: TomlPath = ()
        self.counts: dict[TomlPath, int] = {}
        self.spans: dict[TomlPath, tuple[int, int]] = {}

    def scan(self) -> Mapping[TomlPath, tuple[int, int]]:
        self._skip(_BLANK)
        while self.position < len(self.text):
            if self.text[self.position] == "[":
                self._head()
            else:
                self._pair(self.table)
            self._skip(_BLANK)
        return self.spans

    def _head(self) -> None:
        """`[table]` or `[[list of tables]]`."""
        start = self.position
        is_list = self.text.startswith("[[", start)
        self.position += 2 if is_list else 1
        *outer, last = self._keys()
        self.table = (*self._inside(outer), last)
        if is_list:
            self.counts[self.table] = self.counts.get(self.table, -1) + 1
        self.table = self._inside((last,), self.table[:-1])
        self.position = self.text.index("]", self.position) + (2 if is_list else 1)
        self.spans[self.table] = (start, self.position)

    def _inside(self, keys: tuple[str, ...] | list[str], path: TomlPath = ()) -> TomlPath:
        """The path of keys, at the last table of each list on the way."""
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: TomlPath) -> None:
        path = (*table, *self._keys())
        self.position = self.text.index("=", self.position) + 1
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        import tomllib

        keys: list[str] = []
        while not keys or self.text.startswith(".", self.position):
            self.position += 1 if keys else 0
            self._skip(_SPACE)
            found = _KEY_AT.match(self.text, self.position)
            if found is None:  # cannot be in a valid text
                raise ValueError(f"no key at {self.position}")
            self.position = found.end()
            written = found[0]
            if written[0] in {'"', "'"}:
                written = str(tomllib.loads(f"key = {written}")["key"])
            keys.append(written)
            self._skip(_SPACE)
        return keys

    def _value(self, path: TomlPath) -> None:
        start = self.position
        opening = self.text[start : start + 1]
        if opening == "[":
            self._list(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            pattern = _STRING if opening in {'"', "'"} else _PLAIN
            self._skip(pattern)
        self.spans[path] = (start, self.position)

    def _list(self, path: TomlPath) -> None:
        self.position += 1
        number = 0
        self._skip(_BLANK)
        while self.text[self.position] != "]":
            self._value((*path, number))
            number += 1
            self._next_item()
        self.position += 1

    def _inline_table(self, path: TomlPath) -> None:
        self.position += 1
        self._skip(_BLANK)
        while self.text[self.position] != "}":
            self._pair(path)
            self._next_item()
        self.position += 1

    def _next_item(self) -> None:
        self._skip(_BLANK)
        if self.text[self.position] == ",":
            self.position += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.position)
        self.position = self.position if found is None else found.end()
