"""Steps to explain, made from a tape and an address."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.nest import NestRule
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import parse
from backpropviz.figures.view import ALL, ExplainedStep, TermProgress
from tests.figures.passes import adam, branching, lenet, tiny, with_value

TAPES = {"tiny": tiny, "lenet": lenet, "branching": branching, "adam": adam}


def step_at(tape: Tape, text: str, progress: TermProgress = ALL) -> ExplainedStep:
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


def _progresses(rule: NestRule, count: int) -> Iterator[TermProgress]:
    yield ALL
    if rule in {NestRule.SUM, NestRule.MAX} and count > 1:
        for current in sorted({0, count // 2, count - 1}):
            yield TermProgress(current, current + 1)
