"""What the nudge lab asks its worker for, all in float64 and without Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import takewhile
from typing import Final, TypeAlias

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import BasePoint, base_point_of
from backpropviz.engine.gradcheck import Checked, check_value
from backpropviz.engine.kink import Crossing
from backpropviz.engine.nudge import Difference, Nudge, nudged_pass, sweep
from backpropviz.engine.nudge_cost import NudgeCost, nudge_cost
from backpropviz.engine.tape import Tape
from backpropviz.figures.analysis.nudge_course import Course, course, crossed
from backpropviz.figures.analysis.nudge_words import NextStep
from backpropviz.frozen import frozen

REACHES: Final = (0.01, 0.1, 1.0, 10.0)


@frozen(eq=False)
class Prepared:
    """The pass around which a value is moved, and the loss along that value."""

    point: BasePoint
    course: Course
    checked: Checked
    step: NextStep | None


@frozen(eq=False)
class Moved:
    """One nudge, and the kinks that lie between it and the base."""

    nudge: Nudge
    crossed: tuple[Crossing, ...]


@frozen
class Swept:
    """Central differences from coarse to fine."""

    differences: tuple[Difference, ...]


Answer: TypeAlias = Prepared | Moved | Swept | NudgeCost


def prepared(
    tape: Tape, address: Address, reach: float, stop: Callable[[], bool] = bool
) -> Prepared:
    """The loss between −reach and +reach.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    point = base_point_of(tape)
    along = course(point, address, reach, stop=stop)
    return Prepared(point, along, check_value(point, address), next_step(tape, address))


def next_step(tape: Tape, address: Address) -> NextStep | None:
    """What the update of this pass does to a parameter; None for any other value."""
    if address.of("step") not in tape:
        return None
    rule = tape.optimizer
    plain = -rule.learning_rate * tape.value(address.grad)
    return NextStep(rule.kind, plain, tape.value(address.of("step")))


def moved(point: BasePoint, address: Address, delta: float) -> Moved:
    """One nudge by a real forward pass."""
    nudge, run = nudged_pass(point, address, delta)
    return Moved(nudge, crossed(point, run))


def swept(point: BasePoint, address: Address, stop: Callable[[], bool] = bool) -> Swept:
    """The sweep of the step h."""
    return Swept(tuple(takewhile(lambda _: not stop(), sweep(point, address))))


def cost(point: BasePoint, stop: Callable[[], bool] = bool) -> NudgeCost:
    """Measured on this machine, now."""
    return nudge_cost(point, time.perf_counter, stop=stop)


def reach_for(value: float) -> float:
    """The choice that is about as large as the value."""
    if value == 0 or not math.isfinite(value):
        return 1.0
    return min(REACHES, key=lambda reach: abs(math.log10(reach) - math.log10(abs(value))))
