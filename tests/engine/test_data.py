"""Batches and changes: every image once an epoch, and the same again for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from backpropviz.engine.training.samples import Batches, Warp, split, warped
from backpropviz.errors import UserError

IMAGES = np.arange(7 * 4, dtype=np.float32).reshape(7, 1, 2, 2)
LABELS = np.arange(7)


def test_an_epoch_shows_every_image_once_with_its_target() -> None:
    batches = Batches(IMAGES, LABELS, size=3, seed=5)
    assert batches.per_epoch == 3
    for first in (1, 4):
        seen = [batches.batch(first + k) for k in range(3)]
        assert [len(batch.images) for batch in seen] == [3, 3, 1]
        targets = np.concatenate([batch.targets for batch in seen])
        assert sorted(targets.tolist()) == LABELS.tolist()
        images = np.concatenate([batch.images for batch in seen])
        assert np.array_equal(images, IMAGES[targets])


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def order(seed: int, first: int) -> list[int]:
        batches = Batches(IMAGES, LABELS, size=7, seed=seed)
        return [int(target) for target in batches.batch(first).targets]

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


def test_changes_are_seeded_too() -> None:
    batches = Batches(IMAGES, LABELS, 7, 1, Warp(10, 0.1, 0.5))
    first, again = batches.batch(2), batches.batch(2)
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, IMAGES[first.targets])
    assert first.images.dtype == np.float32


@pytest.mark.parametrize(
    ("images", "labels", "size"),
    [(IMAGES[:0], LABELS[:0], 2), (IMAGES, LABELS[:3], 2), (IMAGES, LABELS, 0)],
)
def test_what_gives_no_batch_is_refused(
    images: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    size: int,
) -> None:
    with pytest.raises(UserError):
        Batches(images, labels, size)


def test_a_split_leaves_nothing_out_and_nothing_twice() -> None:
    kept, held_out = split(2000, 400, seed=0)
    assert len(held_out) == 400
    assert sorted([*kept, *held_out]) == list(range(2000))
    assert np.array_equal(split(2000, 400, seed=0)[1], held_out)
    assert not np.array_equal(split(2000, 400, seed=1)[1], held_out)
    with pytest.raises(UserError, match="400 of 400"):
        split(400, 400, seed=0)


def test_no_warp_changes_nothing() -> None:
    images = np.random.default_rng(0).random((3, 2, 5, 6), dtype=np.float32)
    assert_allclose(Warp(0, 0, 0)(images, np.random.default_rng(1)), images, atol=1e-6)


def test_a_shift_moves_rows_and_columns_and_fills_with_0() -> None:
    images = np.arange(1, 10, dtype=np.float64).reshape(1, 1, 3, 3)
    moved = warped(images, np.eye(2)[None], np.array([[1.0, 0.0]]))
    assert moved[0, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    moved = warped(images, np.eye(2)[None], np.array([[0.0, -0.5]]))
    assert moved[0, 0].tolist() == [[1.5, 2.5, 1.5], [4.5, 5.5, 3], [7.5, 8.5, 4.5]]
    moved = warped(images, np.eye(2)[None], np.array([[50.0, 50.0]]))
    assert not moved.any()


def test_a_quarter_turn_is_exact() -> None:
    images = np.random.default_rng(2).random((1, 2, 5, 5))
    turned = warped(images, np.array([[[0.0, -1.0], [1.0, 0.0]]]), np.zeros((1, 2)))
    assert_allclose(turned, np.rot90(images, -1, axes=(2, 3)), atol=1e-12)
