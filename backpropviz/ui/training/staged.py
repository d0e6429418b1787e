"""Drawing in small portions, so that no portion keeps the window from answering."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QObject, QTimer, Signal


class Staged(QObject):
    """Draws the parts that are wanted, one a turn of the event loop; `done` when none is left."""

    done = Signal()

    def __init__(self, parts: Mapping[str, Callable[[], None]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = parts
        self._wanted: set[str] = set()
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._draw_next)
        self._painted = QTimer(self)
        self._painted.setSingleShot(True)
        self._painted.setInterval(0)
        self._painted.timeout.connect(self.done)

    def want(self, names: Iterable[str] | None = None) -> None:
        """Draw these parts soon, or all."""
        self._wanted.update(self._parts if names is None else names)
        self._turn.start()

    def draw_now(self) -> None:
        """Draw at once all that is still wanted."""
        while self._wanted:
            self._draw_next()

    def stop(self) -> None:
        """Draw nothing more."""
        self._wanted.clear()
        self._turn.stop()
        self._painted.stop()

    def _draw_next(self) -> None:
        name = next((name for name in self._parts if name in self._wanted), None)
        try:
            if name is not None:
                self._wanted.discard(name)
                self._parts[name]()
        finally:
            # A part that fails is told by Python; the others are drawn all the same.
            if self._wanted:
                self._turn.start()
            else:
                self._turn.stop()
                # After the painting, which Qt does before it comes to its timers.
                self._painted.start()
