from __future__ import annotations

import numpy as np
import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.tape import operations
from backpropviz.figures.explain.explanation import counters, derivation_scene, explanation
from backpropviz.figures.view import ExplainedStep, TermProgress
from backpropviz.scene.marks import Scene, Text
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.passes import branching, lenet, tiny
from tests.figures.steps import TAPES, derivation_at, every_step, step_at
from tests.scene_checks import assert_text_is_legible


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


@pytest.mark.parametrize("width", [280.0, 375.0, 520.0, 800.0])
@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_no_text_is_cut_or_overlaps(name: str, width: float) -> None:
    for number, step in enumerate(every_step(name)):
        assert_text_is_legible(explanation(step, width, (LIGHT, DARK)[number % 2]))


@pytest.mark.parametrize("name", list(TAPES))
def test_steps_that_hold_many_values(name: str) -> None:
    tape = TAPES[name]()
    for operation in operations(tape.network, tape.batch, tape.optimizer):
        for depth in (Depth.PASS, Depth.LAYER, Depth.TENSOR, Depth.CHANNEL):
            assert_text_is_legible(
                explanation(ExplainedStep(None, operation, depth, tape), 375, LIGHT)
            )


def test_the_end_of_the_pass() -> None:
    scene = explanation(ExplainedStep(None, None, Depth.TERM, tiny()), 375, LIGHT)
    assert texts(scene)[0].startswith("The training step is complete")


def test_the_panel_of_the_mockup() -> None:
    step = step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3))
    shown = texts(explanation(step, 375, LIGHT))
    for label in ("In symbols", "With indices, where g = ∂L/∂o", "With numbers", "As code"):
        assert label in shown
    for label in ("Gradient so far", "Learning rate", "Update if it stays"):
        assert label in shown
    assert "+8" in shown
    assert "1.00 → 0.92" in shown


def test_a_finished_gradient_shows_the_update_that_was_recorded() -> None:
    step = step_at(lenet(), "conv1.weight.grad[2,0,3,1]")
    found = {counter.label: counter for counter in counters(step, LIGHT)}
    assert list(found) == ["Gradient", "Learning rate", "Update"]
    assert found["Update"].key == "conv1.weight.next[2,0,3,1]"


def test_with_momentum_no_update_is_guessed_from_a_part_of_the_gradient() -> None:
    step = step_at(branching(), "conv1.weight.grad[1,0,1,1]", TermProgress(3, 4))
    labels = [counter.label for counter in counters(step, LIGHT)]
    assert labels == ["Gradient so far", "Learning rate"]


def test_values_that_are_no_parameters_have_no_counters() -> None:
    assert counters(step_at(tiny(), "pool1.input.grad[0,0,0,0]"), LIGHT) == ()


@pytest.mark.parametrize(
    "address",
    ["conv1.weight.grad[2,0,3,1]", "pool1.output[0,1,2,3]", "loss", "dense1.bias.next[3]"],
)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_notebook_shows_explanation_and_ledger(address: str, theme: Theme) -> None:
    scene = derivation_scene(derivation_at(lenet(), address), theme)
    assert_text_is_legible(scene)
    assert "Ledger" in texts(scene)
    assert scene.title == address


def test_terms_that_ran_by_source_are_told_from_those_that_did_not() -> None:
    ran = np.array([False, False, True, True])
    step = step_at(tiny(), "conv1.input.grad[0,0,1,1]", TermProgress(2, ran))
    scene = explanation(step, 375, LIGHT)
    assert_text_is_legible(scene)
    assert "so far" in texts(scene)
    assert "Term 3 of 4 adds" in " ".join(texts(scene))
