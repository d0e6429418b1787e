"""Random geometries and arrays for the kernels' tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from backpropviz.engine.kernels.convolution import Window

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ConvolutionCase:
    """The arrays of one convolution layer and its geometry."""

    image: Array
    weight: Array
    bias: Array
    upstream: Array
    window: Window
    groups: int

    def astype(self, dtype: type[np.floating]) -> ConvolutionCase:
        """Return the same case in another float width."""
        return self.map(lambda array: frozen(array.astype(dtype)))

    def map(self, change: Callable[[Array], Array]) -> ConvolutionCase:
        """Return the same case with each array changed."""
        return replace(
            self,
            image=change(self.image),
            weight=change(self.weight),
            bias=change(self.bias),
            upstream=change(self.upstream),
        )


def frozen(array: Array) -> Array:
    """Make an array read-only, so that a kernel that writes to its input fails."""
    array.flags.writeable = False
    return array


def draw_array(seed: int, shape: tuple[int, ...]) -> Array:
    """Return standard normal float64 values, read-only."""
    return frozen(np.random.default_rng(seed).standard_normal(shape))


@st.composite
def windows(draw: st.DrawFn, most_padding: int = 3, ceil_mode: bool = False) -> Window:
    """Draw a geometry with asymmetric padding."""
    numbers = st.integers(1, 3)
    sides = st.integers(0, most_padding)
    return Window(
        (draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        (draw(numbers), draw(numbers)),
        ((draw(sides), draw(sides)), (draw(sides), draw(sides))),
        (draw(numbers), draw(numbers)),
        ceil_mode and draw(st.booleans()),
    )


def sizes(window: Window) -> st.SearchStrategy[tuple[int, int]]:
    """Draw an input size into which the window fits."""
    smallest = [
        max(1, extent - sum(padding))
        for extent, padding in zip(window.extent, window.padding, strict=True)
    ]
    return st.tuples(*(st.integers(least, least + 6) for least in smallest))


@st.composite
def convolutions(draw: st.DrawFn) -> ConvolutionCase:
    """Draw a convolution layer: batch, groups, channels, filters and any geometry."""
    window = draw(windows())
    height, width = draw(sizes(window))
    n, groups, c, f = (draw(st.integers(1, 3)) for _ in range(4))
    seed = draw(st.integers(0, 1 << 16))
    return ConvolutionCase(
        draw_array(seed, (n, groups * c, height, width)),
        draw_array(seed + 1, (groups * f, c, *window.kernel)),
        draw_array(seed + 2, (groups * f,)),
        draw_array(seed + 3, (n, groups * f, *window.output_size(height, width))),
        window,
        groups,
    )


def case_of(
    image: tuple[int, ...], filters: int, window: Window, groups: int = 1
) -> ConvolutionCase:
    """Return one layer with given sizes, for the shapes at which the kernels change algorithm."""
    return ConvolutionCase(
        draw_array(0, image),
        draw_array(1, (filters, image[1] // groups, *window.kernel)),
        draw_array(2, (filters,)),
        draw_array(3, (image[0], filters, *window.output_size(*image[2:]))),
        window,
        groups,
    )


def padded(amount: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the same padding on all sides."""
    return (amount, amount), (amount, amount)


LARGE = (
    case_of((1, 160, 12, 11), 8, Window((3, 3), padding=padded(1))),
    case_of((2, 160, 12, 11), 6, Window((3, 3), (2, 1), padded(1)), groups=2),
    case_of((2, 24, 130, 130), 3, Window((3, 3), padding=padded(1))),
    case_of((1, 24, 131, 129), 2, Window((3, 3), (1, 2), padded(2), (2, 1))),
    case_of((2, 12, 200, 199), 4, Window((3, 5), (2, 2), padded(1)), groups=2),
    case_of((40, 6, 14, 14), 16, Window((5, 5))),
    case_of((40, 1, 28, 28), 6, Window((5, 5), padding=padded(2))),
    case_of((3, 8, 9, 9), 5, Window((1, 1))),
)
"""Shapes that meet every algorithm, cut by samples and cut by rows."""
