"""The current step as a program: naive loops, vectorized NumPy, or a PyTorch call.

What a panel shows are lines of the very program that is copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds import cross_entropy
from backpropviz.engine.kinds.adaptive_pooling import WindowShare
from backpropviz.engine.kinds.prelu import NotAbove
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import Axis, Index, Nest, NestRule, Operand, Region, Values
from backpropviz.engine.operands import (
    ArrayCell,
    Choice,
    Indicator,
    Share,
    TiedIndicator,
    TiedShare,
)
from backpropviz.engine.value import Address
from backpropviz.figures.explain.expression import WINDOW_NAMES, OperandWriter, index_text
from backpropviz.figures.explain.program import (
    CodeLine,
    CodeVersion,
    Names,
    Program,
    arrays_of,
    hyperparameters,
    indexed,
    load,
    opening,
    python_constant,
    settings_of,
    window_of,
)
from backpropviz.figures.explain.vectorized import copy_line
from backpropviz.figures.numbers import said
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen
from backpropviz.scene.flow import PanelPart, baseline, stacked
from backpropviz.scene.marks import Anchor, Font, Mark, Path, Rect, Text
from backpropviz.scene.text import elide, text_width
from backpropviz.scene.theme import LABEL, MONO, Theme


@frozen(slots=False)
class Coder:
    """Writes a nest as loops; `indices` are those of one value, None for all of them.

    Arrays lie without the dimensions that equations leave out: a batch of one, a single channel.
    """

    nest: Nest
    values: Values
    indices: tuple[int, ...] | None

    @cached_property
    def writer(self) -> OperandWriter:
        return OperandWriter.of(self.nest, self.values)

    @cached_property
    def names(self) -> Names:
        return Names(self.nest, self.values)

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self.nest.by_target.operands

    @property
    def running(self) -> str:
        return "best" if self.nest.rule is NestRule.MAX else "total"

    @property
    def prefix(self) -> tuple[int, ...]:
        return () if self.indices is None else self.nest.element_at(self.indices)

    @property
    def first_term(self) -> int:
        """The number of the first loop over terms."""
        loops = self.nest.by_target
        return loops.channel_axes + loops.element_axes

    @property
    def term_axes(self) -> tuple[Axis, ...]:
        return self.nest.by_target.axes[self.first_term :]

    def start(self) -> str:
        initial = self.nest.by_target.initial
        if self.nest.rule is NestRule.MAX:
            return "best = -inf"
        return f"total = {0 if initial is None else self.operand(initial)}"

    def loop(self) -> str:
        if self.writer.names_windows:
            return f"for y, x in windows_over({', '.join(self._element())}):"
        axes = [axis for axis in self.term_axes if axis.size > 1] or list(self.term_axes)
        return loop_over(axes)

    def outer_loop(self) -> str:
        return loop_over(self.outer_axes)

    @cached_property
    def outer_axes(self) -> tuple[Axis, ...]:
        """The loops over values that run more than once, or whose variable is written."""
        written = " ".join((self.target(), self.start(), self.product(), *self.conditions()))
        axes = self.nest.by_target.axes[: self.first_term]
        used = (a for a in axes if a.size > 1 or re.search(rf"\b{a.name}\b", written))
        return tuple(used) or axes[-1:]

    def _element(self) -> list[str]:
        names = [axis.name for axis in self.nest.by_target.axes[: self.first_term]]
        known = self.prefix
        return [str(known[k]) if k < len(known) else name for k, name in enumerate(names)][-2:]

    def guard(self) -> str:
        """Where a term exists: nothing beside the array, no remainder; '' if all do."""
        found = " and ".join(dict.fromkeys(self.conditions()))
        return f"if {found}:" if found else ""

    def conditions(self) -> Iterator[str]:
        """What has to hold for the cells of a term."""
        if self.writer.names_windows:
            return
        region = self.nest.by_target.region(self.prefix)
        for operand in self.operands:
            if isinstance(operand, WindowShare):
                yield from self.covers(operand)
            elif isinstance(operand, ArrayCell):
                dropped = self.writer.cells.dropped(operand.address)
                sizes = self.values[operand.address].shape
                for number, (index, size) in enumerate(zip(operand.index, sizes, strict=True)):
                    if number not in dropped:
                        yield from self.condition(index, size, region)

    def condition(self, index: Index, size: int, region: Region) -> Iterator[str]:
        """`(u-i) % 2 == 0`, `0 <= y+i-2 < 28`, as far as they are not always so."""
        found, exact = index.over(region)
        if exact is not None and not exact.all():
            yield f"({self.index(replace(index, divisor=1))}) % {index.divisor} == 0"
        low = "0 <= " if found.min() < 0 else ""
        high = f" < {size}" if found.max() >= size else ""
        if low or high:
            yield f"{low}{self.index(index)}{high}"

    def covers(self, share: WindowShare) -> Iterator[str]:
        """The window goes from ⌊y·H/O⌋ to ⌈(y+1)·H/O⌉, without division."""
        for window, pixel, covered in zip(
            share.window, share.pixel, (share.rows, share.columns), strict=True
        ):
            windows, size = covered.shape
            if not covered.all():
                y, u = self.index(window), self.index(pixel)
                yield f"{y}*{size} < ({u}+1)*{windows}"
                yield f"{u}*{windows} < ({y}+1)*{size}"

    def index(self, index: Index) -> str:
        """One index, the loop variables that are known filled in."""
        loops = self.nest.by_target
        silent = frozenset(
            k for k, axis in enumerate(loops.axes) if k >= self.first_term and axis.size == 1
        )
        return ascii_index(index_text(index, loops.axes, self.prefix, silent))

    def body(self) -> str:
        term = self.product()
        return f"best = max(best, {term})" if self.nest.rule is NestRule.MAX else f"total += {term}"

    def product(self) -> str:
        return " * ".join(self.operand(operand) for operand in self.operands)

    @property
    def is_one_product(self) -> bool:
        """Whether the loop over terms would run just once, and its term always exists."""
        is_sum = self.nest.rule is NestRule.SUM and self.nest.by_target.initial is None
        is_single = is_sum and all(axis.size == 1 for axis in self.term_axes)
        return is_single and not self.guard() and not self.writer.names_windows

    def target(self) -> str:
        address = self.nest.target
        name = self.names.of(address)
        if self.indices is not None:
            return indexed(name, self.indices)
        text = ascii_index(self.writer.cells.text(self.nest.by_target.target, address))
        return f"{name}[{text}]" if text else name

    def function(self) -> str:
        operands = [self.operand(operand) for operand in self.operands]
        return "" if self.nest.formula is None else self.nest.formula.python(operands)

    def operand(self, operand: Operand) -> str:
        match operand:
            case Choice():
                return self._chosen(operand)
            case TiedIndicator():
                return self._tied(operand)
            case Indicator():
                return self._won(operand)
            case Share():
                return self._share(operand)
            case TiedShare():
                return f"1/tied[{self._window(operand.tied)}]"
            case cross_entropy.IsTarget():
                return f"({self.index(operand.category)} == {self._class(operand.sample)})"
            case cross_entropy.TargetCell():
                return self._of_class(operand)
        address = operand.address
        if address is None:
            return self._nameless(operand)
        name = self.names.of(address)
        text = ascii_index(self._cell(operand, address))
        return f"{name}[{text}]" if text else name

    def _nameless(self, operand: Operand) -> str:
        """An operand whose value is no cell of an array."""
        match operand:
            case NotAbove():
                return f"({self.operand(operand.cell)} <= 0)"
            case cross_entropy.ClassWeight():
                return f"w[{self.index(operand.category)}]"
            case cross_entropy.TargetWeight():
                return f"w[{self._class(operand.sample)}]"
            case cross_entropy.OneOver():
                return f"(1/{self.names.of(operand.source)})"
            case WindowShare():
                y, x = map(self.index, operand.window)
                return f"1/count[{y},{x}]"
        return python_constant(operand.label)

    def _cell(self, operand: Operand, address: Address) -> str:
        if self.writer.names_windows and address.is_gradient:
            return self._window(address)
        return self.writer.cells.text(operand.index, address, self.prefix)

    def _chosen(self, operand: Choice) -> str:
        cell = operand.options[0]
        text = self.writer.cells.text(cell.index, cell.address or self.nest.target, self.prefix)
        part = f"[{ascii_index(text)}]" if text else ""
        return f"g[{self.nest.by_target.axes[operand.axis].name}]{part}"

    def _share(self, operand: Share) -> str:
        label = self.writer.share_label(operand, self.prefix)
        return label if label != "1/n" else "1/count[y,x]"

    def _class(self, sample: Index) -> str:
        is_dropped = 0 in self.writer.cells.dropped(TARGET)
        return "t" if is_dropped else f"t[{self.index(sample)}]"

    def _of_class(self, operand: cross_entropy.TargetCell) -> str:
        name, target = self.names.of(operand.address), self._class(operand.sample)
        is_dropped = 0 in self.writer.cells.dropped(operand.address)
        return f"{name}[{target if is_dropped else f'{self.index(operand.sample)},{target}'}]"

    def _window(self, address: Address) -> str:
        dropped = self.writer.cells.dropped(address)
        known = [str(index) for index in self.prefix[:2]]
        names = [*known, *WINDOW_NAMES[len(known) :]]
        return ",".join(name for k, name in enumerate(names) if k not in dropped)

    def _won(self, operand: Indicator) -> str:
        window = self._window(operand.switches)
        if self.indices is None:
            return f"(switches[{window}] == u*{operand.plane_width}+v)"
        row, column = (index.at((*self.prefix, 0, 0)) for index in operand.cell)
        return f"(switches[{window}] == {(row or 0) * operand.plane_width + (column or 0)})"

    def _tied(self, operand: TiedIndicator) -> str:
        """The cell holds the window's largest value."""
        maps = (*operand.window[:2], *operand.cell)
        cell = ascii_index(self.writer.cells.text(maps, operand.source, self.prefix))
        window = self._window(operand.largest)
        source, largest = self.names.of(operand.source), self.names.of(operand.largest)
        return f"({source}[{cell}] == {largest}[{window}])"


def loop_over(axes: Sequence[Axis]) -> str:
    """`for y, x in ndindex(28, 28):`."""
    names = ", ".join(axis.name for axis in axes)
    if len(axes) == 1:
        return f"for {names} in range({axes[0].size}):"
    sizes = ", ".join(str(axis.size) for axis in axes)
    return f"for {names} in ndindex({sizes}):"


def ascii_index(text: str) -> str:
    """Index arithmetic as Python writes it: `2*y+i-1`, `(u+1-i)//2`, `f//4`."""
    text = re.sub(r"⌊(\w+)/(\d+)⌋", r"(\1//\2)", text.replace("−", "-"))
    text = re.sub(r"\)/(\d+)", r")//\1", text)
    return re.sub(r"(\d)([a-z(])", r"\1*\2", text)


_NOT_YET = "not yet"


def loops_program(step: ExplainedStep) -> Program | None:
    """The loops of one value, or of a tensor where no single value is in focus."""
    if step.operation is None:
        return None
    derivation = step.derivation
    indices = None if derivation is None else derivation.address.indices
    coder = Coder(step.operation.nest, step.tape, indices)
    if coder.nest.rule is NestRule.COPY:
        return _copy(step, coder)
    core = tuple(_lines_of_tensor(coder) if derivation is None else _of_value(step, derivation))
    name = coder.names.of(coder.nest.target)
    room = _result(coder, name)
    setup = [*_loads(coder), *_settings(step, coder, core), *room, *_windows(coder)]
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
    if coder.nest.rule is NestRule.FUNCTION:
        yield f"{coder.target()} = {coder.function()}"
    elif coder.is_one_product:
        yield f"{coder.target()} = {coder.product()}"
    else:
        yield coder.start()
        yield coder.loop()
        # The term inside the loop, behind the condition that it exists.
        guard = coder.guard()
        yield from (f"    {guard}",) if guard else ()
        yield f"{'        ' if guard else '    '}{coder.body()}"
        yield f"{coder.target()} = {coder.running}"


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
    note = "" if current is None else said(float(derivation.term_values[current]))
    yield CodeLine(body, note, current is not None)
    yield CodeLine(last, value if is_complete else _NOT_YET, current is None)


def _note_of_loop(derivation: Derivation, coder: Coder, current: int | None) -> str:
    if current is None:
        return f"×{len(derivation.positions):,}"
    if coder.writer.names_windows:
        # The window that the term's upstream value belongs to.
        upstream = derivation.nest.by_target.operands[0]
        coordinates = derivation.coordinates(current)
        y, x = (index.at(coordinates) for index in upstream.index[2:])
        return f"y={y} x={x}"
    axes = derivation.nest.by_target.axes
    pairs = list(zip(axes, derivation.coordinates(current), strict=True))[coder.first_term :]
    return " ".join(f"{axis.name}={index}" for axis, index in pairs if axis.size > 1)


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
        # How many cells each window counts.
        geometry = window_of(step)
        layer = coder.nest.target.layer
        height, width = step.tape[Address(layer, "input")].shape[2:]
        sizes = (*share.counts.shape, *geometry.window.kernel)
        inside = " and ".join(geometry.inside(height, width))
        yield f"count = np.zeros({share.counts.shape}, int)"
        yield loop_over(tuple(map(Axis, "yxij", sizes)))
        yield f"    count[y, x] += {inside}"
    uneven = next((o for o in coder.operands if isinstance(o, WindowShare)), None)
    if uneven is not None:
        yield f"count = np.array({uneven.counts.tolist()})"


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


__all__ = ["CodeLine", "CodeVersion", "Program", "code_lines", "code_source", "program"]


def program(step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS) -> Program | None:
    """A step's program; None where a step has no nest (the end of the pass, a whole phase)."""
    if step.operation is None or step.depth <= Depth.PHASE:
        return None
    # Loops are shown first; the other versions are loaded once somebody asks for them.
    match version:
        case CodeVersion.LOOPS:
            return loops_program(step)
        case CodeVersion.NUMPY:
            from backpropviz.figures.explain.vectorized import numpy_program

            return numpy_program(step)
        case CodeVersion.TORCH:
            from backpropviz.figures.explain.pytorch import torch_program

            return torch_program(step)


def code_lines(
    step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS
) -> tuple[CodeLine, ...]:
    """The lines that matter, with their values at this moment."""
    found = program(step, version)
    return () if found is None else found.core


def code_source(step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS) -> str:
    """The whole program, which reads `tape.npz` and prints the tensor or the value in focus.

    `backpropviz record -o tape.npz` writes the file; '' where a step has no code.
    """
    found = program(step, version)
    return "" if found is None else found.source


COPY_KEY: Final = "code:copy"
"""The mark that asks for the whole program on the clipboard."""
_COPY = "Copy"
_SWITCH_HEIGHT, _LINE_HEIGHT, _GUTTER, _GAP = 16.0, 22.0, 20.0, 12.0
_NOTE = Font(MONO.family, MONO.size, 400)


def version_key(version: CodeVersion) -> str:
    """The key of a version in the switch."""
    return f"code:{version.name.lower()}"


def version_switch(current: CodeVersion, width: float, x: float, theme: Theme) -> PanelPart:
    """`As code: Loops · NumPy · PyTorch`, and at the right what copies the whole program."""
    y = baseline(0, _SWITCH_HEIGHT, LABEL)
    marks: list[Mark] = [Text(x, y, "As code", LABEL, theme.text_secondary)]
    place = x + text_width("As code", LABEL) + _GAP
    for version in CodeVersion:
        font, color, key = LABEL, theme.update, version_key(version)
        if version is current:
            font, color, key = Font(LABEL.family, LABEL.size, 600), theme.text, ""
        marks.append(Text(place, y, version.value, font, color, key=key))
        place += text_width(version.value, font) + _GAP
    if place + text_width(_COPY, LABEL) <= x + width:
        marks.append(Text(x + width, y, _COPY, LABEL, theme.update, Anchor.END, COPY_KEY))
    return PanelPart(tuple(marks), _SWITCH_HEIGHT)


def code_block(
    lines: tuple[CodeLine, ...], width: float, x: float, panel_width: float, theme: Theme
) -> PanelPart:
    """The lines between x and x + width; the tint reaches across the panel."""
    parts = (
        _line(number, line, width, x, panel_width, theme)
        for number, line in enumerate(lines, start=1)
    )
    return stacked(parts)


def _line(
    number: int, line: CodeLine, width: float, x: float, panel_width: float, theme: Theme
) -> PanelPart:
    note = elide(line.note, _NOTE, width / 2)
    room = width - _GUTTER - (text_width(note, _NOTE) + _GAP if note else 0.0)
    rows = broken(line.text, room, width - _GUTTER)
    height = len(rows) * _LINE_HEIGHT
    marks: list[Mark] = []
    if line.is_current:
        marks.append(Rect(0.0, 0.0, panel_width, height, fill=theme.here_tint))
        # The mark of where the program stands.
        middle = _LINE_HEIGHT / 2
        up, down = middle - 5, middle + 5
        points = ((x, up), (x + 6, up), (x + 11, middle), (x + 6, down), (x, down))
        marks.append(Path(points, fill=theme.here, closed=True))
    else:
        marks.append(Text(x, _baseline(0), str(number), MONO, theme.text_tertiary))
    for k, row in enumerate(rows):
        marks.append(Text(x + _GUTTER, _baseline(k), row, MONO, theme.text))
    if note:
        color = theme.here if line.is_current else theme.text_secondary
        marks.append(Text(x + width, _baseline(0), note, _NOTE, color, Anchor.END))
    return PanelPart(tuple(marks), height)


def _baseline(row: int) -> float:
    return baseline(row * _LINE_HEIGHT, _LINE_HEIGHT, MONO)


def broken(text: str, width: float, further: float | None = None) -> tuple[str, ...]:
    """A line of code on as many rows as it needs, broken at spaces, further rows indented.

    The first row is `width` wide, the others `further`; a word that is too long is cut short.
    What stands in brackets is broken only where it would have no room on a row of its own.
    """
    indent = text[: len(text) - len(text.lstrip())]
    rows, room = [indent], width
    following = width if further is None else further
    own = following - text_width(f"{indent}    ", MONO)
    whole = _words(text, within=0)
    words = (w for one in whole for w in (_words(one) if text_width(one, MONO) > own else (one,)))
    for word in words:
        begun = rows[-1].strip()
        candidate = f"{rows[-1]} {word}" if begun else rows[-1] + word
        if begun and text_width(candidate, MONO) > room:
            room = following
            rows.append(elide(f"{indent}    {word}", MONO, room))
        else:
            rows[-1] = candidate if begun else elide(candidate, MONO, room)
    return tuple(rows)


def _words(text: str, within: int = 1) -> list[str]:
    """What a line may be broken into, at most inside so many brackets.

    A tuple inside a call stays whole.
    """
    words, depth = [""], 0
    for character in text.strip():
        depth += (character in "([{") - (character in ")]}")
        if character == " " and depth <= within:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]
