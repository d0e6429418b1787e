"""Binary cross-entropy from logits: each output answers a question of its own by yes or no."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import exp, log, maximum, product
from backpropviz.engine.kernels.elementwise import sigmoid
from backpropviz.engine.kinds.configuration import (
    REDUCTION,
    Reduction,
    check_reduction,
    per_sample,
    reduction_factor,
)
from backpropviz.engine.kinds.protocol import (
    LOSS,
    TARGET,
    LayerNests,
    LossKind,
    Quantity,
    Residuals,
    Site,
)
from backpropviz.engine.kinds.squared_error import SquaredError, loss_over_numbers
from backpropviz.engine.kinds.words import Sentences, Told, Words, moved_input, opened
from backpropviz.engine.nest import Nest, Operand, variables
from backpropviz.engine.operands import ArrayCell, elementwise_nest
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen, setting


def _said(told: Told) -> Sentences:
    """A step from the logits to the loss."""
    value = told.said(told.value)
    place = told.address.indices[-1] if told.address.indices else 0
    match told.address.quantity:
        case "probabilities":
            bold = f"Output {place} says yes with the probability {value}."
        case "entropy":
            bold = f"Output {place} has a loss of {value}."
        case _:
            bold = opened(told, f"The loss is {value}.")
    remark = told.derivation.nest.remark
    return Sentences(bold, (remark,) if remark else ())


def _asked(loss: BinaryCrossEntropy, _: int) -> Mapping[str, str]:
    reduced = "" if loss.reduction == "mean" else ', reduction="sum"'
    call = "F.binary_cross_entropy_with_logits(z, t"
    return {
        "probabilities": "torch.sigmoid(z)",
        "entropy": f'{call}, reduction="none")',
        "loss": f"{call}{reduced})",
    }


@frozen
class BinaryCrossEntropy:
    """ℓ = −t · log s(x) − (1 − t) · log(1 − s(x)), s being the sigmoid; L is their mean or sum.

    Computed as max(x, 0) − x·t + log(1 + e^−|x|), so that nothing overflows; ∂L/∂x = s(x) − t, for
    the mean over M numbers · 1/M. The target is a number from 0 to 1 for each output.
    """

    kind: ClassVar[str] = "binary_cross_entropy"
    own_activation: ClassVar[str] = "sigmoid"
    also_called: ClassVar[tuple[str, ...]] = ("bce", "bce_with_logits")
    about: ClassVar[LossKind] = LossKind(
        "Binary cross-entropy",
        _asked,
        Words(_said, moved_input),
        quantities={"probabilities": Quantity("p", is_spelled_out=False), "entropy": Quantity("ℓ")},
    )
    reduction: Reduction = setting(REDUCTION, default="mean")

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def target(self, value: object, prediction: Shape) -> Array:
        """As many probabilities as the network puts out, in the prediction's shape."""
        found = SquaredError().target(value, prediction)
        outside = found[(found < 0) | (found > 1)]
        if outside.size:
            raise UserError(f"target {outside[0]:g} is no probability: give numbers from 0 to 1.")
        return found

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Residuals]:
        """The loss; the probabilities and each number's loss are kept."""
        wanted = target.astype(prediction.dtype)
        entropy = np.maximum(prediction, 0) - prediction * wanted
        entropy += np.log1p(np.exp(-np.abs(prediction)))
        scale = per_sample(self.reduction, entropy.size)
        loss = np.add.reduce(entropy, axis=None) * scale
        kept = {"probabilities": sigmoid(prediction), "entropy": entropy}
        return np.asarray(loss, dtype=prediction.dtype), kept

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """(s(x) − t) · 1/M · ∂L/∂L."""
        gradient = residuals["probabilities"] - target.astype(residuals["probabilities"].dtype)
        gradient *= upstream * per_sample(self.reduction, gradient.size)
        return np.asarray(gradient)

    def nests(self, site: Site) -> LayerNests:
        """probabilities, entropy, loss; ∂X."""
        shape = site.inputs[0]
        probabilities = elementwise_nest(
            site.quantity("probabilities"),
            shape,
            (site.input(),),
            lambda x: 1 / (1 + exp(-x)),
            "The probability of a yes.",
            sigmoid,
        )
        entropy = elementwise_nest(
            site.quantity("entropy"),
            shape,
            (site.input(), TARGET),
            lambda x, t: maximum(x, 0) - x * t + log(1 + exp(-maximum(x, -x))),
            "This is −log of the probability of the answer that is wanted.",
            lambda x, t: np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))),
        )
        cell = ArrayCell(site.quantity("entropy"), variables(len(shape)))
        remark = f"The {self.reduction} over all numbers."
        loss = loss_over_numbers(shape, (cell,), self.reduction, remark)
        return LayerNests((probabilities, entropy, loss), (self._gradient(site, shape),))

    def _gradient(self, site: Site, shape: Shape) -> Nest:
        factor = reduction_factor(self.reduction, math.prod(shape))
        operands: tuple[Operand | Address, ...] = (
            site.quantity("probabilities"),
            TARGET,
            *factor,
            ArrayCell(LOSS.grad, ()),
        )
        return elementwise_nest(
            site.input().grad,
            shape,
            operands,
            lambda p, t, *factors: product((p - t, *factors)),
            "The further the probability is from what is wanted, the stronger the pull.",
        )


LOSSES = (BinaryCrossEntropy,)
