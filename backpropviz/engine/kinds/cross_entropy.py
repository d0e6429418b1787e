"""Cross-entropy of a class, from logits: softmax and −log in one, so that nothing overflows."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.kernels import softmax as kernel
from backpropviz.engine.kinds.cross_entropy_nests import cross_entropy_nests
from backpropviz.engine.kinds.protocol import LayerNests, Residuals, Site
from backpropviz.engine.kinds.reduction import Reduction, check_reduction, per_sample
from backpropviz.engine.kinds.weighted_cross_entropy import WeightedCrossEntropy
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class CrossEntropy:
    """L[n] = log Σ_k exp(z[n,k]) − z[n,t]; ∂L/∂z[n,k] = (p[n,k] − [k = t]) · 1/N.

    The target is a class index for each image. `label_smoothing` gives that share of what is wanted
    to all classes alike; `class_weights` count a class more or less, and the mean is then over the
    weights of the targets, as in PyTorch.
    """

    kind: ClassVar[str] = "cross_entropy"
    reduction: Reduction = "mean"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse settings without meaning."""
        check_reduction(self.reduction)
        if not 0 <= self.label_smoothing <= 1:
            raise UserError(f"label_smoothing = {self.label_smoothing} must be from 0 to 1.")
        for weight in self.class_weights or ():
            if not math.isfinite(weight):
                raise UserError(f"class weight {weight} must be a finite number.")

    @property
    def weighted(self) -> WeightedCrossEntropy | None:
        """The smoothed or weighted form, if one is asked for."""
        if not self.label_smoothing and self.class_weights is None:
            return None
        return WeightedCrossEntropy(self.reduction, self.label_smoothing, self.class_weights)

    def target(self, value: object, prediction: Shape) -> Array:
        """One class index a sample, as an array (N)."""
        if len(prediction) != 2:
            raise UserError(
                "cross-entropy needs one number for each class, but the network's output is "
                f"{shape_text(prediction[1:])}: add a flatten or dense layer."
            )
        samples, classes = prediction
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise UserError(
                f"{len(self.class_weights)} class weights do not fit {classes} classes: "
                "give one for each."
            )
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
        kept = {
            "max": largest,
            "exp": powers,
            "normalizer": normalizer,
            "probabilities": kernel.probabilities(powers, normalizer),
        }
        if (weighted := self.weighted) is not None:
            kept |= weighted.residuals(prediction, largest, normalizer, target)
            loss = np.add.reduce(kept["sample"]) * weighted.share(kept, len(target))
            return np.asarray(loss, dtype=prediction.dtype), kept
        chosen = prediction[np.arange(len(target)), target]
        sample = kept["sample"] = np.log(normalizer) - (chosen - largest)
        loss = np.add.reduce(sample) * per_sample(self.reduction, len(target))
        return np.asarray(loss, dtype=prediction.dtype), kept

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """(p − [k = t]) · 1/N · ∂L/∂L."""
        if (weighted := self.weighted) is not None:
            return weighted.gradient(upstream, residuals)
        gradient = residuals["probabilities"].copy()
        gradient[np.arange(len(target)), target] -= 1
        gradient *= upstream * per_sample(self.reduction, len(target))
        return gradient

    def nests(self, site: Site) -> LayerNests:
        """max, exp, normalizer, probabilities, sample, loss; ∂X."""
        if (weighted := self.weighted) is not None:
            return weighted.nests(site)
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
