"""The pass around which values are nudged, and the same pass with one value changed.

Only the layers that the changed value reaches run again; all others keep their arrays. The kernels
and the order of every summation are those of the full pass, so the results agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze, shape_text
from backpropviz.engine.backprop import NONE, Backward, Forward, Parameters, backward, forward
from backpropviz.engine.kinds.protocol import IMAGE, LOSS_NAME, TARGET, input_name
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class BasePoint:
    """A network with its parameters and data, run forwards and backwards once."""

    network: Network
    parameters: Parameters
    forward: Forward
    backward: Backward

    @property
    def loss(self) -> float:
        """L."""
        return float(self.forward.loss)

    @property
    def images(self) -> Array:
        """The batch."""
        return self.forward.outputs[IMAGE_NAME]

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of every number of the pass."""
        return self.images.dtype


class Role(Enum):
    """What an array that can be nudged is to its layer."""

    PARAMETER = "parameter"
    OUTPUT = "output"
    INPUT = "input"


@frozen(eq=False)
class Place:
    """A value that can be nudged, with the arrays that hold it and its gradient.

    `layer` is whose parameter, output (`image` counts as a layer) or `number`-th input it is.
    """

    address: Address
    role: Role
    layer: str
    array: Array
    gradient_array: Array
    number: int = 0

    @property
    def value(self) -> float:
        """What a nudge starts from."""
        return float(self.array[self.address.indices])

    @property
    def gradient(self) -> float:
        """∂L/∂(the value), from the one backward pass."""
        return float(self.gradient_array[self.address.indices])

    def rounded(self, value: float) -> float:
        """What is left of a number in the array's dtype."""
        return float(self.array.dtype.type(value))


def base_point(
    network: Network,
    parameters: Parameters,
    images: Array,
    target: Array,
    dtype: type[np.floating[Any]] = np.float64,
) -> BasePoint:
    """Run one pass in `dtype`; `images` are (N,C,H,W), `target` is what the loss's own makes."""
    own = {
        layer: {name: freeze(array.astype(dtype)) for name, array in arrays.items()}
        for layer, arrays in parameters.items()
    }
    goal = target.astype(dtype) if target.dtype.kind == "f" else target
    run = forward(network, own, freeze(images.astype(dtype)), goal)
    return BasePoint(network, own, run, backward(network, own, run))


def base_point_of(tape: Tape, dtype: type[np.floating[Any]] = np.float64) -> BasePoint:
    """The pass that a tape holds, computed anew in `dtype` from the tape's own numbers."""
    parameters = {
        node.name: {name: tape[Address(node.name, name)] for name in shapes}
        for node in tape.network.nodes
        if (shapes := tape.network.kept_shapes(node))
    }
    return base_point(tape.network, parameters, tape[IMAGE], tape[TARGET], dtype)


def place(point: BasePoint, address: Address) -> Place:
    """The place of a weight, a bias, a pixel, or a value of a layer's output or input.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    found = None if address.part else _place(point, address)
    if found is None:
        raise UserError(
            f"“{address}” cannot be nudged: name a weight, a bias, a pixel "
            "or an input or output of a layer, for example image[0,0,0,0]."
        )
    shape = found.array.shape
    if len(address.indices) != len(shape) or not all(
        0 <= i < size for i, size in zip(address.indices, shape, strict=True)
    ):
        raise UserError(
            f"“{address}” is no value of {address.array}, whose shape is "
            f"{shape_text(shape)}: give {len(shape)} indices counted from 0."
        )
    return found


def _place(point: BasePoint, address: Address) -> Place | None:
    layer, quantity = address.layer, address.quantity
    outputs, back = point.forward.outputs, point.backward
    if address.array == IMAGE:
        return Place(
            address, Role.OUTPUT, IMAGE_NAME, outputs[IMAGE_NAME], back.outputs[IMAGE_NAME]
        )
    if layer == LOSS_NAME and quantity == "input":
        return Place(address, Role.INPUT, layer, outputs[point.network.output], back.loss_input)
    node = point.network.by_name.get(layer)
    if node is None:
        return None
    if quantity == "output":
        return Place(address, Role.OUTPUT, layer, outputs[layer], back.outputs[layer])
    own = point.parameters.get(layer, NONE)
    if quantity in own and quantity in point.network.parameter_shapes(node):
        gradient = back.parameters[layer][quantity]
        return Place(address, Role.PARAMETER, layer, own[quantity], gradient)
    count = len(node.inputs)
    names = [input_name(number, count) for number in range(count)]
    if quantity not in names:
        return None
    k = names.index(quantity)
    return Place(address, Role.INPUT, layer, outputs[node.inputs[k]], back.inputs[layer][k], k)


def changed(point: BasePoint, where: Place, value: float) -> Forward:
    """The pass in which one value is another.

    An output changes for all that read it, an input for its own layer only.
    """
    array = where.array.copy()
    array[where.address.indices] = value
    if where.role is Role.OUTPUT:
        return _rerun(point, _Change(outputs={where.layer: array}))
    if where.role is Role.INPUT:
        return _rerun(point, _Change(inputs={(where.layer, where.number): array}))
    own = {**point.parameters[where.layer], where.address.quantity: array}
    return _rerun(point, _Change(parameters={where.layer: own}))


@frozen(eq=False)
class _Change:
    """Arrays that replace those of the base, by layer (and number of the input)."""

    parameters: Parameters = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)
    inputs: Mapping[tuple[str, int], Array] = field(default_factory=dict)

    def starts_at(self, node: Node) -> bool:
        """Whether a layer itself is given something else."""
        return node.name in self.parameters or any(name == node.name for name, _ in self.inputs)


def _rerun(point: BasePoint, change: _Change) -> Forward:
    """The pass with some arrays replaced; what none of them reaches is kept."""
    base = point.forward
    outputs = {**base.outputs, **change.outputs}
    residuals = dict(base.residuals)
    stale = set(change.outputs)
    for node in point.network.nodes:
        is_reached = change.starts_at(node) or not stale.isdisjoint(node.inputs)
        if not is_reached or node.name in change.outputs:
            continue
        inputs = tuple(
            change.inputs.get((node.name, number), outputs[source])
            for number, source in enumerate(node.inputs)
        )
        own = change.parameters.get(node.name) or point.parameters.get(node.name, NONE)
        outputs[node.name], residuals[node.name] = node.layer.forward(inputs, own)
        stale.add(node.name)
    prediction = change.inputs.get((LOSS_NAME, 0), outputs[point.network.output])
    loss, loss_residuals = point.network.loss.forward(prediction, base.target)
    return Forward(outputs, residuals, base.target, loss, loss_residuals)
