"""Buffers that the caller owns, so that a training loop does not allocate in each update.

A workspace changes where results lie. It never changes which kernel runs or the order of a
summation: results with and without one agree bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Key = tuple[Any, ...]


class Fresh:
    """Allocates anew at each request: what a kernel uses when it is given no workspace."""

    __slots__ = ()

    def result(self, _name: str, shape: tuple[int, ...], dtype: np.dtype[Any], /) -> NDArray[Any]:
        """Return an array for what the kernel hands back; its content is arbitrary."""
        return np.empty(shape, dtype)

    def scratch(self, _name: str, shape: tuple[int, ...], dtype: np.dtype[Any], /) -> NDArray[Any]:
        """Return an array that is needed until the kernel returns; its content is arbitrary."""
        return np.empty(shape, dtype)

    def framed(
        self, shape: tuple[int, ...], _frame: tuple[int, ...], dtype: np.dtype[Any], /
    ) -> NDArray[Any]:
        """Return scratch whose cells outside the interior named by the frame are zero."""
        return np.zeros(shape, dtype)


class Workspace(Fresh):
    """Keeps every array and hands it out again for the same request.

    A result is overwritten by the next call of the same kernel in the same scope, so each layer
    takes a `scope` of its own. Scratch is shared by all scopes. Not for two threads at once.
    """

    __slots__ = ("_framed", "_results", "_scopes", "_scratch")

    def __init__(self) -> None:
        self._results: dict[Key, NDArray[Any]] = {}
        self._scopes: dict[str, Workspace] = {}
        self._scratch: dict[Key, NDArray[Any]] = {}
        self._framed: dict[Key, NDArray[Any]] = {}

    def scope(self, name: str) -> Workspace:
        """Return the part that belongs to `name`: results of its own, scratch in common."""
        scope = self._scopes.get(name)
        if scope is None:
            scope = self._scopes[name] = Workspace()
            scope._scratch = self._scratch
            scope._framed = self._framed
        return scope

    def result(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], /) -> NDArray[Any]:
        """Return the array kept in this scope for this name, shape and dtype."""
        key = (name, shape, dtype)
        array = self._results.get(key)
        if array is None:
            array = self._results[key] = np.empty(shape, dtype)
        return array

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], /) -> NDArray[Any]:
        """Return the front of one growing buffer per name, so that it stays in the cache."""
        size = math.prod(shape)
        buffer = self._scratch.get((name, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._scratch[name, dtype] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)

    def framed(
        self, shape: tuple[int, ...], frame: tuple[int, ...], dtype: np.dtype[Any], /
    ) -> NDArray[Any]:
        """Return a buffer zeroed once: the same frame always has the same interior to overwrite."""
        key = (shape, frame, dtype)
        array = self._framed.get(key)
        if array is None:
            array = self._framed[key] = np.zeros(shape, dtype)
        return array


FRESH = Fresh()
