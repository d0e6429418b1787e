"""Cross-entropy against a softened or weighted target: label smoothing and class weights.

wanted[n,k] = w[k] · ((1 − ε) · [k = t] + ε/K);  L[n] = Σ_k wanted[n,k] · −log p[n,k];
∂L/∂z[n,k] = (p[n,k] · Σ_j wanted[n,j] − wanted[n,k]) · share, where the mean's share is
1 / Σ_n w[t_n], as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.index import variables
from backpropviz.engine.kinds.cross_entropy_nests import IsTarget, softmax_steps
from backpropviz.engine.kinds.protocol import LOSS, LayerNests, Residuals, Site
from backpropviz.engine.kinds.reduction import Reduction, per_sample, reduction_factor
from backpropviz.engine.kinds.softmax_nests import each_class, over_classes
from backpropviz.engine.kinds.weight_operands import ClassWeight, OneOver, TargetWeight
from backpropviz.engine.nest import Axis, Loops, Nest, Operand, Rule
from backpropviz.engine.operands import Cell, Constant
from backpropviz.frozen import frozen


@frozen
class WeightedCrossEntropy:
    """The arrays and nests of one smoothed or weighted cross-entropy."""

    reduction: Reduction
    smoothing: float
    weights: tuple[float, ...] | None = field(default=None)

    @property
    def divides_by_weights(self) -> bool:
        """Whether the mean is taken over the weights of the targets, not over the samples."""
        return self.weights is not None and self.reduction == "mean"

    def residuals(
        self, prediction: Array, largest: Array, normalizer: Array, target: Array
    ) -> Residuals:
        """surprise, wanted, mass and sample; weight_sum where the mean divides by it."""
        surprise = np.log(normalizer)[:, None] - (prediction - largest[:, None])
        wanted = self._wanted(prediction.shape, target).astype(prediction.dtype)
        kept: dict[str, Array] = {
            "surprise": surprise,
            "wanted": wanted,
            "mass": np.add.reduce(wanted, axis=1),
            "sample": np.add.reduce(wanted * surprise, axis=1),
        }
        if self.divides_by_weights:
            weights = np.asarray(self.weights, dtype=prediction.dtype)
            kept["weight_sum"] = np.asarray(np.add.reduce(weights[target]))
        return kept

    def share(self, residuals: Residuals, count: int) -> Array:
        """What each sample's loss is multiplied with."""
        if not self.divides_by_weights:
            return np.asarray(per_sample(self.reduction, count))
        with np.errstate(divide="ignore"):  # all targets weigh nothing: the loss is no number
            return np.asarray(1 / residuals["weight_sum"])

    def gradient(self, upstream: Array, residuals: Residuals) -> Array:
        """(p · mass − wanted) · share · ∂L/∂L."""
        gradient = residuals["probabilities"] * residuals["mass"][:, None]
        gradient -= residuals["wanted"]
        gradient *= upstream * self.share(residuals, len(gradient))
        return np.asarray(gradient)

    def _wanted(self, shape: Shape, target: Array) -> Array:
        samples, classes = shape
        wanted = np.full(shape, self.smoothing / classes)
        wanted[np.arange(samples), target] += 1 - self.smoothing
        return wanted if self.weights is None else wanted * np.asarray(self.weights)

    def nests(self, site: Site) -> LayerNests:
        """The steps of softmax, surprise, wanted, mass, sample, weight_sum, loss; ∂X."""
        return LayerNests(tuple(self._forward(site)), (self._gradient_nest(site),))

    def _forward(self, site: Site) -> Iterator[Nest]:
        shape, name = site.inputs[0], site.quantity
        yield from softmax_steps(site)
        yield _surprise(site, shape)
        yield self._wanted_nest(site, shape)
        remark = "How much the sample counts: all that is wanted of its classes."
        yield over_classes(name("mass"), shape, Rule.SUM, (name("wanted"),), remark)
        factors = (name("wanted"), name("surprise"))
        remark = "The surprises, each as far as its class is wanted."
        yield over_classes(name("sample"), shape, Rule.SUM, factors, remark)
        if self.divides_by_weights:
            yield self._weight_sum(site, shape[0])
        yield self._loss(site, shape[0])

    def _wanted_nest(self, site: Site, shape: Shape) -> Nest:
        n, k = variables(2)
        hit: tuple[Operand, ...] = (IsTarget(n, k),)
        expression = "{0}"
        if self.smoothing:
            rest = Constant("δ", self.smoothing / shape[1])
            hit = (Constant("1 − ε", 1 - self.smoothing), *hit, rest)
            expression = "{0} · {1} + {2}"
        if self.weights is not None:
            weight = f"{{{len(hit)}}}"
            expression = f"({expression}) · {weight}" if self.smoothing else f"{{0}} · {weight}"
            hit = (*hit, ClassWeight(self.weights, k))
        return Nest(
            site.quantity("wanted"),
            shape,
            Rule.FUNCTION,
            (each_class(shape, hit),),
            expression,
            self._wanted_value,
            self._wanted_remark(),
        )

    def _wanted_remark(self) -> str:
        if not self.smoothing:
            return "What the target asks of each class, as far as the class counts."
        return "What the target asks of each class: smoothing takes ε from it, δ = ε/K for each."

    def _wanted_value(self, *given: Array) -> Array:
        hit, *further = given[1:] if self.smoothing else given
        value = given[0] * hit + further.pop(0) if self.smoothing else hit
        return np.asarray(value * further[0] if further else value)

    def _weight_sum(self, site: Site, samples: int) -> Nest:
        (n,) = variables(1)
        weight = TargetWeight(self.weights or (), n)
        loops = Loops("loss", (Axis("n", samples),), 0, 0, (), (weight,))
        remark = "The weights of the targets, over which the mean is taken."
        return Nest(site.quantity("weight_sum"), (), Rule.SUM, (loops,), remark=remark)

    def _loss(self, site: Site, samples: int) -> Nest:
        (n,) = variables(1)
        operands = (Cell(site.quantity("sample"), (n,)), *self._share_operand(site, samples))
        loops = Loops("loss", (Axis("n", samples),), 0, 0, (), operands)
        remark = f"The {self.reduction} over the batch."
        if self.divides_by_weights:
            remark = "The mean over the targets' weights: share is one over their sum."
        return Nest(LOSS, (), Rule.SUM, (loops,), remark=remark)

    def _share_operand(self, site: Site, samples: int) -> tuple[Operand, ...]:
        if self.divides_by_weights:
            return (OneOver(site.quantity("weight_sum"), "share"),)
        return reduction_factor(self.reduction, samples)

    def _gradient_nest(self, site: Site) -> Nest:
        n, k = variables(2)
        shape, name = site.inputs[0], site.quantity
        factor = self._share_operand(site, shape[0])
        operands: tuple[Operand, ...] = (
            Cell(name("probabilities"), (n, k)),
            Cell(name("mass"), (n,)),
            Cell(name("wanted"), (n, k)),
            *factor,
            Cell(LOSS.grad, ()),
        )
        return Nest(
            site.input().grad,
            shape,
            Rule.FUNCTION,
            (each_class(shape, operands),),
            "({0} · {1} − {2}) · {3}" + " · {4}" * len(factor),
            lambda p, mass, wanted, *factors: np.asarray(
                np.prod(np.broadcast_arrays(p * mass - wanted, *factors), axis=0)
            ),
            "A class is raised as far as it is wanted and lowered as far as it is believed.",
        )


def _surprise(site: Site, shape: Shape) -> Nest:
    n, k = variables(2)
    name = site.quantity
    operands = (
        Cell(name("normalizer"), (n,)),
        Cell(site.input(), (n, k)),
        Cell(name("max"), (n,)),
    )
    return Nest(
        name("surprise"),
        shape,
        Rule.FUNCTION,
        (each_class(shape, operands),),
        "log({0}) − ({1} − {2})",
        lambda normalizer, z, largest: np.log(normalizer) - (z - largest),
        "This is −log of the class's probability.",
    )
