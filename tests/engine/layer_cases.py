"""Random layers with inputs, and a layer's pass without a network around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from backpropviz.engine.kinds.activation import (
    GELU,
    SLOPES_AT_ZERO,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Buffered, Layer, LayerMode, LayerNests, Site
from backpropviz.engine.kinds.shape import Flatten, Pad, Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.operands import TieRule
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError

EPSILON = {np.float32: 1.2e-7, np.float64: 2.3e-16}


@dataclass(frozen=True)
class Case:
    """A layer, its inputs' shapes without the batch, the batch, and a seed for values."""

    layer: Layer
    shapes: tuple[Shape, ...]
    batch: int
    seed: int


def _pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


_PADDINGS = st.one_of(
    st.integers(0, 2), _pairs(0, 2), st.tuples(_pairs(0, 2), _pairs(0, 2)), st.just("same")
)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    padding = draw(_PADDINGS)
    layer = Conv2d(
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=draw(_pairs(1, 3)),
        stride=1 if padding == "same" else draw(_pairs(1, 3)),
        padding=padding,
        dilation=draw(_pairs(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
        flip=draw(st.booleans()),
    )
    channels = groups * draw(st.integers(1, 2))
    return layer, ((channels, *draw(_pairs(1, 6))),)


@st.composite
def poolings(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    padding = draw(_PADDINGS)
    geometry: dict[str, Any] = {
        "kernel_size": draw(_pairs(1, 3)),
        "stride": (1, 1) if padding == "same" else draw(st.none() | _pairs(1, 3)),
        "padding": padding,
        "dilation": draw(_pairs(1, 2)),
        "ceil_mode": draw(st.booleans()),
    }
    shape = (draw(st.integers(1, 2)), *draw(_pairs(1, 6)))
    if draw(st.booleans()):
        return MaxPool2d(**geometry, ties=draw(st.sampled_from(get_args(TieRule)))), (shape,)
    return AvgPool2d(**geometry, count_include_pad=draw(st.booleans())), (shape,)


_IMAGES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
_FLAT = st.tuples(st.integers(1, 6))


_MODES: st.SearchStrategy[LayerMode] = st.sampled_from(get_args(LayerMode))


def dropouts() -> st.SearchStrategy[Layer]:
    return st.builds(
        Dropout, st.sampled_from([0.0, 0.25, 0.5, 1.0]), _MODES, st.integers(0, 2**32 - 1)
    )


@st.composite
def normalizations(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    """Of at least two values a channel, whatever the batch."""
    layer = BatchNorm2d(
        eps=draw(st.sampled_from([0.1, 1.0])),
        momentum=draw(st.sampled_from([0.1, 1.0])),
        affine=draw(st.booleans()),
        mode=draw(_MODES),
    )
    return layer, ((draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 4))),)


@st.composite
def adaptive(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    sizes = st.none() | st.integers(1, 5)
    wanted = draw(st.integers(1, 5) | st.tuples(sizes, sizes))
    return AdaptiveAvgPool2d(wanted), ((draw(st.integers(1, 2)), *draw(_pairs(1, 6))),)


@st.composite
def elementwise(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    slope = st.floats(-0.5, 0.5).map(LeakyReLU)
    rectifiers = [ReLU(at_zero) for at_zero in SLOPES_AT_ZERO]
    smooth = [Sigmoid(), Tanh(), GELU(), GELU("tanh"), SiLU()]
    learned = [PReLU(), PReLU(shared=False)]
    simple: st.SearchStrategy[Layer] = st.sampled_from([*rectifiers, *smooth, *learned])
    layer = draw(simple | slope | dropouts())
    return layer, (draw(_IMAGES | _FLAT),)


@st.composite
def joins(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    shape, count = draw(_IMAGES | _FLAT), draw(st.integers(2, 3))
    if draw(st.booleans()):
        return Add(), (shape,) * count
    return Concat(), tuple((draw(st.integers(1, 3)), *shape[1:]) for _ in range(count))


@st.composite
def others(draw: st.DrawFn) -> tuple[Layer, tuple[Shape, ...]]:
    if draw(st.booleans()):
        return Dense(draw(st.integers(1, 4)), draw(st.booleans())), (draw(_FLAT),)
    if draw(st.booleans()):
        return Softmax(), (draw(_FLAT),)
    shape = draw(_IMAGES)
    count = math.prod(shape)
    wanted = draw(st.sampled_from([(count,), (1, count), (-1, shape[2]), (shape[2], -1, 1)]))
    pad = Pad(draw(_PADDINGS.filter(lambda p: p != "same")), draw(st.sampled_from([0.0, 1.5])))
    layers: list[Layer] = [Flatten(), GlobalAvgPool2d(), Reshape(wanted), pad]
    layer = draw(st.sampled_from(layers))
    return layer, (shape,)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any layer that accepts its inputs."""
    families = (convolutions(), convolutions(), poolings(), poolings(), normalizations())
    layer, shapes = draw(st.one_of(*families, adaptive(), elementwise(), joins(), others()))
    try:
        layer.output_shape(shapes)
    except UserError:
        reject()
    return Case(layer, shapes, draw(st.integers(1, 2)), draw(st.integers(0, 2**32 - 1)))


@dataclass(frozen=True)
class Pass:
    """A layer's arrays under their addresses, from a given upstream gradient, and its nests."""

    values: Mapping[Address, Array]
    nests: LayerNests
    site: Site


def site_of(case: Case) -> Site:
    inputs = tuple((case.batch, *shape) for shape in case.shapes)
    output = (case.batch, *case.layer.output_shape(case.shapes))
    return Site("layer", inputs, output, case.layer.parameter_shapes(case.shapes))


def buffers_of(case: Case, dtype: type[np.floating[Any]] = np.float64) -> dict[str, Array]:
    """Positive numbers, since a running variance is one of them."""
    if not isinstance(case.layer, Buffered):
        return {}
    random = np.random.default_rng(case.seed + 1)
    shapes = case.layer.buffer_shapes(case.shapes)
    return {name: random.uniform(0.5, 2, s).astype(dtype) for name, s in shapes.items()}


def distinct(random: np.random.Generator, shape: Shape) -> Array:
    """Values 0.1 apart, none of them near 0: no two of them tie and no kink is near."""
    count = math.prod(shape)
    values = (np.arange(count) - count // 2) * 0.1 + 0.05
    return random.permutation(values).reshape(shape)


def whole(random: np.random.Generator, shape: Shape) -> Array:
    """Small whole numbers, so that sums are exact and windows tie."""
    return random.integers(-3, 4, shape).astype(np.float64)


def played(case: Case, dtype: type[np.floating[Any]] = np.float64) -> Pass:
    """Run forward and vjp on random values: whole numbers for even seeds."""
    random = np.random.default_rng(case.seed)
    drawn = distinct if case.seed % 2 else whole
    site = site_of(case)
    inputs = tuple(drawn(random, shape).astype(dtype) for shape in site.inputs)
    parameters = {k: drawn(random, s).astype(dtype) for k, s in site.parameters.items()}
    buffers = buffers_of(case, dtype)
    parameters |= buffers
    output, residuals = case.layer.forward(inputs, parameters)
    upstream = whole(random, site.output_shape).astype(dtype)
    downstream, gradients = case.layer.vjp(upstream, residuals, parameters)
    values = {site.output: output, site.output.grad: upstream}
    for k, (given, gradient) in enumerate(zip(inputs, downstream, strict=True)):
        values[site.input(k)], values[site.input(k).grad] = given, gradient
    for name, parameter in parameters.items():
        values[site.quantity(name)] = parameter
    for name, gradient in gradients.items():
        address = site.quantity(name)
        values[address.grad if name in site.parameters else address] = gradient
    if isinstance(case.layer, Buffered):
        for name, buffer in case.layer.next_buffers(residuals, parameters).items():
            values[site.quantity(name).of("next")] = buffer
    for name, residual in residuals.items():
        values.setdefault(site.quantity(name), residual)
    return Pass(values, case.layer.nests(site), site)
