"""Whole networks against PyTorch's autograd: every output, gradient and updated weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import EVAL, Mode
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from tests.engine.passes import branched, grown, lenet, recorded
from tests.engine.pytorch_network import forward_outputs, loss_call, tensors_of

torch = pytest.importorskip("torch")
F = torch.nn.functional

BOUNDS = {np.float32: 1e-5, np.float64: 1e-10}


def _conv(layer: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    (top, bottom), (left, right) = layer.window.padding
    padded = F.pad(x, (left, right, top, bottom))
    window = layer.window
    return F.conv2d(padded, weight, bias, window.stride, 0, window.dilation, layer.groups)


def _maximum(layer: Any, x: Any) -> Any:
    window = layer.window
    padding = tuple(pair[0] for pair in window.padding)
    return F.max_pool2d(x, window.kernel, window.stride, padding, window.dilation, window.ceil_mode)


CALLS: dict[str, Callable[..., Any]] = {
    "conv2d": _conv,
    "max_pool2d": _maximum,
    "avg_pool2d": lambda layer, x: F.avg_pool2d(x, layer.kernel_size),
    "global_avg_pool2d": lambda layer, x: F.adaptive_avg_pool2d(x, 1),
    "dense": lambda layer, x, weight, bias: F.linear(x, weight, bias),
    "relu": lambda layer, x: F.relu(x),
    "tanh": lambda layer, x: torch.tanh(x),
    "flatten": lambda layer, x: torch.flatten(x, 1),
    "add": lambda layer, *inputs: sum(inputs[1:], start=inputs[0]),
    "concat": lambda layer, *inputs: torch.cat(inputs, 1),
}


def _loss(loss: Loss, prediction: Any, target: Array) -> Any:
    expected = torch.tensor(target)
    if isinstance(loss, CrossEntropy):
        return F.cross_entropy(prediction, expected, reduction=loss.reduction)
    assert isinstance(loss, SquaredError)
    value = F.mse_loss(prediction, expected, reduction=loss.reduction)
    return value / 2 if loss.half else value


def autograd(tape: Tape) -> dict[Address, Array]:
    """PyTorch's tensors and their gradients under our addresses."""
    network = tape.network
    tensors: dict[Address, Any] = {}

    def leaf(address: Address) -> Any:
        tensors[address] = torch.tensor(tape[address], requires_grad=True)
        return tensors[address]

    outputs = {"image": leaf(Address("", "image"))}
    for node in network.nodes:
        inputs = []
        for number, source in enumerate(node.inputs):
            given = outputs[source].clone()
            tensors[network.input_address(node, number)] = given
            inputs.append(given)
        parameters = [leaf(Address(node.name, p)) for p in network.parameter_shapes(node)]
        outputs[node.name] = CALLS[node.layer.kind](node.layer, *inputs, *parameters)
        tensors[Address(node.name, "output")] = outputs[node.name]
    loss = _loss(network.loss, outputs[network.output], tape["loss.target"])
    for tensor in tensors.values():
        tensor.retain_grad()
    loss.backward()
    found = {address: tensor.detach().numpy() for address, tensor in tensors.items()}
    gradients = {address.grad: tensor.grad.numpy() for address, tensor in tensors.items()}
    return found | gradients | {Address("", "loss"): loss.detach().numpy()}


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize(
    ("network", "target"),
    [
        (lenet(), [7, 2]),
        (lenet(SquaredError(half=True, reduction="sum")), np.linspace(-1, 1, 20)),
        (branched(), [4, 0]),
        (branched(CrossEntropy("sum")), [4, 0]),
        (branched(SquaredError()), np.linspace(-1, 1, 10).reshape(2, 5)),
    ],
    ids=["lenet", "lenet squared error", "branched", "branched sum", "branched squared error"],
)
def test_every_tensor_is_pytorch_s(
    network: Network, target: object, dtype: type[np.float32 | np.float64]
) -> None:
    tape = recorded(network, target, Sgd(0.1), dtype=dtype)
    expected = autograd(tape)
    assert len(expected) >= 4 * len(network.nodes)
    for address, theirs in expected.items():
        ours = tape[address]
        assert ours.shape == theirs.shape, address
        assert ours.dtype == theirs.dtype == dtype, address
        distance = float(np.abs(ours - theirs).max())
        assert distance <= BOUNDS[dtype] * float(np.abs(theirs).max()), address


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mode", [EVAL, Mode(True, 7)], ids=["eval", "train"])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (CrossEntropy(), [4, 0]),
        (CrossEntropy("mean", 0.1, (1.0, 2.0, 0.5, 0.25, 3.0)), [4, 0]),
        (CrossEntropy("sum", 0.1, (1.0, 2.0, 0.5, 0.25, 3.0)), [4, 0]),
        (CrossEntropy("mean", 0.3), [4, 0]),
        (BinaryCrossEntropy(), np.linspace(0, 1, 10).reshape(2, 5)),
        (BinaryCrossEntropy("sum"), np.linspace(0, 1, 10).reshape(2, 5)),
    ],
    ids=str,
)
def test_every_tensor_of_the_later_layers_is_pytorch_s(
    loss: Loss, target: object, mode: Mode, dtype: type[np.float32 | np.float64]
) -> None:
    tape = recorded(grown(loss), target, dtype=dtype, mode=mode)
    network, ours = tape.network, {}
    parameters = {
        node.name: {name: tape[Address(node.name, name)] for name in network.kept_shapes(node)}
        for node in network.nodes
    }
    tensors = tensors_of(torch, network, parameters)
    images = torch.tensor(tape["image"], requires_grad=True)
    masks = {"dropout": tape["dropout.mask"]} if mode.training else {}
    outputs = forward_outputs(torch, network, tensors, images, masks)
    for name, output in outputs.items():
        output.retain_grad()
        ours[network.output_address(name)] = output
    value = loss_call(torch, network.loss, outputs[network.output], tape["loss.target"])
    value.backward()
    assert tape.loss == pytest.approx(value.item(), rel=10 * BOUNDS[dtype])
    trained = {a: t for a, t in tensors.items() if t.requires_grad}
    for address, tensor in (ours | trained).items():
        assert_near(tape[address], tensor.detach().numpy(), address)
        assert_near(tape[address.grad], tensor.grad.numpy(), address.grad)
    for address in tensors.keys() - trained.keys():
        if mode.training:
            assert_near(tape[address.of("next")], tensors[address].numpy(), address)


def assert_near(ours: Array, theirs: Array, address: Address) -> None:
    """Ten times the bound: the image's gradient has come through sixteen layers."""
    assert ours.dtype == theirs.dtype
    bound = 10 * BOUNDS[ours.dtype.type]
    assert float(np.abs(ours - theirs).max()) <= bound * float(np.abs(theirs).max()), address


def test_ties_and_kinks_are_decided_as_in_pytorch() -> None:
    random = np.random.default_rng(2)
    network = branched()
    images = random.integers(0, 2, (2, *network.input_shape)).astype(np.float64)
    parameters = {
        layer: {name: np.sign(np.round(p)) for name, p in own.items()}
        for layer, own in initialize(network, seed=4, dtype=np.float64).items()
    }
    tape = record(network, parameters, images, [1, 2], Sgd())
    tied = tape["pool.input"]
    assert len(np.unique(tied)) < tied.size / 10
    assert (tape["relu1.input"] == 0).any()
    for address, theirs in autograd(tape).items():
        assert np.allclose(tape[address], theirs, rtol=1e-12, atol=1e-12), address
