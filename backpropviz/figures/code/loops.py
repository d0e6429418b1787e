"""A step as a naive program: one loop inside the other, one product after the other."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.engine.address import Address
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.adaptive_pooling import WindowShare
from backpropviz.engine.nest import Axis, Rule
from backpropviz.engine.operands import Choice, Share
from backpropviz.figures.code.copies import copy_line
from backpropviz.figures.code.program import (
    CodeLine,
    Program,
    arrays_of,
    hyperparameters,
    indexed,
    load,
    opening,
)
from backpropviz.figures.code.settings import settings_of, window_of
from backpropviz.figures.code.writer import Coder, loop_over
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import said

_NOT_YET = "not yet"


def loops_program(step: ExplainedStep) -> Program | None:
    """The loops of one value, or of a tensor where no single value is in focus."""
    if step.operation is None:
        return None
    derivation = step.derivation
    indices = None if derivation is None else derivation.address.indices
    coder = Coder(step.operation.nest, step.tape, indices)
    if coder.nest.rule is Rule.COPY:
        return _copy(step, coder)
    core = tuple(_lines_of_tensor(coder) if derivation is None else _of_value(step, derivation))
    name = coder.names.of(coder.nest.target)
    setup = [
        *_loads(coder),
        *_settings(step, coder, core),
        *_result(coder, name),
        *_windows(coder),
    ]
    opened = opening([line.text for line in core] + setup)
    return Program((*opened, *setup), core, indexed(name, indices))


def _copy(step: ExplainedStep, coder: Coder) -> Program:
    """Values that only move: one step, one line."""
    line, result = copy_line(coder.nest, coder.names, coder.indices)
    addresses = arrays_of(coder.operands)
    loads = [load(coder.names.of(address), address) for address in addresses]
    value = "" if step.derivation is None else said(step.progress.running(step.derivation))
    core = (CodeLine(line, value, bool(value)),)
    return Program((*opening([line]), *loads), core, result)


def _lines_of_tensor(coder: Coder) -> Iterator[CodeLine]:
    axes = coder.outer_axes
    inner = list(_plain_lines(coder))
    if not axes:
        yield from map(CodeLine, inner)
        return
    yield CodeLine(coder.outer_loop(), " × ".join(f"{axis.size:,}" for axis in axes))
    yield from (CodeLine(f"    {line}") for line in inner)


def _plain_lines(coder: Coder) -> Iterator[str]:
    if coder.nest.rule is Rule.FUNCTION:
        yield f"{coder.target()} = {coder.function()}"
    elif coder.is_one_product:
        yield f"{coder.target()} = {coder.product()}"
    else:
        yield coder.start()
        yield coder.loop()
        yield from _guarded(coder)
        yield f"{coder.target()} = {coder.running}"


def _guarded(coder: Coder) -> tuple[str, ...]:
    """The term inside the loop, behind the condition that it exists."""
    guard = coder.guard()
    if not guard:
        return (f"    {coder.body()}",)
    return (f"    {guard}", f"        {coder.body()}")


def _of_value(step: ExplainedStep, derivation: Derivation) -> Iterator[CodeLine]:
    coder = Coder(derivation.nest, step.tape, derivation.address.indices)
    value = said(step.progress.running(derivation))
    lines = list(_plain_lines(coder))
    if len(lines) == 1:
        yield CodeLine(lines[0], value, is_current=True)
        return
    current = step.progress.current
    is_complete = step.progress.mask(derivation.term_values.size) is None
    start, loop, *guard, body, last = lines
    yield CodeLine(start, "" if derivation.initial is None else said(derivation.initial.value))
    yield CodeLine(loop, _note_of_loop(derivation, coder, current))
    yield from map(CodeLine, guard)
    yield CodeLine(body, _note_of_term(derivation, current), current is not None)
    yield CodeLine(last, value if is_complete else _NOT_YET, current is None)


def _note_of_term(derivation: Derivation, current: int | None) -> str:
    return "" if current is None else said(float(derivation.term_values[current]))


def _note_of_loop(derivation: Derivation, coder: Coder, current: int | None) -> str:
    if current is None:
        return f"×{len(derivation.positions):,}"
    if coder.writer.names_windows:
        return _note_of_window(derivation, current)
    axes = derivation.nest.by_target.axes
    pairs = list(zip(axes, derivation.coordinates(current), strict=True))[coder.first_term :]
    return " ".join(f"{axis.name}={index}" for axis, index in pairs if axis.size > 1)


def _note_of_window(derivation: Derivation, current: int) -> str:
    """The window that the term's upstream value belongs to."""
    upstream = derivation.nest.by_target.operands[0]
    coordinates = derivation.coordinates(current)
    y, x = (index.at(coordinates) for index in upstream.index[2:])
    return f"y={y} x={x}"


def _loads(coder: Coder) -> Iterator[str]:
    """The arrays without the dimensions that the code leaves out."""
    loops = coder.nest.by_target
    first = loops.operands[0]
    if isinstance(first, Choice):
        parts = (f'tape["{a}"]{_part(coder, a)}' for a in arrays_of(loops.operands))
        yield f"g = [{', '.join(parts)}]"
        return
    for address in arrays_of((loops.initial, *loops.operands)):
        yield load(coder.names.of(address), address, _part(coder, address))


def _part(coder: Coder, address: Address) -> str:
    dropped = coder.writer.cells.dropped(address)
    if not dropped:
        return ""
    return f"[{', '.join('0' if k in dropped else ':' for k in range(max(dropped) + 1))}]"


def _settings(step: ExplainedStep, coder: Coder, core: tuple[CodeLine, ...]) -> Iterator[str]:
    text = "\n".join(line.text for line in core)
    yield from hyperparameters(text, settings_of(step))
    share = next((o for o in coder.operands if isinstance(o, Share)), None)
    if share is not None and "count[" in text:
        yield from _count_lines(step, coder, share)
    uneven = next((o for o in coder.operands if isinstance(o, WindowShare)), None)
    if uneven is not None:
        yield f"count = np.array({uneven.counts.tolist()})"


def _count_lines(step: ExplainedStep, coder: Coder, share: Share) -> Iterator[str]:
    """How many cells each window counts."""
    geometry = window_of(step)
    layer = coder.nest.target.layer
    height, width = step.tape[Address(layer, "input")].shape[2:]
    sizes = (*share.counts.shape, *geometry.window.kernel)
    inside = " and ".join(geometry.inside(height, width))
    yield f"count = np.zeros({share.counts.shape}, int)"
    yield loop_over(tuple(map(Axis, "yxij", sizes)))
    yield f"    count[y, x] += {inside}"


def _result(coder: Coder, name: str) -> Iterator[str]:
    """Room for what is computed, where it has dimensions."""
    shape = coder.nest.shape
    if coder.indices is None:
        dropped = coder.writer.cells.dropped(coder.nest.target)
        shape = tuple(size for k, size in enumerate(shape) if k not in dropped)
    if shape:
        yield f"{name} = np.zeros({shape})"


def _windows(coder: Coder) -> Iterator[str]:
    """The definition of `windows_over`, where the code calls it."""
    upstream = coder.operands[0]
    if not coder.writer.names_windows or upstream.address is None:
        return
    whole = Coder(coder.nest, coder.values, None)
    axes = {axis.name: axis for axis in coder.nest.by_target.axes}
    region = coder.nest.by_target.region(())
    sizes = coder.values[upstream.address].shape
    conditions = [
        condition
        for index, size in zip(upstream.index[2:], sizes[2:], strict=True)
        for condition in whole.condition(index, size, region)
    ]
    places = ", ".join(whole.index(index) for index in upstream.index[2:])
    yield from ("", "", "def windows_over(u, v):", '    """The windows that a cell lies in."""')
    yield f"    {loop_over((axes['i'], axes['j']))}"
    indent = " " * 8
    if conditions:
        yield f"{indent}if {' and '.join(conditions)}:"
        indent += "    "
    yield f"{indent}yield {places}"
    yield ""
