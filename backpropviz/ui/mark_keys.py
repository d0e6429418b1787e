"""What a mark's key asks for: `layer:conv1`, `depth:channel`, `step:33`, or a value's address."""

from __future__ import annotations

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import Command, Pass
from backpropviz.debugger.going import GoTo, GoToAddress, SetDepth
from backpropviz.debugger.marks import ToggleBreakpoint, TogglePin
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.figures.explanation.term_keys import term_step
from backpropviz.figures.sample import SAMPLE_KEY
from backpropviz.frozen import frozen
from backpropviz.number_text import whole_number
from backpropviz.ui.going import to_layer
from backpropviz.ui.opened import Opened


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
