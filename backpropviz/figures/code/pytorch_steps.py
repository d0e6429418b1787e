"""What PyTorch computes inside one call, step by step: batch normalization, softmax, dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.softmax import Softmax

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
