"""A network as PyTorch modules with the same parameters, to compare training with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.value import Address, Array

Tensors = Mapping[str, Any]


def layer_call(torch: Any, layer: Layer, inputs: tuple[Any, ...], own: Tensors) -> Any:
    """PyTorch's function of a kind of layer; running statistics are changed in place."""
    return _calls(torch)[layer.kind](layer, *inputs, own)


def _calls(torch: Any) -> dict[str, Callable[..., Any]]:
    f = torch.nn.functional
    return {
        "conv2d": lambda k, x, p: f.conv2d(
            x, p["weight"], p.get("bias"), k.window.stride, _symmetric(k), k.window.dilation
        ),
        "max_pool2d": lambda k, x, p: f.max_pool2d(x, k.window.kernel, k.window.stride),
        "avg_pool2d": lambda k, x, p: f.avg_pool2d(x, k.window.kernel),
        "adaptive_avg_pool2d": lambda k, x, p: f.adaptive_avg_pool2d(x, k.output_size),
        "global_avg_pool2d": lambda k, x, p: f.adaptive_avg_pool2d(x, 1),
        "dense": lambda k, x, p: f.linear(x, p["weight"], p.get("bias")),
        "relu": lambda k, x, p: f.relu(x),
        "tanh": lambda k, x, p: torch.tanh(x),
        "gelu": lambda k, x, p: f.gelu(x, approximate=k.approximate),
        "silu": lambda k, x, p: f.silu(x),
        "prelu": lambda k, x, p: f.prelu(x, p["weight"]),
        "softmax": lambda k, x, p: f.softmax(x, 1),
        "flatten": lambda k, x, p: torch.flatten(x, 1),
        "add": lambda k, *given: sum(given[1:-1], start=given[0]),
        "pad": lambda k, x, p: f.pad(x, (*k.margins[1], *k.margins[0]), value=k.value),
        "batch_norm2d": lambda k, x, p: f.batch_norm(
            x,
            *(p[name] for name in ("running_mean", "running_var")),
            *(p.get(name) for name in ("weight", "bias")),
            k.mode == "train",
            k.momentum,
            k.eps,
        ),
        "dropout": lambda k, x, p: x * p["mask"] * k.scale if k.mode == "train" else x,
    }


def _symmetric(layer: Any) -> tuple[int, int]:
    return tuple(before for before, _ in layer.window.padding)


def loss_call(torch: Any, loss: Loss, prediction: Any, target: Array) -> Any:
    """PyTorch's function of a kind of loss."""
    f, expected = torch.nn.functional, torch.tensor(target)
    if isinstance(loss, CrossEntropy):
        weights = loss.class_weights
        return f.cross_entropy(
            prediction,
            expected,
            None if weights is None else torch.tensor(weights, dtype=prediction.dtype),
            reduction=loss.reduction,
            label_smoothing=loss.label_smoothing,
        )
    if isinstance(loss, BinaryCrossEntropy):
        call = f.binary_cross_entropy_with_logits
        return call(prediction, expected.to(prediction.dtype), reduction=loss.reduction)
    value = f.mse_loss(prediction, expected.to(prediction.dtype), reduction=loss.reduction)
    return value / 2 if getattr(loss, "half", False) else value


def tensors_of(torch: Any, network: Network, parameters: Parameters) -> dict[Address, Any]:
    """Leaves for the parameters, plain tensors for the buffers."""
    found = {}
    for node in network.nodes:
        trained = network.parameter_shapes(node)
        for name in network.kept_shapes(node):
            tensor = torch.tensor(np.array(parameters[node.name][name]))
            found[Address(node.name, name)] = tensor.requires_grad_(name in trained)
    return found


def forward_outputs(
    torch: Any,
    network: Network,
    tensors: Mapping[Address, Any],
    images: Any,
    masks: Mapping[str, Array],
) -> dict[str, Any]:
    """Every layer's output; a dropout is given its mask."""
    outputs = {IMAGE_NAME: images}
    for node in network.nodes:
        own = {a.quantity: t for a, t in tensors.items() if a.layer == node.name}
        if node.name in masks:
            own["mask"] = torch.tensor(masks[node.name])
        inputs = tuple(outputs[source] for source in node.inputs)
        outputs[node.name] = layer_call(torch, node.layer, inputs, own)
    return outputs
