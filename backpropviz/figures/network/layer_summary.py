"""A layer in a few words: what its name leaves open."""

from __future__ import annotations

from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.network import Node


def layer_summary(node: Node) -> str:
    """`5×5, pad 2`, `max 2×2`, `conv2 + image`; empty where the name says it all."""
    if node.layer.about.summary is not None:
        return node.layer.about.summary(node.layer, node.inputs)
    words = node.layer.kind.replace("_", " ")
    return "" if node.name.lower().startswith(words.split()[0]) else words


def loss_summary(loss: Loss) -> str:
    """`cross-entropy`, `½ (p − t)²`."""
    if loss.about.summary is not None:
        return loss.about.summary(loss)
    return loss.kind.replace("_", "-")
