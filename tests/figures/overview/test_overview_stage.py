"""Layers, phases and the whole step at a glance: everything is there, nothing is made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.tape import operations
from backpropviz.engine.value import parse
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.array_summary import is_computed, statistics
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Path, Scene
from backpropviz.scene.theme import DARK, LIGHT
from tests.engine.passes import branched, recorded
from tests.figures.map_views import start
from tests.figures.stages import at, of_network, texts
from tests.scene_checks import assert_text_is_legible


@pytest.fixture(scope="module")
def lenet() -> View:
    return of_network("lenet")


@pytest.fixture(scope="module")
def joined() -> View:
    tape = recorded(branched(), [1, 2])
    model = replace(of_network("lenet").model, network=tape.network, class_names=())
    timeline = Timeline(operations(tape.network, 2, tape.optimizer))
    return View(model, tape, timeline, SessionState(), Scales(tape))


def scene_at(view: View, target: str, depth: Depth) -> Scene:
    return stage(at(view, target, 0, depth), 968, 756, LIGHT)


def keys(scene: Scene) -> set[str]:
    return {getattr(mark, "key", "") for mark in scene.walk()}


def test_a_layer_shows_all_that_it_reads_and_makes(lenet: View) -> None:
    forward = keys(scene_at(lenet, "conv2.output", Depth.LAYER))
    assert {"conv2.input", "conv2.weight", "conv2.bias", "conv2.output"} <= forward
    backward = keys(scene_at(lenet, "conv2.bias.grad", Depth.LAYER))
    gradients = {f"conv2.{name}.grad" for name in ("output", "weight", "bias", "input")}
    assert gradients <= backward
    update = keys(scene_at(lenet, "conv2.bias.next", Depth.LAYER))
    assert {"conv2.weight", "conv2.weight.grad", "conv2.bias.step", "conv2.bias.next"} <= update


def test_a_layer_is_summed_up_by_its_own_numbers(lenet: View) -> None:
    values = lenet.tape["relu2.output"]
    found = statistics(lenet, parse("relu2.output"))
    assert found.zeros == pytest.approx(np.mean(values == 0))
    assert found.mean == pytest.approx(values.mean(dtype=np.float64))
    said = texts(scene_at(lenet, "relu2.output", Depth.LAYER))
    assert found.zeros_text in said
    assert found.range_text in said


def test_a_share_of_zeros_is_never_rounded_to_none() -> None:
    view = of_network("tiny-max")
    found = statistics(view, parse("conv1.output.grad"))
    assert found.zeros_text == "75 % zero"
    assert replace(found, zeros=0.001).zeros_text == "below 1 % zero"
    assert replace(found, zeros=0.0).zeros_text == "none zero"
    assert replace(found, finite=False).zeros_text == "holds NaN or ∞"


def test_a_phase_has_a_card_for_every_layer(lenet: View) -> None:
    names = [node.name for node in lenet.tape.network.nodes]
    forward = texts(scene_at(lenet, "conv1.output", Depth.PHASE))
    assert [text for text in forward if text in names] == names
    backward = texts(scene_at(lenet, "conv2.weight.grad", Depth.PHASE))
    assert [text for text in backward if text in names] == names[::-1]


def test_a_phase_draws_every_join(joined: View) -> None:
    scene = scene_at(joined, "conv1.output", Depth.PHASE)
    edges = {(s, n.name) for n in joined.tape.network.nodes for s in n.inputs}
    assert sum(isinstance(m, Path) and m.arrow for m in scene.walk()) == len(edges)
    assert "twice + skip + relu1" in texts(scene)


def test_the_backward_phase_follows_the_consumers(joined: View) -> None:
    scene = scene_at(joined, "dense.weight.grad", Depth.PHASE)
    network = joined.tape.network
    readers = {
        (name, None if reader is None else reader.name)
        for name, found in network.consumers.items()
        for reader, _ in found
    }
    assert sum(isinstance(m, Path) and m.arrow for m in scene.walk()) == len(readers)


def test_the_update_phase_pairs_old_and_new(lenet: View) -> None:
    found = keys(scene_at(lenet, "dense1.weight.step", Depth.PHASE))
    parameters = [a.name for a in lenet.tape if a.part == "step"]
    assert len(parameters) == 10
    for name in parameters:
        assert {name.removesuffix(".step"), name.replace(".step", ".next")} <= found


def test_the_whole_step_says_what_was_computed(lenet: View) -> None:
    end = replace(lenet, state=replace(lenet.state, k=lenet.timeline.steps))
    said = texts(stage(end, 968, 756, DARK))
    assert "loss before the update" in said
    assert not any("after" in text for text in said)
    best = int(np.argmax(lenet.tape["loss.probabilities"][0]))
    assert said[said.index("reads it as") + 1] == lenet.model.class_names[best]


def test_the_whole_step_of_a_number() -> None:
    view = of_network("tiny-max")
    said = texts(stage(replace(view, state=SessionState(0, Depth.PASS)), 968, 756, LIGHT))
    assert said[said.index("prediction") + 1] == "8"
    assert said[said.index("target") + 1] == "6"
    assert said[said.index("largest step, in conv1.weight") + 1] == "0.08"


def test_the_likeliest_classes_and_the_target_are_shown(joined: View) -> None:
    scene = stage(replace(joined, state=SessionState(0, Depth.PASS)), 560, 480, LIGHT)
    assert "target" in texts(scene)


def test_what_has_not_run_is_not_computed(lenet: View) -> None:
    view = at(lenet, "conv1.output", 0, Depth.LAYER)
    assert is_computed(view, parse("conv1.output"))
    assert not is_computed(view, parse("relu1.output"))
    assert is_computed(view, parse("conv1.weight"))
    assert not is_computed(view, parse("conv1.weight.next"))


@pytest.mark.parametrize("size", [(560, 480), (649, 556), (1289, 836), (1920, 1080)])
def test_joined_networks_are_legible(joined: View, size: tuple[int, int]) -> None:
    for extent in (*joined.timeline.layers, *joined.timeline.phases):
        for depth in (Depth.LAYER, Depth.PHASE, Depth.PASS):
            view = replace(joined, state=SessionState(extent.start, depth))
            assert_text_is_legible(stage(view, *size, DARK))


@pytest.mark.parametrize("size", [(420, 300), (560, 480), (1289, 836)])
def test_a_deep_network_hides_no_layer_silently(size: tuple[int, int]) -> None:
    view = start("deep")
    outputs = {f"{node.name}.output" for node in view.tape.network.nodes}
    for depth in (Depth.PHASE, Depth.PASS):
        scene = stage(replace(view, state=SessionState(0, depth)), *size, LIGHT)
        assert_text_is_legible(scene)
        hidden = outputs - keys(scene)
        assert bool(hidden) == any("no room here" in text for text in texts(scene))


def test_a_range_is_shown_whole_or_not_at_all() -> None:
    view = start("deep")
    scene = stage(replace(view, state=SessionState(0, Depth.PHASE)), 649, 556, LIGHT)
    assert not any(text.endswith("…") and text[0] in "−0123456789" for text in texts(scene))
