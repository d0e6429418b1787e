"""Autoplay: a timer that steps on until the pass ends, a breakpoint is near, or someone pauses."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from backpropviz.ui.preferences import INTERVALS_MS


class Player(QObject):
    """Emits `ticked` at the chosen speed while it plays."""

    ticked = Signal()
    changed = Signal(bool)

    def __init__(self, interval_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self.ticked)

    @property
    def is_playing(self) -> bool:
        """Whether it steps by itself."""
        return self._timer.isActive()

    @property
    def interval_ms(self) -> int:
        """Time from step to step."""
        return self._timer.interval()

    def set_interval(self, interval_ms: int) -> None:
        """Play at another speed."""
        self._timer.setInterval(interval_ms)

    def toggle(self) -> None:
        """Play, or pause."""
        if self.is_playing:
            self.pause()
        else:
            self._timer.start()
            self.changed.emit(True)
            self.ticked.emit()

    def pause(self) -> None:
        """Stop stepping."""
        if self.is_playing:
            self._timer.stop()
            self.changed.emit(False)

    def faster(self) -> int:
        """The next higher speed; returns its interval."""
        return self._shift(1)

    def slower(self) -> int:
        """The next lower speed; returns its interval."""
        return self._shift(-1)

    def _shift(self, by: int) -> int:
        number = INTERVALS_MS.index(self.interval_ms) + by
        self.set_interval(INTERVALS_MS[min(max(number, 0), len(INTERVALS_MS) - 1)])
        return self.interval_ms
