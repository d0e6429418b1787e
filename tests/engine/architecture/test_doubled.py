"""A softmax before cross-entropy and a sigmoid before binary cross-entropy: said wherever seen."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backpropviz.diagnosis.rule import facts_of
from backpropviz.diagnosis.watch import begin_diagnosis
from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import doubled, draft_of, survey
from backpropviz.engine.kinds.activation import Sigmoid
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.shape import Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, chain
from backpropviz.engine.value import parse
from tests.diagnosis.watched import row


def ending(loss: Loss, *layers: Layer) -> Network:
    named = {f"last{k}": layer for k, layer in enumerate(layers)}
    return chain("net", (4,), {"dense": Dense(3), **named}, loss)


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        (ending(CrossEntropy(), Softmax()), "last0"),
        (ending(CrossEntropy(label_smoothing=0.1), Softmax()), "last0"),
        (ending(CrossEntropy(), Softmax(), Reshape((3,))), "last0"),
        (ending(BinaryCrossEntropy(), Sigmoid()), "last0"),
        (ending(CrossEntropy()), None),
        (ending(CrossEntropy(), Sigmoid()), None),
        (ending(BinaryCrossEntropy(), Softmax()), None),
        (ending(SquaredError(), Sigmoid()), None),
        (ending(SquaredError(), Softmax()), None),
        (ending(CrossEntropy(), Softmax(), Dense(3)), None),
    ],
)
def test_which_networks_apply_an_activation_twice(network: Network, layer: str | None) -> None:
    found = doubled(network.nodes, network.loss)
    assert (found.layer if found else None) == layer
    if found is not None:
        assert found.sentence.startswith(f"{layer} (")
        assert found.sentence.endswith(f"Remove {layer}.")


def test_the_least_loss_is_what_the_engine_computes() -> None:
    cross, binary = CrossEntropy(), BinaryCrossEntropy()
    found = doubled(ending(cross, Softmax()).nodes, cross)
    assert found is not None
    right = cross.forward(np.array([[1.0, 0.0, 0.0]]), np.array([0]))[0]
    assert found.least_loss(3) == f"{float(right):.3f} with 3 classes"
    found = doubled(ending(binary, Sigmoid()).nodes, binary)
    assert found is not None
    one = binary.forward(np.array([[1.0]]), np.array([[1.0]]))[0]
    zero = binary.forward(np.array([[0.0]]), np.array([[0.0]]))[0]
    assert found.least_loss(1).startswith(f"{float(one):.3f} for an output")
    assert f"{float(zero):.3f} for one that is to be 0" in found.least_loss(1)


def test_it_is_an_alert_with_its_evidence_from_the_first_update_on() -> None:
    network = ending(CrossEntropy(), Softmax())
    diagnosis = begin_diagnosis(facts_of(network))
    (alert,) = diagnosis.active
    assert (alert.rule, alert.look_at) == ("doubled", parse("last0.output"))
    assert "stays above 0.551 with 3 classes" in alert.evidence
    after = diagnosis.after(row(1, loss=0.9))
    found = next(a for a in after.active if a.rule == "doubled")
    assert "The last batch’s loss is 0.9" in found.evidence
    assert found.key == alert.key
    whole = begin_diagnosis(facts_of(ending(CrossEntropy())))
    assert "activation applied twice" not in whole.quiet
    assert whole.active == ()


def test_it_is_said_of_a_draft_until_the_layer_is_gone() -> None:
    draft = draft_of(ending(CrossEntropy(), Softmax()))
    found = survey(draft)
    assert found.problem is None
    assert "last0 (softmax) stands before cross-entropy" in found.remark
    assert survey(ends.change_loss(draft, "squared_error")).remark == ""
    assert survey(edits.remove(draft, "last0")).remark == ""
    assert math.prod(found.shapes["last0"]) == 3
    assert survey(replace(draft, nodes=())).remark == ""


def softmax_file(folder: Path) -> Path:
    document = {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 2, 2],
        "layers": [
            {"name": "flatten", "kind": "flatten"},
            {"name": "dense1", "kind": "dense", "out_features": 2},
            {"name": "sm", "kind": "softmax"},
        ],
        "loss": {"kind": "cross_entropy"},
        "example": {"image": [[1, 2], [3, 4]], "target": 1},
    }
    path = folder / "twice.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.mark.parametrize("command", ["explain", "check", "train"])
def test_the_command_line_says_it_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    from backpropviz.cli.commands import main

    path = str(softmax_file(tmp_path))
    words = {
        "explain": ["explain", "loss", "--network", path],
        "check": ["check", "--network", path, "--per-array", "2"],
        "train": ["train", "--network", path, "--data", "example", "--updates", "2"],
    }[command]
    if command == "train":
        words += ["-o", str(tmp_path / "run.bpv")]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.err.count("sm (softmax) stands before cross-entropy, which applies a") == 1
    assert printed.out
