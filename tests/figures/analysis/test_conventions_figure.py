"""The figure of a convention says which choice the finite difference agrees with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from backpropviz.engine.conventions import (
    OPTIONS,
    Convention,
    Evidence,
    Option,
    conventions_of,
    evidence,
    with_conventions,
)
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import IMAGE, Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.nudge import BasePoint, base_point
from backpropviz.engine.record import record
from backpropviz.engine.tape import Comparison, compared
from backpropviz.engine.value import Array, parse
from backpropviz.figures.analysis.check import (
    conclusion,
    conventions_figure,
    option_name,
    slope_texts,
)
from backpropviz.scene.hit import find
from backpropviz.scene.theme import LIGHT
from tests.figures.lab_passes import NETWORKS, THEMES, point_of, says, texts
from tests.figures.map_views import start
from tests.scene_checks import assert_text_is_legible

WEIGHT = "conv1.weight[0,0,0,1]"


def point(layers: Mapping[str, Layer], image: list[list[float]], target: float) -> BasePoint:
    images: Array = np.array([[image]], dtype=np.float64)
    network = chain("net", images.shape[1:], layers, SquaredError(half=True))
    own = {"weight": np.array([[[[1.0, 0.0], [0.0, 1.0]]]]), "bias": np.zeros(1)}
    parameters = {"conv1": own} if "conv1" in layers else {}
    return base_point(network, parameters, images, np.full((1, 1, 1, 1), target))


def switched(name: str, convention: Convention, option: Option) -> Comparison:
    view = start(name)
    example = view.model.example
    assert example is not None
    own = conventions_of(view.tape.network).with_option(convention, option)
    network = with_conventions(view.tape.network, own)
    optimizer = view.model.optimizer
    image = example.image.astype(view.tape[IMAGE].dtype)
    after = record(network, view.model.parameters, image, example.target, optimizer)
    return compared(view.tape, after)


def corner() -> Evidence:
    """½(max(x, 0) + 2)²: 0 to the left, 2 to the right."""
    return evidence(point({"relu1": ReLU()}, [[0]], -2), parse("image[0,0,0,0]"), "relu_at_zero")


def fourfold_tie() -> Evidence:
    """Every position puts out the same, so that “all” counts a bias four times."""
    layers: dict[str, Layer] = {"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2)}
    return evidence(point(layers, [[1, 1, 1]] * 3, 1), parse("conv1.bias[0]"), "ties")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("convention", OPTIONS)
def test_every_switch_is_legible(name: str, convention: Convention) -> None:
    found = evidence(point_of(name), parse(WEIGHT), convention)
    for option in OPTIONS[convention]:
        changes = switched(name, convention, option)
        for theme in THEMES:
            for width in (320, 375, 520, 900):
                scene = conventions_figure(found, changes, option, width, theme)
                assert_text_is_legible(scene)


@pytest.mark.parametrize("found", [corner(), fourfold_tie()], ids=lambda e: e.convention)
def test_corners_are_legible(found: Evidence) -> None:
    for theme in THEMES:
        for width in (320, 640):
            chosen = found.verdicts[-1].option
            assert_text_is_legible(conventions_figure(found, None, chosen, width, theme))


def test_the_conclusion() -> None:
    assert conclusion(fourfold_tie()) == (
        "The finite difference agrees with “the first takes all” and “shared evenly”, "
        "not with “each takes all”."
    )
    assert conclusion(corner()) == (
        "The loss has a corner here: its slope is 0 from the left and 2 from the right, "
        "so no choice is the derivative."
    )
    same = evidence(point_of("tiny-max"), parse(WEIGHT), "ties")
    assert conclusion(same).endswith("the gradient is 8 with any of them.")
    flipped = evidence(point_of("tiny-max"), parse(WEIGHT), "flip")
    assert conclusion(flipped).startswith("Every choice gives the gradient of its own loss")


def test_gradients_and_slopes_are_the_engines() -> None:
    found = fourfold_tie()
    words = texts(conventions_figure(found, None, "first", 900, LIGHT))
    shown = words[words.index("the first takes all") : words.index("each takes all")]
    numbers = [text for text in shown if text not in {"the first takes all", "standard"}]
    first = found.verdicts[0]
    slopes = first.slopes
    expected = (first.analytic, slopes.left, slopes.center, slopes.right)
    assert len(numbers) == len(expected)
    assert all(map(says, numbers, expected))


def test_what_rounding_leaves_is_not_shown_as_a_slope() -> None:
    assert slope_texts([1e-12, 2.0], 3.0) == ["≈ 0", "2"]
    assert slope_texts([0.0, 2.5], 3.0, signed=True) == ["0", "+2.5"]


def test_the_changes_are_those_of_the_two_passes() -> None:
    changes = switched("tiny-max", "flip", True)
    found = evidence(point_of("tiny-max"), parse(WEIGHT), "flip")
    scene = conventions_figure(found, changes, True, 640, LIGHT)
    words = texts(scene)
    assert any(f"{changes.count} values of the pass change" in text for text in words)
    for change in changes.changes:
        assert str(change.at) in words
        assert find(scene, str(change.at)) is not None
    same = conventions_figure(found, switched("tiny-max", "flip", False), False, 640, LIGHT)
    assert any("not a number of this pass changes" in text for text in texts(same))


def test_every_option_has_a_name_and_a_row_to_choose_it() -> None:
    for convention, options in OPTIONS.items():
        assert len({option_name(convention, option) for option in options}) == len(options)
    scene = conventions_figure(fourfold_tie(), None, "all", 640, LIGHT)
    for option in OPTIONS["ties"]:
        assert find(scene, f"convention:ties:{option}") is not None
