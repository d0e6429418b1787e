"""Programs of the code lens, run beside the tape that they read."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import derive
from backpropviz.engine.nest import NestRule
from backpropviz.engine.tape import Operation, Tape, operations
from backpropviz.engine.value import Array
from backpropviz.figures.explain.code import CodeVersion, Program, program
from backpropviz.figures.view import ExplainedStep

TOLERANCE = 2e-5


def result_of(found: Program, tape: Tape) -> Array:
    """Run the whole program as it is copied, and read the expression that it prints."""
    arrays = {str(address): array for address, array in tape.items()}
    variables: dict[str, Any] = {}
    with patch("numpy.load", lambda _: arrays), contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(found.source, "lens", "exec"), variables)  # noqa: S102
    assert out.getvalue().strip()
    value = eval(found.result, variables)  # noqa: S307
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, float)


def steps_of(tape: Tape, elements: int = 1, iteration: int = 1) -> Iterator[ExplainedStep]:
    """Every operation as a tensor, and random values of it."""
    random = np.random.default_rng(1)
    for operation in operations(tape.network, tape.batch, tape.optimizer, iteration):
        yield ExplainedStep(None, operation, Depth.TENSOR, tape)
        for _ in range(elements):
            yield element_step(tape, operation, random)


def element_step(tape: Tape, operation: Operation, random: np.random.Generator) -> ExplainedStep:
    """A random value of an operation."""
    nest = operation.nest
    indices = tuple(int(random.integers(size)) for size in nest.shape)
    derivation = derive(tape, nest, nest.target.at(indices))
    return ExplainedStep(derivation, operation, Depth.ELEMENT, tape)


def wanted(step: ExplainedStep) -> Array:
    """What the tape holds."""
    assert step.operation is not None
    array = step.tape[step.operation.nest.target]
    return array if step.derivation is None else array[step.derivation.address.indices]


def disagreement(step: ExplainedStep, version: CodeVersion) -> str:
    """'' where the program gives the tape's numbers, relative to the tensor's largest."""
    assert step.operation is not None
    found = program(step, version)
    assert found is not None
    if not found.result:
        return ""
    expected = np.asarray(wanted(step), float)
    got = result_of(found, step.tape)
    if got.size != expected.size:
        return f"{step.operation.nest.target}: {got.shape} for {expected.shape}\n{found.source}"
    largest = float(np.abs(step.tape[step.operation.nest.target]).max(initial=1e-30))
    distance = float(np.abs(got.reshape(expected.shape) - expected).max(initial=0.0))
    if distance <= TOLERANCE * largest:
        return ""
    return f"{step.operation.nest.target}, {version.value}: off by {distance}\n{found.source}"


def is_small(step: ExplainedStep, most: int = 3000) -> bool:
    """Whether plain Python runs the step's loops in a moment."""
    assert step.operation is not None
    nest = step.operation.nest
    return step.derivation is not None or nest.rule is NestRule.COPY or nest.steps() <= most
