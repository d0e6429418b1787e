"""The pictures on the start page's cards, worked out beside the window."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QPixmap

from backpropviz.figures.network.start_cards import start_card
from backpropviz.paint.render import render
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.storage.networks import bundled_networks
from backpropviz.ui.background import Background
from backpropviz.ui.start_page import EXAMPLE, LENET, OWN, StartPage

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
        self._page.show_fact(LENET, self.tr("{n} parameters").format(n=f"{parameters:,}"))


def _pictures(colors: Theme) -> tuple[Pictures, int]:
    scenes = {
        EXAMPLE: start_card("example", colors),
        LENET: start_card("digit", colors),
        OWN: start_card("own", colors),
    }
    count = next(card.parameter_count for card in bundled_networks() if card.name == "lenet")
    return scenes, count
