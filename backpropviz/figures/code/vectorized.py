"""A step as vectorized NumPy: whole arrays at once."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.index import Index
from backpropviz.engine.kinds.cross_entropy import (
    ClassWeight,
    IsTarget,
    OneOver,
    TargetCell,
    TargetWeight,
)
from backpropviz.engine.kinds.kind import Kind, Pattern
from backpropviz.engine.kinds.prelu import NotAbove
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import Nest, Operand, Rule
from backpropviz.engine.operands import Cell, Choice
from backpropviz.figures.code.convolution import convolution_lines
from backpropviz.figures.code.copies import copy_line
from backpropviz.figures.code.pooling import pooling_lines
from backpropviz.figures.code.program import (
    CodeLine,
    Names,
    Program,
    arrays_of,
    hyperparameters,
    indexed,
    load,
    opening,
    python_constant,
    with_shape,
)
from backpropviz.figures.code.settings import settings_of
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import said
from backpropviz.frozen import frozen


@frozen(eq=False)
class Coded:
    """What a kind needs to write its own NumPy code."""

    step: ExplainedStep
    nest: Nest
    names: Names

    @property
    def input_shape(self) -> Shape:
        """The layer's input, batch included."""
        return self.step.tape[self._of("input")].shape

    @property
    def output_shape(self) -> Shape:
        """The layer's output, batch included."""
        return self.step.tape[self._of("output")].shape

    @property
    def target(self) -> str:
        """The variable of the result."""
        return self.names.of(self.nest.target)

    @property
    def source(self) -> str:
        """The variable of the layer's input."""
        return self.names.of(self._of("input"))

    def _of(self, quantity: str) -> Address:
        return Address(self.nest.target.layer, quantity)


def numpy_program(step: ExplainedStep) -> Program | None:
    """The tensor of a step, and of it the value in focus."""
    if step.operation is None:
        return None
    nest = step.operation.nest
    names = Names(nest, step.tape)
    lines = list(_lines(step, nest, names))
    last, result = result_line(step, names.of(nest.target))
    core = (*lines, *last)
    text = "\n".join(line.text for line in core)
    loads = [load(names.of(a), a) for a in arrays_of(_operands(nest))]
    setup = (*opening([text]), *loads, *hyperparameters(text, settings_of(step)))
    return Program(setup, core, result)


def result_line(step: ExplainedStep, target: str) -> tuple[tuple[CodeLine, ...], str]:
    """The line that takes the value in focus out of its tensor, and the expression to print."""
    derivation = step.derivation
    if derivation is None:
        return (), target
    indices = derivation.address.indices
    value = said(step.progress.running(derivation))
    line = CodeLine(f"value = {indexed(target, indices)}", value, is_current=True)
    return (line,), "value"


def _operands(nest: Nest) -> tuple[Operand | None, ...]:
    return (nest.by_target.initial, *nest.by_target.operands)


def _lines(step: ExplainedStep, nest: Nest, names: Names) -> Sequence[CodeLine]:
    target = names.of(nest.target)
    if nest.rule is Rule.COPY:
        return (with_shape(copy_line(nest, names, None)[0], nest.shape),)
    if nest.formula is not None:
        operands = [_aligned(operand, nest, names) for operand in nest.by_target.operands]
        return (with_shape(f"{target} = {nest.formula.numpy(operands)}", nest.shape),)
    if isinstance(nest.by_target.operands[0], Choice):
        sources = arrays_of(nest.by_target.operands)
        parts = " + ".join(f'tape["{address}"]' for address in sources)
        return (with_shape(f"{target} = {parts}", nest.shape),)
    about = None if step.layer is None else step.layer.about
    if not isinstance(about, Kind) or nest.target.quantity == "bias":
        return (with_shape(f"{target} = {_reduced(nest, names)}", nest.shape),)
    if about.numpy is not None:
        coded = about.numpy(Coded(step, nest, names))
        return tuple(CodeLine(text) if s is None else with_shape(text, s) for text, s in coded)
    if about.pattern is Pattern.FILTERS:
        return tuple(convolution_lines(step, nest, names))
    if about.pattern in {Pattern.LARGEST, Pattern.MEANS}:
        return tuple(pooling_lines(step, nest, names))
    if about.pattern is Pattern.SUMS:
        return (with_shape(f"{target} = {_dense(nest, names)}", nest.shape),)
    return (with_shape(f"{target} = {_reduced(nest, names)}", nest.shape),)


def _dense(nest: Nest, names: Names) -> str:
    first, second = (names.of(a) for a in arrays_of(nest.by_target.operands))
    if nest.target.quantity == "weight":
        return f"{first}.T @ {second}"
    if nest.target.is_gradient:
        return f"{first} @ {second}"
    bias = arrays_of((nest.by_target.initial,))
    return f"{second} @ {first}.T" + "".join(f" + {names.of(b)}" for b in bias)


def _reduced(nest: Nest, names: Names) -> str:
    """A product summed over its term axes: `g.sum(axis=(0, 2, 3))`."""
    loops = nest.by_target
    first_term = loops.channel_axes + loops.element_axes
    if any(_is_split(operand) for operand in loops.operands):
        return _reduced_by_axes(nest, names)
    product = " * ".join(_plain(operand, names) for operand in loops.operands)
    cell = next((operand for operand in loops.operands if isinstance(operand, Cell)), None)
    if cell is None:
        return f"{product}.sum()"
    summed = [k for k, index in enumerate(cell.index) if index.axis >= first_term]
    axis = "" if len(summed) == len(cell.index) else f"axis={_tuple(summed)}"
    product = f"({product})" if "*" in product else product
    shaped = f".reshape{nest.shape}" if nest.shape == (1,) and not axis else ""
    return f"{product}.{'max' if nest.rule is Rule.MAX else 'sum'}({axis}){shaped}"


def _is_split(operand: Operand) -> bool:
    """Whether an axis of the array is counted by two loops: group and channel within it."""
    return any(len(index.terms) > 1 for index in operand.index)


def _reduced_by_axes(nest: Nest, names: Names) -> str:
    """The same where groups of channels are summed: each array with an axis a loop."""
    loops = nest.by_target
    first_term = loops.channel_axes + loops.element_axes
    factors = []
    for operand in loops.operands:
        text = _plain(operand, names)
        if operand.address is not None:
            order = [
                term.axis
                for index in operand.index
                for term in sorted(index.terms, key=lambda term: -term.factor)
            ]
            sizes = tuple(loops.axes[axis].size for axis in order)
            text += f".reshape{sizes}" if _is_split(operand) else ""
            text += _along(order, len(loops.axes))
        factors.append(text)
    product = " * ".join(factors)
    product = f"({product})" if "*" in product else product
    return f"{product}.sum(axis={_tuple(range(first_term, len(loops.axes)))})"


def _along(order: Sequence[int], axes: int) -> str:
    if list(order) == list(range(axes - len(order), axes)):
        return ""
    return f"[{', '.join(':' if axis in order else 'None' for axis in range(axes))}]"


def _tuple(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"({', '.join(map(str, numbers))})"


def _plain(operand: Operand, names: Names) -> str:
    match operand:
        case NotAbove():
            return f"({names.of(operand.cell.address)} <= 0)"
        case ClassWeight():
            return "w"
        case TargetWeight():
            return f"w[{names.of(TARGET)}]"
        case OneOver():
            return f"(1 / {names.of(operand.source)})"
    return python_constant(operand.label) if operand.address is None else names.of(operand.address)


def _aligned(operand: Operand, nest: Nest, names: Names) -> str:
    """An operand laid along the axes of the result: `m[:, None]`."""
    if isinstance(operand, IsTarget):
        return f"(np.arange({nest.shape[-1]}) == {names.of(TARGET)}[:, None])"
    if isinstance(operand, TargetCell):
        name, target = names.of(operand.address), names.of(TARGET)
        return f"{name}[np.arange({nest.shape[0]}), {target}]"
    if operand.address is None:
        return _plain(operand, names)
    text = names.of(operand.address)
    for place, index in enumerate(operand.index):
        for term in index.terms:
            if term.floor > 1:
                text += f".repeat({term.floor}, axis={place})"
    return text + _laid(operand.index, len(nest.by_target.axes))


def _laid(maps: Sequence[Index], axes: int) -> str:
    if not any(index.terms for index in maps):
        return f"[{', '.join(str(index.offset) for index in maps)}]" if maps else ""
    along = [index.terms[0].axis for index in maps]
    return _along(along, axes) if along else ""
