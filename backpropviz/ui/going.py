"""What a person types to go somewhere: an address, a step's number, or a layer."""

from __future__ import annotations

from backpropviz.debugger.commands import Command
from backpropviz.debugger.going import GoTo, GoToAddress
from backpropviz.debugger.places import step_number
from backpropviz.engine.address import parse
from backpropviz.errors import UserError
from backpropviz.ui.opened import Opened


def command_for(text: str, opened: Opened) -> Command:
    """The command that leads to what is named; steps are counted from 1, as on the screen.

    Raises:
        UserError: nothing in the pass is named so.
    """
    wanted = text.strip()
    number = step_number(wanted, opened.timeline.steps)
    if number is not None:
        return GoTo(number)
    if wanted in opened.view.tape.network.by_name:
        return to_layer(wanted, opened)
    address = parse(wanted)
    _ = opened.view.tape[address]
    return GoToAddress(address)


def to_layer(name: str, opened: Opened) -> Command:
    """To a layer: in the phase where the pass stands if it has the layer, else its first."""
    extents = [e for e in opened.timeline.layers if e.layer == name]
    if not extents:
        raise UserError(f"No step belongs to a layer “{name}”.")
    here = opened.step.phase if opened.step is not None else None
    found = next((e for e in extents if e.phase is here), extents[0])
    return GoTo(found.start)
