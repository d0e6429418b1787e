"""Some of the samples, chosen by a seed, with each class in its share."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError


def stratified(labels: Array, count: int, seed: int, *, leave: int = 0) -> Array:
    """A mask (N,) of `count` samples; a class of n samples has about its share n · count / N.

    Shares are rounded by largest remainder, and at least `leave` samples of each class stay
    outside, so fewer than `count` may be chosen. Labels (N,K) of a regression are one class.
    """
    groups = _groups(labels)
    sizes = np.array([len(group) for group in groups])
    taken = _shares(sizes, count)
    taken = np.minimum(taken, np.maximum(sizes - leave, 0))
    chosen = np.zeros(len(labels), dtype=bool)
    for number, (group, take) in enumerate(zip(groups, taken.tolist(), strict=True)):
        order = np.random.default_rng((seed, number)).permutation(len(group))
        chosen[group[order[:take]]] = True
    return chosen


def held_out_mask(labels: Array, share: float, seed: int) -> Array | None:
    """Which samples are kept apart for validation; each class keeps one to train on.

    None for a share of 0.

    Raises:
        UserError: the share leaves nothing to train on, or nothing is left to keep apart.
    """
    if not 0 <= share < 1:
        raise UserError(f"A held-out share of {share:g} is not possible: use 0 to 0.9.")
    if seed < 0:
        raise UserError(f"The seed {seed} of the split is not possible: use 0 or more.")
    if share == 0:
        return None
    count = max(1, round(share * len(labels)))
    chosen = stratified(labels, count, seed, leave=1)
    if not chosen.any():
        raise UserError(
            f"{len(labels)} samples are too few to hold {100 * share:.3g} % of them out: set the "
            "share held out to 0, or add samples."
        )
    return chosen


def _groups(labels: Array) -> list[Array]:
    if labels.ndim > 1:
        return [np.arange(len(labels))]
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    return list(np.split(order, borders))


def _shares(sizes: Array, count: int) -> Array:
    """Whole numbers in the ratio of the sizes that add up to `count`."""
    exact = sizes * min(count, int(sizes.sum())) / sizes.sum()
    whole = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(whole.sum())
    largest = np.argsort(whole - exact, kind="stable")[:missing]
    whole[largest] += 1
    return np.asarray(whole)
