"""Every value of a whole training step follows from its terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer, Loss, Site
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import EVAL, Mode
from backpropviz.engine.nest import Presence
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, explain_value, operation_of, operations
from backpropviz.engine.value import Address, parse
from tests.engine.passes import branched, grown, lenet, nests_of, recorded

OPTIMIZERS = (
    Sgd(0.1),
    Sgd(0.1, momentum=0.9, weight_decay=0.01),
    Sgd(0.1, momentum=0.9, nesterov=True),
    Adam(weight_decay=0.01),
)
LOSSES: tuple[tuple[Loss, Any], ...] = (
    (CrossEntropy("mean"), [1, 3]),
    (CrossEntropy("sum"), [0, 4]),
    (SquaredError(half=True), np.arange(10.0).reshape(2, 5)),
    (SquaredError(reduction="sum"), np.arange(10.0)),
)


def assert_all_derived(tape: Tape, tolerance: float) -> None:
    """Three random values of every array that an operation computes."""
    random = np.random.default_rng(3)
    nests = nests_of(tape)
    for address, nest in nests.items():
        array = tape[address]
        assert nest.shape == array.shape
        for _ in range(3):
            indices = tuple(int(random.integers(size)) for size in array.shape)
            found = derive(tape, nest, address.at(indices))
            size = float(np.abs(found.term_values).sum()) + abs(found.value)
            assert abs(found.residue) <= tolerance * max(size, 1e-2), address.at(indices)
    computed = {tape.resolve(address) for address in tape} - set(nests)
    assert {address for address in computed if address.part not in ("", "grad")} == {
        address for address in computed if address.part.endswith("_before")
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize(("loss", "target"), LOSSES, ids=str)
def test_terms_make_every_value_of_a_branched_network(
    loss: Loss, target: object, optimizer: Optimizer
) -> None:
    assert_all_derived(recorded(branched(loss), target, optimizer), 1e-13)


GROWN_LOSSES: tuple[tuple[Loss, Any], ...] = (
    (CrossEntropy("mean", 0.1, (1.0, 2.0, 0.5, 0.25, 3.0)), [1, 3]),
    (CrossEntropy("mean", 0.1), [1, 3]),
    (CrossEntropy("sum", 0.0, (1.0, 2.0, 0.5, 0.25, 3.0)), [1, 3]),
    (BinaryCrossEntropy(), np.linspace(0, 1, 10)),
    (BinaryCrossEntropy("sum"), np.linspace(0, 1, 10)),
)


@pytest.mark.parametrize(
    "optimizer", [AdamW(), RmsProp(momentum=0.5, centered=True, weight_decay=0.1)], ids=str
)
@pytest.mark.parametrize(("loss", "target"), GROWN_LOSSES, ids=str)
@pytest.mark.parametrize("mode", [EVAL, Mode(True, 7)], ids=["eval", "train"])
def test_terms_make_every_value_in_training_and_in_use(
    loss: Loss, target: object, optimizer: Optimizer, mode: Mode
) -> None:
    tape = recorded(grown(loss), target, optimizer, mode=mode)
    assert_all_derived(tape, 1e-13)
    nests = nests_of(tape)
    assert {tape.resolve(a) for a in tape if a.is_gradient} - set(nests) == {parse("loss.grad")}
    given = {tape.resolve(a) for a in tape if not a.part} - set(nests)
    parameters = {
        Address(node.name, name)
        for node in tape.network.nodes
        for name in tape.network.kept_shapes(node)
    }
    mask = {parse("dropout.mask")} if mode.training else set()
    assert given == parameters | mask | {parse("image"), parse("loss.target")}


@pytest.mark.parametrize("network", [lenet(), branched()], ids=["lenet", "branched"])
def test_terms_make_every_value_in_float32(network: Network) -> None:
    tape = recorded(network, [1, 3], Adam(), dtype=np.float32)
    assert all(tape[a].dtype == np.float32 for a in tape if tape[a].dtype.kind == "f")
    assert_all_derived(tape, 1e-5)


def test_every_gradient_is_computed_by_an_operation_or_is_the_start() -> None:
    tape = recorded(branched(), [1, 3])
    nests = nests_of(tape)
    gradients = {tape.resolve(a) for a in tape if a.is_gradient}
    assert gradients - set(nests) == {parse("loss.grad")}


def test_a_value_used_several_times_gathers_from_each_use() -> None:
    tape = recorded(branched(), [1, 3])
    nests = nests_of(tape)
    expected = {
        "conv1.output.grad": ("add1.input2.grad", "relu1.input.grad"),
        "add1.output.grad": ("twice.input1.grad", "twice.input2.grad"),
        "relu1.output.grad": ("concat.input3.grad", "conv2.input.grad"),
        "image.grad": ("skip.input.grad", "conv1.input.grad"),
    }
    for name, sources in expected.items():
        found = derive(tape, nests[parse(name)], parse(f"{name}[1,1,2,3]"))
        addresses = [term.operands[0].address for term in found.terms]
        assert addresses == [parse(f"{source}[1,1,2,3]") for source in sources]
        assert found.residue == pytest.approx(0, abs=1e-15)


def test_a_value_used_once_has_its_gradient_under_two_names() -> None:
    tape = recorded(branched(), [1, 3])
    assert parse("conv2.output.grad") not in nests_of(tape)
    assert tape.resolve(parse("conv2.output.grad[0,1,2,3]")) == parse("add1.input1.grad[0,1,2,3]")
    assert tape.resolve(parse("conv1.input[0,1,2,3]")) == parse("image[0,1,2,3]")
    assert np.array_equal(tape["conv2.output.grad"], tape["add1.input1.grad"])


def test_padding_counts_nothing_and_absent_terms_are_left_out() -> None:
    tape = recorded(lenet(side=12), 3, batch=1)
    nests = nests_of(tape)
    corner = derive(tape, nests[parse("conv1.output")], parse("conv1.output[0,0,0,0]"))
    kinds = [term.presence for term in corner.terms]
    assert kinds.count(Presence.PADDING) == 25 - 9
    assert kinds.count(Presence.PRESENT) == 9
    back = derive(tape, nests[parse("conv1.input.grad")], parse("conv1.input.grad[0,0,0,0]"))
    assert len(back.terms) == 6 * 9
    assert {term.presence for term in back.terms} == {Presence.PRESENT}


@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered")
def test_a_pass_that_overflowed_is_derived_all_the_same() -> None:
    layers: dict[str, Layer] = {"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2, 1)}
    network = chain("net", (1, 4, 4), layers, SquaredError(half=True))
    images = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    images[0, 0, 0, 0] = np.inf
    tape = record(network, initialize(network), images, [1] * 4, Sgd())
    assert np.isinf(tape["pool1.output.grad"][0, 0, 0, 0])
    nest = nests_of(tape)[parse("pool1.input.grad")]
    for indices in np.ndindex(1, 1, 3, 3):
        found = derive(tape, nest, nest.target.at(indices))
        assert found.value == found.derived


def test_the_tape_keeps_its_own_images() -> None:
    network = branched()
    images = np.ones((1, *network.input_shape))
    tape = record(network, initialize(network, dtype=np.float64), images, 2, Sgd())
    images[...] = 5
    assert tape["image"].max() == 1
    assert not tape["image"].flags.writeable


def test_operations_run_in_the_order_of_backprop() -> None:
    tape = recorded(branched(), [1, 3])
    order = [address.name for address in nests_of(tape)]
    part = [n for n in order if n.startswith(("conv2", "relu1", "conv1"))]
    assert part[3:] == [
        "conv2.weight.grad",
        "conv2.bias.grad",
        "conv2.input.grad",
        "relu1.output.grad",
        "relu1.input.grad",
        "conv1.output.grad",
        "conv1.weight.grad",
        "conv1.input.grad",
        "conv1.weight.step",
        "conv1.weight.next",
        "conv2.weight.step",
        "conv2.weight.next",
        "conv2.bias.step",
        "conv2.bias.next",
    ]
    assert order.index("image.grad") == order.index("conv1.input.grad") + 1


def test_every_array_before_the_gradients_is_computed_or_given() -> None:
    tape = recorded(branched(), [1, 3])
    given = {tape.resolve(a) for a in tape if not a.part} - set(nests_of(tape))
    parameters = {
        Address(node.name, name)
        for node in tape.network.nodes
        for name in tape.network.parameter_shapes(node)
    }
    residuals = {parse("pool.switches")}
    assert given - residuals == parameters | {parse("image"), parse("loss.target")}


def test_one_value_is_explained_from_its_own_layer_s_nests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the network's depth; the operation is the one of the whole program."""
    tape = recorded(branched(), [1, 3])
    every = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
    for operation in every:
        target = operation.nest.target
        own = operation_of(tape.network, tape.batch, tape.optimizer, tape.iteration, target)
        assert own is not None
        assert (own.phase, own.layer, own.nest.target) == (
            operation.phase,
            operation.layer,
            target,
        )
        assert own.nest.remark == operation.nest.remark
    asked: list[str] = []
    plain = Network.site

    def counted(network: Network, name: str, batch: int) -> Site:
        asked.append(name)
        return plain(network, name, batch)

    monkeypatch.setattr(Network, "site", counted)
    explain_value(tape, parse("conv2.weight.grad[0,0,0,0]"))
    assert set(asked) == {"conv2"}
