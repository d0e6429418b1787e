"""What the code lens shows runs, and gives the tape's numbers: in all three versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from backpropviz.engine.kinds.activation import LeakyReLU, ReLU
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.shape import Flatten, Pad, Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.record import Settings, record, run
from backpropviz.engine.tape import Tape, operations
from backpropviz.figures.explain.code import CodeVersion, program
from backpropviz.figures.explain.program import Names, arrays_of
from backpropviz.files.networks import load_network
from tests.figures.code_runs import disagreement, is_small, result_of, steps_of
from tests.figures.kind_passes import (
    LOSSES,
    OPTIMIZERS,
    every_kind,
    of_loss,
    of_optimizer,
    trained,
)
from tests.figures.passes import adam, branching, tiny

VERSIONS = [
    CodeVersion.LOOPS,
    CodeVersion.NUMPY,
    pytest.param(
        CodeVersion.TORCH,
        marks=pytest.mark.skipif(find_spec("torch") is None, reason="needs torch"),
    ),
]
BUNDLED = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "lenet", "tinyvgg", "mlp")
GEOMETRIES: dict[str, Layer] = {
    "stride 2, padding 1": Conv2d(2, 3, stride=2, padding=1),
    "stride that leaves rows over": Conv2d(2, 2, stride=3),
    "dilation 2": Conv2d(2, 2, dilation=2, padding=(2, 1)),
    "uneven padding": Conv2d(2, 2, padding=((0, 1), (2, 0))),
    "more padding than kernel": Conv2d(2, 2, padding=3),
    "groups": Conv2d(4, 3, groups=2, padding=1, stride=2),
    "groups, more padding than kernel": Conv2d(4, 2, groups=2, padding=2),
    "flip": Conv2d(3, (2, 3), padding=1, flip=True),
    "max with overlap and padding": MaxPool2d(3, stride=2, padding=1),
    "max with ceil": MaxPool2d(2, stride=2, ceil_mode=True),
    "max with more padding than half a kernel": MaxPool2d(3, stride=2, padding=2),
    "max with uneven padding and ceil": MaxPool2d(
        2, stride=3, padding=((0, 3), (1, 0)), ceil_mode=True
    ),
    "max with dilation": MaxPool2d(2, stride=1, dilation=2),
    "ties: all": MaxPool2d(3, stride=1, padding=1, ties="all"),
    "ties: shared": MaxPool2d(2, stride=1, ties="shared"),
    "average with overlap": AvgPool2d(3, stride=2, padding=1),
    "average without padding": AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "average with ceil": AvgPool2d(2, stride=2, padding=1, ceil_mode=True),
    "average with more padding than half a kernel": AvgPool2d(3, stride=2, padding=2),
    "average with uneven padding": AvgPool2d(2, padding=((0, 1), (1, 0))),
    "average with uneven padding that does not count": AvgPool2d(
        (3, 2), stride=2, padding=((2, 0), (0, 1)), count_include_pad=False, ceil_mode=True
    ),
    "average with dilation": AvgPool2d(2, stride=1, dilation=2),
    "ReLU'(0) = 1/2": ReLU(0.5),
    "ReLU'(0) = 1": ReLU(1.0),
    "leaky": LeakyReLU(0.2),
    "reshape": Reshape((7, -1)),
    "reshape into an image": Reshape((4, 7, 3)),
    "all dropped": Dropout(1.0, "train"),
    "none dropped": Dropout(0.0, "train"),
    "adaptive, windows of several sizes that overlap": AdaptiveAvgPool2d((5, 4)),
    "adaptive, the input's own size": AdaptiveAvgPool2d((None, 2)),
    "PReLU at 0": PReLU(shared=False),
    "a frame": Pad(((0, 2), (1, 0)), -1.5),
}


@cache
def of_layer(name: str) -> Tape:
    """One layer on two small images with many equal values."""
    network = chain("one", (2, 7, 6), {"layer": GEOMETRIES[name]}, SquaredError())
    random = np.random.default_rng(2)
    node = network.nodes[0]
    parameters = {
        "layer": {
            key: random.standard_normal(shape).astype(np.float32)
            for key, shape in network.parameter_shapes(node).items()
        }
    }
    images = random.integers(-1, 3, (2, 2, 7, 6)).astype(np.float32)
    target = random.standard_normal((2, *network.shapes["layer"])).astype(np.float32)
    return record(network, parameters, images, target, Sgd(0.1))


@cache
def bundled(name: str) -> Tape:
    """A network that ships, on its own example."""
    return run(load_network(name))


@cache
def many_samples() -> Tape:
    """Cross-entropy summed over three samples, Adam with decay in a later update."""
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense": Dense(3, bias=False)}
    network = chain("three", (1, 2, 2), layers, CrossEntropy("sum"))
    random = np.random.default_rng(4)
    weight = random.standard_normal((3, 4)).astype(np.float32)
    images = random.standard_normal((3, 1, 2, 2)).astype(np.float32)
    optimizer = Adam(weight_decay=0.1)
    return record(network, {"dense": {"weight": weight}}, images, [0, 2, 1], optimizer, iteration=7)


PASSES: dict[str, Callable[[], Tape]] = {"tiny": tiny, "branching": branching, "adam": adam}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", BUNDLED)
def test_every_operation_of_a_bundled_network(name: str, version: CodeVersion) -> None:
    assert_agreement(bundled(name), version, elements=2)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PASSES)
def test_joins_batches_and_optimizers(name: str, version: CodeVersion) -> None:
    assert_agreement(PASSES[name](), version, elements=3)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry_and_convention(name: str, version: CodeVersion) -> None:
    assert_agreement(of_layer(name), version, elements=6)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_velocity_that_has_been_going(version: CodeVersion) -> None:
    settings = Settings(optimizer=Sgd(0.1, 0.9, nesterov=True, weight_decay=0.01))
    assert_agreement(run(load_network("tiny-max"), settings=settings), version, elements=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_seventh_update_of_adam_after_three_samples(version: CodeVersion) -> None:
    assert_agreement(many_samples(), version, elements=3, iteration=7)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_every_kind_of_layer_in_training_and_in_use(mode: str, version: CodeVersion) -> None:
    assert_agreement(every_kind(mode), version, elements=3)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_smoothed_weighted_and_binary_losses(name: str, version: CodeVersion) -> None:
    assert_agreement(of_loss(name), version, elements=3)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), CrossEntropy(class_weights=(1, 2, 3, 4))])
def test_an_output_and_the_loss_s_probabilities_are_two_variables(
    loss: Loss, version: CodeVersion
) -> None:
    """Both have the letter p where a pooling feeds a loss from logits."""
    layers: dict[str, Layer] = {"pool": AvgPool2d(2), "flatten": Flatten(), "soft": Softmax()}
    if isinstance(loss, BinaryCrossEntropy):
        layers = {"pool": AvgPool2d(2)}
    network = chain("poolbce", (1, 4, 4), layers, loss)
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4) % 5
    target = [1] if isinstance(loss, CrossEntropy) else [1, 0, 1, 0]
    assert_agreement(record(network, {}, image, target, Sgd(0.1)), version, elements=3)


@pytest.mark.parametrize("name", ["weighted", "both, mean"])
def test_class_weights_have_the_tape_s_width(name: str) -> None:
    pytest.importorskip("torch")
    tape = of_loss(name)
    _, target = LOSSES[name]
    network, images = tape.network, tape["image"].astype(np.float64)
    wide = record(network, trained(network, 2), images, target, Sgd(0.1))
    for step in steps_of(wide):
        found = program(step, CodeVersion.TORCH)
        assert found is not None
        if step.operation is None or step.derivation is not None or not found.result:
            continue
        wanted = wide[step.operation.nest.target]
        assert result_of(found, wide).reshape(wanted.shape) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("tape", [*map(every_kind, ("train", "eval")), *map(of_loss, LOSSES)])
def test_no_two_arrays_of_a_step_share_a_variable(tape: Tape) -> None:
    for operation in operations(tape.network, tape.batch, tape.optimizer):
        loops, names = operation.nest.by_target, Names(operation.nest, tape)
        arrays = {operation.nest.target, *arrays_of((loops.initial, *loops.operands))}
        assert len({names.of(array) for array in arrays}) == len(arrays)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_second_update_of_every_optimizer(name: str, version: CodeVersion) -> None:
    assert_agreement(of_optimizer(name), version, elements=2, iteration=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_of_every_kind_there_is_a_program_that_runs(version: CodeVersion) -> None:
    steps = steps_of(every_kind("train"))
    assert all(p.result for step in steps if (p := program(step, version)))


def assert_agreement(tape: Tape, version: CodeVersion, elements: int, iteration: int = 1) -> None:
    all_steps = steps_of(tape, elements, iteration)
    steps = [s for s in all_steps if version is not CodeVersion.LOOPS or is_small(s)]
    found = [line for step in steps if (line := disagreement(step, version))]
    assert not found, "\n".join(found[:3])


@pytest.mark.parametrize("name", ["ties: all", "ReLU'(0) = 1/2", "average with dilation"])
def test_where_pytorch_has_no_such_choice_the_lens_says_so(name: str) -> None:
    steps = list(steps_of(of_layer(name)))
    found = [p for step in steps if (p := program(step, CodeVersion.TORCH)) and not p.result]
    assert found
    assert all(p.source.strip().startswith("# PyTorch") for p in found)


def test_the_turn_by_180_degrees_is_in_the_input_gradient_alone() -> None:
    turned = {
        str(step.operation.nest.target)
        for step in steps_of(bundled("lenet"))
        if step.operation and "::-1" in getattr(program(step, CodeVersion.NUMPY), "source", "")
    }
    assert turned == {"conv1.input.grad", "conv2.input.grad"}
