"""What `backpropviz record` writes against PyTorch's autograd on the same weights and image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backpropviz.cli.commands import main
from backpropviz.engine.model import Model
from backpropviz.files.networks import load_network

torch = pytest.importorskip("torch")
F = torch.nn.functional

NETWORKS = ("lenet", "tinyvgg", "tiny-max")
BOUNDS = {32: 1e-5, 64: 1e-10}
UNTOUCHED_BY_AUTOGRAD = {"loss.target"}

Array = NDArray[Any]


def _conv(layer: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    (top, bottom), (left, right) = layer.window.padding
    padded = F.pad(x, (left, right, top, bottom))
    return F.conv2d(padded, weight, bias, layer.window.stride, 0, layer.window.dilation)


CALLS: dict[str, Callable[..., Any]] = {
    "conv2d": _conv,
    "max_pool2d": lambda layer, x: F.max_pool2d(x, layer.window.kernel, layer.window.stride),
    "dense": lambda layer, x, weight, bias: F.linear(x, weight, bias),
    "relu": lambda layer, x: F.relu(x),
    "flatten": lambda layer, x: torch.flatten(x, 1),
}


def _loss(model: Model, prediction: Any, target: Array) -> Any:
    loss: Any = model.network.loss
    expected = torch.tensor(target)
    if loss.kind == "cross_entropy":
        return F.cross_entropy(prediction, expected, reduction=loss.reduction)
    expected = expected.reshape(prediction.shape)
    value = F.mse_loss(prediction, expected, reduction=loss.reduction)
    return value / 2 if loss.half else value


def autograd(model: Model, image: Array, target: Array) -> dict[str, Array]:
    """PyTorch's tensors, gradients and winners under our addresses."""
    tensors: dict[str, Any] = {"image": torch.tensor(image, requires_grad=True)}
    switches: dict[str, Array] = {}
    value = tensors["image"]
    for node in model.network.nodes:
        layer: Any = node.layer
        # A node of its own in the graph, so that it has a gradient of its own.
        value = tensors[f"{node.name}.input"] = value.clone()
        parameters = []
        for name, array in model.parameters.get(node.name, {}).items():
            given = torch.tensor(array.astype(image.dtype), requires_grad=True)
            tensors[f"{node.name}.{name}"] = given
            parameters.append(given)
        if layer.kind == "max_pool2d":
            _, winners = F.max_pool2d(
                value, layer.window.kernel, layer.window.stride, return_indices=True
            )
            switches[f"{node.name}.switches"] = winners.numpy()
        value = tensors[f"{node.name}.output"] = CALLS[layer.kind](layer, value, *parameters)
    value = tensors["loss.input"] = value.clone()
    tensors["loss"] = _loss(model, value, target)
    for tensor in tensors.values():
        tensor.retain_grad()
    tensors["loss"].backward()
    found = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    found |= {f"{name}.grad": tensor.grad.numpy() for name, tensor in tensors.items()}
    return found | switches | _updated(model, tensors)


def _updated(model: Model, tensors: dict[str, Any]) -> dict[str, Array]:
    """Each parameter after the step of PyTorch's own SGD."""
    rule: Any = model.optimizer
    own = {
        f"{layer}.{name}": tensors[f"{layer}.{name}"]
        for layer, parameters in model.parameters.items()
        for name in parameters
    }
    with torch.no_grad():
        moved = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in own.items()}
    for name, parameter in moved.items():
        parameter.grad = own[name].grad.clone()
    torch.optim.SGD(
        moved.values(),
        lr=rule.learning_rate,
        momentum=rule.momentum,
        weight_decay=rule.weight_decay,
        nesterov=rule.nesterov,
    ).step()
    return {f"{name}.next": parameter.detach().numpy() for name, parameter in moved.items()}


def recorded(network: str, bits: int, path: Path) -> dict[str, Array]:
    """The arrays that the command wrote."""
    assert main(["record", "--network", network, "--float", str(bits), "-o", str(path)]) == 0
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("bits", BOUNDS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_recorded_tensor_is_autograd_s(network: str, bits: int, tmp_path: Path) -> None:
    ours = recorded(network, bits, tmp_path / "tape.npz")
    theirs = autograd(load_network(network), ours["image"], ours["loss.target"])
    assert len(theirs) >= 4 * len(load_network(network).network.nodes)
    for name, expected in theirs.items():
        found = ours[name]
        assert found.shape == expected.shape, name
        assert found.dtype == expected.dtype, name
        distance = float(np.abs(found - expected).max())
        assert distance <= BOUNDS[bits] * float(np.abs(expected).max()), name


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_that_autograd_knows_is_left_out(network: str, tmp_path: Path) -> None:
    """What is recorded beside PyTorch's tensors is the loss's own steps and the optimizer's."""
    ours = set(recorded(network, 32, tmp_path / "tape.npz"))
    model = load_network(network)
    with np.load(tmp_path / "tape.npz") as arrays:
        theirs = set(autograd(model, arrays["image"], arrays["loss.target"]))
    rest = {name for name in ours - theirs if not name.startswith("loss.")}
    assert theirs <= ours
    assert all(
        name.endswith((".step", ".velocity", ".velocity_before", ".decayed")) for name in rest
    )
