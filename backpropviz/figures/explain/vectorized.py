"""A step as vectorized NumPy: whole arrays at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from backpropviz.engine.kernels.convolution import Pair, Window
from backpropviz.engine.kinds import cross_entropy
from backpropviz.engine.kinds.prelu import NotAbove
from backpropviz.engine.kinds.protocol import TARGET, Kind, Pattern
from backpropviz.engine.kinds.shape import Framed
from backpropviz.engine.nest import Index, Nest, NestRule, Operand
from backpropviz.engine.operands import ArrayCell, Choice, Share
from backpropviz.engine.value import Address, Shape
from backpropviz.figures.explain import program
from backpropviz.figures.numbers import said
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen

NO_PADDING: tuple[Pair, Pair] = ((0, 0), (0, 0))


@frozen
class Slid:
    """A window over an input (N, C, H, W) with its `rows` × `columns` of places."""

    window: Window
    source: Shape
    places: Pair

    @property
    def shape(self) -> Shape:
        return (*self.source[:2], *self.places, *self.window.kernel)

    def needed(self) -> tuple[Pair, Pair]:
        """The padding that the windows really reach, before and after, per axis."""
        found = []
        for axis in (0, 1):
            before = self.window.padding[axis][0]
            last = (self.places[axis] - 1) * self.window.stride[axis] + self.window.extent[axis]
            found.append((before, max(0, last - self.source[2 + axis] - before)))
        return found[0], found[1]

    def padded_shape(self) -> Shape:
        """The input's shape with that padding."""
        (top, bottom), (left, right) = self.needed()
        height, width = self.source[2:]
        return (*self.source[:2], height + top + bottom, width + left + right)


def view(padded: str, slid: Slid) -> program.CodeLine:
    """`windows = sliding_window_view(padded, (5, 5), (2, 3))`, thinned by stride and dilation."""
    window = slid.window
    text = f"windows = sliding_window_view({padded}, {window.extent}, (2, 3))"
    (sy, sx), (dy, dx) = window.stride, window.dilation
    if (dy, dx) != (1, 1):
        text += f"[:, :, {every(sy)}, {every(sx)}, {every(dy)}, {every(dx)}]"
    elif (sy, sx) != (1, 1):
        text += f"[:, :, {every(sy)}, {every(sx)}]"
    return program.with_shape(text, slid.shape)


def every(step: int) -> str:
    """The slice that takes each `step`-th."""
    return ":" if step == 1 else f"::{step}"


def pad(name: str, slid: Slid, value: str = "") -> tuple[str, tuple[program.CodeLine, ...]]:
    """The padded array's name and the line that makes it; nothing where no padding is needed."""
    needed = slid.needed()
    if needed == NO_PADDING:
        return name, ()
    filled = f", constant_values={value}" if value else ""
    (top, bottom), (left, right) = needed
    sizes = f"((0, 0), (0, 0), ({top}, {bottom}), ({left}, {right}))"
    line = f"padded = np.pad({name}, {sizes}{filled})"
    return "padded", (program.with_shape(line, slid.padded_shape()),)


@frozen(eq=False)
class Coded:
    """What a kind needs to write its own NumPy code."""

    step: ExplainedStep
    nest: Nest
    names: program.Names

    @property
    def input_shape(self) -> Shape:
        return self.step.tape[self._of("input")].shape

    @property
    def output_shape(self) -> Shape:
        return self.step.tape[self._of("output")].shape

    @property
    def target(self) -> str:
        return self.names.of(self.nest.target)

    @property
    def source(self) -> str:
        return self.names.of(self._of("input"))

    def _of(self, quantity: str) -> Address:
        return Address(self.nest.target.layer, quantity)


class _Windowed(Coded):
    """What slides a window over its input."""

    @property
    def layer(self) -> Any:
        return self.step.layer

    @property
    def slid(self) -> Slid:
        rows, columns = self.output_shape[2:]
        return Slid(self.layer.window, self.input_shape, (rows, columns))


class _Convolution(_Windowed):
    """One convolution's three tensors; with groups, every array gets an axis G for them."""

    @property
    def weight(self) -> str:
        return self.names.of(self._of("weight"))

    def output(self) -> Iterator[program.CodeLine]:
        yield from self._windows()
        turned = "[:, :, ::-1, ::-1]" if self.layer.flip else ""
        weight = self._by_group(f"{self.weight}{turned}", self._weight_shape(), 0)
        text = self._contracted("nGcyxij,Gfcij->nGfyx", ("windows", weight), self.nest.shape)
        initial = self.nest.by_target.initial
        bias = "" if initial is None or initial.address is None else self.names.of(initial.address)
        added = f" + {bias}[:, None, None]" if bias else ""
        yield self._result(f"{text}{added}")

    def weight_gradient(self) -> Iterator[program.CodeLine]:
        yield from self._windows()
        upstream = self._by_group("g", self.output_shape, 1)
        text = self._contracted("nGfyx,nGcyxij->Gfcij", (upstream, "windows"), self.nest.shape)
        yield self._result(f"{text}[:, :, ::-1, ::-1]" if self.layer.flip else text)

    def input_gradient(self) -> Iterator[program.CodeLine]:
        """The upstream gradient, spread by the stride, meets the kernel turned by 180°."""
        canvas, first, outer = self._canvas()
        places = ", ".join(
            f"{start}:{start + (count - 1) * stride + 1}{'' if stride == 1 else f':{stride}'}"
            for start, count, stride in zip(
                first, self.slid.places, self.layer.window.stride, strict=True
            )
        )
        yield program.with_shape(f"spread = np.zeros({canvas}, g.dtype)", canvas)
        yield program.CodeLine(f"spread[:, :, {places}] = g")
        dense = replace(self.layer.window, stride=(1, 1), padding=NO_PADDING)
        height, width = (canvas[2 + axis] - dense.extent[axis] + 1 for axis in (0, 1))
        yield view("spread", Slid(dense, canvas, (height, width)))
        if self.layer.groups > 1:
            yield self._split_windows((*canvas[:2], height, width, *dense.kernel))
        if self.layer.flip:
            turned = self.weight
        else:
            turned = "turned"
            yield program.CodeLine(f"turned = {self.weight}[:, :, ::-1, ::-1]", "by 180°")
        weight = self._by_group(turned, self._weight_shape(), 0)
        shape = (*self.nest.shape[:2], height, width)
        text = self._contracted("nGfyxij,Gfcij->nGcyx", ("windows", weight), shape)
        ends = (outer[0] + self.nest.shape[2], outer[1] + self.nest.shape[3])
        cut = f"[:, :, {outer[0]}:{ends[0]}, {outer[1]}:{ends[1]}]"
        yield self._result(text if outer == (0, 0) else f"{text}{cut}")

    def _canvas(self) -> tuple[Shape, Pair, Pair]:
        """The shape in which g is spread, where it begins, and what the padding adds outside."""
        window, (rows, columns) = self.layer.window, self.slid.places
        starts, sizes, outer = [], [], []
        for axis, count in ((0, rows), (1, columns)):
            reach, before = window.extent[axis] - 1, window.padding[axis][0]
            more = max(0, before - reach)
            start = reach - before + more
            last = start + (count - 1) * window.stride[axis] + 1
            starts.append(start)
            sizes.append(max(self.nest.shape[2 + axis] + reach + more, last))
            outer.append(more)
        filters = self.output_shape[:2]
        return (*filters, *sizes), (starts[0], starts[1]), (outer[0], outer[1])

    def _windows(self) -> Iterator[program.CodeLine]:
        slid = self.slid
        source, padding = pad(self.source, slid)
        yield from padding
        yield view(source, slid)
        if self.layer.groups > 1:
            yield self._split_windows(slid.shape)

    def _split_windows(self, shape: Shape) -> program.CodeLine:
        split = self._split(shape, 1)
        return program.with_shape(f"windows = windows.reshape{split}", split)

    def _by_group(self, name: str, shape: Shape, axis: int) -> str:
        return name if self.layer.groups == 1 else f"{name}.reshape{self._split(shape, axis)}"

    def _split(self, shape: Shape, axis: int) -> Shape:
        groups = self.layer.groups
        return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])

    def _contracted(self, letters: str, operands: tuple[str, str], shape: Shape) -> str:
        is_split = self.layer.groups > 1
        letters = letters if is_split else letters.replace("G", "")
        text = f'np.einsum("{letters}", {operands[0]}, {operands[1]})'
        return f"{text}.reshape{shape}" if is_split else text

    def _result(self, text: str) -> program.CodeLine:
        return program.with_shape(f"{self.target} = {text}", self.nest.shape)

    def _weight_shape(self) -> Shape:
        return self.step.tape[self._of("weight")].shape


class _Pooling(_Windowed):
    @property
    def is_maximum(self) -> bool:
        return self.share is None

    @property
    def share(self) -> Share | None:
        operands = self.nest.by_target.operands
        return next((o for o in operands if isinstance(o, Share)), None)

    def output(self) -> Iterator[program.CodeLine]:
        padded, lines = pad(self.source, self.slid, "-np.inf" if self.is_maximum else "")
        yield from lines
        yield view(padded, self.slid)
        target = self.target
        if self.is_maximum:
            yield program.with_shape(f"{target} = windows.max(axis=(4, 5))", self.nest.shape)
            return
        yield from self._counts()
        yield program.with_shape(
            f"{target} = windows.sum(axis=(4, 5)) / {self._count()}", self.nest.shape
        )

    def gradient(self) -> Iterator[program.CodeLine]:
        if self.is_maximum and self.layer.ties == "first":
            yield from self._scattered()
            return
        slid, target = self.slid, self.target
        padded = slid.padded_shape()
        if self.is_maximum:
            name, lines = pad(self.source, slid, "-np.inf")
            yield from lines
            largest = self.names.of(self._of("output"))
            part = " / tied" if self.layer.ties == "shared" else ""
            taken = f"g * ({name}[cells] == {largest}){part}"
        else:
            yield from self._counts()
            taken = f"g / {self._count()}"
        yield program.with_shape(f"{target} = np.zeros({padded})", padded)
        yield program.CodeLine(f"for i, j in ndindex{self.layer.window.kernel}:")
        yield program.CodeLine(f"    cells = np.s_[:, :, {self._cells(0)}, {self._cells(1)}]")
        yield program.CodeLine(f"    {target}[cells] += {taken}")
        if padded != self.nest.shape:
            (top, _), (left, _) = slid.needed()
            height, width = self.nest.shape[2:]
            cut = f"[:, :, {top}:{top + height}, {left}:{left + width}]"
            yield program.with_shape(f"{target} = {target}{cut}", self.nest.shape)

    def _scattered(self) -> Iterator[program.CodeLine]:
        """Every upstream value is added to its winner."""
        target, shape = self.target, self.nest.shape
        flat = (*shape[:2], shape[2] * shape[3])
        yield program.with_shape(f"{target} = np.zeros({flat})", flat)
        yield program.CodeLine("n, c, y, x = np.indices(g.shape)")
        yield program.CodeLine(f"np.add.at({target}, (n, c, switches), g)", "to the winners")
        yield program.with_shape(f"{target} = {target}.reshape{shape}", shape)

    def _cells(self, axis: int) -> str:
        """Where cell i (or j) of all windows lies."""
        window, letter = self.layer.window, "ij"[axis]
        stride, dilation = window.stride[axis], window.dilation[axis]
        start = letter if dilation == 1 else f"{dilation}*{letter}"
        stop = f"{start}+{(self.slid.places[axis] - 1) * stride + 1}"
        return f"{start}:{stop}" + ("" if stride == 1 else f":{stride}")

    def _count(self) -> str:
        label = "" if self.share is None else self.share.label
        return "count" if label == "1/n" else label.removeprefix("1/")

    def _counts(self) -> Iterator[program.CodeLine]:
        """How many cells each window counts, where that differs."""
        if self._count() != "count" or self.share is None:
            return
        slid, counted = self.slid, self.layer.window.padding
        height, width = slid.source[2:]
        needed = slid.needed()
        sizes, rest = (height, width), needed
        if self.layer.count_include_pad:
            sizes = (height + sum(counted[0]), width + sum(counted[1]))
            beyond = [max(0, needed[axis][1] - counted[axis][1]) for axis in (0, 1)]
            rest = ((0, beyond[0]), (0, beyond[1]))
        padded = (sizes[0] + sum(rest[0]), sizes[1] + sum(rest[1]))
        yield program.with_shape(f"ones = np.pad(np.ones({sizes}), {rest})", padded)
        window = slid.window
        (sy, sx), (dy, dx) = window.stride, window.dilation
        yield program.with_shape(
            f"count = sliding_window_view(ones, {window.extent})"
            f"[{every(sy)}, {every(sx)}, {every(dy)}, {every(dx)}].sum(axis=(2, 3))"
            f"[:{slid.places[0]}, :{slid.places[1]}]",
            self.share.counts.shape,
        )


def copy_line(nest: Nest, names: program.Names, indices: tuple[int, ...] | None) -> tuple[str, str]:
    """The line, and the expression of its result."""
    operand = nest.by_target.operands[0]
    target = names.of(nest.target)
    result = program.indexed(target, indices)
    if isinstance(operand, Choice):
        parts = ", ".join(names.of(address) for address in program.arrays_of((operand,)))
        return f"{target} = np.concatenate([{parts}], axis=1)", result
    (address,) = program.arrays_of((operand,))
    source = names.of(address)
    if isinstance(operand, Framed):
        # How many cells np.pad adds before and after, for each axis.
        sizes = zip(operand.index, names.values[address].shape, nest.shape, strict=True)
        frame = tuple((-i.offset, whole - size + i.offset) for i, size, whole in sizes)
        return f"{target} = np.pad({source}, {frame}, constant_values={operand.value!r})", result
    if not operand.index:
        return f"{target} = {source}.reshape{nest.shape}", result
    if names.values[address].shape == nest.shape:
        return f"{target} = {source}", result
    sizes = zip(operand.index, names.values[address].shape, nest.shape, strict=True)
    cut = [":" if whole == size else f"{i.offset}:{i.offset + size}" for i, whole, size in sizes]
    while cut[-1] == ":":
        cut.pop()
    return f"{target} = {source}[{', '.join(cut)}]", result


def numpy_program(step: ExplainedStep) -> program.Program | None:
    """The tensor of a step, and of it the value in focus."""
    if step.operation is None:
        return None
    nest = step.operation.nest
    names = program.Names(nest, step.tape)
    lines = list(_lines(step, nest, names))
    last, result = result_line(step, names.of(nest.target))
    core = (*lines, *last)
    text = "\n".join(line.text for line in core)
    operands = (nest.by_target.initial, *nest.by_target.operands)
    loads = [program.load(names.of(a), a) for a in program.arrays_of(operands)]
    setup = (
        *program.opening([text]),
        *loads,
        *program.hyperparameters(text, program.settings_of(step)),
    )
    return program.Program(setup, core, result)


def result_line(step: ExplainedStep, target: str) -> tuple[tuple[program.CodeLine, ...], str]:
    """The line that takes the value in focus out of its tensor, and the expression to print."""
    derivation = step.derivation
    if derivation is None:
        return (), target
    indices = derivation.address.indices
    value = said(step.progress.running(derivation))
    line = program.CodeLine(f"value = {program.indexed(target, indices)}", value, is_current=True)
    return (line,), "value"


def _lines(step: ExplainedStep, nest: Nest, names: program.Names) -> Sequence[program.CodeLine]:
    target = names.of(nest.target)
    if nest.rule is NestRule.COPY:
        return (program.with_shape(copy_line(nest, names, None)[0], nest.shape),)
    if nest.formula is not None:
        operands = [_aligned(operand, nest, names) for operand in nest.by_target.operands]
        return (program.with_shape(f"{target} = {nest.formula.numpy(operands)}", nest.shape),)
    if isinstance(nest.by_target.operands[0], Choice):
        sources = program.arrays_of(nest.by_target.operands)
        parts = " + ".join(f'tape["{address}"]' for address in sources)
        return (program.with_shape(f"{target} = {parts}", nest.shape),)
    about = None if step.layer is None else step.layer.about
    if not isinstance(about, Kind) or nest.target.quantity == "bias":
        return (program.with_shape(f"{target} = {_reduced(nest, names)}", nest.shape),)
    if about.numpy is not None:
        coded = about.numpy(Coded(step, nest, names))
        return tuple(
            program.CodeLine(text) if s is None else program.with_shape(text, s)
            for text, s in coded
        )
    if about.pattern is Pattern.FILTERS:
        convolution = _Convolution(step, nest, names)
        if not nest.target.is_gradient:
            return tuple(convolution.output())
        is_weight = nest.target.quantity == "weight"
        return tuple(convolution.weight_gradient() if is_weight else convolution.input_gradient())
    if about.pattern in {Pattern.LARGEST, Pattern.MEANS}:
        pooling = _Pooling(step, nest, names)
        return tuple(pooling.gradient() if nest.target.is_gradient else pooling.output())
    if about.pattern is Pattern.SUMS:
        return (program.with_shape(f"{target} = {_dense(nest, names)}", nest.shape),)
    return (program.with_shape(f"{target} = {_reduced(nest, names)}", nest.shape),)


def _dense(nest: Nest, names: program.Names) -> str:
    first, second = (names.of(a) for a in program.arrays_of(nest.by_target.operands))
    if nest.target.quantity == "weight":
        return f"{first}.T @ {second}"
    if nest.target.is_gradient:
        return f"{first} @ {second}"
    bias = program.arrays_of((nest.by_target.initial,))
    return f"{second} @ {first}.T" + "".join(f" + {names.of(b)}" for b in bias)


def _reduced(nest: Nest, names: program.Names) -> str:
    """A product summed over its term axes: `g.sum(axis=(0, 2, 3))`."""
    loops = nest.by_target
    first_term = loops.channel_axes + loops.element_axes
    if any(_is_split(operand) for operand in loops.operands):
        return _reduced_by_axes(nest, names)
    product = " * ".join(_plain(operand, names) for operand in loops.operands)
    cell = next((operand for operand in loops.operands if isinstance(operand, ArrayCell)), None)
    if cell is None:
        return f"{product}.sum()"
    summed = [k for k, index in enumerate(cell.index) if index.axis >= first_term]
    axis = "" if len(summed) == len(cell.index) else f"axis={_tuple(summed)}"
    product = f"({product})" if "*" in product else product
    shaped = f".reshape{nest.shape}" if nest.shape == (1,) and not axis else ""
    return f"{product}.{'max' if nest.rule is NestRule.MAX else 'sum'}({axis}){shaped}"


def _is_split(operand: Operand) -> bool:
    """Whether an axis of the array is counted by two loops: group and channel within it."""
    return any(len(index.terms) > 1 for index in operand.index)


def _reduced_by_axes(nest: Nest, names: program.Names) -> str:
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


def _plain(operand: Operand, names: program.Names) -> str:
    match operand:
        case NotAbove():
            return f"({names.of(operand.cell.address)} <= 0)"
        case cross_entropy.ClassWeight():
            return "w"
        case cross_entropy.TargetWeight():
            return f"w[{names.of(TARGET)}]"
        case cross_entropy.OneOver():
            return f"(1 / {names.of(operand.source)})"
    return (
        program.python_constant(operand.label)
        if operand.address is None
        else names.of(operand.address)
    )


def _aligned(operand: Operand, nest: Nest, names: program.Names) -> str:
    """An operand laid along the axes of the result: `m[:, None]`."""
    if isinstance(operand, cross_entropy.IsTarget):
        return f"(np.arange({nest.shape[-1]}) == {names.of(TARGET)}[:, None])"
    if isinstance(operand, cross_entropy.TargetCell):
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
