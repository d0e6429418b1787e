"""Batch normalization: each channel is given mean 0 and variance 1, then a scale and a shift."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.kernels import normalization as kernel
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.batch_norm_nests import BatchNormNests
from backpropviz.engine.kinds.configuration import image_shape
from backpropviz.engine.kinds.protocol import (
    LayerMode,
    LayerNests,
    LayerParameters,
    Residuals,
    Site,
)
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

BUFFERS = ("running_mean", "running_var")


@frozen
class BatchNorm2d:
    """x̂ = (X − μ[c]) · r[c] with r = 1/√(σ² + ε), o = w[c] · x̂ + b[c].

    In training μ and σ² are those of the batch (σ² divided by m = N·H·W), and the running ones take
    a step of `momentum` towards them, the running variance towards m/(m − 1) · σ²; in use they are
    the running ones. Source: Ioffe, Szegedy: Batch normalization, 2015, in PyTorch's form.
    """

    kind: ClassVar[str] = "batch_norm2d"
    eps: float = 1e-5
    momentum: float = 0.1
    affine: bool = True
    mode: LayerMode = "eval"

    def __post_init__(self) -> None:
        """Refuse settings without meaning."""
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise UserError(f"eps = {self.eps} must be 0 or a positive number.")
        if not math.isfinite(self.momentum):
            raise UserError(f"momentum = {self.momentum} must be a finite number.")

    @property
    def _result(self) -> str:
        """What x̂ is called: without scale and shift it is the output."""
        return "normalized" if self.affine else "output"

    def in_mode(self, *, training: bool, seed: int) -> BatchNorm2d:
        """The batch's own statistics, or the running ones; nothing is drawn."""
        return replace(self, mode="train" if training else "eval")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        return image_shape(inputs, "a batch normalization")

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (C) and bias (C), if wanted."""
        channels = self.output_shape(inputs)[:1]
        return {"weight": channels, "bias": channels} if self.affine else {}

    def buffer_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """running_mean (C) and running_var (C)."""
        return dict.fromkeys(BUFFERS, self.output_shape(inputs)[:1])

    def initial_values(self) -> Mapping[str, float]:
        """Nothing is scaled at first."""
        return {"weight": 1.0, "running_var": 1.0}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The normalized, scaled and shifted values; every step is kept.

        Raises:
            UserError: in training a channel has one value only, which has no variance.
        """
        (image,) = inputs
        kept: dict[str, Array] = {}
        if self.mode == "train":
            self._check_count(image.shape)
            mean = kept["mean"] = kernel.channel_mean(image)
            centered = kernel.centered(image, mean, workspace)
            variance = kept["variance"] = kernel.channel_mean(centered * centered)
        else:
            variance = parameters["running_var"]
            centered = kernel.centered(image, parameters["running_mean"], workspace)
        inverse = kernel.inverse_deviation(variance, self.eps)
        normalized = kernel.scaled(centered, inverse, "normalized", workspace)
        kept |= {"centered": centered, "inv_std": inverse, self._result: normalized}
        if not self.affine:
            return normalized, kept
        weight, bias = parameters["weight"], parameters["bias"]
        return kernel.shifted(normalized, weight, bias, workspace), kept

    def next_buffers(self, residuals: Residuals, parameters: LayerParameters) -> dict[str, Array]:
        """(1 − a) · old + a · the batch's, the variance times m/(m − 1)."""
        if self.mode == "eval":
            return {}
        normalized = residuals[self._result]
        unbiased = self.momentum * unbiasing(normalized.size // normalized.shape[1])
        keep = 1 - self.momentum
        return {
            "running_mean": keep * parameters["running_mean"] + self.momentum * residuals["mean"],
            "running_var": keep * parameters["running_var"] + unbiased * residuals["variance"],
        }

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g·x̂, ∂b = Σ g, and ∂X, in training with what mean and variance pass on."""
        sums = self._sums(upstream, residuals)
        if not needs_inputs:
            return (), sums
        scale = residuals["inv_std"] * parameters["weight"] if self.affine else residuals["inv_std"]
        if self.mode == "eval":
            return (kernel.scaled(upstream, scale, "input_gradient", workspace),), sums
        names = ("bias", "weight") if self.affine else ("upstream_sum", "upstream_dot")
        total, dot = (sums[name] for name in names)
        normalized = residuals[self._result]
        return (kernel.input_gradient(upstream, normalized, scale, total, dot, workspace),), sums

    def _sums(self, upstream: Array, residuals: Residuals) -> dict[str, Array]:
        """Σ g·x̂ and Σ g under the names by which they are known; none that nothing needs."""
        if not self.affine and self.mode == "eval":
            return {}
        total = kernel.channel_sum(upstream)
        dot = kernel.channel_sum(upstream * residuals[self._result])
        if self.affine:
            return {"weight": dot, "bias": total}
        return {"upstream_sum": total, "upstream_dot": dot}

    def nests(self, site: Site) -> LayerNests:
        """mean, centered, variance, inv_std, normalized, output, running ones; ∂w, ∂b, ∂X."""
        return BatchNormNests(site, self.eps, self.momentum, self.mode).nests()

    def _check_count(self, shape: Shape) -> None:
        batch, _, height, width = shape
        if batch * height * width < 2:
            raise UserError(
                "a batch normalization in training needs more than one value a channel, but the "
                f"batch has {batch} image of {height}×{width}: give it more images."
            )


def unbiasing(count: int) -> float:
    """m/(m − 1): what makes a sample's variance that of what it was drawn from."""
    return count / (count - 1)


LAYERS = (BatchNorm2d,)
