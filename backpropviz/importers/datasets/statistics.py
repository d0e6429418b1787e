"""What is known of a set's images and classes as numbers: mean and spread, how many of each."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.training.samples import Samples
from backpropviz.frozen import frozen

_BLOCK = 256


@frozen
class Statistics:
    """Mean and standard deviation of each channel over all images and pixels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def statistics(images: Array) -> Statistics:
    """Of images (N,C,H,W), in float64; in blocks, since a copy of all could be too large."""
    channels = images.shape[1]
    count = images.size // channels
    total = np.zeros(channels)
    for start in range(0, len(images), _BLOCK):
        total += images[start : start + _BLOCK].sum(axis=(0, 2, 3), dtype=np.float64)
    mean = total / count
    squares = np.zeros(channels)
    for start in range(0, len(images), _BLOCK):
        away = images[start : start + _BLOCK] - mean[:, None, None]
        squares += np.square(away).sum(axis=(0, 2, 3))
    return Statistics(tuple(mean.tolist()), tuple(np.sqrt(squares / count).tolist()))


def classes_of(targets: Array) -> Array:
    """The class (N,) that each target names, be it a number or a 1 among zeros."""
    if targets.ndim == 1:
        return targets.astype(np.int64)
    found = targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)
    return found.astype(np.int64)


def class_counts(samples: Samples | None, classes: int) -> tuple[int, ...]:
    """How many samples each class has."""
    if samples is None:
        return (0,) * classes
    return tuple(np.bincount(classes_of(samples.targets), minlength=classes).tolist())
