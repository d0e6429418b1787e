"""The digits that networks are trained on, and the ones that ship and must stay unseen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backpropviz.assets import resource
from backpropviz.engine.value import Array

ALL = Path(__file__).with_name("mnist_10000.npz")


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Images (N,1,28,28) in 0…1 as float32, and their labels."""

    images: Array
    labels: Array


def shipped() -> Digits:
    """The 2,000 that a person can open: only measured on."""
    return _digits(*_arrays(resource("datasets", "mnist_2000.npz")))


def unshipped() -> Digits:
    """The 8,000 whose pixels are not among the shipped ones: these are trained on."""
    seen = {image.tobytes() for image in _arrays(resource("datasets", "mnist_2000.npz"))[0]}
    images, labels = _arrays(ALL)
    keep = np.array([image.tobytes() not in seen for image in images])
    return _digits(images[keep], labels[keep])


def _arrays(path: Path) -> tuple[Array, Array]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["x"], arrays["y"]


def _digits(images: Array, labels: Array) -> Digits:
    return Digits((images[:, None] / 255).astype(np.float32), labels.astype(np.int64))
