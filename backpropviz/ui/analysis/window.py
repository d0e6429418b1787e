"""What the windows of an analysis share: a heading, choices, a figure, a line below, a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QHBoxLayout, QPushButton

from backpropviz.debugger.commands import GoToAddress
from backpropviz.engine.value import Address
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import CARD_TITLE, Theme
from backpropviz.ui import boxes
from backpropviz.ui.background import Background
from backpropviz.ui.controls import Segmented
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened
from backpropviz.ui.pointing import address_of
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.windows import SideWindow


class AnalysisWindow(SideWindow):
    """A window beside the debugger; it is deleted when it is closed."""

    def __init__(self, host: Host, title: str, canvas: SceneView | None = None) -> None:
        super().__init__(host.window)
        self.setWindowTitle(title)
        self.host, self.controller = host, host.controller
        self.colors: Theme = host.theme
        self.worker = Background(self)
        self.heading = boxes.words(title, CARD_TITLE)
        self.heading.setContentsMargins(16, 0, 0, 0)
        self.canvas = canvas or SceneView()
        self.canvas.setAccessibleName(title)
        self.canvas.resized.connect(self.draw)
        self.canvas.clicked.connect(self.click)
        self.canvas.describe = host.pointing.describe
        self.note = boxes.words(style="Note", wraps=True)
        self._lay_out()

    def _lay_out(self) -> None:
        self.head, self.foot = QHBoxLayout(), QHBoxLayout()
        self.head.setContentsMargins(0, 14, 16, 6)
        self.foot.setContentsMargins(16, 6, 16, 14)
        for row in (self.head, self.foot):
            row.setSpacing(10)
        self.head.addWidget(self.heading)
        self.head.addStretch(1)
        self.foot.addWidget(self.note, 1)
        column = boxes.column(self.head, gap=0, margins=boxes.BARE, owner=self)
        self.body = boxes.row((self.canvas, 1), gap=0)
        column.addLayout(self.body, 1)
        column.addLayout(self.foot)

    def add_choices(
        self,
        name: str,
        choices: Sequence[tuple[str, object, str]],
        value: object,
        chosen: Callable[[object], None],
    ) -> Segmented:
        """Exclusive choices at the upper right."""
        result = Segmented(name)
        result.set_choices(choices)
        result.set_value(value)
        result.chosen.connect(chosen)
        self.head.addWidget(result)
        return result

    def add_button(self, text: str, pressed: Callable[[], object]) -> QPushButton:
        """A button at the lower right."""
        button = boxes.button(text, pressed, height=28)
        self.foot.addWidget(button)
        return button

    def figure(self, _width: float, _height: float) -> Scene | None:
        """What is drawn in a room; None where nothing is known yet."""
        return None

    def follow(self, _opened: Opened) -> None:
        """Another pass is open, about which this window knows nothing unless it asks again."""
        self.done(0)

    def draw(self) -> None:
        """Draw the figure for the room that there is."""
        room = self.canvas.viewport().size()
        scene = self.figure(float(room.width()), float(room.height()))
        if scene is not None:
            self.canvas.show_scene(scene, self.colors)

    def use_theme(self, colors: Theme) -> None:
        self.colors = colors
        self.draw()

    def click(self, key: str) -> None:
        """What was clicked leads to the step of its value."""
        address = address_of(key)
        if address is not None:
            self.go_to(address)

    def go_to(self, address: Address) -> None:
        """To the step that computed a value, or its gradient where it was given."""
        place = GoToAddress(address)
        if self.controller.refusal(place):
            place = GoToAddress(address.grad)
        self.controller.jump(place)

    def done(self, result: int) -> None:
        """Close, once the worker is free."""
        self.worker.stop()
        super().done(result)
