"""Adaptive average pooling: as many windows as are wanted, whatever the image's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.kernels import adaptive_pooling as kernel
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.adaptive_pooling_nests import adaptive_nests
from backpropviz.engine.kinds.configuration import image_shape, is_whole
from backpropviz.engine.kinds.pooling import AvgPool2d
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

OutputSize: TypeAlias = int | tuple[int | None, int | None]
"""Rows and columns of windows, or one number for both; None: as many as the input has."""


@frozen
class AdaptiveAvgPool2d:
    """o[n,c,y,x] = mean of X over rows ⌊y·H/O⌋ … ⌈(y+1)·H/O⌉ − 1, columns alike.

    Where the sizes divide without remainder it is an average pooling with windows of H/O × W/O.
    """

    kind: ClassVar[str] = "adaptive_avg_pool2d"
    output_size: OutputSize

    def __post_init__(self) -> None:
        """Refuse sizes without meaning."""
        sizes = self._sizes
        if len(sizes) != 2 or not all(size is None or is_whole(size, 1) for size in sizes):
            raise UserError(
                f"output_size = {self.output_size!r} must be one or two whole numbers of at least "
                "1, or null for the input's own."
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, rows, columns) of windows."""
        channels, height, width = image_shape(inputs, "an adaptive average-pooling")
        rows, columns = self._sizes
        return (channels, rows or height, columns or width)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The means."""
        (image,) = inputs
        if (even := self._even(image.shape)) is not None:
            return even.forward(inputs, parameters, workspace)
        _, rows, columns = self.output_shape((image.shape[1:],))
        return kernel.adaptive_average(image, rows, columns), {"input": image}

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
        shape = residuals["input"].shape
        if (even := self._even(shape)) is not None:
            return even.vjp(upstream, residuals, parameters, workspace)
        return (kernel.adaptive_average_gradient(upstream, shape),), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        even = self._even(site.inputs[0])
        return adaptive_nests(site) if even is None else even.nests(site)

    @property
    def _sizes(self) -> tuple[int | None, ...]:
        size = self.output_size
        return tuple(size) if isinstance(size, tuple | list) else (size, size)

    def _even(self, batch_shape: Shape) -> AvgPool2d | None:
        """The pooling whose windows all are of one size and do not overlap, if there is one."""
        height, width = batch_shape[2:]
        _, rows, columns = self.output_shape((batch_shape[1:],))
        if height % rows or width % columns:
            return None
        return AvgPool2d((height // rows, width // columns))


LAYERS = (AdaptiveAvgPool2d,)
