"""What every overview is made of: an array as a thumbnail, its summary in numbers, its name."""

from __future__ import annotations

import math
from dataclasses import field
from functools import lru_cache

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.figures.network.thumbnails import PHOTO_SIDE, not_computed, photograph, thumbnail
from backpropviz.figures.scales import Scale, Scales, finite_values
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.importers.fit import displayable
from backpropviz.scene.cells import Cell, CellState, cells, number_font, value_fill
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Box, Group, Mark, Rect
from backpropviz.scene.numbers import shown, shown_group
from backpropviz.scene.theme import Theme

_NUMBERED = 26
"""Cells of at least this side carry their number."""


@frozen
class Statistics:
    """Of all values of an array; `zeros` is the share that is exactly 0."""

    low: float
    high: float
    mean: float
    zeros: float
    finite: bool

    @property
    def range_text(self) -> str:
        """`−0.86 … 0.79`."""
        if self.low == self.high:
            return shown(self.low)
        return f"{shown(self.low)} … {shown(self.high)}"

    @property
    def mean_text(self) -> str:
        """`mean 0.012`."""
        return f"mean {shown(self.mean)}"

    @property
    def zeros_text(self) -> str:
        """`75 % zero`, `none zero`."""
        if not self.finite:
            return "holds NaN or ∞"
        if self.zeros == 0:
            return "none zero"
        percent = self.zeros * 100
        return f"{percent:.0f} % zero" if percent >= 1 else "below 1 % zero"


@frozen(eq=False)
class _Kept:
    thumbnails: dict[tuple[Address, int, str, int], tuple[Mark, ...]] = field(default_factory=dict)
    statistics: dict[Address, Statistics] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _kept(scales: Scales) -> _Kept:
    """Of the pass that is shown; that of the pass before is let go."""
    del scales
    return _Kept()


def is_computed(view: View, address: Address) -> bool:
    """Whether all of an array is known at the shown position."""
    done, total = view.steps_done(address)
    return done >= total


def statistics(view: View, address: Address) -> Statistics:
    """The summary of an array of the tape."""
    known = _kept(view.scales).statistics
    if address not in known:
        known[address] = _measured(view.tape[address])
    return known[address]


def _measured(values: Array) -> Statistics:
    finite = finite_values(values)
    some = finite if finite.size else np.zeros(1)
    return Statistics(
        float(some.min()),
        float(some.max()),
        float(some.mean(dtype=np.float64)),
        (values.size - np.count_nonzero(values)) / values.size,
        finite.size == values.size,
    )


def array_thumbnail(
    view: View, address: Address, x: float, y: float, size: int, theme: Theme
) -> tuple[Mark, ...]:
    """An array in a square, a dotted frame where it is not computed; the square names it."""
    if is_computed(view, address):
        kept = _kept(view.scales).thumbnails
        key = (address, size, theme.name, view.sample)
        if key not in kept:
            kept[key] = _drawn(view, address, size, theme)
        marks = kept[key]
    else:
        marks = not_computed(size, theme)
    name = Rect(0, 0, size, size, fill=theme.stage + "00", key=address.name)
    return (Group((*marks, name), round(x), round(y)),)


def _drawn(view: View, address: Address, size: int, theme: Theme) -> tuple[Mark, ...]:
    values = _of_sample(view, address)
    is_large = values.ndim == 3 and min(values.shape[-2:]) >= PHOTO_SIDE
    if address == IMAGE and is_large and len(values) == view.model.preprocessing.channels:
        return photograph(displayable(values, view.model.preprocessing), size, theme)
    scale = view.scales.of(address, theme)
    numbered = _numbered(values, size, scale, address, theme)
    return numbered or thumbnail(values, size, theme, scale)


def _numbered(
    values: Array, size: int, scale: Scale, address: Address, theme: Theme
) -> tuple[Mark, ...]:
    """A small plane in cells with numbers; nothing where they have no room."""
    planes = values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values.reshape(1, 1, -1)
    rows, columns = planes.shape[1:]
    side = size // max(rows, columns, 1)
    if len(planes) > 1 or side < _NUMBERED:
        return ()
    signed = address.is_gradient or address.part == "step"
    texts = shown_group(planes.ravel().tolist(), signed=signed)
    font = number_font(side, side, texts)
    if font is None:
        return ()
    grid = Grid((size - side * columns) // 2, (size - side * rows) // 2, rows, columns, side, side)
    numbers = zip(planes.ravel().tolist(), texts, strict=True)
    return cells(
        (
            _cell(value, text, grid.cell(*divmod(k, columns)), scale)
            for k, (value, text) in enumerate(numbers)
        ),
        theme,
    )


def _cell(value: float, text: str, box: Box, scale: Scale) -> Cell:
    if not math.isfinite(value):
        return Cell(box, CellState.NOT_FINITE, text)
    fill = value_fill(value, scale.colormap, scale.limits)
    return Cell(box, CellState.FINAL, text, fill)


def _of_sample(view: View, address: Address) -> Array:
    """Maps, a plane, a vector or a number: of the shown sample, or all kernels of a filter."""
    values = view.tape[address]
    if address.quantity not in PARAMETERS and values.ndim:
        values = values[view.sample if len(values) == view.tape.batch else 0]
    return values.reshape(-1, *values.shape[-2:]) if values.ndim > 3 else values
