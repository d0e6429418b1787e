"""The heart: run a network forwards, then walk it backwards and add where a value was used twice.

∂L/∂input of a layer = (∂output/∂input)ᵀ · ∂L/∂output; each layer's `vjp` is that product, and
reverse topological order makes every ∂L/∂output complete before it is used
(Griewank, Walther: Evaluating Derivatives, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.protocol import LayerParameters, Residuals
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.value import Array
from backpropviz.frozen import frozen

Parameters: TypeAlias = Mapping[str, LayerParameters]
"""Parameters by layer, then by name; layers without any may be left out."""
NONE: LayerParameters = {}


@frozen(eq=False)
class Forward:
    """What a forward pass made, by layer; `loss` has no dimensions."""

    outputs: Mapping[str, Array]
    residuals: Mapping[str, Residuals]
    target: Array
    loss: Array
    loss_residuals: Residuals


@frozen(eq=False)
class Backward:
    """What a backward pass made, by layer: ∂L/∂output, ∂L/∂inputs, ∂L/∂parameters."""

    outputs: Mapping[str, Array]
    inputs: Mapping[str, tuple[Array, ...]]
    parameters: Mapping[str, Mapping[str, Array]]
    loss_input: Array


def forward(
    network: Network,
    parameters: Parameters,
    images: Array,
    target: Array,
    workspaces: Mapping[str, Workspace] | None = None,
) -> Forward:
    """Every layer's output and the loss."""
    spaces = workspaces or {}
    outputs: dict[str, Array] = {IMAGE_NAME: images}
    residuals: dict[str, Residuals] = {}
    for node in network.nodes:
        inputs = tuple(outputs[source] for source in node.inputs)
        outputs[node.name], residuals[node.name] = node.layer.forward(
            inputs, parameters.get(node.name, NONE), spaces.get(node.name)
        )
    loss, loss_residuals = network.loss.forward(outputs[network.output], target)
    return Forward(outputs, residuals, target, loss, loss_residuals)


def backward(
    network: Network,
    parameters: Parameters,
    run: Forward,
    workspaces: Mapping[str, Workspace] | None = None,
    *,
    needs_image: bool = True,
) -> Backward:
    """Every gradient, from ∂L/∂L = 1."""
    spaces = workspaces or {}
    one = np.ones((), dtype=run.loss.dtype)
    loss_input = network.loss.vjp(one, run.loss_residuals, run.target)
    upstream: dict[str, Array] = {network.output: loss_input}
    inputs: dict[str, tuple[Array, ...]] = {}
    gradients: dict[str, Mapping[str, Array]] = {}
    for node in reversed(network.nodes):
        needs_inputs = needs_image or node.inputs != (IMAGE_NAME,)
        inputs[node.name], gradients[node.name] = node.layer.vjp(
            upstream[node.name],
            run.residuals[node.name],
            parameters.get(node.name, NONE),
            spaces.get(node.name),
            needs_inputs=needs_inputs,
        )
        for source, downstream in zip(node.inputs, inputs[node.name], strict=False):
            earlier = upstream.get(source)
            upstream[source] = downstream if earlier is None else earlier + downstream
    return Backward(upstream, inputs, gradients, loss_input)
