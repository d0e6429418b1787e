"""A line on the terminal that says how far a training is; none where nobody watches."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Self

from backpropviz.engine.training.measure import Measured

_WIDTH = 20
_PERIOD_S = 0.1
_CLEAR = "\r\x1b[K"


class Progress:
    """How many of so many updates are done, what they say, and the time that is left."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._is_watched = sys.stderr is not None and sys.stderr.isatty()
        self._began_s = self._told_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write(_CLEAR)

    def show(self, done: int, measured: Measured) -> None:
        """Tell the newest update, several times a second."""
        if not self._is_watched:
            return
        now_s = time.monotonic()
        if now_s - self._told_s < _PERIOD_S and done < self._count:
            return
        self._told_s = now_s
        left_s = (now_s - self._began_s) / done * (self._count - done)
        self._write(f"{_CLEAR}{progress_text(done, self._count, measured, left_s)}")

    def line(self, text: str) -> None:
        """Print a line of results, above the one of progress."""
        self._write(_CLEAR)
        # A reader that has gone, or a full disk, must not end hours of training.
        with suppress(OSError):
            print(text, flush=True)

    def _write(self, text: str) -> None:
        if self._is_watched:
            try:
                print(text, end="", file=sys.stderr, flush=True)
            except OSError:
                self._is_watched = False


def progress_text(done: int, count: int, measured: Measured, left_s: float) -> str:
    """`[####   ] update 120 of 500, epoch 3, loss 0.123, 93.8% of the batch right, 0:12 left`."""
    filled = _WIDTH * done // count
    bar = "#" * filled + " " * (_WIDTH - filled)
    accuracy = measured.accuracy
    right = "" if accuracy is None else f", {accuracy:.1%} of the batch right"
    minutes, seconds = divmod(round(left_s), 60)
    return (
        f"[{bar}] update {done:,} of {count:,}, epoch {measured.epoch}, "
        f"loss {measured.loss:.4g}{right}, {minutes}:{seconds:02} left"
    )
