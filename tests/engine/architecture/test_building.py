"""A draft becomes a model: its shapes, its weights, its file, and a pass through it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.document import JsonPlace, Value
from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import (
    Draft,
    WeightStart,
    build_model,
    build_network,
    draft_of,
    draft_of_model,
    survey,
    weight_plan,
)
from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.gradcheck import check, plan, report
from backpropviz.engine.kinds.activation import Tanh
from backpropviz.engine.model import training_refusal
from backpropviz.engine.nudge import base_point_of
from backpropviz.engine.record import Settings, run
from backpropviz.errors import UserError
from backpropviz.files.network_json import (
    model_from_json,
    model_to_json,
    read_network,
    write_network,
)
from backpropviz.files.networks import load_network
from tests.engine.architecture.drafting import STARTS, STEPS, Step


@given(STARTS, STEPS)
@settings(max_examples=60)
def test_a_draft_that_fits_goes_to_a_file_and_back(start: Draft, steps: list[Step]) -> None:
    draft = start
    for step in steps:
        try:
            edited = step.apply(draft)
        except UserError:
            continue
        draft = edited if survey(edited).problem is None else draft
    model = build_model(draft)
    read = model_from_json(Value(model_to_json(model), JsonPlace()), draft.title)
    assert draft_of_model(read) == draft
    assert model_to_json(read) == {**model_to_json(model)}


@given(STARTS, STEPS, st.integers(0, 9))
@settings(max_examples=60)
def test_a_draft_that_fits_can_be_recorded(start: Draft, steps: list[Step], seed: int) -> None:
    draft = start
    for step in steps:
        try:
            edited = step.apply(draft)
        except UserError:
            continue
        draft = edited if survey(edited).problem is None else draft
    model = build_model(draft, start=WeightStart(seed))
    image = np.random.default_rng(seed).random((1, *draft.input_shape), dtype=np.float32)
    shapes = survey(draft).shapes
    wanted = 0 if draft.loss.kind == "cross_entropy" else (0.0,) * math.prod(shapes[draft.output])
    # As the window does: what one image cannot train is recorded in use.
    mode = "eval" if training_refusal(model.network, 1) else "train"
    tape = run(model, image, Settings(target=wanted, mode=mode))
    for name, shape in shapes.items():
        address = name if name == "image" else f"{name}.output"
        assert tape[address].shape == (1, *shape)
    assert model.parameter_count == survey(draft).parameters


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_opens_and_can_be_recorded(name: str) -> None:
    network = preset(name, (1, 16, 16), 4)
    draft = draft_of(network, PRESETS[name].title, tuple("abcd"))
    assert survey(draft).problem is None
    assert dict(survey(draft).shapes) == dict(network.shapes)
    model = build_model(draft, start=WeightStart(seed=3, scheme="glorot_uniform"))
    image = np.random.default_rng(0).random((1, 1, 16, 16), dtype=np.float32)
    tape = run(model, image, Settings(target=2))
    assert np.isfinite(tape["loss"])
    assert tape[f"{network.output}.output"].shape == (1, 4)


def test_gradients_of_the_residual_preset_hold_against_finite_differences() -> None:
    model = build_model(draft_of(preset("resnet-tiny", (1, 8, 8), 3)))
    image = np.random.default_rng(1).random((1, 1, 8, 8))
    tape = run(model, image, Settings(target=1, float_bits=64))
    point = base_point_of(tape)
    wanted = plan(point, 2, pixels=False)
    assert report(point, wanted, check(point, wanted)).passed


def test_the_same_seed_draws_the_same_weights() -> None:
    draft = draft_of(preset("lenet", (1, 28, 28), 10))
    first, again, other = (build_model(draft, start=WeightStart(seed)) for seed in (1, 1, 2))
    weight = first.parameters["conv1"]["weight"]
    assert np.array_equal(weight, again.parameters["conv1"]["weight"])
    assert not np.array_equal(weight, other.parameters["conv1"]["weight"])
    assert "seed 1" in first.remark


def test_weights_are_kept_where_the_shapes_still_fit() -> None:
    base = load_network("lenet")
    draft = edits.rename(draft_of_model(base), "conv1", "edges")
    draft = edits.add(draft, Tanh(), "pool1")
    draft = edits.change_setting(draft, "dense2", "out_features", 50)
    plan = weight_plan(draft, base)
    assert plan.kept == ("edges", "conv2", "dense1")
    assert plan.fresh == ("dense2", "dense3")
    kept = build_model(draft, base, WeightStart(keeps_weights=True))
    assert kept.parameters["edges"]["weight"] is base.parameters["conv1"]["weight"]
    assert kept.parameters["dense2"]["weight"].shape == (50, 120)
    assert kept.remark.startswith("Weights kept: edges, conv2, dense1; new,")
    fresh = build_model(draft, base)
    assert not np.array_equal(
        fresh.parameters["edges"]["weight"], base.parameters["conv1"]["weight"]
    )
    assert kept.preprocessing == base.preprocessing
    assert kept.example is base.example


def test_a_new_layer_does_not_inherit_the_weights_of_a_removed_one() -> None:
    base = load_network("lenet")
    removed = edits.remove(draft_of_model(base), "conv1")
    draft = edits.add(removed, base.network.by_name["conv1"].layer, "image")
    assert draft.node("conv1").inputs == ("image",)
    assert "conv1" in weight_plan(draft, base).fresh


def test_what_no_longer_fits_does_not_come_along() -> None:
    base = load_network("lenet")
    color = ends.change_input_shape(draft_of_model(base), (3, 32, 32))
    model = build_model(color, base, WeightStart(keeps_weights=True))
    assert model.example is None
    assert (model.preprocessing.channels, model.preprocessing.height) == (3, 32)
    assert "conv1" not in weight_plan(color, base).kept


def test_a_draft_that_does_not_fit_builds_nothing() -> None:
    draft = edits.remove(draft_of(preset("lenet", (1, 28, 28), 10)), "flatten")
    with pytest.raises(UserError, match=r"^dense1: "):
        build_network(draft)


def test_a_saved_model_is_read_back_identical(tmp_path: Path) -> None:
    draft = draft_of(preset("resnet-tiny", (3, 8, 8), 3), "Small ResNet", ("x", "y", "z"))
    model = build_model(draft, start=WeightStart(5))
    write_network(tmp_path / "small.json", model)
    with (tmp_path / "small.json").open("rb") as file:
        read = read_network(file, "small")
    assert draft_of_model(read) == draft
    for layer, own in model.parameters.items():
        for name, values in own.items():
            assert np.array_equal(read.parameters[layer][name], values)
