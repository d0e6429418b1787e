"""Which sample of a batch is shown, and where the same step is in another one.

It is the one that the step is in. Where a block of steps holds several, a person's choice decides.
"""

from __future__ import annotations

from typing import Final

from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.nest import Rule
from backpropviz.engine.program import Phase
from backpropviz.engine.shares import sample_axis
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.planes import leading_dimensions
from backpropviz.figures.symbols import PARAMETERS

SAMPLE_KEY: Final = "sample:"
"""Marks with the key `sample:<n>` lead to the same step in that sample."""


def fixed_sample(focus: Focus | None) -> int | None:
    """The sample that all steps of a block are in; None where they are in several, or in none."""
    if focus is None or focus.operation.phase is Phase.UPDATE or focus.nest.rule is Rule.COPY:
        return None
    axis = sample_axis(focus.loops)
    return None if axis is None or len(focus.region[axis]) != 1 else focus.region[axis][0]


def shown_sample(timeline: Timeline, k: int, focus: Focus | None, chosen: int) -> int:
    """The sample of step k; at the beginning of a block of several samples the chosen one."""
    fixed = fixed_sample(focus)
    if fixed is not None:
        return fixed
    axis = _axis(timeline, k)
    here = 0 if axis is None else timeline.coordinates(k)[axis]
    return here or chosen


def step_in(timeline: Timeline, k: int, sample: int) -> int | None:
    """The step that does in another sample what step k does; None where a step has no sample."""
    axis = _axis(timeline, k)
    if axis is None:
        return None
    coordinates = timeline.coordinates(k)
    moved = (*coordinates[:axis], sample, *coordinates[axis + 1 :])
    return timeline.position(timeline.operation_at(k), moved)


def _axis(timeline: Timeline, k: int) -> int | None:
    if k >= timeline.steps:
        return None
    operation = timeline.operations[timeline.operation_at(k)]
    if operation.phase is Phase.UPDATE or operation.nest.rule is Rule.COPY:
        return None
    return sample_axis(timeline.loops(timeline.operation_at(k)))


def has_samples(address: Address, shape: Shape, batch: int) -> bool:
    """Whether the first dimension of an array counts the samples of a batch of several."""
    if address.quantity in PARAMETERS or shape[:1] != (batch,):
        return False
    return batch > 1 and leading_dimensions(address, len(shape)) > 0
