"""The start page's pictures hold the values of real passes."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.record import run
from backpropviz.figures.thumbnails import SIZE, StartCard, start_card
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Pixels, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.scene_checks import assert_text_is_legible


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("kind", ["example", "digit", "own"])
def test_cards_have_one_size_and_legible_text(kind: StartCard, theme: Theme) -> None:
    scene = start_card(kind, theme)
    assert [scene.width, scene.height] == list(SIZE)
    assert_text_is_legible(scene)


def test_the_example_stops_where_the_second_weight_has_its_third_term() -> None:
    found = texts(start_card("example", LIGHT))
    numbers = [text for text in found if text.isdecimal()]
    assert sorted(numbers) == sorted("021341210" + "0020" + "68")
    assert {"×", "="} <= set(found)


def test_the_digit_card_shows_the_gradient_that_pulls_hardest() -> None:
    tape = run(load_network("lenet"))
    gradient = tape["conv1.weight.grad"]
    steepest = int(np.abs(gradient).sum(axis=(1, 2, 3)).argmax())
    grids = [mark.values for mark in start_card("digit", LIGHT).walk() if isinstance(mark, Pixels)]
    assert np.array_equal(grids[0], tape["image"][0, 0])
    assert np.array_equal(grids[1], tape["conv1.output.grad"][0, steepest])
    assert np.array_equal(np.stack(grids[2:]), gradient[:, 0])
    assert start_card("digit", LIGHT).background == start_card("digit", DARK).background


def test_the_photograph_is_in_true_color() -> None:
    photo = next(mark for mark in start_card("own", LIGHT).walk() if isinstance(mark, Pixels))
    assert photo.values.ndim == 3
    assert photo.values.min() >= 0
    assert 0.6 < photo.values.max() <= 1
