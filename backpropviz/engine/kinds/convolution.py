"""Convolution: every filter weight is shared by all output positions.

Forward is cross-correlation. ∂L/∂W correlates the input with the upstream gradient, unflipped; only
∂L/∂X uses the kernel turned by 180° (Goodfellow, Bengio, Courville: Deep Learning, section 9.5).
With `flip` forward is a convolution in the mathematical sense: the turn moves from ∂L/∂X to the
forward pass, and ∂L/∂W comes out turned with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.kernels import convolution as kernel
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import Padding, Pair, image_shape, positive, window
from backpropviz.engine.kinds.convolution_nests import ConvolutionLoops
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(slots=False)
class Conv2d:
    """o[n,f,y,x] = b[f] + Σ_{c,i,j} X[n,c,y·s+i·d−p,x·s+j·d−p] · W[f,c,i,j].

    Padding is a number, (vertical, horizontal), ((top, bottom), (left, right)) or "same". With
    `flip`, W[f,c,i,j] meets the pixel of cell (KH−1−i, KW−1−j) instead.
    """

    kind: ClassVar[str] = "conv2d"
    out_channels: int
    kernel_size: Pair
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: int = 1
    bias: bool = True
    flip: bool = False

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        positive("out_channels", self.out_channels)
        positive("groups", self.groups)
        if self.out_channels % self.groups:
            raise UserError(
                f"out_channels = {self.out_channels} cannot be split into groups = {self.groups}: "
                "choose a multiple."
            )
        _ = self.window

    @cached_property
    def window(self) -> Window:
        """The geometry."""
        return window(self.kernel_size, self.stride, self.padding, self.dilation)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(out_channels, height, width)."""
        (channels, height, width) = image_shape(inputs, "a convolution")
        if channels % self.groups:
            raise UserError(
                f"{channels} input channels cannot be split into groups = {self.groups}."
            )
        return (self.out_channels, *self.window.output_size(height, width))

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (O, I / groups, KH, KW) and, if wanted, bias (O)."""
        channels = image_shape(inputs, "a convolution")[0] // self.groups
        shapes: dict[str, Shape] = {"weight": (self.out_channels, channels, *self.window.kernel)}
        if self.bias:
            shapes["bias"] = (self.out_channels,)
        return shapes

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """Cross-correlate, with `flip` with the turned kernel; the input is kept."""
        (image,) = inputs
        weight = self._laid(parameters["weight"])
        output = kernel.cross_correlate(
            image, weight, parameters.get("bias"), self.window, self.groups, workspace
        )
        return output, {"input": image}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂W by correlation, ∂b by summation, ∂X by full convolution."""
        image, weight = residuals["input"], self._laid(parameters["weight"])
        by_cell = kernel.weight_gradient(
            image, upstream, self.window, self.groups, weight.shape, workspace
        )
        gradients = {"weight": self._laid(by_cell)}
        if self.bias:
            gradients["bias"] = kernel.bias_gradient(upstream, workspace)
        if not needs_inputs:
            return (), gradients
        downstream = kernel.input_gradient(
            upstream, weight, self.window, self.groups, image.shape, workspace
        )
        return (downstream,), gradients

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂W, ∂b, ∂X."""
        loops = ConvolutionLoops(site, self.window, self.groups, flip=self.flip)
        bias = (loops.bias_gradient(),) if self.bias else ()
        return LayerNests(
            (loops.output(),), (loops.weight_gradient(), *bias, loops.input_gradient())
        )

    def _laid(self, weight: Array) -> Array:
        """Kernels as they lie on the image, and the way back: a half turn undoes itself."""
        return turned(weight) if self.flip else weight


def turned(weight: Array) -> Array:
    """Kernels (F, C, KH, KW) turned by 180°; contiguous, as matrix products want them."""
    return np.ascontiguousarray(weight[:, :, ::-1, ::-1])


LAYERS = (Conv2d,)
