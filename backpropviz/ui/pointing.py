"""What pointing at a mark does, on any canvas: hover tells, a click goes or pins, a menu offers."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.marks import AddWatch, ToggleBreakpoint, TogglePin
from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.figures.explanation.term_keys import lit_keys
from backpropviz.figures.stage.close_up import window_wanted
from backpropviz.figures.stage.scrolling import looking_at
from backpropviz.ui.cell_text import cell_text, value_text
from backpropviz.ui.controller import Controller
from backpropviz.ui.mark_keys import address_of, clicked, double_clicked, sample_of
from backpropviz.ui.menus import Menu
from backpropviz.ui.plain_text import plain_title
from backpropviz.ui.scene_view import SceneView


class Pointing(QObject):
    """Turns keys of marks into commands; `asked` carries an analysis and the key of a value."""

    asked = Signal(str, str)

    def __init__(self, controller: Controller, window: QWidget) -> None:
        super().__init__(window)
        self._controller, self._window = controller, window
        self._address: Address | None = None
        self._canvases: list[SceneView] = []
        controller.state_changed.connect(self._put_out)

    def watch(self, canvas: SceneView) -> None:
        """Answer what is pointed at on a canvas."""
        self._canvases.append(canvas)
        canvas.describe = self.describe
        canvas.hovered.connect(self._light)
        canvas.clicked.connect(self._click)
        canvas.double_clicked.connect(self._double_click)
        canvas.menu_requested.connect(self._menu)

    def describe(self, key: str) -> str:
        """A key in words."""
        opened = self._controller.opened
        return cell_text(key, opened) if opened is not None else ""

    def _light(self, key: str) -> None:
        """What is pointed at lights up on every canvas: a term its cells, a cell its terms."""
        opened = self._controller.opened
        keys = lit_keys(opened.view.explained, key) if opened is not None and key else ()
        for canvas in self._canvases:
            canvas.light(keys)

    def _put_out(self) -> None:
        for canvas in self._canvases:
            canvas.light(())

    def copy_value(self, key: str) -> None:
        """Put address and value on the clipboard."""
        opened, address = self._controller.opened, address_of(key)
        if opened is not None and address is not None:
            QGuiApplication.clipboard().setText(value_text(opened, address))

    def go_to_origin(self, key: str) -> None:
        """To the step that computed a value."""
        command = double_clicked(key)
        if command is not None:
            self._controller.jump(command)

    def _click(self, key: str) -> None:
        opened = self._controller.opened
        if opened is None or not key:
            return
        sample = sample_of(key)
        if sample is not None:
            self._controller.choose_sample(sample)
            return
        window = window_wanted(key)
        if window is not None:
            self._controller.see_with(looking_at(opened.view, window))
            return
        try:
            command = clicked(key, opened)
        except UserError as error:
            self._controller.refused.emit(str(error))
            return
        if isinstance(command, TogglePin | ToggleBreakpoint):
            self._controller.dispatch(command)
        elif command is not None:
            self._controller.jump(command)

    def _double_click(self, key: str) -> None:
        # The first click of the two has pinned it.
        address = address_of(key)
        opened = self._controller.opened
        if opened is not None and address is not None and address in opened.state.pins:
            self._controller.dispatch(TogglePin(address))
        self.asked.emit("ancestry", key)

    def _menu(self, key: str, at: QPoint) -> None:
        opened, address = self._controller.opened, address_of(key)
        if opened is None or address is None:
            return
        self._address = address
        menu = Menu(parent=self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(plain_title(str(address))).setEnabled(False)
        menu.addSeparator()
        is_pinned = address in opened.state.pins
        menu.addAction(self.tr("Unpin") if is_pinned else self.tr("Pin"), self._pin)
        menu.addAction(self.tr("Go to where it is computed"), self._origin)
        menu.addAction(self.tr("Watch"), self._watch)
        menu.addAction(self.tr("Breakpoint on this value"), self._break)
        menu.addSeparator()
        for name, title in self._questions(address):
            action = menu.addAction(title)
            action.setObjectName(name)
            action.triggered.connect(self._ask)
        menu.addSeparator()
        menu.addAction(self.tr("Copy address and value"), self._copy)
        menu.popup(at)

    def _questions(self, address: Address) -> Iterator[tuple[str, str]]:
        """What the menu Analyze can answer about a value."""
        yield "ancestry", self.tr("Where did this come from?")
        yield "feeds", self.tr("What does this feed?")
        if address.quantity == "weight":
            yield "weight_view", self.tr("Everything this weight meets")
        if address.quantity in {"image", "input", "output", "weight", "bias"}:
            yield "nudge", self.tr("Nudge this value")
        if address.quantity in {"image", "weight", "bias"}:
            yield "edit_value", self.tr("Change this value…")

    def _pin(self) -> None:
        if self._address is not None:
            self._controller.dispatch(TogglePin(self._address))

    def _ask(self) -> None:
        self.asked.emit(self.sender().objectName(), str(self._address))

    def _origin(self) -> None:
        if self._address is not None:
            self._controller.jump(GoToAddress(self._address))

    def _watch(self) -> None:
        if self._address is not None:
            self._controller.dispatch(AddWatch(self._address))

    def _break(self) -> None:
        if self._address is not None:
            self._controller.dispatch(ToggleBreakpoint(Breakpoint(address=self._address)))

    def _copy(self) -> None:
        self.copy_value(str(self._address))
