"""Cross-entropy of a class, from logits: softmax and −log in one, so that nothing overflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.kernels import softmax as kernel
from backpropviz.engine.layers.cross_entropy_nests import cross_entropy_nests
from backpropviz.engine.layers.protocol import LayerNests, Residuals, Site
from backpropviz.engine.layers.reduction import Reduction, check_reduction, per_sample
from backpropviz.errors import UserError


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """L[n] = log Σ_k exp(z[n,k]) − z[n,t]; ∂L/∂z[n,k] = (p[n,k] − [k = t]) · 1/N.

    The target is a class index for each image.
    """

    kind: ClassVar[str] = "cross_entropy"
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        """Refuse another reduction."""
        check_reduction(self.reduction)

    def target(self, value: object, prediction: Shape) -> Array:
        """One class index a sample, as an array (N)."""
        if len(prediction) != 2:
            raise UserError(
                "cross-entropy needs one number for each class, but the network's output is "
                f"{shape_text(prediction[1:])}: add a flatten or dense layer."
            )
        samples, classes = prediction
        found = _listed(value)
        if len(found) != samples:
            raise UserError(
                f"{len(found)} targets do not fit {samples} images: give one class for each."
            )
        for index in found:
            if not 0 <= index < classes:
                raise UserError(
                    f"target {index} is out of range: the network has {classes} classes, "
                    f"0 to {classes - 1}."
                )
        return found.astype(np.int64)

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Residuals]:
        """The loss; softmax's four steps and each sample's loss are kept."""
        largest = kernel.maximum(prediction)
        powers = kernel.exponentials(prediction, largest)
        normalizer = kernel.normalizer(powers)
        chosen = prediction[np.arange(len(target)), target]
        sample = np.log(normalizer) - (chosen - largest)
        loss = np.add.reduce(sample) * per_sample(self.reduction, len(target))
        return np.asarray(loss, dtype=prediction.dtype), {
            "max": largest,
            "exp": powers,
            "normalizer": normalizer,
            "probabilities": kernel.probabilities(powers, normalizer),
            "sample": sample,
        }

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """(p − [k = t]) · 1/N · ∂L/∂L."""
        gradient = residuals["probabilities"].copy()
        gradient[np.arange(len(target)), target] -= 1
        gradient *= upstream * per_sample(self.reduction, len(target))
        return gradient

    def nests(self, site: Site) -> LayerNests:
        """max, exp, normalizer, probabilities, sample, loss; ∂X."""
        return cross_entropy_nests(site, self.reduction)


def _listed(value: object) -> Array:
    """One class or several, as an array with one dimension."""
    try:
        found = np.atleast_1d(np.asarray(value))
    except ValueError:
        raise UserError("the targets are no list: give a whole number for each image.") from None
    if found.ndim > 1:
        raise UserError(
            f"targets of {shape_text(found.shape)} are no classes: give one number for each image."
        )
    for item in found:
        if isinstance(item, bool | np.bool_) or not isinstance(item, int | np.integer):
            raise UserError(f"target {item} is no class: give a whole number for each image.")
    return found


LOSSES = (CrossEntropy,)
