"""What ends the window from outside: signals, told to it where it can close in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Ending:
    """Whether a signal has asked for the end; `close` is called once there is a window.

    Ctrl+C before that ends the program as in any command.
    """

    def __init__(self) -> None:
        self.close: Callable[[], None] | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        """A signal: Python hands it over between two of its instructions."""
        if self.close is not None:
            self.close()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Take signals until the program ends; what is ignored, as under nohup, stays so."""
    ending = Ending()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in ENDING}
    taken = [n for n, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, ending.take)
    try:
        yield ending
    finally:
        for number in taken:
            signal.signal(number, before[number])
