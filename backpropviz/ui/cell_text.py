"""A value in words: its address, what is known of it now, and what it feeds."""

from __future__ import annotations

from backpropviz.debugger.progress import Reading, Standing, value_at
from backpropviz.engine.address import Address
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.figures.sample_words import target_words
from backpropviz.figures.stage.close_up import spot_of
from backpropviz.figures.stage.scrolling import spot_text
from backpropviz.number_text import whole_number
from backpropviz.scene.numbers import full, shown
from backpropviz.ui.mark_keys import address_of, sample_of
from backpropviz.ui.opened import Opened


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


def reading_text(reading: Reading, *, signed: bool = False) -> str:
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


def _known(reading: Reading, tape: Tape, address: Address) -> str:
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
