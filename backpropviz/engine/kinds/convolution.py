"""Convolution: every filter weight is shared by all output positions.

Forward is cross-correlation. ∂L/∂W correlates the input with the upstream gradient, unflipped; only
∂L/∂X uses the kernel turned by 180° (Goodfellow, Bengio, Courville: Deep Learning, section 9.5).
With `flip` forward is a convolution in the mathematical sense: the turn moves from ∂L/∂X to the
forward pass, and ∂L/∂W comes out turned with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from backpropviz.engine.kernels import convolution as kernel
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import (
    BIAS,
    DILATION,
    KERNEL,
    PADDING,
    STRIDE,
    Padding,
    Pair,
    image_shape,
    positive,
    torch_filled,
    torch_padding,
    torch_pair,
    window,
    window_summary,
)
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerNests,
    LayerParameters,
    Pattern,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, moved, not_zero, sums_from_bias
from backpropviz.engine.nest import (
    Index,
    Loops,
    Nest,
    NestRule,
    Presence,
    reached,
    under,
    variables,
)
from backpropviz.engine.operands import ArrayCell, Lettering, sizes_of
from backpropviz.engine.value import Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

_LINEAR_TEXT = "The same filter slides over every position; nothing is turned."


_TURNED_TEXT = "The same filter slides over every position, turned by 180°: a true convolution."


def _met(told: Told) -> Sentences:
    padding = told.padding_count(0)
    met = told.counted(len(told.derivation.positions) - padding, told.noun)
    if padding:
        met += f" and {told.counted(padding, 'padding cell')}"
    verb = "adds" if told.is_complete else "has added"
    bold = f"The filter lies over {met} here and {verb} up to {told.said(told.value)}."
    return Sentences(
        bold, (*sums_from_bias(told), _TURNED_TEXT if told.layer.flip else _LINEAR_TEXT)
    )


def _why_filter(told: Told) -> tuple[str, ...]:
    upstream, pixels = told.all_values(0), told.all_values(1)
    padding = told.padding_count(1)
    noun = told.noun
    met = told.counted(pixels.size - padding, noun)
    extra = f" and {told.counted(padding, 'padding cell')}" if padding else ""
    return (f"It met {met}{extra}.", *_what_counts(told, upstream, pixels, noun))


def _what_counts(
    told: Told, upstream: np.ndarray, pixels: np.ndarray, noun: str
) -> tuple[str, ...]:
    active = np.flatnonzero(upstream)
    if not active.size:
        return ("No place has an upstream gradient, so every product is 0.",)
    if active.size == 1:
        (place,) = active
        what = f"only its {noun} counts: here {told.said(float(pixels[place]))}"
        times = f"times upstream {told.said(float(upstream[place]))}"
        if told.goes_into_maximum:
            where = "Only the meeting inside the winner's window reached the loss"
        else:
            where = "Only one place has an upstream gradient that is not 0"
        return (f"{where}, so {what}, {times}.",)
    both = int(np.count_nonzero(pixels[active]))
    if active.size == upstream.size == both:
        return (f"Each met an upstream gradient; those {both:,} products add up.",)
    some = (
        f"All {active.size:,} places"
        if active.size == upstream.size
        else f"Only {told.counted(active.size, 'place')}"
    )
    if both == 0:
        return (f"{some} have an upstream gradient, and there every {noun} is 0.",)
    rest = "That product counts." if both == 1 else f"Those {both:,} products add up."
    return (f"{some} have an upstream gradient; at {both:,} of them the {noun} is not 0.", rest)


def _why_pixel(told: Told) -> tuple[str, ...]:
    terms = told.derivation.term_values
    noun = told.noun
    if not terms.size:
        return (f"No filter reaches this {noun}, so it has no influence.",)
    nonzero = int(np.count_nonzero(terms))
    ways = told.counted(terms.size, "way")
    each = "each hands back its upstream gradient times the weight it met"
    return (
        f"It went into the output by {ways}, and {each}; {not_zero(nonzero, terms.size)}.",
        f"Seen from the {noun}, the kernel is {_as_seen(told)}.",
    )


def _as_seen(told: Told) -> str:
    turned_forwards = "not turned: the forward pass has turned it"
    return turned_forwards if told.layer.flip else "turned by 180°: only here"


def _pulled_back(told: Told) -> Sentences:
    return Sentences(moved(told, told.noun), _why_pixel(told))


def _asked(layer: Conv2d, given: Sequence[str]) -> str:
    window = layer.window
    is_uneven = any(before != after for before, after in window.padding)
    source = torch_filled(given[0], window) if is_uneven else given[0]
    weight = f"{given[1]}.flip(2, 3)" if layer.flip else given[1]
    options = "" if is_uneven else torch_padding(window)
    options += "" if window.stride == (1, 1) else f", stride={torch_pair(window.stride)}"
    options += "" if window.dilation == (1, 1) else f", dilation={torch_pair(window.dilation)}"
    options += "" if layer.groups == 1 else f", groups={layer.groups}"
    return f"F.conv2d({', '.join((source, weight, *given[2:]))}{options})"


def _summary(layer: Conv2d, _: Sequence[str]) -> str:
    parts = window_summary(layer.window, (1, 1))
    return ", ".join([*parts, f"{layer.groups} groups"] if layer.groups > 1 else parts)


@frozen(slots=False)
class Conv2d:
    """o[n,f,y,x] = b[f] + Σ_{c,i,j} X[n,c,y·s+i·d−p,x·s+j·d−p] · W[f,c,i,j].

    Padding is a number, (vertical, horizontal), ((top, bottom), (left, right)) or "same". With
    `flip`, W[f,c,i,j] meets the pixel of cell (KH−1−i, KW−1−j) instead.
    """

    kind: ClassVar[str] = "conv2d"
    about: ClassVar[Kind] = Kind(
        "Convolution",
        "o",
        Family.LEARNED,
        "conv",
        "Filters that slide over the image; all positions share a filter's weights.",
        Torch(_asked),
        {"out_channels": 16, "kernel_size": 3, "padding": 1},
        Words(_met, _pulled_back, _why_filter),
        Pattern.FILTERS,
        _summary,
    )
    out_channels: int = setting(
        Setting("Filters", "How many filters; each makes one map of the output.", 1)
    )
    kernel_size: Pair = setting(KERNEL)
    stride: Pair = setting(STRIDE, default=1)
    padding: Padding = setting(PADDING, default=0)
    dilation: Pair = setting(DILATION, default=1)
    groups: int = setting(
        Setting("Groups", "The channels are split into so many parts that do not mix.", 1),
        default=1,
    )
    bias: bool = setting(BIAS, default=True)
    flip: bool = setting(
        Setting("Turn kernels", "Turn the kernels by 180°: a convolution in the strict sense."),
        default=False,
    )

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


# Names: n sample, f filter, c channel, y x output position, i j kernel cell, u v pixel; with
# groups, c (or, seen from a pixel, f) counts within the group. i j always index the weight; where
# the kernel is flipped, they lie on cell KH−1−i, KW−1−j of the window.


class ConvolutionLoops:
    """Builds the nests of one convolution from its geometry and shapes."""

    def __init__(self, site: Site, window: Window, groups: int, *, flip: bool = False) -> None:
        self.site = site
        self.window = window
        self.flip = flip
        self.filters, self.channels = site.output_shape[1], site.inputs[0][1]
        self.filters_per_group = self.filters // groups
        self.channels_per_group = self.channels // groups
        kernel = dict(zip("ij", window.kernel, strict=True))
        sizes = sizes_of(site.output_shape, "nfyx") | kernel | {"c": self.channels_per_group}
        by_pixel = sizes_of(site.inputs[0], "ncuv") | kernel | {"f": self.filters_per_group}
        self.by_position = Lettering("position", "nf|yx|cij", sizes)
        self.by_weight = Lettering("weight", "fc|ij|nyx", sizes)
        self.by_bias = Lettering("bias", "|f|nyx", sizes)
        self.by_place = Lettering("position", "nf|yx|", sizes)
        self.by_pixel = Lettering("pixel", "nc|uv|fij", by_pixel)

    def output(self) -> Nest:
        """n f | y x | c i j: one position after the other, from the bias."""
        here, bias = self.by_position, self.site.quantity("bias")
        operands = (self._pixel(here), here.cell(self.site.quantity("weight"), "fcij"))
        initial = here.cell(bias, "f") if bias.quantity in self.site.parameters else None
        how = "convolution: turned by 180°" if self.flip else "cross-correlation: not turned"
        return Nest(
            self.site.output,
            self.site.output_shape,
            NestRule.SUM,
            (here.loops("nfyx", operands, initial=initial),),
            remark=f"The same filter slides over every position ({how}).",
        )

    def weight_gradient(self) -> Nest:
        """By weight f c | i j | n y x, or by position n f | y x | c i j."""
        ways = ((self.by_weight, self.by_position), (self.by_position, self.by_weight))
        orders = tuple(
            here.loops("fcij", (self._upstream(here), self._pixel(here)), there.written)
            for here, there in ways
        )
        return Nest(
            self.site.quantity("weight").grad,
            self.site.parameters["weight"],
            NestRule.SUM,
            orders,
            remark="The weight met one pixel at every position, so its gradient gathers one "
            "product from each; "
            + ("the pixel is that of the turned kernel." if self.flip else "nothing is turned."),
        )

    def bias_gradient(self) -> Nest:
        """By bias f | n y x, or by position n f | y x."""
        ways = ((self.by_bias, self.by_place), (self.by_place, self.by_bias))
        return Nest(
            self.site.quantity("bias").grad,
            self.site.parameters["bias"],
            NestRule.SUM,
            tuple(here.loops("f", (self._upstream(here),), there.written) for here, there in ways),
            remark="The bias was added at every position, so it gathers every upstream value.",
        )

    def input_gradient(self) -> Nest:
        """By pixel n c | u v | f i j, or by position n f | y x | c i j."""
        return Nest(
            self.site.input().grad,
            self.site.inputs[0],
            NestRule.SUM,
            (self._downstream_by_pixel(), self._downstream_by_position()),
            remark="A pixel reached the output through every filter and every kernel cell that "
            "met it; seen from the pixel the kernel is "
            + ("not turned." if self.flip else "turned by 180°."),
        )

    def _downstream_by_pixel(self) -> Loops:
        n, c, u, v, f, i, j = variables(7)
        filters = self._filter_of(c, f)
        y, x = reached(self.window, u, v, *self._lies(i, j))
        upstream = ArrayCell(self.site.output.grad, (n, filters, y, x), Presence.ABSENT)
        weight = ArrayCell(self.site.quantity("weight"), (filters, self._in_group(c), i, j))
        return replace(
            self.by_pixel.loops("ncuv", (upstream, weight)), locate=self._pixel_coordinates()
        )

    def _downstream_by_position(self) -> Loops:
        n, f, y, x, c, i, j = variables(7)
        here = self.by_position
        operands = (self._upstream(here), here.cell(self.site.quantity("weight"), "fcij"))
        return replace(
            here.loops("", operands),
            target=(n, self._channel_of(f, c), *self._under(y, x, i, j)),
            locate=self._position_coordinates(),
        )

    def _pixel_coordinates(self) -> tuple[Index, ...]:
        """n c u v f i j, in the variables of the order by position."""
        n, f, y, x, c, i, j = variables(7)
        size = self.filters_per_group
        member = f if size == self.filters else f - f // size * size
        return (n, self._channel_of(f, c), *self._under(y, x, i, j), member, i, j)

    def _position_coordinates(self) -> tuple[Index, ...]:
        """n f y x c i j, in the variables of the order by pixel."""
        n, c, u, v, f, i, j = variables(7)
        y, x = reached(self.window, u, v, *self._lies(i, j))
        return (n, self._filter_of(c, f), y, x, self._in_group(c), i, j)

    def _upstream(self, here: Lettering) -> ArrayCell:
        return ArrayCell(self.site.output.grad, tuple(map(here.index, "nfyx")), Presence.ABSENT)

    def _pixel(self, here: Lettering) -> ArrayCell:
        n, f, c, y, x, i, j = map(here.index, "nfcyxij")
        return ArrayCell(self.site.input(), (n, self._channel_of(f, c), *self._under(y, x, i, j)))

    def _under(self, y: Index, x: Index, i: Index, j: Index) -> tuple[Index, Index]:
        """The pixel that kernel cell (i, j) meets at position (y, x)."""
        return under(self.window, y, x, *self._lies(i, j))

    def _lies(self, i: Index, j: Index) -> tuple[Index, Index]:
        """The cell of the window on which kernel cell (i, j) lies."""
        if not self.flip:
            return i, j
        rows, columns = self.window.kernel
        return i * -1 + (rows - 1), j * -1 + (columns - 1)

    def _channel_of(self, f: Index, c: Index) -> Index:
        """The input channel that member c of filter f's group is."""
        size = self.filters_per_group
        return c if size == self.filters else f // size * self.channels_per_group + c

    def _filter_of(self, c: Index, f: Index) -> Index:
        """The filter that member f of channel c's group is."""
        size = self.channels_per_group
        return f if size == self.channels else c // size * self.filters_per_group + f

    def _in_group(self, c: Index) -> Index:
        size = self.channels_per_group
        return c if size == self.channels else c - c // size * size


LAYERS = (Conv2d,)
