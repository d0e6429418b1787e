"""A step as PyTorch would be asked for it: a call, and for a gradient autograd."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from backpropviz.engine.layers.batch_norm import BUFFERS, BatchNorm2d
from backpropviz.engine.layers.dropout import Dropout
from backpropviz.engine.layers.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.engine.layers.softmax import Softmax
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Choice
from backpropviz.engine.optimizer import Adam, AdamW, RmsProp
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address
from backpropviz.figures.explain.program import (
    CodeLine,
    Names,
    Program,
    arrays_of,
    iteration_of,
    layer_of,
    opening,
)
from backpropviz.figures.explain.vectorized import result_line
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen

_CHANNEL = "(0, 2, 3)"


def inner_lines(layer: Any, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """The lines before the last, and the expression of a value that a layer keeps.

    `names` are the variables of `input`, `output`, `upstream` and of the layer's own arrays. Empty
    for an output that one call gives.
    """
    match layer:
        case BatchNorm2d():
            return _batch_norm(layer, quantity, names)
        case Softmax():
            return _softmax(quantity, names)
        case Dropout(mode="train"):
            return _dropout(layer, quantity, names)
    return ()


def _batch_norm(layer: BatchNorm2d, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given = names["input"]
    if quantity.endswith(".next"):
        running = "running_mean, running_var"
        options = f"training=True, momentum={layer.momentum!r}"
        call = f"F.batch_norm({given}, {running}, {options})"
        return f"{call}  # changes both in place", quantity.removesuffix(".next")
    is_training = layer.mode == "train"
    variance = f"{given}.var({_CHANNEL}, correction=0)" if is_training else "running_var"
    mean = f"{given}.mean({_CHANNEL}, keepdim=True)"
    dot = names["output"]
    found = {
        "mean": f"{given}.mean({_CHANNEL})",
        "variance": variance,
        "centered": f"{given} - {mean if is_training else 'running_mean[:, None, None]'}",
        "inv_std": f"torch.rsqrt({variance} + {layer.eps!r})",
        "normalized": batch_norm_call(layer, given, "", ""),
        "upstream_sum": f"g.sum({_CHANNEL})",
        "upstream_dot": f"(g * {dot}).sum({_CHANNEL})",
    }
    return (found[quantity],) if quantity in found else ()


def batch_norm_call(layer: BatchNorm2d, given: str, weight: str, bias: str) -> str:
    """`F.batch_norm(X, None, None, W, b, training=True)`, by the batch's statistics or not."""
    is_training = layer.mode == "train"
    running = "None, None" if is_training else "running_mean, running_var"
    affine = f", {weight}, {bias}" if weight else ""
    options = (", training=True" if is_training else "") + f", eps={layer.eps!r}"
    return f"F.batch_norm({given}, {running}{affine}{options})"


def _softmax(quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given = names["input"]
    shifted = f"torch.exp({given} - {given}.max(1, keepdim=True).values)"
    found = {
        "max": f"{given}.max(1).values",
        "exp": shifted,
        "normalizer": f"{shifted}.sum(1)",
        "dot": f"(g * {names['output']}).sum(1)",
    }
    return (found[quantity],) if quantity in found else ()


def _dropout(layer: Dropout, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """With the recorded mask, since a call would draw another."""
    value = {"output": names["input"], "input.grad": "g"}[quantity]
    kept = f" / {1 - layer.p!r}" if layer.p < 1 else ""
    return "# F.dropout would draw another mask than the recorded one.", f"{value} * mask{kept}"


_STATES = {
    "velocity": "momentum_buffer",
    "moment1": "exp_avg",
    "moment2": "exp_avg_sq",
    "square_average": "square_avg",
    "gradient_average": "grad_avg",
}


def update_program(step: ExplainedStep) -> Program | None:
    """One parameter, its gradient and its state, and a call of `optimizer.step()`.

    In double precision, so that a small step of a large weight keeps its digits.
    """
    if step.operation is None:
        return None
    nest = step.operation.nest
    parameter = nest.target.of("")
    target = Names(nest, step.tape).of(nest.target)
    before = Names(nest, step.tape).of(parameter)
    loads = [
        f'{before} = torch.tensor(tape["{parameter}"]).double()',
        f"w = torch.nn.Parameter({before}.clone())",
        f'w.grad = torch.tensor(tape["{parameter.grad}"]).double()',
    ]
    rule: Any = step.tape.optimizer
    if nest.target.part == "decayed":
        lines = [f"{target} = w.grad + {rule.weight_decay!r} * {before}"]
    elif nest.target.part == "next" and isinstance(rule, Adam):
        # Which update it is, only the step knows.
        loads = loads[:1]
        lines = [f'{target} = {before} + torch.tensor(tape["{parameter.of("step")}"])']
    else:
        lines = [*_stepped(step, parameter), f"{target} = {_wanted(nest.target.part, before)}"]
    last, result = result_line(step, target)
    core = (*map(CodeLine, lines), *last)
    text = [line.text for line in core]
    return Program((*opening([*text, *loads], torch=True), *loads), core, result)


def _stepped(step: ExplainedStep, parameter: Address) -> list[str]:
    rule: Any = step.tape.optimizer
    parts = [name for name in _STATES if parameter.of(f"{name}_before") in step.tape]
    states = [
        f'    "{_STATES[name]}": torch.tensor(tape["{parameter.of(f"{name}_before")}"]).double(),'
        for name in parts
    ]
    if isinstance(rule, Adam):
        settings = f"lr={rule.learning_rate!r}, betas={rule.betas!r}, eps={rule.eps!r}"
        kind = "AdamW" if isinstance(rule, AdamW) else "Adam"
        states = [f'    "step": torch.tensor({iteration_of(step) - 1}.0),', *states]
    elif isinstance(rule, RmsProp):
        kind = "RMSprop"
        settings = f"lr={rule.learning_rate!r}, alpha={rule.alpha!r}, eps={rule.eps!r}"
        settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
        settings += ", centered=True" if rule.centered else ""
        states = ['    "step": torch.tensor(0.0),', *states]
    else:
        settings, kind = f"lr={rule.learning_rate!r}", "SGD"
        settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
        settings += ", nesterov=True" if rule.nesterov else ""
    is_told = rule.weight_decay or isinstance(rule, AdamW)
    settings += f", weight_decay={rule.weight_decay!r}" if is_told else ""
    given = ["optimizer.state[w] = {", *states, "}"] if states else []
    return [f"optimizer = torch.optim.{kind}([w], {settings})", *given, "optimizer.step()"]


def _wanted(part: str, before: str) -> str:
    if part == "next":
        return "w.detach()"
    if part == "step":
        return f"w.detach() - {before}"
    if part == "gradient_variance":
        square, mean = (f'optimizer.state[w]["{name}"]' for name in ("square_avg", "grad_avg"))
        return f"({square} - {mean} ** 2).clamp(min=0)"
    return f'optimizer.state[w]["{_STATES[part]}"]'


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
        call = _EXPRESSIONS[self.layer.kind](self.layer, arguments)
        window = getattr(self.layer, "window", None)
        if window is None or not window.ceil_mode or not _is_padded_before(window):
            return call
        # PyTorch would let windows begin in what was padded by hand.
        height, width = self.step.tape.network.shapes[self.owner][1:]
        return f"({call})[:, :, :{height}, :{width}]"

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
    own = loss.class_weights
    weights = "" if own is None else f"torch.tensor({list(own)}, dtype=z.dtype)"
    options = f", weight={weights}" if weights else ""
    smoothing = loss.label_smoothing
    options += f", label_smoothing={smoothing!r}" if smoothing else ""
    shifted = "torch.exp(z - z.max(1, keepdim=True).values)"
    wanted = f"F.one_hot(t, {classes}).to(z.dtype)"
    wanted = f"(1 - {smoothing!r}) * {wanted} + {smoothing!r} / {classes}" if smoothing else wanted
    wanted = f"({wanted}) * {weights}" if weights else wanted
    return {
        "max": "z.max(1).values",
        "exp": shifted,
        "normalizer": f"{shifted}.sum(1)",
        "probabilities": "F.softmax(z, dim=1)",
        "sample": f'F.cross_entropy(z, t, reduction="none"{options})',
        "loss": f"F.cross_entropy(z, t{reduced}{options})",
        "surprise": f"torch.where(({wanted}) != 0, -F.log_softmax(z, dim=1), 0.0)",
        "wanted": wanted,
        "mass": f"({wanted}).sum(1)",
        "weight_sum": f"{weights}[t].sum()",
    }


def _is_uneven(padding: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    return any(before != after for before, after in padding)


def _is_padded_before(window: Any) -> bool:
    """Whether a pooling's padding is more than PyTorch takes: one number, half a kernel."""
    pairs = zip(window.padding, window.kernel, strict=True)
    return any(before != after or before > size // 2 for (before, after), size in pairs)


def _filled(name: str, window: Any, value: str = "") -> str:
    """`F.pad(X, (left, right, top, bottom))`."""
    (top, bottom), (left, right) = window.padding
    filled = f", value={value}" if value else ""
    return f"F.pad({name}, ({left}, {right}, {top}, {bottom}){filled})"


def _same_padding(window: Any) -> str:
    """The `padding=` option."""
    (top, _), (left, _) = window.padding
    return "" if top == left == 0 else f", padding={_pair((top, left))}"


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def _convolution(layer: Any, given: list[str]) -> str:
    window = layer.window
    is_uneven = _is_uneven(window.padding)
    source = _filled(given[0], window) if is_uneven else given[0]
    weight = f"{given[1]}.flip(2, 3)" if layer.flip else given[1]
    options = "" if is_uneven else _same_padding(window)
    options += "" if window.stride == (1, 1) else f", stride={_pair(window.stride)}"
    options += "" if window.dilation == (1, 1) else f", dilation={_pair(window.dilation)}"
    options += "" if layer.groups == 1 else f", groups={layer.groups}"
    return f"F.conv2d({', '.join((source, weight, *given[2:]))}{options})"


def _largest(layer: Any, given: list[str]) -> str:
    window, source = layer.window, given[0]
    options = f", {_pair(window.kernel)}, stride={_pair(window.stride)}"
    if _is_padded_before(window):
        source = _filled(source, window, 'float("-inf")')
    else:
        options += _same_padding(window)
    options += "" if window.dilation == (1, 1) else f", dilation={_pair(window.dilation)}"
    return f"F.max_pool2d({source}{options}{_ceil(window)})"


def _mean(layer: Any, given: list[str]) -> str:
    window, source = layer.window, given[0]
    options = f", {_pair(window.kernel)}, stride={_pair(window.stride)}"
    if not _is_padded_before(window):
        options += f"{_same_padding(window)}{_ceil(window)}"
        options += "" if layer.count_include_pad else ", count_include_pad=False"
        return f"F.avg_pool2d({source}{options})"
    options += _ceil(window)
    found = f"F.avg_pool2d({_filled(source, window)}{options})"
    if layer.count_include_pad:
        return found
    # The share of cells that lie in the input, which padding by hand would not leave out.
    inside = _filled(f"torch.ones_like({source})", window)
    return f"{found} / F.avg_pool2d({inside}{options})"


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
