"""Pooling: each window of a channel becomes one number, its largest or its mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, get_args

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.kernels import pooling as kernel
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import Padding, Pair, image_shape, window
from backpropviz.engine.kinds.pooling_nests import PoolingLoops
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.ties import TieRule
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(slots=False)
class _Windowed:
    """What both poolings with a window are told; the stride is the kernel size unless given."""

    name_in_words: ClassVar[str]
    kernel_size: Pair
    stride: Pair | None = None
    padding: Padding = 0
    dilation: Pair = 1
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _ = self.window

    @cached_property
    def window(self) -> Window:
        """The geometry."""
        return window(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, rows, columns) of windows; each has at least one cell inside the input."""
        channels, height, width = image_shape(inputs, self.name_in_words)
        rows, columns = self.window.output_size(height, width)
        kernel.window_counts(height, width, self.window, count_include_pad=False)
        return (channels, rows, columns)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}


@frozen(slots=False)
class MaxPool2d(_Windowed):
    """o[n,c,y,x] = max_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p]; padding never wins.

    Only the winner (the first in row-major order) receives the upstream gradient; its flat index in
    the unpadded plane is the residual `switches`.
    `ties` may instead give the whole to every cell that holds the largest value ("all") or share it
    out evenly among them ("shared"); then the residual `tied` counts these cells.
    """

    kind: ClassVar[str] = "max_pool2d"
    name_in_words: ClassVar[str] = "a max-pooling"
    ties: TieRule = "first"

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _Windowed.__post_init__(self)
        if self.ties not in get_args(TieRule):
            raise UserError(f"ties = “{self.ties}” must be “first”, “all” or “shared”.")

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The winners; where they stood is kept, and how many they are if ties matter."""
        (image,) = inputs
        output, switches = kernel.max_pool(image, self.window, workspace)
        kept = {"input": image, "switches": switches}
        if self.ties != "first":
            kept["output"] = output
            kept["tied"] = kernel.tied_counts(image, output, self.window, workspace)
        return output, kept

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is added to its winner, or as `ties` says to all that hold it."""
        if not needs_inputs:
            return (), {}
        image = residuals["input"]
        if self.ties == "first":
            switches = residuals["switches"]
            return (kernel.max_pool_gradient(upstream, switches, image.shape, workspace),), {}
        counts = residuals["tied"] if self.ties == "shared" else None
        gradient = kernel.tied_gradient(
            upstream, image, residuals["output"], self.window, counts, workspace
        )
        return (gradient,), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.largest(),), (loops.winner_gradient(self.ties),))


@frozen(slots=False)
class AvgPool2d(_Windowed):
    """o[n,c,y,x] = Σ_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p] / n_{y,x}.

    n counts the window's cells: those in padding too, unless `count_include_pad` is false, but
    never those beyond the padding, which `ceil_mode` may let a window reach.
    """

    kind: ClassVar[str] = "avg_pool2d"
    name_in_words: ClassVar[str] = "an average-pooling"
    count_include_pad: bool = True

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The means."""
        (image,) = inputs
        output = kernel.average_pool(image, self.window, self.count_include_pad, workspace)
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
        """Each upstream value is shared out evenly over its window."""
        if not needs_inputs:
            return (), {}
        gradient = kernel.average_pool_gradient(
            upstream, residuals["input"].shape, self.window, self.count_include_pad, workspace
        )
        return (gradient,), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        height, width = site.inputs[0][2:]
        counts = kernel.window_counts(height, width, self.window, self.count_include_pad)
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.mean(counts),), (loops.share_gradient(counts),))


@frozen
class GlobalAvgPool2d:
    """o[n,c,0,0] = Σ_{y,x} X[n,c,y,x] / (H·W): one window over each whole channel."""

    kind: ClassVar[str] = "global_avg_pool2d"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, 1, 1)."""
        channels, _, _ = image_shape(inputs, "a global average-pooling")
        return (channels, 1, 1)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The mean of each channel."""
        return _over_all(inputs[0].shape).forward(inputs, parameters, workspace)

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is shared out evenly over its channel."""
        pooling = _over_all(residuals["input"].shape)
        return pooling.vjp(upstream, residuals, parameters, workspace, needs_inputs=needs_inputs)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        return _over_all(site.inputs[0]).nests(site)


def _over_all(batch_shape: Shape) -> AvgPool2d:
    return AvgPool2d((batch_shape[2], batch_shape[3]))


LAYERS = (MaxPool2d, AvgPool2d, GlobalAvgPool2d)
