"""Dropout: in training, values are left out at random and the others made larger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import MODE, single
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerMode,
    LayerNests,
    OneInput,
    Pattern,
    Quantity,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words
from backpropviz.engine.nest import Nest, variables
from backpropviz.engine.operands import ArrayCell, Constant, copy_nest, elementwise_nest
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

_REMARK = "In use nothing is left out."


_LEFT_OUT = "The mask left it out, so"


def _masked(told: Told) -> Sentences:
    before, mask = (factor.value for factor in told.derivation.terms[0].operands[:2])
    remark = told.derivation.nest.remark
    if not mask:
        return Sentences(f"{_LEFT_OUT} {told.said(before)} becomes 0.", (remark,))
    return Sentences(
        f"The mask keeps it: {told.said(before)} becomes {told.said(told.value)}.", (remark,)
    )


def _through_mask(told: Told) -> Sentences:
    upstream, mask = (factor.value for factor in told.derivation.terms[0].operands[:2])
    if not mask:
        return Sentences(f"{_LEFT_OUT} no gradient passes.", (told.derivation.nest.remark,))
    if upstream == 0:
        return Sentences("Nothing comes from upstream, so nothing passes.")
    bold = (
        f"The mask kept it, so the upstream {told.said(upstream)} becomes {told.said(told.value)}."
    )
    return Sentences(bold, ("On the way there the value was made larger by the same factor.",))


def _inside(layer: Dropout, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """With the recorded mask, since a call would draw another."""
    if layer.mode == "eval":
        return ()
    value = {"output": names["input"], "input.grad": "g"}[quantity]
    kept = f" / {1 - layer.p!r}" if layer.p < 1 else ""
    return "# F.dropout would draw another mask than the recorded one.", f"{value} * mask{kept}"


@frozen
class Dropout(OneInput):
    """o = X · mask / (1 − p) in training, X in use; the mask is 0 with probability p, else 1.

    The same seed draws the same mask. Source: Srivastava and others: Dropout, 2014, with the
    scaling in training, as in PyTorch.
    """

    kind: ClassVar[str] = "dropout"
    about: ClassVar[Kind] = Kind(
        "Dropout",
        "h",
        Family.NORMALIZATION,
        "dropout",
        "In training a part of the values, chosen at random, becomes 0.",
        Torch("F.dropout({0}, {p!r}, training=False)", _inside),
        words=Words(_masked, _through_mask),
        pattern=Pattern.VALUES,
        quantities={"mask": Quantity("M")},
        # Where nothing is kept every value is 0 already; 0 / 0 would be no number.
        code_numbers=lambda layer: {"drop": layer.p if layer.p < 1 else 0.0},
    )
    p: float = setting(
        Setting("Probability", "Which part of the values becomes 0 in training.", 0, most=1),
        default=0.5,
    )
    mode: LayerMode = setting(MODE, default="eval")
    seed: int = setting(Setting("Seed", "The same seed draws the same mask.", 0), default=0)

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise UserError(f"p = {self.p} must be a probability, from 0 to 1.")
        if self.seed < 0:
            raise UserError(f"seed = {self.seed} must be at least 0.")

    @property
    def scale(self) -> float:
        """1 / (1 − p); 0 where nothing is kept."""
        return 1 / (1 - self.p) if self.p < 1 else 0.0

    def in_mode(self, *, training: bool, seed: int) -> Dropout:
        """Leave out by a mask of this seed, or nothing."""
        if not training:
            return replace(self, mode="eval", seed=0)
        return replace(self, mode="train", seed=seed)

    def training_refusal(self, shape: Shape) -> str:
        """Nothing: any batch can be thinned."""
        return ""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        return single(inputs, "a dropout")[0]

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The values that stay, scaled; the mask is kept."""
        if self.mode == "eval":
            return values, {}
        mask = self._mask(values.shape).astype(values.dtype)
        return self._dropped(values, mask, "output", workspace), {"mask": mask}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """upstream · mask / (1 − p)."""
        if self.mode == "eval":
            return upstream
        return self._dropped(upstream, residuals["mask"], "input_gradient", workspace)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        output, gradient = site.output, site.input().grad
        if self.mode == "eval":
            return LayerNests(
                (_copied(output, site.input(), site.output_shape),),
                (_copied(gradient, output.grad, site.output_shape),),
            )
        there = "What the mask leaves out is 0; the rest grows, so that the mean stays."
        back = "What was left out did not reach the loss and takes nothing."
        return LayerNests(
            (self._scaled(site, output, site.input(), there),),
            (self._scaled(site, gradient, output.grad, back),),
        )

    def _mask(self, shape: Shape) -> Array:
        """1 where a value stays; drawn in float32, so that it is the same for every dtype."""
        drawn = np.random.default_rng(self.seed).random(shape, dtype=np.float32)
        return np.asarray(drawn >= self.p)

    def _dropped(self, values: Array, mask: Array, name: str, workspace: Workspace | None) -> Array:
        found = (workspace or FRESH).result(name, values.shape, values.dtype)
        np.multiply(values, mask, out=found)
        found *= self.scale
        return found

    def _scaled(self, site: Site, target: Address, source: Address, remark: str) -> Nest:
        return elementwise_nest(
            target,
            site.output_shape,
            (source, site.quantity("mask"), Constant("1 − p", 1 - self.p)),
            lambda x, mask, kept: x * mask / kept,
            remark,
            # Where nothing is kept every value is 0 already; 0 / 0 would be no number.
            lambda x, mask, kept: x * mask / np.where(kept > 0, kept, 1),
        )


def _copied(target: Address, source: Address, shape: Shape) -> Nest:
    return copy_nest(target, shape, ArrayCell(source, variables(len(shape))), _REMARK)


LAYERS = (Dropout,)
