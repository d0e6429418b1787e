"""Steps to explain, made from a tape and an address."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import parse
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.nest import Rule
from backpropviz.engine.program import operations
from backpropviz.engine.tape import Tape
from backpropviz.figures.explanation.explained_step import ALL, ExplainedStep, Progress
from tests.figures.passes import adam, branching, lenet, tiny, with_value

TAPES = {"tiny": tiny, "lenet": lenet, "branching": branching, "adam": adam}


def step_at(tape: Tape, text: str, progress: Progress = ALL) -> ExplainedStep:
    """The step that computes one value."""
    address = tape.resolve(parse(text))
    found = operations(tape.network, tape.batch, tape.optimizer)
    operation = next(o for o in found if o.nest.target == address.array)
    depth = Depth.ELEMENT if progress.current is None else Depth.TERM
    derivation = derive(tape, operation.nest, address)
    return ExplainedStep(derivation, operation, depth, tape, None, progress)


def derivation_at(tape: Tape, text: str) -> Derivation:
    """One value's derivation."""
    found = step_at(tape, text).derivation
    assert found is not None
    return found


def every_step(name: str) -> Iterator[ExplainedStep]:
    """A random value of every operation, finished and at several of its terms."""
    tape = TAPES[name]() if name in TAPES else with_value(lenet(), "conv2", float("nan"))
    random = np.random.default_rng(5)
    for operation in operations(tape.network, tape.batch, tape.optimizer):
        nest = operation.nest
        indices = tuple(int(random.integers(size)) for size in nest.shape)
        derivation = derive(tape, nest, nest.target.at(indices))
        count = derivation.term_values.size
        for progress in _progresses(nest.rule, count):
            depth = Depth.ELEMENT if progress.current is None else Depth.TERM
            yield ExplainedStep(derivation, operation, depth, tape, None, progress)


def _progresses(rule: Rule, count: int) -> Iterator[Progress]:
    yield ALL
    if rule in {Rule.SUM, Rule.MAX} and count > 1:
        for current in sorted({0, count // 2, count - 1}):
            yield Progress(current, current + 1)
