"""Work beside the window: a job runs on another thread, its answer arrives on this one.

Each request makes all earlier ones stale: their answers are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QThreadPool, Signal

from backpropviz.errors import BackpropVizError


class Background(QObject):
    """Runs jobs one after the other and tells the answer of the newest."""

    answered = Signal(object)
    failed = Signal(object)
    _arrived = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._generation = 0
        self._is_busy = False
        # A bound method of an object of this thread: Qt then queues the call to it.
        self._arrived.connect(self._take)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._is_busy

    def run(self, job: Callable[[], object]) -> None:
        """Start a job; it must touch no widget."""
        self._generation += 1
        self._is_busy = True
        generation = self._generation

        def work() -> None:
            try:
                self._arrived.emit(generation, job(), None)
            except Exception as error:  # noqa: BLE001  (told on the other thread)
                self._arrived.emit(generation, None, error)

        self._pool.start(work)

    def drop(self) -> None:
        """Take no answer of what runs now."""
        self._generation += 1
        self._is_busy = False

    def stop(self) -> None:
        """Drop what runs and wait until its thread is free."""
        self.drop()
        self._pool.clear()
        self._pool.waitForDone()

    def _take(self, generation: int, answer: object, error: object) -> None:
        if generation != self._generation:
            return
        self._is_busy = False
        if error is not None:
            self.failed.emit(error)
        else:
            self.answered.emit(answer)


def sentence(error: BaseException) -> str:
    """An error in one sentence for the person."""
    if isinstance(error, BackpropVizError):
        return str(error)
    if isinstance(error, MemoryError):
        return "This needs more memory than there is: use a smaller image or network."
    kind = type(error).__name__
    return (
        f"Something unexpected went wrong ({kind}: {error}); the session is as it was. "
        "Start with --debug to see where."
    )
