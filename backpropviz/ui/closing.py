"""What ends the window from outside: signals, told to it where it can close in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from backpropviz.ui.dialog import FramedDialog
from backpropviz.ui.plain_text import PlainLabel

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


class ClosingChoice(Enum):
    """What is to become of work that is in no file."""

    KEEP = "keep"
    DISCARD = "discard"
    CANCEL = "cancel"


class ClosingDialog(FramedDialog):
    """Enter keeps, Esc stays."""

    def __init__(self, parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> None:
        super().__init__(parent, "Close with unsaved work?")
        self.answer = ClosingChoice.CANCEL
        self.setMinimumWidth(480)
        stops = "The training stops after this update. " if is_training else ""
        self.say(stops + "What is in no file yet can be kept: it is offered when you start again.")
        for text in unsaved:
            line = PlainLabel(f"•  {text[:1].upper()}{text[1:]}")
            line.setTextFormat(Qt.TextFormat.PlainText)
            line.setWordWrap(True)
            self.body.addWidget(line)
        self.discard = self.add_button("Discard")
        self.cancel = self.add_button("Cancel")
        self.keep = self.add_button("Keep and close", is_primary=True)
        self.discard.clicked.connect(self._discard)
        self.cancel.clicked.connect(self.reject)
        self.keep.clicked.connect(self._keep)
        self.keep.setFocus()

    def _discard(self) -> None:
        self.answer = ClosingChoice.DISCARD
        self.accept()

    def _keep(self) -> None:
        self.answer = ClosingChoice.KEEP
        self.accept()


def ask_to_close(parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> ClosingChoice:
    """What to do with unsaved work."""
    dialog = ClosingDialog(parent, unsaved, is_training=is_training)
    dialog.exec()
    answer = dialog.answer
    dialog.deleteLater()
    return answer
