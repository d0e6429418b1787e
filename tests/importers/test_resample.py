"""Resizing, held to Pillow's on float images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from backpropviz.engine.model import Resample
from backpropviz.files.fit import resize

ORACLE = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize(
    ("resample", "old", "new"),
    [
        ("box", (40, 30), (8, 5)),
        ("box", (320, 320), (64, 64)),
        ("bilinear", (40, 30), (7, 5)),
        ("bilinear", (5, 7), (28, 28)),
        ("bilinear", (33, 9), (10, 20)),
        ("lanczos", (320, 300), (28, 28)),
        ("lanczos", (33, 9), (10, 20)),
        ("nearest", (40, 30), (7, 4)),
        ("nearest", (5, 7), (28, 28)),
    ],
)
def test_agrees_with_pillow(resample: Resample, old: tuple[int, int], new: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random((*old, 1)).astype(np.float32)
    expected = Image.fromarray(values[:, :, 0]).resize(new[::-1], ORACLE[resample])
    resized = resize(values, *new, resample)
    assert resized.dtype == np.float64
    np.testing.assert_allclose(resized[:, :, 0], np.asarray(expected), atol=2e-6)


@pytest.mark.parametrize(
    ("old", "new"), [((240, 320), (28, 28)), ((3, 5), (28, 7)), ((7, 1), (3, 9))]
)
def test_box_keeps_the_mean(old: tuple[int, int], new: tuple[int, int]) -> None:
    values = np.random.default_rng(2).random((*old, 3))
    resized = resize(values, *new, "box")
    np.testing.assert_allclose(resized.mean(axis=(0, 1)), values.mean(axis=(0, 1)), rtol=1e-12)


def test_box_shares_a_cell_in_proportion() -> None:
    row = np.array([[0.0, 3.0, 6.0]]).reshape(1, 3, 1)
    np.testing.assert_allclose(resize(row, 1, 2, "box")[0, :, 0], [1, 5])


@pytest.mark.parametrize("resample", ["box", "bilinear", "lanczos"])
def test_mirroring_commutes_with_resizing(resample: Resample) -> None:
    values = np.random.default_rng(4).random((33, 19, 1))
    turned = resize(values[::-1, ::-1], 10, 28, resample)[::-1, ::-1]
    np.testing.assert_allclose(turned, resize(values, 10, 28, resample), atol=1e-12)


def test_a_very_long_row_needs_no_huge_intermediate() -> None:
    values = np.arange(6_000_000, dtype=np.uint32).reshape(1, -1, 1)
    resized = resize(values, 64, 2, "box")
    assert resized.shape == (64, 2, 1)
    np.testing.assert_allclose(resized[:, 0], (3_000_000 - 1) / 2, rtol=1e-12)
