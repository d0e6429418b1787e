"""Work beside the window: a job runs on another thread, its answer arrives on this one.

Each request makes all earlier ones stale: their answers are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QThreadPool, Signal
from PySide6.QtGui import QPixmap

from backpropviz.errors import BackpropVizError
from backpropviz.figures.thumbnails import start_card
from backpropviz.files.networks import bundled_networks
from backpropviz.paint.draw import render
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.start_page import EXAMPLE, LENET, OWN, StartPage


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


Pictures = dict[str, Scene]


class StartThumbnails(QObject):
    """Fills the cards; a picture that cannot be made leaves its card without one."""

    def __init__(self, page: StartPage) -> None:
        super().__init__(page)
        self._page = page
        self._worker = Background(self)
        self._worker.answered.connect(self._show)

    def fill(self, colors: Theme) -> None:
        """Begin to make the pictures of a theme."""
        self._worker.run(lambda: _pictures(colors))

    def stop(self) -> None:
        """Wait until no thread works."""
        self._worker.stop()

    def _show(self, answer: tuple[Pictures, int]) -> None:
        pictures, parameters = answer
        ratio = self._page.devicePixelRatioF()
        for card, scene in pictures.items():
            picture = QPixmap.fromImage(render(scene, ratio))
            picture.setDevicePixelRatio(ratio)
            self._page.show_thumbnail(card, picture, scene.background)
        self._page.show_fact(LENET, "{n} parameters".format(n=f"{parameters:,}"))


def _pictures(colors: Theme) -> tuple[Pictures, int]:
    scenes = {
        EXAMPLE: start_card("example", colors),
        LENET: start_card("digit", colors),
        OWN: start_card("own", colors),
    }
    count = next(card.parameter_count for card in bundled_networks() if card.name == "lenet")
    return scenes, count
