"""A layer in a few words: what its name leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.network import Node
from backpropviz.scene.numbers import shown


def layer_summary(node: Node) -> str:
    """`5×5, pad 2`, `max 2×2`, `conv2 + image`; empty where the name says it all."""
    write = _SUMMARIES.get(node.layer.kind)
    if write is not None:
        return write(node)
    words = node.layer.kind.replace("_", " ")
    return "" if node.name.lower().startswith(words.split()[0]) else words


def loss_summary(loss: Loss) -> str:
    """`cross-entropy`, `½ (p − t)²`."""
    if loss.kind == "squared_error":
        return "½ (p − t)²" if getattr(loss, "half", False) else "(p − t)²"
    return loss.kind.replace("_", "-")


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"


def _window(window: Window, usual_stride: tuple[int, int]) -> list[str]:
    """The geometry, without what is as usual."""
    (top, bottom), (left, right) = window.padding
    parts = [f"{window.kernel[0]}×{window.kernel[1]}"]
    if window.stride != usual_stride:
        parts.append(f"stride {_pair(window.stride)}")
    if window.padded:
        even = top == bottom and left == right
        parts.append(f"pad {_pair((top, left))}" if even else f"pad {top} {bottom} {left} {right}")
    if window.dilation != (1, 1):
        parts.append(f"dilation {_pair(window.dilation)}")
    return parts


def _convolution(node: Node) -> str:
    layer: Any = node.layer
    parts = _window(layer.window, (1, 1))
    return ", ".join([*parts, f"{layer.groups} groups"] if layer.groups > 1 else parts)


def _pooling(word: str) -> Callable[[Node], str]:
    def write(node: Node) -> str:
        layer: Any = node.layer
        return f"{word} " + ", ".join(_window(layer.window, layer.window.kernel))

    return write


def _leaky(node: Node) -> str:
    layer: Any = node.layer
    return f"slope {shown(layer.negative_slope)}"


_SUMMARIES: Final[Mapping[str, Callable[[Node], str]]] = MappingProxyType(
    {
        "conv2d": _convolution,
        "max_pool2d": _pooling("max"),
        "avg_pool2d": _pooling("mean"),
        "global_avg_pool2d": lambda node: "mean of each map",  # noqa: ARG005
        "leaky_relu": _leaky,
        "add": lambda node: " + ".join(node.inputs),
        "concat": lambda node: ", ".join(node.inputs),
    }
)
