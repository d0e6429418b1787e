"""A thumbnail shows an array's own values, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.value import Array
from backpropviz.figures.numbers import Scale
from backpropviz.figures.thumbnails import number, photograph, thumbnail
from backpropviz.scene.marks import Ellipse, Mark, Pixels, Rect, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT
from tests.scene_checks import assert_text_is_legible

SIGNED = Scale("diverging-light", (-2.0, 2.0), is_diverging=True)
SIZES = (28, 40)


def pixels(marks: tuple[Mark, ...]) -> Pixels:
    return next(mark for mark in marks if isinstance(mark, Pixels))


def inside(marks: tuple[Mark, ...], size: int) -> bool:
    boxes = [m for m in marks if isinstance(m, Pixels | Rect)]
    return all(m.x >= 0 and m.x + m.width <= size and m.y + m.height <= size for m in boxes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "shape",
    [
        *((3, 3), (2, 2), (1, 1, 1), (1, 2, 5), (6, 28, 28), (16, 5, 5), (512, 7, 7)),
        *((64, 224, 224), (1, 50, 20), (3, 1, 9)),
        *((1,), (2,), (10,), (84,), (400,), (401,), (4096,)),
    ],
)
def test_every_shape_has_room_in_its_square(shape: tuple[int, ...], size: int) -> None:
    values = np.linspace(-2, 2, int(np.prod(shape))).reshape(shape)
    marks = thumbnail(values, size, LIGHT, SIGNED)
    assert inside(marks, size)
    assert pixels(marks).limits == SIGNED.limits


def test_a_small_plane_keeps_its_cells() -> None:
    values = np.array([[0.0, 2.0, 1.0], [3.0, 4.0, 1.0], [2.0, 1.0, 0.0]])
    shown = pixels(thumbnail(values, 40, LIGHT, SIGNED))
    assert np.array_equal(shown.values, values)
    assert shown.width / 3 == int(shown.width / 3)


def test_a_single_large_value_stays_visible() -> None:
    maps = np.full((6, 28, 28), 0.1)
    maps[4, 13, 17] = -2.0
    assert pixels(thumbnail(maps, 28, LIGHT, SIGNED)).values.min() == -2.0


def test_a_nan_is_not_averaged_away() -> None:
    maps = np.zeros((6, 28, 28))
    maps[0, 0, 1] = np.nan
    assert np.isnan(pixels(thumbnail(maps, 28, LIGHT, SIGNED)).values).any()


def test_what_is_not_computed_has_no_value() -> None:
    maps = np.full((4, 6, 6), 2.0)
    computed = np.zeros(maps.shape, bool)
    computed[0] = True
    maps[1:] = np.nan
    shown = pixels(thumbnail(maps, 28, LIGHT, SIGNED, computed))
    assert shown.missing is not None
    assert shown.missing.mean() > 0.7
    assert set(shown.values[~shown.missing]) == {2.0}
    assert set(shown.values[shown.missing]) == {0.0}


def test_nothing_computed_is_dots_in_a_dashed_frame() -> None:
    values = np.ones((3, 3))
    marks = thumbnail(values, 28, DARK, SIGNED, np.zeros((3, 3), bool))
    assert not any(isinstance(mark, Pixels) for mark in marks)
    assert sum(isinstance(mark, Ellipse) for mark in marks) == 9


def test_the_rest_of_a_vectors_last_row_is_empty() -> None:
    shown = pixels(thumbnail(np.full(23, 1.0), 28, LIGHT, SIGNED))
    assert shown.missing is not None
    assert shown.missing[-1, -1]
    assert not shown.missing[0, 0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", [2.0, 0.0, 1.4136, -123.4, 6.02e23, 1e-7, np.nan, -np.inf])
def test_a_number_has_room(value: float, size: int) -> None:
    marks = number(value, size, LIGHT)
    assert_text_is_legible(Scene(size, size, LIGHT.panel, marks))
    text = next(mark for mark in marks if isinstance(mark, Text))
    assert text.text
    assert (text.color == LIGHT.not_finite) == (not np.isfinite(value))


def gray_and_color() -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.random((28, 28)), rng.random((300, 451, 3)), rng.random((9, 12, 3))]


@pytest.mark.parametrize("picture", gray_and_color())
def test_a_photograph_keeps_its_proportion(picture: Array) -> None:
    shown = pixels(photograph(picture, 28, LIGHT))
    assert shown.width / shown.height == pytest.approx(
        picture.shape[1] / picture.shape[0], rel=0.06
    )
    assert shown.values.mean() == pytest.approx(picture.mean(), rel=0.1)
