"""Which pixel lies under a window's cell, and which window has a pixel under its cell."""

from __future__ import annotations

from backpropviz.engine.index import Index
from backpropviz.engine.kernels.geometry import Window


def under(window: Window, y: Index, x: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The pixel (u, v) under cell (i, j) of window (y, x)."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return y * sy + i * dy - top, x * sx + j * dx - left


def reached(window: Window, u: Index, v: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The window (y, x) whose cell (i, j) lies on pixel (u, v), where there is one."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return (u + top - i * dy).exactly_by(sy), (v + left - j * dx).exactly_by(sx)
