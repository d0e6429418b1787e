"""Arithmetic on the values of a pass: `2 * conv1.weight.grad[0,0,0,1] + 1`, `size(conv1.weight)`.

The language is that of `expression`; lessons may speak of numbers of the network and the optimizer
too: `parameters`, `forward_steps`, `backward_steps`, `learning_rate`, `momentum`, `beta1`, `beta2`.
What is compared counts as equal when it agrees up to float32's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.program import Phase, operations
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.expression.evaluate import Arithmetic, number_of
from backpropviz.expression.functions import Primitive, Quantity
from backpropviz.expression.language import Expression, Vocabulary, read
from backpropviz.frozen import frozen

_ROUNDING = 1e-5


@frozen
class LessonExpression:
    """An expression with the line that it stands on (0: none)."""

    text: str
    expression: Expression
    line: int = 0

    def value(self, tape: Tape) -> float:
        """Its number in a pass.

        Raises:
            UserError: the pass has no such value.
        """
        return number_of(self.expression, _Lenient(tape))

    def holds(self, tape: Tape) -> bool:
        """Whether a comparison is true."""
        return bool(self.value(tape))

    @property
    def address(self) -> Address | None:
        """The address, where it is just one."""
        return self.expression.address


@lru_cache(maxsize=1024)
def parse_expression(text: str, line: int = 0) -> LessonExpression:
    """Read an expression.

    Raises:
        UserError: it is none; the sentence says at which character, and what is missing.
    """
    return LessonExpression(text, read(text, _WORDS), line)


class _Lenient(Arithmetic):
    """Arithmetic on a pass as a lesson means it: rounding is forgiven, division by 0 is not."""

    def __init__(self, tape: Tape) -> None:
        super().__init__({}, tape)
        self._tape = tape

    def name(self, name: str) -> Quantity:
        found = _OF_PASS[name](self._tape)
        if found is None:
            raise UserError(f"the optimizer {self._tape.optimizer.kind} has no {name}.")
        return found

    def applied(self, function: Primitive, values: Sequence[Quantity]) -> Quantity:
        if function.name in {"/", "%"} and np.any(np.equal(values[1], 0)):
            raise UserError("this divides by 0.")
        if function.name == "sqrt" and np.any(np.less(values[0], 0)):
            raise UserError("a negative number has no square root.")
        if function.name == "between":
            low, high = (self.compared(*one) for one in _bounds_of(values))
            return np.logical_and(low, high)
        return super().applied(function, values)

    def compared(self, sign: str, left: Quantity, right: Quantity) -> Quantity:
        exactly = super().compared(sign, left, right)
        if sign == "!=":
            return np.logical_not(_is_close(left, right))
        if sign in {"==", "<=", ">="}:
            return np.logical_or(exactly, _is_close(left, right))
        return np.logical_and(exactly, np.logical_not(_is_close(left, right)))


def _bounds_of(values: Sequence[Quantity]) -> Sequence[tuple[str, Quantity, Quantity]]:
    value, low, high = values
    return (">=", value, low), ("<=", value, high)


def _is_close(left: Quantity, right: Quantity) -> Quantity:
    """As `math.isclose`: relative to the larger of the two."""
    with np.errstate(all="ignore"):
        apart = np.abs(np.subtract(left, right))
        larger = np.maximum(np.abs(left), np.abs(right))
        near = np.less_equal(apart, np.maximum(_ROUNDING * larger, 1e-12))
        return np.logical_or(np.equal(left, right), np.logical_and(near, np.isfinite(larger)))


def _parameters(tape: Tape) -> float:
    shapes = (s for n in tape.network.nodes for s in tape.network.parameter_shapes(n).values())
    return float(sum(math.prod(shape) for shape in shapes))


def _steps(phase: Phase) -> Callable[[Tape], float | None]:
    def found(tape: Tape) -> float | None:
        every = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
        return float(sum(o.nest.steps() for o in every if o.phase is phase))

    return found


def _setting(name: str) -> Callable[[Tape], float | None]:
    return lambda tape: tape.optimizer.about.code_numbers(tape.optimizer).get(name)


_OF_PASS: Mapping[str, Callable[[Tape], float | None]] = {
    "parameters": _parameters,
    "forward_steps": _steps(Phase.FORWARD),
    "backward_steps": _steps(Phase.BACKWARD),
    "learning_rate": _setting("lr"),
    "momentum": _setting("momentum"),
    "beta1": _setting("beta1"),
    "beta2": _setting("beta2"),
}
_WORDS = Vocabulary(frozenset(_OF_PASS))
