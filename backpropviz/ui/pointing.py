"""What pointing at a mark does, on any canvas: hover tells, a click goes or pins, a menu offers."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.marks import AddWatch, ToggleBreakpoint, TogglePin
from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.figures.explanation.term_keys import lit_keys
from backpropviz.ui.cell_text import cell_text, value_text
from backpropviz.ui.controller import Controller
from backpropviz.ui.mark_keys import address_of, clicked, double_clicked
from backpropviz.ui.scene_view import SceneView


class Pointing(QObject):
    """Turns keys of marks into commands; `ancestry_wanted` carries the key of a value."""

    ancestry_wanted = Signal(str)

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
        self.ancestry_wanted.emit(key)

    def _menu(self, key: str, at: QPoint) -> None:
        opened, address = self._controller.opened, address_of(key)
        if opened is None or address is None:
            return
        self._address = address
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = menu.addAction(str(address))
        title.setEnabled(False)
        menu.addSeparator()
        is_pinned = address in opened.state.pins
        menu.addAction(self.tr("Unpin") if is_pinned else self.tr("Pin"), self._pin)
        menu.addAction(self.tr("Where did this come from?"), self._ancestry)
        menu.addAction(self.tr("Go to where it is computed"), self._origin)
        menu.addAction(self.tr("Watch"), self._watch)
        menu.addAction(self.tr("Breakpoint on this value"), self._break)
        menu.addSeparator()
        menu.addAction(self.tr("Copy address and value"), self._copy)
        menu.popup(at)

    def _pin(self) -> None:
        if self._address is not None:
            self._controller.dispatch(TogglePin(self._address))

    def _ancestry(self) -> None:
        self.ancestry_wanted.emit(str(self._address))

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
