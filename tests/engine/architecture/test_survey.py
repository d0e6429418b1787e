"""What is said of a draft: shapes, counts, and the first thing that does not fit."""

from __future__ import annotations

import math

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import Draft, draft_of, survey
from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.kinds.pooling import MaxPool2d


def lenet() -> Draft:
    return draft_of(preset("lenet", (1, 28, 28), 10), "LeNet", tuple("0123456789"))


def test_lenet_is_counted_as_by_hand() -> None:
    found = survey(lenet())
    assert found.problem is None
    conv1, conv2 = found.facts("conv1"), found.facts("conv2")
    assert (conv1.parameters, conv1.multiply_adds) == (6 * 25 + 6, 28 * 28 * 6 * 25)
    assert (conv2.parameters, conv2.multiply_adds) == (16 * 6 * 25 + 16, 10 * 10 * 16 * 150)
    dense = 400 * 120 + 120 * 84 + 84 * 10
    assert found.parameters == 156 + 2416 + dense + 120 + 84 + 10 == 61_706
    assert found.multiply_adds == 117_600 + 240_000 + dense
    assert found.activation_bytes == 4 * sum(
        math.prod(facts.output or ()) for facts in found.layers
    )


def test_the_first_layer_that_does_not_fit_is_named_and_later_ones_are_not_known() -> None:
    draft = lenet()
    for _ in range(3):
        draft = edits.add(draft, MaxPool2d(2), "pool2")
    found = survey(draft)
    assert found.problem is not None
    assert found.problem.layer == "pool3"
    assert str(found.problem).startswith("pool3: the kernel covers 2×2 cells, but the input with")
    assert found.facts("pool4").output == (16, 1, 1)
    assert found.facts("pool3").output is None
    assert found.facts("dense1").output is None
    assert found.facts("dense1").parameters is None
    assert found.facts("dense1").problem == ""
    assert found.parameters is found.multiply_adds is found.activation_bytes is None


def test_the_end_must_fit_the_loss_and_the_classes() -> None:
    draft = edits.change_setting(lenet(), "dense3", "out_features", 7)
    assert str(survey(draft).problem).startswith("loss: dense3 gives 7, but there are 10 classes")
    assert survey(ends.change_classes(draft, tuple("abcdefg"))).problem is None
    unflat = edits.remove(ends.change_classes(lenet(), ()), "flatten")
    problem = survey(unflat).problem
    assert problem is not None
    assert problem.layer == "dense1"


def test_an_output_that_nothing_reads_is_told() -> None:
    draft = edits.remove(draft_of(preset("resnet-tiny", (1, 16, 16), 3)), "add3")
    assert str(survey(draft).problem).startswith("skip_norm2: nothing uses its output")


def test_an_empty_draft_asks_for_a_layer() -> None:
    draft = lenet()
    for name in draft.names:
        draft = edits.remove(draft, name)
    assert str(survey(draft).problem) == "the network has no layers: add one."


def test_what_no_memory_holds_is_refused_where_it_happens() -> None:
    draft = edits.change_setting(lenet(), "dense1", "out_features", 1_000_000)
    problem = survey(draft).problem
    assert problem is not None
    assert problem.layer == "dense1"
    assert "fit into memory" in problem.sentence
