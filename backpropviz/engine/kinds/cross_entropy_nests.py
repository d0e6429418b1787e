"""The nests of cross-entropy. Names: n sample, k class, t the target class."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.index import Index, variables
from backpropviz.engine.kinds.protocol import LOSS, TARGET, LayerNests, Site
from backpropviz.engine.kinds.reduction import Reduction, reduction_factor
from backpropviz.engine.kinds.softmax_nests import (
    each_class,
    exponentials,
    largest,
    normalizer,
    probabilities,
)
from backpropviz.engine.nest import (
    Axis,
    Computed,
    Coordinates,
    Factor,
    Loops,
    Nest,
    Operand,
    Present,
    Region,
    Rule,
    Values,
)
from backpropviz.engine.operands import Cell
from backpropviz.frozen import frozen


def cross_entropy_nests(site: Site, reduction: Reduction) -> LayerNests:
    """Everything in order, from the logits to their gradient."""
    shape = site.inputs[0]
    return LayerNests(
        (
            *softmax_steps(site),
            _sample(site, shape[0]),
            _loss(site, shape[0], reduction),
        ),
        (_gradient(site, shape, reduction),),
    )


def softmax_steps(site: Site) -> tuple[Nest, ...]:
    """max, exp, normalizer, probabilities."""
    shape, name = site.inputs[0], site.quantity
    return (
        largest(name("max"), shape, site.input()),
        exponentials(name("exp"), shape, site.input(), name("max")),
        normalizer(name("normalizer"), shape, name("exp")),
        probabilities(name("probabilities"), shape, name("exp"), name("normalizer")),
    )


def _sample(site: Site, samples: int) -> Nest:
    (n,) = variables(1)
    operands = (
        Cell(site.quantity("normalizer"), (n,)),
        TargetCell(site.input(), n),
        Cell(site.quantity("max"), (n,)),
    )
    return Nest(
        site.quantity("sample"),
        (samples,),
        Rule.FUNCTION,
        (Loops("sample", (Axis("n", samples),), 0, 1, (n,), operands),),
        "log({0}) − ({1} − {2})",
        lambda normalizer, z, largest: np.log(normalizer) - (z - largest),
        "This is −log of the target class's probability.",
    )


def _loss(site: Site, samples: int, reduction: Reduction) -> Nest:
    (n,) = variables(1)
    factor = reduction_factor(reduction, samples)
    operands: tuple[Operand, ...] = (Cell(site.quantity("sample"), (n,)), *factor)
    loops = Loops("loss", (Axis("n", samples),), 0, 0, (), operands)
    return Nest(LOSS, (), Rule.SUM, (loops,), remark=f"The {reduction} over the batch.")


def _gradient(site: Site, shape: Shape, reduction: Reduction) -> Nest:
    n, k = variables(2)
    factor = reduction_factor(reduction, shape[0])
    operands: tuple[Operand, ...] = (
        Cell(site.quantity("probabilities"), (n, k)),
        IsTarget(n, k),
        *factor,
        Cell(LOSS.grad, ()),
    )
    return Nest(
        site.input().grad,
        shape,
        Rule.FUNCTION,
        (each_class(shape, operands),),
        "({0} − {1}) · {2}" + " · {3}" * len(factor),
        lambda p, hit, *factors: np.asarray(
            np.prod(np.broadcast_arrays(p - hit, *factors), axis=0)
        ),
        "The target class is raised, every other is lowered, in proportion to its probability.",
    )


@frozen
class TargetCell(Present):
    """An array's value at the sample's target class."""

    address: Address
    sample: Index

    @property
    def index(self) -> tuple[Index, ...]:
        """Empty: the class is not a map of the coordinates."""
        return ()

    @property
    def label(self) -> str:
        """A cell is called by its address."""
        return ""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The value and its address."""
        n = coordinates[self.sample.axis]
        cell = (n, int(values[TARGET][n]))
        return Factor(self.address.at(cell), "", float(values[self.address][cell]))

    def block(self, values: Values, region: Region) -> Array:
        """The values of several samples."""
        samples, _ = self.sample.over(region)
        return values[self.address][samples, values[TARGET][samples]]


@frozen
class IsTarget(Computed):
    """1 for the sample's target class, else 0."""

    sample: Index
    category: Index

    @property
    def index(self) -> tuple[Index, ...]:
        """The target that is asked for."""
        return (self.sample,)

    @property
    def label(self) -> str:
        """The condition."""
        return "[k = t]"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the question."""
        category = coordinates[self.category.axis]
        target = int(values[TARGET][coordinates[self.sample.axis]])
        return Factor(None, f"[{category} = {target}]", float(category == target))

    def block(self, values: Values, region: Region) -> Array:
        """1 where the class is the target."""
        targets = values[TARGET][self.sample.over(region)[0]]
        return np.asarray(self.category.over(region)[0] == targets, dtype=np.float64)
