"""A step as PyTorch would be asked for it: a call, and for a gradient autograd."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from backpropviz.engine.address import Address
from backpropviz.engine.kinds.batch_norm import BUFFERS, BatchNorm2d
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Choice
from backpropviz.engine.program import Phase
from backpropviz.figures.code.program import CodeLine, Names, Program, arrays_of, opening
from backpropviz.figures.code.pytorch_steps import batch_norm_call, inner_lines
from backpropviz.figures.code.pytorch_update import update_program
from backpropviz.figures.code.settings import layer_of
from backpropviz.figures.code.vectorized import result_line
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.frozen import frozen


def torch_program(step: ExplainedStep) -> Program | None:
    """The tensor of a step by PyTorch; a remark where PyTorch has no such operation."""
    if step.operation is None:
        return None
    if step.operation.phase is Phase.UPDATE:
        return update_program(step)
    nest = step.operation.nest
    names = Names(nest, step.tape)
    target = names.of(nest.target)
    if isinstance(nest.by_target.operands[0], Choice) and nest.target.is_gradient:
        parts = (f'torch.tensor(tape["{a}"])' for a in arrays_of(nest.by_target.operands))
        return _finished(step, [], [f"{target} = {' + '.join(parts)}"], target)
    call = _Call(step, nest, step.operation.layer, layer_of(step))
    remark = call.missing()
    if remark:
        return Program((), (CodeLine(f"# {remark}"),), "")
    if step.operation.layer == LOSS_NAME:
        return call.loss(names)
    inside = call.inside(names)
    if inside is not None:
        return inside
    return call.gradient(names) if nest.target.is_gradient else call.forward(names)


def _finished(step: ExplainedStep, loads: list[str], lines: list[str], target: str) -> Program:
    last, result = result_line(step, target)
    core = (*map(CodeLine, lines), *last)
    text = [line.text for line in core]
    return Program((*opening([*text, *loads], torch=True), *loads), core, result)


def _loaded(name: str, address: Address, *, tracked: bool = False) -> str:
    """`W = torch.tensor(tape["conv1.weight"], requires_grad=True)`."""
    return f'{name} = torch.tensor(tape["{address}"]{", requires_grad=True" if tracked else ""})'


@frozen(slots=False)
class _Call:
    step: ExplainedStep
    nest: Nest
    owner: str
    layer: Any

    def missing(self) -> str:
        """Why PyTorch cannot be asked."""
        layer, kind = self.layer, self.layer.kind
        if kind == "max_pool2d" and layer.ties != "first" and self.nest.target.is_gradient:
            return "PyTorch always gives the whole gradient to the first winner."
        if kind == "relu" and layer.at_zero and self.nest.target.is_gradient:
            return "PyTorch takes 0 for the slope of ReLU at 0."
        if kind == "avg_pool2d" and layer.window.dilation != (1, 1):
            return "PyTorch's average pooling knows no dilation."
        if kind == "avg_pool2d" and _is_uneven(layer.window.padding):
            return "PyTorch's average pooling pads both sides alike."
        return ""

    def inside(self, names: Names) -> Program | None:
        """A value that PyTorch's call computes on its way; None for what the call gives."""
        site = self.step.tape.network.site(self.owner, self.step.tape.batch)
        shown = {"input": site.input(), "output": site.output, "g": site.output.grad}
        variables = {key: "g" if key == "g" else names.of(a) for key, a in shown.items()}
        own = str(self.nest.target).removeprefix(f"{self.owner}.")
        lines = inner_lines(self.layer, own, variables)
        if not lines:
            return None
        known = {variables[key]: address for key, address in shown.items()}
        known |= {name: site.quantity(name) for name in ("mask", *BUFFERS)}
        used = "\n".join(lines)
        loads = [_loaded(name, a) for name, a in known.items() if _names(name, used)]
        target = names.of(self.nest.target)
        return _finished(self.step, loads, [*lines[:-1], f"{target} = {lines[-1]}"], target)

    def _inputs(self) -> dict[str, Address]:
        """The call's arguments by variable."""
        site = self.step.tape.network.site(self.owner, self.step.tape.batch)
        addresses = [site.input(k) for k in range(len(site.inputs))]
        addresses += [site.quantity(name) for name in site.parameters]
        if getattr(self.layer, "mode", "") == "eval" and isinstance(self.layer, BatchNorm2d):
            addresses += [site.quantity(name) for name in BUFFERS]
        forward = Names(self.layer.nests(site).forward[0], self.step.tape)
        return {forward.of(address): address for address in addresses}

    def forward(self, names: Names) -> Program:
        inputs = self._inputs()
        loads = [_loaded(name, address) for name, address in inputs.items()]
        target = names.of(self.nest.target)
        return _finished(self.step, loads, [f"{target} = {self._expression(list(inputs))}"], target)

    def gradient(self, names: Names) -> Program:
        """The forward call, and what autograd makes of the upstream gradient."""
        inputs = self._inputs()
        asked = self.nest.target.of("")
        loads = [_loaded(n, a, tracked=a == asked) for n, a in inputs.items()]
        loads.append(_loaded("g", Address(self.owner, "output").grad))
        variable = next(name for name, address in inputs.items() if address == asked)
        target = names.of(self.nest.target)
        lines = [
            f"out = {self._expression(list(inputs))}",
            f"{target}, = torch.autograd.grad(out, {variable}, g)",
        ]
        return _finished(self.step, loads, lines, target)

    def _expression(self, arguments: list[str]) -> str:
        return _EXPRESSIONS[self.layer.kind](self.layer, arguments)

    def _loss_parts(self) -> Mapping[str, str]:
        classes = self.step.tape[Address(LOSS_NAME, "input")].shape[-1]
        return _loss_parts(self.layer, int(classes))

    def loss(self, names: Names) -> Program:
        """A part of the loss, the loss, or its gradient."""
        prediction = Address(LOSS_NAME, "input")
        target = names.of(self.nest.target)
        is_gradient = self.nest.target.is_gradient
        loads = [_loaded("z", prediction, tracked=is_gradient), _loaded("t", TARGET)]
        if is_gradient:
            call = self._loss_parts()[LOSS.quantity]
            lines = [f"L = {call}", f"{target}, = torch.autograd.grad(L, z)"]
        else:
            lines = [f"{target} = {self._loss_parts()[self.nest.target.quantity]}"]
        used = "\n".join(lines)
        loads = loads if _names("t", used) else loads[:1]
        loads = loads if _names("z", used) else loads[1:]
        return _finished(self.step, loads, lines, target)


def _names(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


def _loss_parts(loss: Any, classes: int) -> Mapping[str, str]:
    reduced = "" if loss.reduction == "mean" else ', reduction="sum"'
    if loss.kind == "squared_error":
        half = " / 2" if loss.half else ""
        return {"difference": "z - t", "loss": f"F.mse_loss(z, t{reduced}){half}"}
    if loss.kind == "binary_cross_entropy":
        call = "F.binary_cross_entropy_with_logits(z, t"
        return {
            "probabilities": "torch.sigmoid(z)",
            "entropy": f'{call}, reduction="none")',
            "loss": f"{call}{reduced})",
        }
    weights = "" if loss.class_weights is None else f"torch.tensor({list(loss.class_weights)})"
    options = f", weight={weights}" if weights else ""
    smoothing = loss.label_smoothing
    options += f", label_smoothing={smoothing!r}" if smoothing else ""
    shifted = "torch.exp(z - z.max(1, keepdim=True).values)"
    wanted = f"F.one_hot(t, {classes})"
    wanted = f"(1 - {smoothing!r}) * {wanted} + {smoothing!r} / {classes}" if smoothing else wanted
    wanted = f"({wanted}) * {weights}" if weights else wanted
    return {
        "max": "z.max(1).values",
        "exp": shifted,
        "normalizer": f"{shifted}.sum(1)",
        "probabilities": "F.softmax(z, dim=1)",
        "sample": f'F.cross_entropy(z, t, reduction="none"{options})',
        "loss": f"F.cross_entropy(z, t{reduced}{options})",
        "surprise": "-F.log_softmax(z, dim=1)",
        "wanted": wanted,
        "mass": f"({wanted}).sum(1)",
        "weight_sum": f"{weights}[t].sum()",
    }


def _is_uneven(padding: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    return any(before != after for before, after in padding)


def _padded(name: str, window: Any, value: str = "") -> tuple[str, str]:
    """The argument and the `padding=` option; uneven padding is added before the call."""
    (top, bottom), (left, right) = window.padding
    if _is_uneven(window.padding):
        filled = f", value={value}" if value else ""
        return f"F.pad({name}, ({left}, {right}, {top}, {bottom}){filled})", ""
    return name, "" if top == left == 0 else f", padding={_pair((top, left))}"


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def _convolution(layer: Any, given: list[str]) -> str:
    window = layer.window
    source, padding = _padded(given[0], window)
    weight = f"{given[1]}.flip(2, 3)" if layer.flip else given[1]
    options = padding
    options += "" if window.stride == (1, 1) else f", stride={_pair(window.stride)}"
    options += "" if window.dilation == (1, 1) else f", dilation={_pair(window.dilation)}"
    options += "" if layer.groups == 1 else f", groups={layer.groups}"
    return f"F.conv2d({', '.join((source, weight, *given[2:]))}{options})"


def _largest(layer: Any, given: list[str]) -> str:
    window = layer.window
    source, padding = _padded(given[0], window, 'float("-inf")')
    options = f", {_pair(window.kernel)}, stride={_pair(window.stride)}{padding}"
    options += "" if window.dilation == (1, 1) else f", dilation={_pair(window.dilation)}"
    return f"F.max_pool2d({source}{options}{_ceil(window)})"


def _mean(layer: Any, given: list[str]) -> str:
    window = layer.window
    source, padding = _padded(given[0], window)
    options = f", {_pair(window.kernel)}, stride={_pair(window.stride)}{padding}{_ceil(window)}"
    options += "" if layer.count_include_pad else ", count_include_pad=False"
    return f"F.avg_pool2d({source}{options})"


def _ceil(window: Any) -> str:
    return ", ceil_mode=True" if window.ceil_mode else ""


def _reshape(layer: Any, given: list[str]) -> str:
    return f"{given[0]}.reshape({given[0]}.shape[0], {', '.join(map(str, layer.shape))})"


def _adaptive(layer: Any, given: list[str]) -> str:
    size = layer.output_size
    return f"F.adaptive_avg_pool2d({given[0]}, {size if isinstance(size, int) else tuple(size)})"


def _framed(layer: Any, given: list[str]) -> str:
    (top, bottom), (left, right) = layer.margins
    return f"F.pad({given[0]}, ({left}, {right}, {top}, {bottom}), value={layer.value!r})"


def _gelu(layer: Any, given: list[str]) -> str:
    bent = ', approximate="tanh"' if layer.approximate == "tanh" else ""
    return f"F.gelu({given[0]}{bent})"


def _normalized(layer: Any, given: list[str]) -> str:
    weight, bias = given[1:3] if layer.affine else ("", "")
    return batch_norm_call(layer, given[0], weight, bias)


_Expression = Callable[[Any, list[str]], str]
_EXPRESSIONS: Final[Mapping[str, _Expression]] = MappingProxyType(
    {
        "conv2d": _convolution,
        "max_pool2d": _largest,
        "avg_pool2d": _mean,
        "global_avg_pool2d": lambda _, given: f"F.adaptive_avg_pool2d({given[0]}, 1)",
        "adaptive_avg_pool2d": _adaptive,
        "pad": _framed,
        "batch_norm2d": _normalized,
        "dropout": lambda layer, given: f"F.dropout({given[0]}, {layer.p!r}, training=False)",
        "softmax": lambda _, given: f"F.softmax({given[0]}, dim=1)",
        "prelu": lambda _, given: f"F.prelu({', '.join(given)})",
        "gelu": _gelu,
        "silu": lambda _, given: f"F.silu({given[0]})",
        "dense": lambda _, given: f"F.linear({', '.join(given)})",
        "relu": lambda _, given: f"F.relu({given[0]})",
        "leaky_relu": lambda layer, given: f"F.leaky_relu({given[0]}, {layer.negative_slope})",
        "sigmoid": lambda _, given: f"torch.sigmoid({given[0]})",
        "tanh": lambda _, given: f"torch.tanh({given[0]})",
        "flatten": lambda _, given: f"torch.flatten({given[0]}, 1)",
        "reshape": _reshape,
        "add": lambda _, given: " + ".join(given),
        "concat": lambda _, given: f"torch.cat([{', '.join(given)}], dim=1)",
    }
)
