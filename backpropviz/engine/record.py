"""Run one training step and keep every array under its address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from backpropviz.document import real_number
from backpropviz.engine.backprop import Backward, Forward, Parameters, backward, forward
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME, TARGET, input_name
from backpropviz.engine.model import TRAIN, Mode, Model, chosen_mode, with_mode
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.optimizers import Optimizer, OptimizerState, optimizer_from_fields
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array, Shape, freeze, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

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


REDUCTIONS = ("mean", "sum")
_MOST_NAMES = 12


@frozen
class Settings:
    """What a pass depends on beside the model and the image; None: as the model says."""

    target: int | tuple[float, ...] | None = None
    float_bits: int = 32
    reduction: str | None = None
    optimizer: Optimizer | None = None
    mode: str | None = None
    dropout_seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a width, a reduction or a mode that does not exist."""
        if self.float_bits not in DTYPES:
            raise UserError(f"float width {self.float_bits} is not known: use 32 or 64.")
        if self.reduction not in {None, *REDUCTIONS}:
            raise UserError(f"reduction “{self.reduction}” is not known: use mean or sum.")
        _ = chosen_mode(TRAIN, self.mode, self.dropout_seed)


def run(model: Model, image: Array | None = None, settings: Settings | None = None) -> Tape:
    """Record one step, in training unless another mode is chosen or the model's own.

    Image and target default to the model's example.

    Raises:
        UserError: image or target do not fit, or the model brings no example to fall back on.
    """
    wanted = settings or Settings()
    images = _image(model, image).astype(DTYPES[wanted.float_bits])
    target = wanted.target if wanted.target is not None else _example_target(model, image)
    network = with_reduction(model.network, wanted.reduction)
    optimizer, mode = wanted.optimizer or model.optimizer, pass_mode(model, wanted)
    return record(network, model.parameters, images, target, optimizer, mode=mode)


def pass_mode(model: Model, settings: Settings) -> Mode:
    """The mode in which a pass is recorded."""
    return chosen_mode(model.mode, settings.mode, settings.dropout_seed)


def read_target(text: str, model: Model) -> int | tuple[float, ...]:
    """A target as a person writes it: a class by name or number, or numbers separated by commas.

    Raises:
        UserError: it is neither; whether it fits the network is checked when the pass is recorded.
    """
    wanted = text.strip()
    if wanted in model.class_names:
        return model.class_names.index(wanted)
    read = [real_number(piece) for piece in wanted.split(",")]
    numbers = tuple(number for number in read if number is not None)
    if len(numbers) < len(read):
        raise UserError(f"target “{text:.60}” is not understood: give {_what_fits(model)}.")
    if is_classifier(model) and len(numbers) == 1 and numbers[0].is_integer():
        return int(numbers[0])
    return numbers


def is_classifier(model: Model) -> bool:
    """Whether the target is a class."""
    return model.network.loss.about.is_of_classes


def with_reduction(network: Network, reduction: str | None) -> Network:
    """The network with another batch reduction of its loss."""
    if reduction is None or reduction == network.loss.reduction:
        return network
    loss: Any = network.loss
    return replace(network, loss=replace(loss, reduction=reduction))


def _image(model: Model, image: Array | None) -> Array:
    if image is not None:
        return image
    if model.example is None:
        raise UserError(f"{model.title} brings no example image: give one.")
    return model.example.image


def _example_target(model: Model, image: Array | None) -> object:
    if image is None and model.example is not None:
        return model.example.target
    raise UserError("a target is needed for this image: give a class or numbers.")


def _what_fits(model: Model) -> str:
    if not is_classifier(model):
        return "numbers separated by commas"
    names = model.class_names
    if not names or len(names) > _MOST_NAMES:
        return "the number of a class, counted from 0"
    return f"a class: {', '.join(names)}"


class SupportsArray(Protocol):
    """What NumPy can read: a tensor of another library."""

    def __array__(self) -> Array: ...


Target: TypeAlias = float | str | Sequence[Any] | SupportsArray | None
"""A class by number or name, one number, or several; of a batch one each."""


def given_image(image: object, shape: Shape, title: str) -> Array:
    """Numbers as a batch (N,C,H,W); one image may do without N, a gray one without C.

    Raises:
        UserError: these are no numbers, or not those of an image.
    """
    if type(image).__module__.partition(".")[0] == "PIL":
        raise UserError(
            "a Pillow picture is not yet as the network takes it: save it, and give its file to "
            "bv.load_image or in its place."
        )
    found = _numbers(image, "image")
    for left_out in range(1, 2 + (shape[0] == 1)):
        if found.shape == shape[left_out - 1 :]:
            return found.reshape(1, *shape)
    if found.ndim != len(shape) + 1:
        raise UserError(
            f"{title} takes an image of {shape_text(shape)} or a batch of them, but this is "
            f"{shape_text(found.shape)}."
        )
    return found


def given_target(target: Target, model: Model) -> int | tuple[Any, ...] | None:
    """A class or numbers; names of classes become their numbers.

    Raises:
        UserError: it is neither.
    """
    if isinstance(target, str):
        return read_target(target, model)
    if target is None:
        return None
    if isinstance(target, list | tuple) and any(isinstance(item, str) for item in target):
        named = (read_target(i, model) if isinstance(i, str) else i for i in target)
        return tuple(named)
    found = _numbers(target, "target")
    if found.ndim:
        return tuple(found.tolist())
    return int(found) if found.dtype.kind in "iu" else (float(found),)


def given_optimizer(optimizer: Optimizer | str | None) -> Optimizer | None:
    """An optimizer, or its name with PyTorch's usual settings.

    Raises:
        UserError: there is none of this name.
    """
    if isinstance(optimizer, str):
        return optimizer_from_fields({"kind": optimizer})
    if optimizer is None or (hasattr(optimizer, "nests") and not isinstance(optimizer, type)):
        return optimizer
    raise UserError(
        f"{optimizer!r} is no optimizer: give a name such as “adam”, or one of "
        "backpropviz.engine.optimizers, such as Adam(learning_rate=0.001)."
    )


def _numbers(given: object, noun: str) -> Array:
    """An array of numbers from an array, a list or a tensor, which may require a gradient."""
    detached = given.detach() if hasattr(given, "detach") else given
    try:
        found = np.asarray(detached.cpu() if hasattr(detached, "cpu") else detached)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"the {noun} cannot be read as numbers: {error}") from None
    if found.dtype.kind not in "biuf":
        raise UserError(
            f"the {noun} is a {type(given).__name__} and no numbers: give an array, a list or a "
            "tensor."
        )
    return found.astype(np.int64) if found.dtype.kind == "b" else found
