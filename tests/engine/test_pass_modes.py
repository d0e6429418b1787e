"""A pass is one of training unless another mode is chosen, and all that follows from it agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import parse
from backpropviz.engine.arrays import Array
from backpropviz.engine.base_point import base_point_of
from backpropviz.engine.gradcheck import check, plan, report
from backpropviz.engine.mode import EVAL, TRAIN, Mode, chosen_mode, recorded_mode
from backpropviz.engine.model import Model
from backpropviz.engine.nudge import nudged
from backpropviz.engine.program import operations
from backpropviz.engine.run import Settings, run
from backpropviz.errors import UserError
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.sentences.overview import overview_sentences
from backpropviz.storage.network_json import write_network
from backpropviz.storage.networks import load_network
from tests.moded import lone_file, moded_document, moded_file


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_network(moded_file(tmp_path))


def torch_pass(model: Model, mode: str, mask: Array) -> dict[str, Array]:
    """PyTorch's module in the same mode: loss, gradients, running statistics afterwards."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    conv, norm, dense = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(48, 2)
    named = {"conv1": conv, "norm1": norm, "dense1": dense}
    module = nn.Sequential(conv, norm, nn.ReLU(), nn.Flatten(), dense).double()
    for layer, own in model.parameters.items():
        for name, array in own.items():
            getattr(named[layer], name).data = torch.tensor(array).double()
    module.train(mode == "train")
    assert model.example is not None
    x = torch.tensor(model.example.image).double()
    hidden = torch.relu(norm(conv(x))) * torch.tensor(mask).double()
    loss = nn.functional.cross_entropy(dense(hidden.flatten(1)), torch.tensor([1]))
    loss.backward()
    found = {"loss": loss, "norm1.running_mean": norm.running_mean}
    found |= {
        f"{layer}.{name}.grad": parameter.grad
        for layer, part in named.items()
        for name, parameter in part.named_parameters()
    }
    return {name: tensor.detach().numpy() for name, tensor in found.items()}


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_pass_is_pytorch_s_in_the_same_mode(model: Model, mode: str) -> None:
    tape = run(model, settings=Settings(float_bits=64, mode=mode, dropout_seed=5))
    is_training = mode == "train"
    mask = tape["drop1.mask"] / 0.6 if is_training else np.ones(tape["drop1.output"].shape)
    wanted = torch_pass(model, mode, mask)
    running = wanted.pop("norm1.running_mean")
    for name, array in wanted.items():
        assert tape[name] == pytest.approx(array, rel=1e-9, abs=1e-12), name
    assert (parse("norm1.running_mean.next") in tape) == is_training
    after = tape["norm1.running_mean.next" if is_training else "norm1.running_mean"]
    assert after == pytest.approx(running, rel=1e-9, abs=1e-12)


def test_training_is_what_is_recorded_unless_told_otherwise(model: Model) -> None:
    plain, trained = run(model), run(model, settings=Settings(mode="train"))
    assert plain.loss == trained.loss
    assert parse("drop1.mask") in plain
    other = run(model, settings=Settings(dropout_seed=1))
    assert not np.array_equal(plain["drop1.mask"], other["drop1.mask"])
    assert parse("drop1.mask") not in run(model, settings=Settings(mode="eval"))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradients_are_checked_in_the_mode_of_the_pass(model: Model, mode: str) -> None:
    tape = run(model, settings=Settings(float_bits=64, mode=mode))
    point = base_point_of(tape)
    assert point.loss == tape.loss
    wanted = plan(point, 40, pixels=True)
    assert report(point, wanted, check(point, wanted)).passed
    weight, nudge = parse("conv1.weight[0,0,1,1]"), 1e-6
    assert nudged(point, weight, nudge).loss - tape.loss == pytest.approx(
        nudge * tape.value(weight.grad), rel=1e-3
    )


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_pass_says_its_mode(model: Model, mode: str) -> None:
    tape = run(model, settings=Settings(mode=mode))
    assert recorded_mode(tape.network) == mode
    found = operations(tape.network, tape.batch, tape.optimizer)[0]
    told = overview_sentences(ExplainedStep(None, found, Depth.PASS, tape))
    said = " ".join(told.plain)
    assert f"in the mode {mode}" in said
    assert ("the batch's own statistics and dropout drops values" in said) == (mode == "train")
    assert recorded_mode(load_network("lenet").network) is None


def test_a_file_says_its_mode(tmp_path: Path) -> None:
    assert load_network(moded_file(tmp_path)).mode == TRAIN
    found = load_network(moded_file(tmp_path, mode="eval", dropout_seed=4))
    assert found.mode == Mode(seed=4)
    assert parse("drop1.mask") not in run(found)
    assert (
        run(found, settings=Settings(mode="train")).loss
        == run(load_network(moded_file(tmp_path, dropout_seed=4))).loss
    )


def test_a_mode_goes_into_a_file_and_back(tmp_path: Path) -> None:
    found = load_network(moded_file(tmp_path, mode="eval", dropout_seed=4))
    path = tmp_path / "written.json"
    write_network(path, found)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["mode"], document["dropout_seed"]) == ("eval", 4)
    assert not any({"mode", "seed"} & set(layer) for layer in document["layers"])
    assert load_network(path).mode == found.mode
    write_network(path, load_network("tiny-max"))
    assert "mode" not in json.loads(path.read_text(encoding="utf-8"))


def test_a_mode_in_a_single_layer_of_an_earlier_file_changes_nothing(tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = moded_document()["layers"]
    layers[1]["mode"], layers[3]["seed"] = "eval", 9
    old = run(load_network(moded_file(tmp_path, "old.json", layers=layers)))
    assert old.loss == run(load_network(moded_file(tmp_path))).loss


def test_what_cannot_be_trained_on_says_the_way_out(tmp_path: Path) -> None:
    lone = load_network(lone_file(tmp_path))
    with pytest.raises(UserError, match=r"more than one value .* in the mode eval"):
        run(lone)
    assert np.isfinite(run(lone, settings=Settings(mode="eval")).loss)


def test_no_mode_and_no_seed_beyond_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="use train or eval"):
        Settings(mode="training")
    with pytest.raises(UserError, match="must lie in 0 to"):
        chosen_mode(EVAL, "train", -1)
    with pytest.raises(UserError, match="mode"):
        load_network(moded_file(tmp_path, mode="use"))
    with pytest.raises(UserError, match="dropout_seed"):
        load_network(moded_file(tmp_path, dropout_seed=1.5))
