"""The debugger's commands under the names of the actions that give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import Command
from backpropviz.debugger.going import SetOrder, ToEnd, ToStart
from backpropviz.debugger.marks import (
    ClearBreakpoints,
    Continue,
    ContinueBack,
    ToggleBreakpoint,
)
from backpropviz.debugger.stepping import BackInto, BackOut, BackOver, Into, Out, Over
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.ui.opened import Opened

COMMANDS: Final[Mapping[str, Callable[[], Command]]] = {
    "step_over": Over,
    "step_into": Into,
    "step_out": Out,
    "continue": Continue,
    "back_over": BackOver,
    "back_into": BackInto,
    "back_out": BackOut,
    "continue_back": ContinueBack,
    "next": Over,
    "previous": BackOver,
    "stage_next": Over,
    "stage_previous": BackOver,
    "to_start": ToStart,
    "to_end": ToEnd,
    "clear_breakpoints": ClearBreakpoints,
}


def other_order(opened: Opened) -> Command:
    """The other loop order, everywhere."""
    by_target = opened.state.order is LoopOrder.TARGET
    return SetOrder(LoopOrder.SOURCE if by_target else LoopOrder.TARGET)


def breakpoint_here(opened: Opened) -> Command | None:
    """A breakpoint at what is in focus: a phase, a layer, an array or one value."""
    step = opened.step
    if step is None or step.depth is Depth.PASS:
        return None
    if step.depth is Depth.PHASE:
        return ToggleBreakpoint(Breakpoint(phase=step.phase))
    if step.depth is Depth.LAYER:
        return ToggleBreakpoint(Breakpoint(phase=step.phase, layer=step.layer))
    return ToggleBreakpoint(Breakpoint(address=opened.focus_address))
