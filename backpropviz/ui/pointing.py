"""What pointing at a mark does, on any canvas: hover tells, a click goes or pins, a menu offers."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    AddWatch,
    Command,
    GoTo,
    GoToAddress,
    Pass,
    SetDepth,
    ToggleBreakpoint,
    TogglePin,
)
from backpropviz.debugger.progress import Standing, ValueReading, value_at
from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth
from backpropviz.document import whole_number
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.figures.stage.planes import spot_of, window_wanted
from backpropviz.figures.stage.slot_layout import looking_at, spot_text
from backpropviz.figures.view import SAMPLE_KEY, lit_keys, target_words, term_step
from backpropviz.frozen import frozen
from backpropviz.scene.text import full, shown
from backpropviz.ui.controller import Controller, to_layer
from backpropviz.ui.controls import Menu, plain_title
from backpropviz.ui.opened import Opened
from backpropviz.ui.scene_view import SceneView


@frozen
class Together:
    """Commands in a row that keep the loop orders, as one change."""

    commands: tuple[Command, ...]

    def refusal(self, on: Pass, state: SessionState) -> str:
        return self.commands[0].refusal(on, state)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        for command in self.commands:
            if not command.refusal(on, state):
                state = command.apply(on, state)
        return state


def address_of(key: str) -> Address | None:
    """The value that a key names; None for a command."""
    if not key or ":" in key:
        return None
    try:
        return parse(key)
    except UserError:
        return None


def sample_of(key: str) -> int | None:
    """The sample of the batch that a key names; None for another key."""
    number = key.removeprefix(SAMPLE_KEY)
    return whole_number(number) if number != key else None


def clicked(key: str, opened: Opened) -> Command | None:
    """What a click on a mark does: go there, or pin a value."""
    address = address_of(key)
    if address is not None:
        return TogglePin(address)
    kind, _, name = key.partition(":")
    if kind == "layer":
        return to_layer(name, opened)
    if kind == "depth":
        return _to_level(name, opened)
    if kind == "step" and (step := whole_number(name)) is not None:
        return GoTo(step)
    if kind == "term":
        step = term_step(opened.view, key)
        return None if step is None else Together((SetDepth(Depth.TERM), GoTo(step)))
    if kind == "breakpoint":
        return ToggleBreakpoint(_breakpoint(name))
    return None


def double_clicked(key: str) -> Command | None:
    """Where did this value come from: to the step that computed it."""
    address = address_of(key)
    return None if address is None else GoToAddress(address)


def _to_level(name: str, opened: Opened) -> Command | None:
    """To the first step of the level of the call stack, at its depth."""
    depth = next((d for d in Depth if d.title == name), None)
    if depth is None:
        return None
    start, _ = opened.timeline.block(opened.state.k, depth)
    return Together((SetDepth(depth), GoTo(start)))


def _breakpoint(name: str) -> Breakpoint:
    if "." in name:
        return Breakpoint(address=parse(name))
    return Breakpoint(layer=name)


def cell_text(key: str, opened: Opened) -> str:
    """Lines for a tooltip; empty for a key that names nothing."""
    address, sample = address_of(key), sample_of(key)
    if sample is not None:
        return _sample_text(sample, opened)
    spot = spot_of(key)
    if spot is not None:
        return spot_text(opened.view, spot)
    if address is None:
        return _command_text(key)
    try:
        reading = value_at(opened.timeline, opened.view.tape, opened.view.position, address)
    except UserError:
        return ""
    lines = [f"{address} = {_known(reading, opened.view.tape, address)}", *_names(address, opened)]
    return "\n".join((*lines, *feeds(address, opened.view.tape)))


def reading_text(reading: ValueReading, *, signed: bool = False) -> str:
    """What a watch shows: a number, a number so far, or that there is none; gradients signed."""
    if reading.standing is Standing.PENDING:
        return "not computed yet"
    if reading.value is None:
        if reading.standing is Standing.GROWING:
            return f"{reading.done:,} of {reading.total:,} steps"
        return "computed" if reading.standing is Standing.FINAL else "given"
    text = shown(reading.value, 4, signed=signed)
    return f"{text} so far" if reading.standing is Standing.GROWING else text


def value_text(opened: Opened, address: Address) -> str:
    """Address and value with all digits, for the clipboard."""
    reading = value_at(opened.timeline, opened.view.tape, opened.view.position, address)
    return f"{address} = {_known(reading, opened.view.tape, address)}"


def feeds(address: Address, tape: Tape) -> tuple[str, ...]:
    """One line that says what is computed from a value."""
    network = tape.network
    if address.part:
        return (f"moves {address.layer}.{address.quantity}",) if address.part == "step" else ()
    if address.quantity in {"output", "image"}:
        source = address.layer or "image"
        readers = network.consumers.get(source, ())
        names = [node.name if node is not None else "loss" for node, _ in readers]
        return (f"feeds {', '.join(names)}",) if names else ()
    node = network.by_name.get(address.layer)
    if node is not None and address.quantity in network.parameter_shapes(node):
        shape = network.shapes[node.name]
        places = shape[-1] * shape[-2] if len(shape) == 3 else 1
        used = f", used at {places:,} places" if places > 1 else ""
        return (f"feeds {node.name}.output{used}",)
    return ()


def _names(address: Address, opened: Opened) -> tuple[str, ...]:
    """The name under which it is computed, where that is another one."""
    own = opened.view.tape.resolve(address)
    return () if own == address else (f"the same as {own}",)


def _known(reading: ValueReading, tape: Tape, address: Address) -> str:
    if reading.value is None:
        return reading_text(reading)
    if reading.standing is Standing.GROWING:
        return f"{full(reading.value)} so far ({reading.done} of {reading.total} terms)"
    return full(tape[address].dtype.type(reading.value))


def _sample_text(sample: int, opened: Opened) -> str:
    """Which image it is, its target and answer, and what it adds to the value in focus."""
    view = opened.view
    name = opened.subject.sample_name(sample)
    lines = [f"Sample {sample} of {view.tape.batch}{f': {name}' if name else ''}"]
    words = target_words(view, sample)
    lines += [words[:1].upper() + words[1:]] if words else []
    if view.shares is not None:
        lines.append(f"Adds {shown(float(view.shares.values[sample]), 6, signed=True)}")
    return "\n".join((*lines, "Click to see the same step in it"))


def _command_text(key: str) -> str:
    kind, _, name = key.partition(":")
    return {
        "layer": f"Go to {name}",
        "depth": f"Go to the start of this {name}",
        "step": f"Go to step {name if (step := whole_number(name)) is None else step + 1}",
        "breakpoint": f"Breakpoint at {name}: click to set or remove",
    }.get(kind, "")


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
        menu.addAction("Unpin" if is_pinned else "Pin", self._pin)
        menu.addAction("Go to where it is computed", self._origin)
        menu.addAction("Watch", self._watch)
        menu.addAction("Breakpoint on this value", self._break)
        menu.addSeparator()
        for name, title in self._questions(address):
            action = menu.addAction(title)
            action.setObjectName(name)
            action.triggered.connect(self._ask)
        menu.addSeparator()
        menu.addAction("Copy address and value", self._copy)
        menu.popup(at)

    def _questions(self, address: Address) -> Iterator[tuple[str, str]]:
        """What the menu Analyze can answer about a value."""
        yield "ancestry", "Where did this come from?"
        yield "feeds", "What does this feed?"
        if address.quantity == "weight":
            yield "weight_view", "Everything this weight meets"
        if address.quantity in {"image", "input", "output", "weight", "bias"}:
            yield "nudge", "Nudge this value"
        if address.quantity in {"image", "weight", "bias"}:
            yield "edit_value", "Change this value…"

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
