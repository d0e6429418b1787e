"""A program that computes a step's tensor or value from a recorded pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, Final

from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kinds.protocol import LOSS_NAME, CodeNumber, Kind
from backpropviz.engine.nest import Nest, Operand, Values
from backpropviz.engine.operands import Constant
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address, shape_text
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen

TAPE_FILE: Final = "tape.npz"
_MATH = ("erf", "exp", "inf", "log", "pi", "sqrt", "tanh")
_CODE_OF: Final = {
    "η": "lr",
    "λ": "decay",
    "μ": "momentum",
    "α": "alpha",
    "β": "beta",
    "ε": "eps",
    "π": "pi",
    "δ": "delta",
    "p": "drop",
    "₁": "1",
    "₂": "2",
    "ᵗ": "**t",
    "−": "-",
}


class CodeVersion(Enum):
    """How a step is written; the value is its name in a switch."""

    LOOPS = "Loops"
    NUMPY = "NumPy"
    TORCH = "PyTorch"


@frozen
class CodeLine:
    """A line, what it comes to at this moment, and whether the program stands on it."""

    text: str
    note: str = ""
    is_current: bool = False


@frozen
class Program:
    """What is loaded first, the lines that matter, and the expression of their result.

    Without a result the lines only say why there is none.
    """

    setup: tuple[str, ...]
    core: tuple[CodeLine, ...]
    result: str

    @property
    def source(self) -> str:
        """All of it, ready to run beside `tape.npz`, a pass as `backpropviz record` writes it."""
        lines = [*self.setup, "", *(line.text for line in self.core)]
        return "\n".join([*lines, *([f"print({self.result})"] if self.result else []), ""])


@frozen(eq=False, slots=False)
class Names:
    """The variables of a nest's arrays: `W`, `W_grad`, `v_old`; an upstream gradient is `g`."""

    nest: Nest
    values: Values

    def of(self, address: Address) -> str:
        """The variable of an array; no two arrays of the nest share one."""
        array = address.array
        return self._own.get(array) or self._plain(array)

    @cached_property
    def _own(self) -> Mapping[Address, str]:
        """The variables of the nest's arrays, the target first."""
        loops = self.nest.by_target
        found: dict[Address, str] = {}
        for array in (self.nest.target, *arrays_of((loops.initial, *loops.operands))):
            name = self._plain(array)
            is_taken = name in found.values() and array not in found
            found[array] = f"{name}_{array.quantity}" if is_taken else name
        return found

    def _plain(self, array: Address) -> str:
        is_upstream = array.is_gradient and array.quantity not in PARAMETERS
        if is_upstream and array != self.nest.target and self.nest.target.is_gradient:
            return "g"
        notation = Notation.of(self.values)
        kept = notation.kept(array)
        if kept is not None and kept.is_spelled_out:
            return f"{array.quantity}_next" if array.part == "next" else array.quantity
        letter = notation.letter(array)
        plain = letter.text.removeprefix("Δ").replace("ℓ", "sample")
        if any(axis.name == plain for axis in self.nest.by_target.axes):
            plain = "values"
        if array.part in {"step", "next"}:
            return f"{plain}_{array.part}"
        if array.is_gradient:
            return f"{plain}_grad"
        return f"{plain}_old" if letter.superscript == "old" else plain


def arrays_of(operands: Iterable[Operand | None]) -> tuple[Address, ...]:
    """Every array that operands look at, each once, in order."""
    given = (operand for operand in operands if operand is not None)
    return tuple(dict.fromkeys(address for operand in given for address in operand.reads))


def load(name: str, address: Address, part: str = "") -> str:
    """`X = tape["conv1.input"][0]`."""
    return f'{name} = tape["{address.array}"]{part}'


def opening(core: Sequence[str], *, torch: bool = False) -> list[str]:
    """The imports that lines need, and the tape."""
    text = "\n".join(core)
    lines = []
    used = [name for name in _MATH if mentions(name, text)]
    if used and not torch:
        lines.append(f"from math import {', '.join(used)}")
    lines += ["import numpy as np"]
    if torch:
        lines.append("import torch")
        lines += ["import torch.nn.functional as F"] if mentions("F", text) else []
    if mentions("ndindex", text):
        lines.append("from numpy import ndindex")
    if mentions("sliding_window_view", text):
        lines.append("from numpy.lib.stride_tricks import sliding_window_view")
    return [*lines, "", f'tape = np.load("{TAPE_FILE}")']


def mentions(name: str, text: str) -> bool:
    """Whether code uses a variable or a function."""
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


def indexed(name: str, indices: tuple[int, ...] | None) -> str:
    """`W_grad[0,0,0,1]`."""
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def hyperparameters(text: str, known: Mapping[str, CodeNumber]) -> list[str]:
    """Assignments of the settings that lines name: `lr = 0.01`, `w = np.array([0.5, 1.0])`."""
    return [
        f"{name} = {f'np.array({list(value)})' if isinstance(value, tuple) else repr(value)}"
        for name, value in known.items()
        if mentions(name, text)
    ]


def with_shape(text: str, shape: Sequence[int]) -> CodeLine:
    """A line that makes an array, with the array's shape beside it."""
    return CodeLine(text, shape_text(tuple(shape)))


def python_constant(label: str) -> str:
    """`η` as `lr`, `1 − β₁` as `(1 - beta1)`; p, which is a pooling's output, as `drop`."""
    text = "".join(_CODE_OF.get(character, character) for character in label)
    return f"({text})" if " " in label else text


@frozen
class Geometry:
    """The windows of a convolution or a pooling."""

    window: Window
    counts_padding: bool = False

    def inside(self, height: int, width: int) -> Iterator[str]:
        """The conditions under which an average counts cell (i, j) of window (y, x)."""
        w = self.window
        for axis, size in enumerate((height, width)):
            before, after = w.padding[axis]
            counted = (-before, size + after) if self.counts_padding else (0, size)
            place = f"{w.stride[axis]}*{'yx'[axis]}+{w.dilation[axis]}*{'ij'[axis]}-{before}"
            yield f"{counted[0]} <= {place} < {counted[1]}"


def window_of(step: ExplainedStep) -> Geometry:
    """The geometry of the step's layer, which slides a window."""
    layer: Any = step.layer
    return Geometry(layer.window, layer.count_include_pad)


def settings_of(step: ExplainedStep) -> Mapping[str, CodeNumber]:
    """Every setting that code may name, with its value."""
    if step.operation is None or step.operation.phase is not Phase.UPDATE:
        layer = step.layer
        if layer is None:
            return {}
        if isinstance(layer.about, Kind):
            return layer.about.code_numbers(layer)
        classes = step.tape[Address(LOSS_NAME, "input")].shape[-1]
        return layer.about.code_numbers(layer, int(classes))
    rule = step.tape.optimizer
    counted = {"t": iteration_of(step)} if rule.about.powers(rule) else {}
    return {**rule.about.code_numbers(rule), **counted}


def iteration_of(step: ExplainedStep) -> int:
    """Which update it is, from Adam's 1 − βᵗ."""
    rule = step.tape.optimizer
    if step.operation is None:
        return 1
    labels = rule.about.powers(rule)
    for operand in step.operation.nest.by_target.operands:
        if isinstance(operand, Constant) and operand.label in labels:
            beta, power = labels[operand.label], 1 - operand.value
            if 0 < beta < 1 and 0 < power < 1:
                return round(math.log(power) / math.log(beta))
    return 1
