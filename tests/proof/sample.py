"""Values of a pass to be proved: all of them, or a fair sample of every operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import derive
from backpropviz.engine.nest import Coordinates
from backpropviz.engine.tape import Operation, Tape, operations
from backpropviz.figures.view import ExplainedStep

NETWORKS = ("tiny-max", "tiny-avg", "tiny-overlap", "tiny-dense", "lenet", "tinyvgg", "mlp")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One value and the operation that makes it."""

    operation: Operation
    indices: Coordinates

    def step(self, tape: Tape) -> ExplainedStep:
        """The value explained, finished."""
        nest = self.operation.nest
        derivation = derive(tape, nest, nest.target.at(self.indices))
        return ExplainedStep(derivation, self.operation, Depth.ELEMENT, tape)

    def __str__(self) -> str:
        """Its address."""
        return str(self.operation.nest.target.at(self.indices))


def places(tape: Tape, count: int, seed: int = 0) -> list[Place]:
    """All values of a pass, or `count` different ones.

    Half of a sample is drawn from all values alike; the other half goes round the operations, so
    that small ones (a bias, the loss) are met as often as a layer with thousands of values.
    """
    found = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
    sizes = np.array([int(np.prod(operation.nest.shape)) for operation in found])
    if sizes.sum() <= count:
        chosen = [(k, flat) for k, size in enumerate(sizes) for flat in range(size)]
    else:
        chosen = sorted(_drawn(sizes, count, np.random.default_rng(seed)))
    return [_place(found, number, flat) for number, flat in chosen]


def _drawn(sizes: np.ndarray, count: int, random: np.random.Generator) -> set[tuple[int, int]]:
    ends = np.cumsum(sizes)
    chosen: set[tuple[int, int]] = set()
    while len(chosen) < count // 2:
        position = int(random.integers(ends[-1]))
        number = int(np.searchsorted(ends, position, side="right"))
        chosen.add((number, position - int(ends[number] - sizes[number])))
    for number in cycle(range(len(sizes))):
        if len(chosen) >= count:
            return chosen
        chosen.add((number, int(random.integers(sizes[number]))))
    return chosen


def _place(found: Sequence[Operation], number: int, flat: int) -> Place:
    operation = found[number]
    indices = np.unravel_index(flat, operation.nest.shape)
    return Place(operation, tuple(int(index) for index in indices))
