"""The state of a target by plain loops over its steps: slow, and hard to get wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from backpropviz.engine.derivation import presence_of
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.protocol import Layer, Site
from backpropviz.engine.nest import Coordinates, Nest, NestRule, Presence, Values
from backpropviz.engine.value import Address, Array


@dataclass
class BruteForce:
    """Runs a nest step by step."""

    tape: Values
    nest: Nest
    order: int
    sums: Array = field(init=False)
    done: Array = field(init=False)
    total: Array = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros(self.nest.shape)
        self.done = np.zeros(self.nest.shape, dtype=int)
        self.total = np.zeros(self.nest.shape, dtype=int)
        for coordinates in self.coordinates():
            cell, _ = self.term(coordinates)
            if cell is not None:
                self.total[cell] += 1

    def coordinates(self) -> Iterator[Coordinates]:
        """All steps in order."""
        for index in np.ndindex(*self.nest.orders[self.order].sizes):
            yield tuple(int(i) for i in index)

    def term(self, coordinates: Coordinates) -> tuple[Coordinates | None, float]:
        """The cell and value of one step; no cell where the step is no term."""
        loops = self.nest.orders[self.order]
        factors = tuple(o.at(self.tape, coordinates) for o in loops.operands)
        presence = presence_of(factors)
        cell = loops.target_at(coordinates, self.nest.shape)
        passed = presence is Presence.ABSENT
        if self.nest.rule is NestRule.MAX:
            passed = presence is not Presence.PRESENT
        if self.nest.rule is NestRule.FUNCTION:
            assert self.nest.function is not None
            value = float(self.nest.function(*(np.float64(f.value) for f in factors)))
        else:
            value = math.prod(f.value for f in factors)
        return (None if passed else cell), value

    def step(self, coordinates: Coordinates) -> None:
        """Run one step."""
        cell, value = self.term(coordinates)
        if cell is None:
            return
        initial = self.nest.orders[self.order].initial
        if self.done[cell] == 0:
            start = 0.0 if initial is None else initial.at(self.tape, coordinates).value
            self.sums[cell] = -math.inf if self.nest.rule is NestRule.MAX else start
        if self.nest.rule is NestRule.MAX:
            self.sums[cell] = np.maximum(self.sums[cell], value)
        else:
            self.sums[cell] += value
        self.done[cell] += 1


def convolution_site(
    layer: Layer, name: str, batch: int, channels: int, height: int, width: int
) -> Site:
    """Where a layer stands that reads an image."""
    shape = (channels, height, width)
    output = layer.output_shape((shape,))
    return Site(name, ((batch, *shape),), (batch, *output), layer.parameter_shapes((shape,)))


def convolution_tape(
    layer: Conv2d, site: Site, seed: int, dtype: type = np.float64
) -> dict[Address, Array]:
    """Random operands of one convolution, and what its passes make of them by brute force."""
    random = np.random.default_rng(seed)
    shapes = {
        site.input(): site.inputs[0],
        site.output.grad: site.output_shape,
        **{site.quantity(name): shape for name, shape in site.parameters.items()},
    }
    tape: dict[Address, Array] = {
        address: random.normal(size=shape).astype(dtype) for address, shape in shapes.items()
    }
    nests = layer.nests(site)
    for nest in (*nests.forward, *nests.backward):
        finish(tape, nest)
    return tape


def finish(tape: dict[Address, Array], nest: Nest) -> None:
    """Compute a nest's target by brute force; a value without terms is 0."""
    run = BruteForce(tape, nest, 0)
    for coordinates in run.coordinates():
        run.step(coordinates)
    tape[nest.target] = run.sums
