"""A program that computes a step's tensor or value from a recorded pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, Final, TypeAlias

from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.layers.activation import SLOPES_AT_ZERO
from backpropviz.engine.layers.prelu_nests import NotAbove
from backpropviz.engine.layers.protocol import LOSS_NAME
from backpropviz.engine.layers.weight_operands import OneOver
from backpropviz.engine.nest import Nest, Operand, Values
from backpropviz.engine.operands import Choice, Constant
from backpropviz.engine.optimizer import Adam
from backpropviz.engine.tape import Phase
from backpropviz.engine.ties import TiedIndicator, TiedShare
from backpropviz.engine.value import Address, shape_text
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen

TAPE_FILE: Final = "tape.npz"
_MATH = ("erf", "exp", "inf", "log", "pi", "sqrt", "tanh")
_SPELLED_OUT: Final = frozenset(
    {
        *("switches", "tied", "mask", "mean", "variance", "centered", "inv_std", "normalized"),
        *("running_mean", "running_var", "upstream_sum", "upstream_dot", "dot"),
        *("surprise", "entropy", "wanted", "mass", "weight_sum"),
    }
)
"""What code calls by its name, where equations have a letter."""


Setting: TypeAlias = float | tuple[float, ...]
"""A number of the configuration, or one for each class."""


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
        if array.quantity in _SPELLED_OUT:
            return f"{array.quantity}_next" if array.part == "next" else array.quantity
        letter = Notation.of(self.values).letter(array)
        plain = letter.text.removeprefix("Δ").replace("ℓ", "sample")
        if any(axis.name == plain for axis in self.nest.by_target.axes):
            plain = "values"
        if array.part in {"step", "next"}:
            return f"{plain}_{array.part}"
        if array.is_gradient:
            return f"{plain}_grad"
        return f"{plain}_old" if letter.superscript == "old" else plain


def arrays_of(operands: Iterable[Operand | None]) -> tuple[Address, ...]:
    """Every array that operands read, each once, in order."""
    found: dict[Address, None] = {}
    for operand in operands:
        if operand is None:
            continue
        if isinstance(operand, Choice):
            found.update(dict.fromkeys(arrays_of(operand.options)))
        elif isinstance(operand, TiedIndicator):
            found.update(dict.fromkeys((operand.source, operand.largest)))
        elif isinstance(operand, TiedShare):
            found[operand.tied] = None
        elif isinstance(operand, NotAbove):
            found[operand.cell.address.array] = None
        elif isinstance(operand, OneOver):
            found[operand.source] = None
        elif operand.address is not None:
            found[operand.address.array] = None
        found.update(dict.fromkeys(_asked_by(operand)))
    return tuple(found)


def _asked_by(operand: Operand) -> tuple[Address, ...]:
    """What an operand looks at without reading its value: the switches, the target class."""
    switches = getattr(operand, "switches", None)
    if switches is not None and not isinstance(operand, TiedIndicator):
        return (switches,)
    return (Address("loss", "target"),) if hasattr(operand, "sample") else ()


def load(name: str, address: Address, part: str = "") -> str:
    """`X = tape["conv1.input"][0]`."""
    return f'{name} = tape["{address.array}"]{part}'


def opening(core: Sequence[str], *, torch: bool = False) -> list[str]:
    """The imports that lines need, and the tape."""
    text = "\n".join(core)
    lines = []
    used = [name for name in _MATH if _calls(name, text)]
    if used and not torch:
        lines.append(f"from math import {', '.join(used)}")
    lines += ["import numpy as np"]
    if torch:
        lines.append("import torch")
        lines += ["import torch.nn.functional as F"] if _calls("F", text) else []
    if _calls("ndindex", text):
        lines.append("from numpy import ndindex")
    if _calls("sliding_window_view", text):
        lines.append("from numpy.lib.stride_tricks import sliding_window_view")
    return [*lines, "", f'tape = np.load("{TAPE_FILE}")']


def _calls(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


def indexed(name: str, indices: tuple[int, ...] | None) -> str:
    """`W_grad[0,0,0,1]`."""
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def hyperparameters(text: str, known: Mapping[str, Setting]) -> list[str]:
    """Assignments of the settings that lines name: `lr = 0.01`, `w = np.array([0.5, 1.0])`."""
    return [
        f"{name} = {f'np.array({list(value)})' if isinstance(value, tuple) else repr(value)}"
        for name, value in known.items()
        if _calls(name, text)
    ]


def with_shape(text: str, shape: Sequence[int]) -> CodeLine:
    """A line that makes an array, with the array's shape beside it."""
    return CodeLine(text, shape_text(tuple(shape)))


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


def layer_of(step: ExplainedStep) -> Any:
    """The layer (or loss) that a step belongs to; the optimizer's steps too name their layer."""
    if step.operation is None:
        return None
    if step.operation.layer == LOSS_NAME:
        return step.tape.network.loss
    node = step.tape.network.by_name.get(step.operation.layer)
    return None if node is None else node.layer


def window_of(step: ExplainedStep) -> Geometry:
    """The geometry of the step's layer, which slides a window."""
    layer = layer_of(step)
    return Geometry(layer.window, getattr(layer, "count_include_pad", False))


def settings_of(step: ExplainedStep) -> dict[str, Setting]:
    """Every setting that code may name, with its value."""
    if step.operation is None or step.operation.phase is not Phase.UPDATE:
        return _settings_of_layer(step)
    rule: Any = step.tape.optimizer
    found: dict[str, Setting] = {"lr": rule.learning_rate}
    for name, code in (
        ("momentum", "momentum"),
        ("weight_decay", "decay"),
        ("eps", "eps"),
        ("alpha", "alpha"),
    ):
        if hasattr(rule, name):
            found[code] = getattr(rule, name)
    if isinstance(rule, Adam):
        found |= {"beta1": rule.betas[0], "beta2": rule.betas[1], "t": iteration_of(step)}
    return found


def _settings_of_layer(step: ExplainedStep) -> dict[str, Setting]:
    # By kind, so that no module of a layer is imported that the network does without.
    layer = layer_of(step)
    match getattr(layer, "kind", ""):
        case "leaky_relu":
            return {"alpha": layer.negative_slope}
        case "batch_norm2d":
            return {"eps": layer.eps, "alpha": layer.momentum}
        case "dropout":
            # Where nothing is kept every value is 0 already; 0 / 0 would be no number.
            return {"drop": layer.p if layer.p < 1 else 0.0}
        case "cross_entropy":
            classes = step.tape[Address(LOSS_NAME, "input")].shape[1]
            smoothing = layer.label_smoothing
            weights = {} if layer.class_weights is None else {"w": layer.class_weights}
            return {"eps": smoothing, "delta": smoothing / classes, **weights}
    return {}


def iteration_of(step: ExplainedStep) -> int:
    """Which update it is, from Adam's 1 − βᵗ."""
    rule = step.tape.optimizer
    if not isinstance(rule, Adam) or step.operation is None:
        return 1
    for operand in step.operation.nest.by_target.operands:
        for label, beta in zip(("1 − β₂ᵗ", "1 − β₁ᵗ"), rule.betas[::-1], strict=True):
            if isinstance(operand, Constant) and operand.label == label:
                power = 1 - operand.value
                if 0 < beta < 1 and 0 < power < 1:
                    return round(math.log(power) / math.log(beta))
    return 1


_CODE_OF = {
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
_SIGNS = (
    ("·", "*"),
    ("−", "-"),
    ("²", "**2"),
    ("³", "**3"),
    ("√", "sqrt"),
    ("½", "0.5"),
    ("≥", ">="),
    ("≠", "!="),
)
_HALF = SLOPES_AT_ZERO[0.5]
# NumPy's booleans do not add up, so the mean of two conditions is written out.
_HALF_IN_PYTHON = "{0} * (1 if {1} > 0 else 0.5 if {1} == 0 else 0)"
_HALF_IN_NUMPY = "{0} * np.heaviside({1}, 0.5)"


def python_formula(expression: str, operands: Sequence[str]) -> str:
    """`{0} · [{1} > 0]` as `g[0,1] * (o[0,1] > 0)`."""
    text = _HALF_IN_PYTHON if expression == _HALF else _with_signs(expression)
    return _filled(text, operands)


def numpy_formula(expression: str, operands: Sequence[str]) -> str:
    """The same for arrays: `np.maximum(o, 0)`, `np.where(o > 0, o, alpha * o)`."""
    text = _HALF_IN_NUMPY if expression == _HALF else _with_signs(expression)
    text = re.sub(r"\((.+?) if (.+?) else (.+?)\)", r"np.where(\2, \1, \3)", text)
    text = re.sub(r"^(.+?) if (.+?) else (.+?)$", r"np.where(\2, \1, \3)", text)
    text = re.sub(r"\bmax\(", "np.maximum(", text)
    text = re.sub(r"(?<![\w.])(exp|log|sqrt|tanh)\(", r"np.\1(", text)
    text = re.sub(r"\berf\(", "np.vectorize(erf)(", text)
    return _filled(text, operands)


def python_constant(label: str) -> str:
    """`η` as `lr`, `1 − β₁` as `(1 - beta1)`; p, which is a pooling's output, as `drop`."""
    text = "".join(_CODE_OF.get(character, character) for character in label)
    return f"({text})" if " " in label else text


def _with_signs(expression: str) -> str:
    text = re.sub(r"(?<!\w)1?\[(.+?)\]", r"(\1)", expression)
    for sign, code in _SIGNS:
        text = text.replace(sign, code)
    return text


def _filled(text: str, operands: Sequence[str]) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: operands[int(match[1])], text)
