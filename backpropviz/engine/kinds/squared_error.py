"""Squared error between numbers, whole or halved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import product
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
from backpropviz.engine.kinds.words import Sentences, Told, Words, moved_input, opened
from backpropviz.engine.nest import Loops, Nest, NestRule, Operand, variables
from backpropviz.engine.operands import ArrayCell, Constant, element_axes, elementwise_nest
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def _said(told: Told) -> Sentences:
    """A difference, or the loss."""
    if told.address.quantity == "difference":
        if told.value == 0:
            return Sentences("The prediction is the target.", ("There is nothing to mend here.",))
        side = "above" if told.value > 0 else "below"
        return Sentences(f"The prediction is {told.said(abs(told.value))} {side} the target.")
    bold = opened(told, f"The loss is {told.said(told.value)}.")
    return Sentences(bold, (told.derivation.nest.remark,))


def _asked(loss: SquaredError, _: int) -> Mapping[str, str]:
    reduced = "" if loss.reduction == "mean" else ', reduction="sum"'
    half = " / 2" if loss.half else ""
    return {"difference": "z - t", "loss": f"F.mse_loss(z, t{reduced}){half}"}


@frozen
class SquaredError:
    """L = Σ (x − t)², with `half` ½ Σ (x − t)²; the mean is over all numbers of the batch.

    ∂L/∂x = 2 · (x − t), with `half` x − t; for the mean over M numbers, · 1/M.
    """

    kind: ClassVar[str] = "squared_error"
    own_activation: ClassVar[str] = ""
    also_called: ClassVar[tuple[str, ...]] = ("mse", "mean_squared_error")
    about: ClassVar[LossKind] = LossKind(
        "Squared error",
        _asked,
        Words(_said, moved_input),
        summary=lambda loss: "½ (p − t)²" if loss.half else "(p − t)²",
        quantities={"difference": Quantity("d", is_spelled_out=False)},
        figure="differences",
    )
    half: bool = setting(
        Setting("Half", "½ of the squared error, whose gradient is x − t."), default=False
    )
    reduction: Reduction = setting(REDUCTION, default="mean")

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def target(self, value: object, prediction: Shape) -> Array:
        """As many numbers as the network puts out, as an array of the prediction's shape.

        A data set gives them as a table, a row a sample.
        """
        try:
            found = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise UserError(f"target {value!r} must be numbers.") from None
        if not np.isfinite(found).all():
            raise UserError(f"target {value!r} holds a number that is not finite.")
        is_table = found.ndim == 2 and len(found) == prediction[0]
        fits = found.shape in {prediction, prediction[1:]} or found.ndim <= 1 or is_table
        if not fits or found.size != math.prod(prediction):
            raise UserError(
                f"a target of {shape_text(found.shape)} does not fit the network's output of "
                f"{shape_text(prediction)} (batch first): give {math.prod(prediction)} numbers."
            )
        return found.reshape(prediction)

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Residuals]:
        """The loss; the differences are kept."""
        difference = prediction - target.astype(prediction.dtype)
        scale = (0.5 if self.half else 1.0) * per_sample(self.reduction, difference.size)
        loss = np.add.reduce(np.square(difference), axis=None) * scale
        return np.asarray(loss, dtype=prediction.dtype), {"difference": difference}

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """2 · (x − t) · 1/M · ∂L/∂L, without the 2 where the error is halved."""
        difference = residuals["difference"]
        scale = (1.0 if self.half else 2.0) * per_sample(self.reduction, difference.size)
        return np.asarray(difference * (upstream * scale), dtype=difference.dtype)

    def nests(self, site: Site) -> LayerNests:
        """difference, loss; ∂X."""
        difference = elementwise_nest(
            site.quantity("difference"),
            site.inputs[0],
            (site.input(), TARGET),
            lambda x, t: x - t,
            "How far the prediction is from the target.",
        )
        return LayerNests((difference, self._loss(site)), (self._gradient(site),))

    def _loss(self, site: Site) -> Nest:
        """– | – | all numbers."""
        shape = site.inputs[0]
        cell = ArrayCell(site.quantity("difference"), variables(len(shape)))
        half = (Constant("1/2", 0.5),) if self.half else ()
        remark = f"The {self.reduction} of the {'halved ' if self.half else ''}squares."
        return loss_over_numbers(shape, (cell, cell, *half), self.reduction, remark)

    def _gradient(self, site: Site) -> Nest:
        shape = site.inputs[0]
        double = () if self.half else (Constant("2", 2.0),)
        factors = (*double, *reduction_factor(self.reduction, math.prod(shape)))
        operands = (site.quantity("difference"), *factors, ArrayCell(LOSS.grad, ()))
        return elementwise_nest(
            site.input().grad,
            shape,
            operands,
            lambda *given: product(given),
            "The further off, the stronger the pull towards the target.",
        )


def loss_over_numbers(
    shape: Shape, operands: tuple[Operand, ...], reduction: Reduction, remark: str
) -> Nest:
    """– | – | all numbers."""
    axes, _ = element_axes(LOSS, shape)
    factor = reduction_factor(reduction, math.prod(shape))
    loops = Loops("loss", axes, 0, 0, (), (*operands, *factor))
    return Nest(LOSS, (), NestRule.SUM, (loops,), remark=remark)


LOSSES = (SquaredError,)
