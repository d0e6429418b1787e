"""Each class in its share, by a seed, and never all of a class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.errors import UserError
from backpropviz.files.data.catalog import held_out_mask, stratified

LABELS = st.lists(st.integers(0, 5), min_size=2, max_size=80).map(np.array)


@given(LABELS, st.integers(0, 80), st.integers(0, 9))
def test_as_many_are_chosen_as_wanted_and_shares_are_near(
    labels: np.ndarray, count: int, seed: int
) -> None:
    chosen = stratified(labels, count, seed)
    assert chosen.sum() == min(count, len(labels))
    share = chosen.sum() / len(labels)
    for label in np.unique(labels):
        size = (labels == label).sum()
        assert abs(chosen[labels == label].sum() - share * size) < 1


@given(LABELS, st.floats(0.01, 0.95), st.integers(0, 9))
def test_every_class_keeps_one_to_train_on(labels: np.ndarray, share: float, seed: int) -> None:
    try:
        mask = held_out_mask(labels, share, seed)
    except UserError:
        # Where a class has one sample, it may be that nothing is left to hold out.
        assert (np.unique(labels, return_counts=True)[1] == 1).any()
        return
    assert mask is not None
    assert mask.any()
    assert set(labels[~mask].tolist()) == set(labels.tolist())


def test_a_regression_is_split_as_one_class() -> None:
    mask = held_out_mask(np.zeros((10, 3)), 0.3, 0)
    assert mask is not None
    assert mask.sum() == 3


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UserError, match="seed -1 of the split is not possible"):
        held_out_mask(np.zeros(10), 0.2, -1)


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="is not possible: use 0 to"):
        held_out_mask(np.zeros(10), share, 0)
