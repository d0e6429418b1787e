"""Oracle cases as calls of the engine's layers, losses and optimizers.

What an operator's attributes mean in the engine's fields is told here; an attribute that the engine
does not have is handed over as a field all the same, so that the engine itself has to refuse it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from backpropviz.engine.kinds.protocol import Buffered, Layer
from backpropviz.engine.kinds.registry import layer_from_fields, loss_from_fields
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd, optimizer_from_fields
from backpropviz.engine.training.update import (
    ConstantRate,
    Cosine,
    Curve,
    StepDecay,
    Then,
    WarmUp,
    scheduled,
)
from backpropviz.engine.value import Array, Shape
from backpropviz.errors import UserError

Case: TypeAlias = dict[str, Any]
Fields: TypeAlias = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "data" / "oracle"


@cache
def all_cases() -> tuple[Case, ...]:
    return tuple(json.loads((FOLDER / "index.json").read_text("utf-8"))["cases"])


@cache
def arrays() -> Mapping[str, Array]:
    with np.load(FOLDER / "arrays.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@dataclass(frozen=True)
class Call:
    """A layer's fields, its inputs and its parameters, each by its number in the case."""

    fields: Fields
    inputs: tuple[int, ...]
    parameters: Mapping[str, int]
    given: tuple[Array, ...]
    transposed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What the engine computes of what the case lists; None where it has no such array."""

    outputs: tuple[Array | None, ...]
    gradients: tuple[Array | None, ...]


def answer(case: Case) -> Answer:
    """Run the case.

    Raises:
        UserError: the engine refuses it.
    """
    given = tuple(arrays()[entry["key"]] for entry in case["inputs"])
    op = case["op"]
    if case["kind"] == "schedule":
        return _learning_rates(case)
    if case["source"] == "optim":
        return _trajectory(case, given)
    if op in LOSSES:
        return _loss_answer(case, given)
    read = TORCH[op] if case["source"] == "opinfo" else ONNX[op]
    return _layer_answer(case, read(case, _with_initial(case, given)))


def _with_initial(case: Case, given: tuple[Array, ...]) -> tuple[Array, ...]:
    """The inputs of the one node of a graph, stored values included."""
    if "nodes" not in case:
        return given
    if len(case["nodes"]) > 1:
        raise UserError("a graph of several nodes is no single layer.")
    named = dict(zip((entry["name"] for entry in case["inputs"]), given, strict=True))
    named |= {name: arrays()[key] for name, key in case["init"].items()}
    return tuple(named[name] for name in case["nodes"][0]["inputs"])


def _parameters(layer: Layer, call: Call, shapes: tuple[Shape, ...]) -> dict[str, Array]:
    """A layer's parameters and buffers, of the shapes that it wants."""
    parameters = {}
    buffers = layer.buffer_shapes(shapes) if isinstance(layer, Buffered) else {}
    for name, shape in {**layer.parameter_shapes(shapes), **buffers}.items():
        number = call.parameters[name]
        value = call.given[number]
        value = value.T if number in call.transposed else value
        if value.size != np.prod(shape) or value.ndim > len(shape) + 1:
            raise UserError(f"{name} must be {shape}, but it is {value.shape}.")
        parameters[name] = value.reshape(shape)
    return parameters


def _layer_answer(case: Case, call: Call) -> Answer:
    layer = layer_from_fields(call.fields, case["op"])
    inputs = tuple(call.given[k] for k in call.inputs)
    shapes = tuple(x.shape[1:] for x in inputs)
    if any(x.ndim == 0 for x in inputs):
        chain("no batch axis", (), {"layer": layer}, SquaredError())
    if len({len(x) for x in inputs}) > 1:
        raise UserError("the inputs of a layer have one batch.")
    output_shape = layer.output_shape(shapes)
    parameters = _parameters(layer, call, shapes)
    output, residuals = layer.forward(inputs, parameters)
    assert output.shape == (len(inputs[0]), *output_shape)
    outputs: list[Array | None] = [output]
    if isinstance(layer, Buffered):
        after = layer.next_buffers(residuals, parameters)
        _check_buffers(case, call, after)
        outputs.append(after.get("running_mean"))
    elif "switches" in residuals and len(case["outputs"]) > 1:
        outputs.append(_indices(case, residuals["switches"], inputs[0].shape))
    gradients: list[Array | None] = [None] * len(call.given)
    if case.get("cotangents"):
        upstream = arrays()[case["cotangents"][0]].astype(output.dtype)
        downstream, of_parameters = layer.vjp(upstream, residuals, parameters)
        for number, gradient in zip(call.inputs, downstream, strict=True):
            gradients[number] = gradient
        for name, number in call.parameters.items():
            if name in of_parameters:
                found = of_parameters[name]
                found = found.T if number in call.transposed else found
                gradients[number] = found.reshape(call.given[number].shape)
    return Answer(tuple(outputs), tuple(gradients))


def _check_buffers(case: Case, call: Call, after: Mapping[str, Array]) -> None:
    """The running statistics after the pass, where the case tells them and the pass trains."""
    for number, key in case.get("buffers_after", {}).items():
        for name, found in after.items():
            if call.parameters[name] == int(number):
                np.testing.assert_allclose(
                    found, arrays()[key], rtol=case["rtol"], atol=case["atol"]
                )


def _indices(case: Case, switches: Array, shape: tuple[int, ...]) -> Array:
    """PyTorch counts within a plane, ONNX through the whole tensor."""
    if case["source"] == "opinfo":
        return switches
    n, c, h, w = shape
    return switches + (np.arange(n * c) * h * w).reshape(n, c, 1, 1)


def _loss_answer(case: Case, given: tuple[Array, ...]) -> Answer:
    settings = case.get("attrs", {}) | case.get("kwargs", {})
    fields = {"kind": LOSSES[case["op"]], **settings}
    if len(given) > 2 and fields["kind"] == "cross_entropy":
        fields.pop("weight", None)
        fields["class_weights"] = given[2].tolist()
    if len(case["outputs"]) > 1:
        fields["log_prob"] = True
    loss = loss_from_fields(fields)
    target = loss.target(given[1], given[0].shape)
    value, residuals = loss.forward(given[0], target)
    gradient = None
    if case.get("cotangents"):
        upstream = arrays()[case["cotangents"][0]].astype(given[0].dtype).reshape(())
        gradient = loss.vjp(upstream, residuals, target)
    return Answer((value,), (gradient, *(None,) * (len(given) - 1)))


_NAMES = {"lr": "learning_rate"}
_IRRELEVANT = {"foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"}
_SETTINGS = {
    *("lr", "momentum", "nesterov", "weight_decay", "betas", "eps", "alpha", "centered"),
}


def _trajectory(case: Case, given: tuple[Array, ...]) -> Answer:
    fields: Fields = {"kind": case["op"].lower()}
    for name, value in case["kwargs"].items():
        known = name in _SETTINGS
        if name not in _IRRELEVANT and (known or value):
            fields[_NAMES.get(name, name)] = value
    optimizer = optimizer_from_fields(fields)
    weight, gradients = given
    state, path = optimizer.initial_state(weight), []
    for number, gradient in enumerate(gradients):
        update = optimizer.update(weight, gradient, state, number + 1)
        state = {name: update.parts[name] for name in state}
        weight = weight + update.step
        path.append(weight)
    return Answer((np.stack(path),), (None, None))


def _learning_rates(case: Case) -> Answer:
    """The rates of the first updates under a schedule of PyTorch's."""
    settings = dict(case["kwargs"])
    base = Sgd(settings.pop("lr"))
    schedule = scheduled(base, CURVES[case["op"]](settings, base.learning_rate))
    count = len(arrays()[case["outputs"][0]])
    return Answer((np.array([schedule(k + 1).learning_rate for k in range(count)]),), ())


def _milestones(settings: Fields, _rate: float) -> Curve:
    marks, factor = settings["milestones"], settings["gamma"]
    curve: Curve = ConstantRate(factor ** len(marks))
    starts = [0, *marks]
    for k in range(len(marks) - 1, -1, -1):
        curve = Then(ConstantRate(factor**k), starts[k + 1] - starts[k], curve)
    return curve


def _restarts(settings: Fields, _rate: float) -> Curve:
    lengths = [settings["T_0"] * settings["T_mult"] ** k for k in range(5)]
    curve: Curve = Cosine(lengths[-1])
    for length in reversed(lengths[:-1]):
        curve = Then(Cosine(length), length, curve)
    return curve


CURVES: Mapping[str, Callable[[Fields, float], Curve]] = {
    "StepLR": lambda s, _: StepDecay(s["step_size"], s["gamma"]),
    "ExponentialLR": lambda s, _: StepDecay(1, s["gamma"]),
    "MultiStepLR": _milestones,
    "CosineAnnealingLR": lambda s, rate: Cosine(s["T_max"], s["eta_min"] / rate, mirrored=True),
    "CosineAnnealingWarmRestarts": _restarts,
    "LinearLR": lambda s, _: WarmUp(s["total_iters"], s["start_factor"]),
    "ConstantLR": lambda s, _: Then(ConstantRate(s["factor"]), s["total_iters"], ConstantRate()),
}


def _simple(fields: Fields) -> Callable[[Case, tuple[Array, ...]], Call]:
    return lambda case, given: Call(fields | _attributes(case), tuple(range(len(given))), {}, given)


def _attributes(case: Case) -> Fields:
    if "nodes" in case:
        return dict(case["nodes"][0]["attrs"])
    return {**case.get("attrs", {}), **case.get("kwargs", {})}


def _renamed(fields: Fields, **names: str) -> Fields:
    return {names.get(name, name): value for name, value in fields.items()}


def _torch_conv(case: Case, given: tuple[Array, ...]) -> Call:
    fields = {"stride": 1, **case["kwargs"]}
    if fields.get("padding") == "valid":
        fields["padding"] = 0
    return _convolution(fields, given)


def _convolution(fields: Fields, given: tuple[Array, ...]) -> Call:
    weight, bias = given[1], len(given) > 2
    fields |= {"out_channels": weight.shape[0], "kernel_size": weight.shape[2:], "bias": bias}
    parameters = {"weight": 1} | ({"bias": 2} if bias else {})
    return Call({"kind": "conv2d", **fields}, (0,), parameters, given)


def _onnx_conv(case: Case, given: tuple[Array, ...]) -> Call:
    fields = _onnx_window(case, given[0])
    fields.pop("kernel_size", None)
    return _convolution(_renamed({"stride": 1, **fields}, group="groups"), given)


def _onnx_window(case: Case, image: Array) -> Fields:
    found = _renamed(
        _attributes(case), kernel_shape="kernel_size", strides="stride", dilations="dilation"
    )
    pads, automatic = found.pop("pads", None), found.pop("auto_pad", "NOTSET")
    if pads is not None and len(pads) == 4:
        found["padding"] = [[pads[0], pads[2]], [pads[1], pads[3]]]
    elif pads is not None:
        found["padding"] = pads
    if automatic in {"SAME_UPPER", "SAME_LOWER"}:
        found["padding"] = _same_padding(found, image.shape[2:], lower=automatic == "SAME_LOWER")
    return found


def _same_padding(fields: Fields, sizes: tuple[int, ...], *, lower: bool) -> list[list[int]]:
    """ONNX's rule: as many windows as ⌈size / stride⌉, the odd row at the end or the beginning."""
    found = []
    steps = fields.get("stride", [1, 1])
    for size, kernel, step in zip(sizes, fields["kernel_size"], steps, strict=True):
        total = max((-(-size // step) - 1) * step + kernel - size, 0)
        small, large = total // 2, total - total // 2
        found.append([large, small] if lower else [small, large])
    return found


def _onnx_pool(kind: str) -> Callable[[Case, tuple[Array, ...]], Call]:
    def read(case: Case, given: tuple[Array, ...]) -> Call:
        fields = {"stride": [1] * (given[0].ndim - 2), **_onnx_window(case, given[0])}
        fields["ceil_mode"] = bool(fields.get("ceil_mode", 0))
        if kind == "avg_pool2d":
            fields["count_include_pad"] = bool(fields.get("count_include_pad", 0))
        return Call({"kind": kind, **fields}, (0,), {}, given)

    return read


def _torch_average(case: Case, given: tuple[Array, ...]) -> Call:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    found = dict(zip((*names, "divisor_override"), case["args"][1:], strict=False))
    found = {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in found.items()}
    if found.get("stride") == []:
        del found["stride"]
    if found.get("divisor_override") is None:
        found.pop("divisor_override", None)
    return Call({"kind": "avg_pool2d", **found}, (0,), {}, given)


def _torch_maximum(case: Case, given: tuple[Array, ...]) -> Call:
    found = {k: v for k, v in case["kwargs"].items() if k != "return_indices"}
    return Call({"kind": "max_pool2d", **found}, (0,), {}, given)


def _torch_group(case: Case, given: tuple[Array, ...]) -> Call:
    settings = {k: v for k, v in case["kwargs"].items() if k not in {"weight", "bias"}}
    return _normalized({"kind": "group_norm", "num_groups": case["args"][1], **settings}, given)


def _torch_layer(case: Case, given: tuple[Array, ...]) -> Call:
    fields = {"kind": "layer_norm", **case["kwargs"]}
    if tuple(case["args"][1]) != given[0].shape[1:]:
        fields["normalized_shape"] = case["args"][1]
    return _normalized(fields, given)


def _onnx_normalization(kind: str) -> Callable[[Case, tuple[Array, ...]], Call]:
    def read(case: Case, given: tuple[Array, ...]) -> Call:
        fields = {"kind": kind, **_renamed(_attributes(case), epsilon="eps")}
        axis = fields.pop("axis", -1) if kind == "layer_norm" else 1
        if axis % given[0].ndim != 1:
            fields["axis"] = axis
        return _normalized(fields, given)

    return read


def _normalized(fields: Fields, given: tuple[Array, ...]) -> Call:
    parameters = {"weight": 1, "bias": 2} if len(given) > 1 else {}
    return Call({"affine": len(given) > 1, **fields}, (0,), parameters, given)


def _torch_linear(case: Case, given: tuple[Array, ...]) -> Call:
    bias = len(given) > 2
    fields = {"kind": "dense", "out_features": len(given[1]), "bias": bias}
    return Call(fields, (0,), {"weight": 1} | ({"bias": 2} if bias else {}), given)


def _onnx_gemm(case: Case, given: tuple[Array, ...]) -> Call:
    found = {k: v for k, v in _attributes(case).items() if v != 1.0 or k == "transA"}
    turned = _attributes(case).get("transB", 0)
    outputs = given[1].shape[0 if turned else 1]
    fields = {"kind": "dense", "out_features": outputs, "bias": len(given) > 2, **found}
    parameters = {"weight": 1} | ({"bias": 2} if len(given) > 2 else {})
    return Call(fields, (0,), parameters, given, frozenset() if turned else frozenset({1}))


def _joined(axis_name: str, default: int) -> Callable[[Case, tuple[Array, ...]], Call]:
    def read(case: Case, given: tuple[Array, ...]) -> Call:
        axis = _attributes(case).get(axis_name, case.get("args", [0, default])[-1])
        axis = axis if isinstance(axis, int) else default
        fields = {"kind": "concat"}
        ranks = {x.ndim for x in given}
        if {axis % rank for rank in ranks if rank} != {1}:
            fields["axis"] = str(axis)
        return Call(fields, tuple(range(len(given))), {}, given)

    return read


def _flattened(case: Case, given: tuple[Array, ...]) -> Call:
    found = _attributes(case)
    rank = given[0].ndim
    start = found.get("axis", 1) if case["source"] != "opinfo" else found.get("start_dim", 0)
    fields: Fields = {"kind": "flatten"}
    if (start % rank if start < 0 else start) != 1:
        fields["axis"] = start
    return Call(fields, (0,), {}, given)


def _reshaped(case: Case, given: tuple[Array, ...]) -> Call:
    wanted = arrays()[case["outputs"][0]].shape
    fields: Fields = {"kind": "reshape", "shape": list(wanted[1:])}
    if wanted[:1] != given[0].shape[:1]:
        fields["batch"] = wanted[:1]
    return Call(fields, (0,), {}, given[:1])


def _leaky(case: Case, given: tuple[Array, ...]) -> Call:
    fields = _renamed(_attributes(case), alpha="negative_slope")
    return Call({"kind": "leaky_relu", **fields}, (0,), {}, given)


def _global_average(case: Case, given: tuple[Array, ...]) -> Call:
    return Call({"kind": "global_avg_pool2d", **_attributes(case)}, (0,), {}, given)


def _adaptive(case: Case, given: tuple[Array, ...]) -> Call:
    fields = {"kind": "adaptive_avg_pool2d", "output_size": case["args"][1]}
    return Call(fields, (0,), {}, given)


def _torch_norm(case: Case, given: tuple[Array, ...]) -> Call:
    numbers = [None if given is None else given["$t"] for given in case["args"]]
    names = ("running_mean", "running_var", "weight", "bias")
    present = zip(names, numbers[1:], strict=True)
    parameters = {name: number for name, number in present if number is not None}
    fields = {"kind": "batch_norm2d", "affine": "weight" in parameters, **case["kwargs"]}
    fields["mode"] = "train" if fields.pop("training", False) else "eval"
    return Call(fields, (0,), parameters, given)


def _onnx_norm(case: Case, given: tuple[Array, ...]) -> Call:
    found = _renamed(_attributes(case), epsilon="eps")
    found.pop("is_test", None)
    found["mode"] = "train" if found.pop("training_mode", 0) else "eval"
    found["momentum"] = 1 - found.get("momentum", 0.9)
    names = ("weight", "bias", "running_mean", "running_var")
    parameters = {name: number for number, name in enumerate(names, start=1)}
    return Call({"kind": "batch_norm2d", **found}, (0,), parameters, given)


def _onnx_dropout(case: Case, given: tuple[Array, ...]) -> Call:
    found = _renamed(_attributes(case), ratio="p")
    found.pop("seed", None)
    if len(given) > 1:
        found["p"] = given[1].item()
    if len(given) > 2 and given[2].item():
        found["mode"] = "train"
        if found["p"] > 0:
            raise UserError("the mask comes from another random generator.")
    return Call({"kind": "dropout", **found}, (0,), {}, given)


def _prelu(case: Case, given: tuple[Array, ...]) -> Call:
    """ONNX gives a slope for each channel as (C,1,1)."""
    values, weight = given
    per_channel = weight.shape[:1] == values.shape[1:2] and weight.size == weight.shape[0]
    if case["source"] != "opinfo" and weight.size > 1 and weight.ndim != values.ndim - 1:
        per_channel = False
    fields: Fields = {"kind": "prelu", "shared": weight.size == 1, **_attributes(case)}
    fields.pop("weight", None)
    weight = weight.reshape(-1) if per_channel else weight
    return Call(fields, (0,), {"weight": 1}, (values, weight))


def _swish(case: Case, given: tuple[Array, ...]) -> Call:
    found = {k: v for k, v in _attributes(case).items() if v != 1.0}
    return Call({"kind": "silu", **found}, (0,), {}, given)


def _softmax(case: Case, given: tuple[Array, ...]) -> Call:
    axis = _attributes(case).get("axis", -1)
    axis = case["args"][1] if "args" in case else axis
    fields: Fields = {"kind": "softmax"}
    if axis not in {-1, given[0].ndim - 1}:
        fields["axis"] = axis
    return Call(fields, (0,), {}, given)


def _torch_pad(case: Case, given: tuple[Array, ...]) -> Call:
    _, pads, *rest = case["args"]
    fields: Fields = {"kind": "pad"}
    if rest[:1] not in ([], ["constant"]):
        fields["mode"] = rest[0]
    pairs = [tuple(pads[k : k + 2]) for k in range(0, len(pads), 2)] + [(0, 0)] * 2
    if len(pads) > 4:
        fields["channels"] = pairs[2]
    fields |= {"padding": [list(pairs[1]), list(pairs[0])], "value": (rest[1:] or [0.0])[0]}
    return Call(fields, (0,), {}, given)


def _onnx_pad(case: Case, given: tuple[Array, ...]) -> Call:
    found = _attributes(case)
    if len(given) > 1:
        found |= {"pads": given[1].tolist(), "value": given[2].item()}
    axes = given[3].tolist() if len(given) > 3 else list(range(given[0].ndim))
    count = len(found["pads"]) // 2
    pairs = zip(found["pads"][:count], found["pads"][count:], strict=True)
    by_axis = {axis % 4: pair for axis, pair in zip(axes, pairs, strict=True)}
    fields: Fields = {"kind": "pad", "value": found.get("value", 0.0)}
    fields["padding"] = [list(by_axis.get(axis, (0, 0))) for axis in (2, 3)]
    for axis in (0, 1):
        if by_axis.get(axis, (0, 0)) != (0, 0):
            fields[f"padding of axis {axis}"] = by_axis[axis]
    if found.get("mode", "constant") != "constant":
        fields["mode"] = found["mode"]
    return Call(fields, (0,), {}, given)


LOSSES: Mapping[str, str] = {
    "mse_loss": "squared_error",
    "cross_entropy": "cross_entropy",
    "SoftmaxCrossEntropyLoss": "cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy",
}
Reader: TypeAlias = Callable[[Case, tuple[Array, ...]], Call]
TORCH: Mapping[str, Reader] = {
    "conv2d": _torch_conv,
    "max_pool2d": _torch_maximum,
    "avg_pool2d": _torch_average,
    "adaptive_avg_pool2d": _adaptive,
    "batch_norm": _torch_norm,
    "prelu": _prelu,
    "gelu": _simple({"kind": "gelu"}),
    "silu": _simple({"kind": "silu"}),
    "softmax": _softmax,
    "pad": _torch_pad,
    "linear": _torch_linear,
    "relu": _simple({"kind": "relu"}),
    "relu6": _simple({"kind": "relu6"}),
    "elu": _simple({"kind": "elu"}),
    "hardswish": _simple({"kind": "hardswish"}),
    "group_norm": _torch_group,
    "layer_norm": _torch_layer,
    "leaky_relu": _leaky,
    "sigmoid": _simple({"kind": "sigmoid"}),
    "tanh": _simple({"kind": "tanh"}),
    "add": _simple({"kind": "add"}),
    "cat": _joined("dim", 0),
    "flatten": _flattened,
    "reshape": _reshaped,
}
ONNX: Mapping[str, Reader] = {
    "Conv": _onnx_conv,
    "MaxPool": _onnx_pool("max_pool2d"),
    "AveragePool": _onnx_pool("avg_pool2d"),
    "GlobalAveragePool": _global_average,
    "Gemm": _onnx_gemm,
    "Relu": _simple({"kind": "relu"}),
    "Elu": _simple({"kind": "elu"}),
    "HardSwish": _simple({"kind": "hardswish"}),
    "GroupNormalization": _onnx_normalization("group_norm"),
    "LayerNormalization": _onnx_normalization("layer_norm"),
    "LeakyRelu": _leaky,
    "Sigmoid": _simple({"kind": "sigmoid"}),
    "Tanh": _simple({"kind": "tanh"}),
    "Add": _simple({"kind": "add"}),
    "Concat": _joined("axis", 1),
    "Flatten": _flattened,
    "Reshape": _reshaped,
    "BatchNormalization": _onnx_norm,
    "Dropout": _onnx_dropout,
    "PRelu": _prelu,
    "Gelu": _simple({"kind": "gelu"}),
    "Swish": _swish,
    "Softmax": _softmax,
    "Pad": _onnx_pad,
}
