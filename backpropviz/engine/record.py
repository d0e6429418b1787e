"""Run one training step and keep every array under its address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze, shape_text
from backpropviz.engine.backprop import Backward, Forward, Parameters, backward, forward
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME, TARGET, input_name
from backpropviz.engine.mode import Mode, with_mode
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.optimizer import Optimizer, OptimizerState
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError

Named = Iterator[tuple[Address, Array]]
DTYPES: Mapping[int, type[np.floating[Any]]] = {32: np.float32, 64: np.float64}


def record(
    network: Network,
    parameters: Parameters,
    images: Array,
    target: object,
    optimizer: Optimizer,
    *,
    states: Mapping[Address, OptimizerState] | None = None,
    iteration: int = 1,
    mode: Mode | None = None,
) -> Tape:
    """One pass over a batch of images (N,C,H,W), in the images' dtype.

    Without a `mode` each layer is in the one that its configuration names.

    Raises:
        UserError: images, target or parameters do not fit the network.
    """
    network = network if mode is None else with_mode(network, mode)
    images = _checked_images(network, images)
    parameters = _checked_parameters(network, parameters, images.dtype)
    run = forward(network, parameters, images, _checked_target(network, target, images))
    gradients = backward(network, parameters, run)
    arrays = dict(_forward_arrays(network, parameters, run))
    arrays.update(_backward_arrays(network, gradients))
    arrays.update(
        _update_arrays(
            network, parameters, gradients.parameters, optimizer, states or {}, iteration
        )
    )
    return Tape(
        network,
        optimizer,
        {address: freeze(np.asarray(array)) for address, array in arrays.items()},
        dict(_further_names(network)),
        iteration,
    )


def _checked_images(network: Network, images: Array) -> Array:
    if images.ndim != len(network.input_shape) + 1 or images.shape[1:] != network.input_shape:
        raise UserError(
            f"{network.name} takes images of {shape_text(network.input_shape)}, but these are "
            f"{shape_text(images.shape)} (batch first): fit the image to the network."
        )
    if images.shape[0] == 0:
        raise UserError("the batch is empty: give at least one image.")
    if images.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise UserError(f"images must be float32 or float64, not {images.dtype}.")
    return images.copy()


def _checked_target(network: Network, target: object, images: Array) -> Array:
    """The target array; numbers take the images' dtype, classes stay whole."""
    prediction = (images.shape[0], *network.shapes[network.output])
    found = network.loss.target(target, prediction)
    return found.astype(images.dtype) if found.dtype.kind == "f" else found


def _checked_parameters(
    network: Network, parameters: Parameters, dtype: np.dtype[Any]
) -> dict[str, dict[str, Array]]:
    checked: dict[str, dict[str, Array]] = {}
    for node in network.nodes:
        shapes = network.kept_shapes(node)
        given = parameters.get(node.name, {})
        for name, shape in shapes.items():
            if name not in given:
                raise UserError(f"{node.name}: the parameter “{name}” is missing.")
            if given[name].shape != shape:
                raise UserError(
                    f"{node.name}.{name} must be {shape_text(shape)}, but it is "
                    f"{shape_text(given[name].shape)}."
                )
        checked[node.name] = {name: given[name].astype(dtype) for name in shapes}
    return checked


def _forward_arrays(network: Network, parameters: Parameters, run: Forward) -> Named:
    yield IMAGE, run.outputs[IMAGE_NAME]
    for node in network.nodes:
        for number, source in enumerate(node.inputs):
            yield network.input_address(node, number), run.outputs[source]
        yield Address(node.name, "output"), run.outputs[node.name]
        taken = {"output", *(input_name(k, len(node.inputs)) for k in range(len(node.inputs)))}
        for name, residual in run.residuals[node.name].items():
            if name not in taken:
                yield Address(node.name, name), residual
        for name, parameter in parameters[node.name].items():
            yield Address(node.name, name), parameter
        if node.name in network.buffered:
            own = network.buffered[node.name].next_buffers(
                run.residuals[node.name], parameters[node.name]
            )
            for name, buffer in own.items():
                yield Address(node.name, name).of("next"), buffer
    yield Address(LOSS_NAME, "input"), run.outputs[network.output]
    yield TARGET, run.target
    for name, residual in run.loss_residuals.items():
        if name != "input":
            yield Address(LOSS_NAME, name), residual
    yield LOSS, run.loss


def _backward_arrays(network: Network, gradients: Backward) -> Named:
    yield LOSS.grad, np.ones((), dtype=gradients.loss_input.dtype)
    yield Address(LOSS_NAME, "input", "grad"), gradients.loss_input
    for name, gradient in gradients.outputs.items():
        yield network.output_address(name).grad, gradient
    for node in network.nodes:
        for number, gradient in enumerate(gradients.inputs[node.name]):
            yield network.input_address(node, number).grad, gradient
        own = network.parameter_shapes(node)
        for name, gradient in gradients.parameters[node.name].items():
            address = Address(node.name, name)
            yield (address.grad if name in own else address), gradient


def _update_arrays(
    network: Network,
    parameters: Parameters,
    gradients: Mapping[str, Mapping[str, Array]],
    optimizer: Optimizer,
    states: Mapping[Address, OptimizerState],
    iteration: int,
) -> Named:
    for node in network.nodes:
        layer = node.name
        for name in network.parameter_shapes(node):
            parameter, address = parameters[layer][name], Address(layer, name)
            state = states.get(address) or optimizer.initial_state(parameter)
            update = optimizer.update(parameter, gradients[layer][name], state, iteration)
            for part, array in state.items():
                yield address.of(f"{part}_before"), array
            for part, array in update.parts.items():
                yield address.of(part), array
            yield address.of("step"), update.step
            yield address.of("next"), parameter + update.step


def _further_names(network: Network) -> Iterator[tuple[Address, Address]]:
    """Names of arrays that are computed under another name."""
    for name, readers in network.consumers.items():
        output = network.output_address(name)
        for reader in readers:
            yield network.input_address(*reader), output
        if len(readers) == 1:
            yield output.grad, network.input_address(*readers[0]).grad
