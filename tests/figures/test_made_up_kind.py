"""A kind that is written down in one place is stepped, drawn, explained, coded, listed, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import backpropviz.engine.kinds as package
from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.gradcheck import check, plan, report
from backpropviz.engine.kinds.registry import catalog, layer_from_fields, layer_kinds
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.nudge import base_point
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.training.history import activation_layers, activities
from backpropviz.figures.explain.code import CodeVersion
from backpropviz.figures.explain.explanation import explanation
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Text
from backpropviz.scene.theme import LIGHT
from tests.engine.kinds.walk import IMAGE, network_of, numbers_of
from tests.figures.code_runs import disagreement, steps_of

SOURCE = '''
from typing import ClassVar

from backpropviz.engine.formula import maximum
from backpropviz.engine.kinds.activation import Activation, CurvedFunction, X, unary
from backpropviz.engine.kinds.protocol import Torch
from backpropviz.frozen import frozen


@frozen
class Softsign(Activation):
    """x / (1 + |x|)."""

    kind: ClassVar[str] = "softsign"
    about = unary("Softsign", "A tanh that fades slowly.", Torch("F.softsign({0})"),
                  active=lambda output: abs(output) < 0.99)
    shape = CurvedFunction(X / (1 + maximum(X, -X)))
    remark = "The further from 0, the closer to 1 or −1."


LAYERS = (Softsign,)
'''


@pytest.fixture
def softsign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "softsign_made_up.py").write_text(SOURCE, "utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    layer_kinds.cache_clear()
    catalog.cache_clear()
    yield "softsign"
    layer_kinds.cache_clear()
    catalog.cache_clear()


@pytest.fixture
def tape(softsign: str) -> Tape:
    network = network_of(softsign)
    images, parameters = numbers_of(network)
    return record(network, parameters, images, np.zeros((2, 2)), Sgd())


def test_it_is_read_from_a_file_and_listed_in_the_editor(softsign: str) -> None:
    assert layer_from_fields({"kind": softsign}, "here").kind == softsign
    entry = catalog()[softsign]
    assert (entry.about.title, entry.about.help) == ("Softsign", "A tanh that fades slowly.")


def test_it_is_stepped_drawn_and_explained(tape: Tape) -> None:
    network = tape.network
    _, parameters = numbers_of(network)
    found = operations(network, tape.batch, tape.optimizer)
    model = Model("made up", network, parameters, Preprocessing(*IMAGE), (), tape.optimizer)
    view = View(model, tape, Timeline(found), SessionState(), Scales(tape))
    told = []
    for (first, stop), operation in zip(pairwise(view.timeline.starts), found, strict=True):
        if operation.layer != "layer":
            continue
        for depth in (Depth.TENSOR, Depth.ELEMENT):
            here = replace(view, state=SessionState(k=(first + stop) // 2, depth=depth))
            scenes = (
                stage(here, 1000, 700, LIGHT),
                explanation(here.explained, 375, LIGHT),
            )
            for scene in scenes:
                texts = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
                assert texts
                assert not [text for text in texts if "{" in text or "None" in text]
            told.append(sentences(here.explained).bold)
    assert any(" is bent to " in bold for bold in told)
    assert any(bold.startswith("The slope here is ") for bold in told)


@pytest.mark.parametrize("version", [CodeVersion.LOOPS, CodeVersion.NUMPY])
def test_its_code_runs_and_agrees(tape: Tape, version: CodeVersion) -> None:
    own = [s for s in steps_of(tape, 3) if s.operation and s.operation.layer == "layer"]
    assert own
    assert not [line for step in own if (line := disagreement(step, version))]


def test_pytorch_agrees(tape: Tape) -> None:
    pytest.importorskip("torch")
    own = [s for s in steps_of(tape, 3) if s.operation and s.operation.layer == "layer"]
    assert not [line for step in own if (line := disagreement(step, CodeVersion.TORCH))]


def test_its_gradient_is_checked(softsign: str) -> None:
    network = network_of(softsign)
    images, parameters = numbers_of(network, np.float64)
    point = base_point(network, parameters, images, np.zeros((2, 2)))
    wanted = plan(point, 16, pixels=True)
    assert report(point, wanted, check(point, wanted)).passed


def test_its_activity_is_measured(tape: Tape) -> None:
    assert activation_layers(tape.network) == ("layer",)
    outputs = {"layer": np.asarray(tape["layer.output"])}
    assert activities(tape.network, outputs)["layer"].shape == (3,)
