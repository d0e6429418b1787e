"""The part of a large plane that is drawn large, as a mark's key tells it, and as a person chose.

`window:<plane>@<first row>+<rows>/<all rows>,<first column>+<columns>/<all columns>` is the part
itself; `spot:` with the same, `@<row>/<rows>,<column>/<columns>`, is a pixel of the map of the
whole plane, which so many pixels show.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from backpropviz.debugger.steps import Depth
from backpropviz.figures.stage.planes import Plane
from backpropviz.frozen import frozen

WINDOW_KEY, SPOT_KEY = "window:", "spot:"
Cell: TypeAlias = tuple[int, int]
_SPAN = r"(\d+)\+(\d+)/(\d+)"
_WINDOW = re.compile(rf"window:([^@]*)@{_SPAN},{_SPAN}")
_SPOT = re.compile(rf"spot:([^@]*)@{_SPAN},{_SPAN}@(\d+)/(\d+),(\d+)/(\d+)")


@frozen
class CloseUp:
    """What a person chose to see of a plane, and the step at which."""

    plane: str
    rows: range
    columns: range
    k: int
    depth: Depth

    @property
    def middle(self) -> Cell:
        """The cell around which the plane is cut."""
        return middle_of(self.rows), middle_of(self.columns)

    def holds(self, rows: range, columns: range) -> bool:
        """Whether a block of cells lies inside."""
        return _is_inside(rows, self.rows) and _is_inside(columns, self.columns)


@frozen
class Window:
    """A part of a plane: its rows and columns, of how many."""

    plane: str
    rows: range
    columns: range
    whole: Cell

    @property
    def key(self) -> str:
        """As the key of a mark."""
        return WINDOW_KEY + self._words

    def spot_pattern(self, rows: int, columns: int) -> str:
        """The keys of the pixels of a map of the whole."""
        return f"{SPOT_KEY}{self._words}@{{row}}/{rows},{{column}}/{columns}"

    @property
    def _words(self) -> str:
        rows, columns = self.rows, self.columns
        down = f"{rows.start}+{len(rows)}/{self.whole[0]}"
        return f"{self.plane}@{down},{columns.start}+{len(columns)}/{self.whole[1]}"

    def moved(self, down: int, across: int) -> Window:
        """The part so many rows and columns further on, as far as the plane goes."""
        middle = middle_of(self.rows) + down, middle_of(self.columns) + across
        return self.around(*middle)

    def around(self, row: int, column: int) -> Window:
        """A part as large with a cell in its middle, or as near to it as the plane allows."""
        rows = around(row, self.whole[0], len(self.rows))
        columns = around(column, self.whole[1], len(self.columns))
        return Window(self.plane, rows, columns, self.whole)


@frozen
class Spot:
    """A pixel of the map of a whole plane: the cells behind it, and what is drawn large now."""

    window: Window
    rows: range
    columns: range

    @property
    def wanted(self) -> Window:
        """What is to be drawn large when it is clicked."""
        return self.window.around(middle_of(self.rows), middle_of(self.columns))


def window_of(key: str) -> Window | None:
    """The part that a key tells; None for another key."""
    match = _WINDOW.fullmatch(key)
    return None if match is None else _window(match[1], [int(text) for text in match.groups()[1:]])


def spot_of(key: str) -> Spot | None:
    """The pixel that a key tells; None for another key."""
    match = _SPOT.fullmatch(key)
    if match is None:
        return None
    numbers = [int(text) for text in match.groups()[1:]]
    window = _window(match[1], numbers[:6])
    row, rows, column, columns = numbers[6:]
    return Spot(window, part(window.whole[0], rows, row), part(window.whole[1], columns, column))


def window_wanted(key: str) -> Window | None:
    """What is to be drawn large when a mark with the key is clicked."""
    spot = spot_of(key)
    return window_of(key) if spot is None else spot.wanted


def _window(plane: str, numbers: list[int]) -> Window:
    row, rows, all_rows, column, columns, all_columns = numbers
    return Window(
        plane, range(row, row + rows), range(column, column + columns), (all_rows, all_columns)
    )


def window_shown(shown: Plane) -> Window:
    """What part of its whole a plane is."""
    rows = range(shown.first_row, shown.first_row + shown.rows)
    columns = range(shown.first_column, shown.first_column + shown.columns)
    return Window(plane_name(shown), rows, columns, shown.whole)


def plane_name(shown: Plane) -> str:
    """`conv1.output[0,3,:,:]`; of products, which have no address, only that."""
    if shown.address is None:
        return "products"
    indices = ",".join(":" if s is None else str(s) for s in shown.selection)
    return f"{shown.address.name}[{indices}]"


def selection_named(name: str) -> tuple[str, tuple[int | None, ...]]:
    """The array of a plane's name, and the indices that select the plane."""
    array, _, indices = name.removesuffix("]").partition("[")
    parts = indices.split(",") if indices else []
    return array, tuple(None if text == ":" else int(text) for text in parts)


def part(length: int, count: int, number: int) -> range:
    """The cells behind one of `count` pixels, at least one."""
    first = number * length // count
    return range(first, max(first + 1, (number + 1) * length // count))


def around(middle: int, size: int, most: int) -> range:
    """So many of `size` cells, with one in the middle as far as the ends allow."""
    most = max(1, min(most, size))
    first = max(0, min(middle - most // 2, size - most))
    return range(first, first + most)


def middle_of(cells: range) -> int:
    """The cell in the middle, of two the later: `around` makes the same of it again."""
    return cells.start + len(cells) // 2


def _is_inside(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop
