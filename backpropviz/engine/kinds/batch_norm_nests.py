"""The nests of batch normalization. Names: n sample, c channel, y x place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import LayerMode, LayerNests, Site
from backpropviz.engine.lettered import Lettering, sizes_of
from backpropviz.engine.nest import Nest, Operand, Rule
from backpropviz.engine.operands import Constant

_PIXELS = "nc|yx|"


class BatchNormNests:
    """Builds the nests of one batch normalization from its settings and shapes."""

    def __init__(self, site: Site, eps: float, momentum: float, mode: LayerMode) -> None:
        """Name the axes."""
        self.site = site
        self.eps = eps
        self.momentum = momentum
        self.is_training = mode == "train"
        self.shape = site.output_shape
        self.channels = self.shape[1:2]
        self.count = int(np.prod(self.shape)) // self.shape[1]
        self.is_affine = "weight" in site.parameters
        sizes = sizes_of(self.shape)
        self.pixels = Lettering("element", _PIXELS, sizes)
        self.each_channel = Lettering("channel", "|c|", sizes)
        self.gathering = Lettering("channel", "|c|nyx", sizes)
        self.scattering = Lettering("position", _PIXELS, sizes)

    def nests(self) -> LayerNests:
        """All in order."""
        return LayerNests(tuple(self._forward()), tuple(self._backward()))

    def _forward(self) -> Iterator[Nest]:
        quantity, mean, variance = self.site.quantity, "running_mean", "running_var"
        if self.is_training:
            mean, variance = "mean", "variance"
            yield self._mean()
        yield self._centered(quantity(mean))
        if self.is_training:
            yield self._variance()
        yield self._inverse(quantity(variance))
        yield self._normalized()
        if self.is_affine:
            yield self._output()
        if self.is_training:
            yield self._next(quantity("running_mean"), quantity("mean"))
            yield self._next(quantity("running_var"), quantity("variance"))

    def _backward(self) -> Iterator[Nest]:
        quantity = self.site.quantity
        if self.is_affine:
            yield self._dot(quantity("weight").grad)
            yield self._total(quantity("bias").grad)
        elif self.is_training:
            yield self._total(quantity("upstream_sum"))
            yield self._dot(quantity("upstream_dot"))
        yield self._input_gradient_in_training() if self.is_training else self._input_gradient()

    def _mean(self) -> Nest:
        operands = (self.gathering.cell(self.site.input(), "ncyx"), self._share())
        return self._gathered("mean", operands, "The mean of all values of the channel.")

    def _variance(self) -> Nest:
        distance = self.gathering.cell(self.site.quantity("centered"), "ncyx")
        remark = "The mean square of the distances: how far the channel's values spread."
        return self._gathered("variance", (distance, distance, self._share()), remark)

    def _gathered(self, name: str, operands: tuple[Operand, ...], remark: str) -> Nest:
        loops = self.gathering.loops("c", operands)
        return Nest(self.site.quantity(name), self.channels, Rule.SUM, (loops,), remark=remark)

    def _share(self) -> Constant:
        return Constant(f"1/{self.count}", 1 / self.count)

    def _centered(self, mean: Address) -> Nest:
        return self._each_pixel(
            self.site.quantity("centered"),
            (self.pixels.cell(self.site.input(), "ncyx"), self.pixels.cell(mean, "c")),
            "{0} − {1}",
            lambda x, mean: x - mean,
            "How far each value is from the mean.",
        )

    def _inverse(self, variance: Address) -> Nest:
        return self._each_channel(
            self.site.quantity("inv_std"),
            (self.each_channel.cell(variance, "c"), Constant("ε", self.eps)),
            "1 / √({0} + {1})",
            lambda variance, eps: 1 / np.sqrt(variance + eps),
            "One over the spread; ε keeps it finite where all values are alike.",
        )

    def _normalized(self) -> Nest:
        quantity = self.site.quantity
        target = quantity("normalized") if self.is_affine else self.site.output
        centered = self.pixels.cell(quantity("centered"), "ncyx")
        return self._each_pixel(
            target,
            (centered, self.pixels.cell(quantity("inv_std"), "c")),
            "{0} · {1}",
            lambda distance, inverse: distance * inverse,
            "The distance in units of the spread.",
        )

    def _output(self) -> Nest:
        cell, quantity = self.pixels.cell, self.site.quantity
        return self._each_pixel(
            self.site.output,
            (
                cell(quantity("normalized"), "ncyx"),
                cell(quantity("weight"), "c"),
                cell(quantity("bias"), "c"),
            ),
            "{0} · {1} + {2}",
            lambda x, weight, bias: x * weight + bias,
            "Each channel is given a spread and a mean of its own, which are learned.",
        )

    def _next(self, running: Address, batch: Address) -> Nest:
        cell = self.each_channel.cell
        unbiased: tuple[Operand, ...] = ()
        if batch.quantity == "variance":
            unbiased = (Constant(f"{self.count}/{self.count - 1}", self.count / (self.count - 1)),)
        return self._each_channel(
            running.of("next"),
            (
                Constant("1 − α", 1 - self.momentum),
                cell(running, "c"),
                Constant("α", self.momentum),
                cell(batch, "c"),
                *unbiased,
            ),
            "{0} · {1} + {2} · {3}" + " · {4}" * len(unbiased),
            lambda keep, old, a, new, factor=1.0: keep * old + a * new * factor,
            "The running value, for use after training, follows the batch's.",
        )

    def _dot(self, target: Address) -> Nest:
        remark = "The scale met every value of the channel, so it gathers from all of them."
        return self._both_ways(target, (self.site.output.grad, self._normalized_name()), remark)

    def _total(self, target: Address) -> Nest:
        remark = "The shift was added at every position, so it gathers every upstream value."
        return self._both_ways(target, (self.site.output.grad,), remark)

    def _both_ways(self, target: Address, factors: tuple[Address, ...], remark: str) -> Nest:
        """By channel – | c | n y x, or by position n c | y x | –."""
        gathering, scattering = self.gathering, self.scattering
        orders = tuple(
            here.loops("c", tuple(here.cell(f, "ncyx") for f in factors), there.written)
            for here, there in ((gathering, scattering), (scattering, gathering))
        )
        return Nest(target, self.channels, Rule.SUM, orders, remark=remark)

    def _input_gradient(self) -> Nest:
        cell = self.pixels.cell
        factors = (cell(self.site.output.grad, "ncyx"), *self._scale(self.pixels))
        return self._each_pixel(
            self.site.input().grad,
            factors,
            " · ".join(f"{{{k}}}" for k in range(len(factors))),
            lambda *given: np.asarray(np.prod(np.broadcast_arrays(*given), axis=0)),
            "In use mean and spread are constants, so a value acts on its own output only.",
        )

    def _input_gradient_in_training(self) -> Nest:
        """Three terms: by the value itself, by the mean, by the variance."""
        cell, quantity = self.pixels.cell, self.site.quantity
        total, dot = (
            (quantity("bias").grad, quantity("weight").grad)
            if self.is_affine
            else (quantity("upstream_sum"), quantity("upstream_dot"))
        )
        scale = self._scale(self.pixels)
        parts = (
            cell(self.site.output.grad, "ncyx"),
            cell(total, "c"),
            self._share(),
            cell(self._normalized_name(), "ncyx"),
            cell(dot, "c"),
        )
        factors = " · ".join(f"{{{k}}}" for k in range(len(scale)))
        g, s, share, x, d = (f"{{{len(scale) + k}}}" for k in range(len(parts)))
        return self._each_pixel(
            self.site.input().grad,
            (*scale, *parts),
            f"{factors} · ({g} − {s} · {share} − {x} · {d} · {share})",
            _three_ways,
            "Three ways: the value itself, the mean that it moves, the variance that it moves; "
            "the last two are shared by the whole channel.",
        )

    def _scale(self, lettering: Lettering) -> tuple[Operand, ...]:
        names = ("weight", "inv_std") if self.is_affine else ("inv_std",)
        return tuple(lettering.cell(self.site.quantity(name), "c") for name in names)

    def _normalized_name(self) -> Address:
        return self.site.quantity("normalized") if self.is_affine else self.site.output

    def _each_pixel(
        self,
        target: Address,
        operands: tuple[Operand, ...],
        expression: str,
        function: Callable[..., Array],
        remark: str,
    ) -> Nest:
        loops = self.pixels.loops("ncyx", operands)
        return Nest(target, self.shape, Rule.FUNCTION, (loops,), expression, function, remark)

    def _each_channel(
        self,
        target: Address,
        operands: tuple[Operand, ...],
        expression: str,
        function: Callable[..., Array],
        remark: str,
    ) -> Nest:
        loops = self.each_channel.loops("c", operands)
        return Nest(target, self.channels, Rule.FUNCTION, (loops,), expression, function, remark)


def _three_ways(*given: Array) -> Array:
    *scale, upstream, total, share, normalized, dot = given
    inside = upstream - total * share - normalized * dot * share
    return np.asarray(np.prod(np.broadcast_arrays(*scale, inside), axis=0))
