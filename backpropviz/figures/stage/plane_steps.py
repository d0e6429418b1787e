"""The steps that make one plane of a result, where its planes are made one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backpropviz.engine.boxes import join
from backpropviz.engine.nest import Nest, Values
from backpropviz.engine.partial import Partial, plane_dimensions, progress
from backpropviz.figures.stage.planes import Selection


def is_made_in_turn(nest: Nest, order: int) -> bool:
    """Whether one plane is complete before the next is begun."""
    loops, leading = nest.orders[order], plane_dimensions(nest.shape)
    return not order and [i.axis for i in loops.target[:leading]] == list(range(leading))


def steps_of_plane(nest: Nest, selection: Selection) -> range:
    """The steps of a plane of a nest whose planes are made in turn."""
    sizes, leading = nest.by_target.sizes, plane_dimensions(nest.shape)
    plane = tuple(s or 0 for s in selection[:leading])
    size = math.prod(sizes[leading:])
    start = join(plane, sizes[:leading]) * size
    return range(start, start + size)


def growing_planes(
    tape: Values, nest: Nest, order: int, selections: Sequence[Selection], done: int
) -> tuple[Partial, ...]:
    """The planes after so many steps of the nest."""
    leading = plane_dimensions(nest.shape)
    planes = [tuple(s or 0 for s in selection[:leading]) for selection in selections]
    found = progress(tape, nest, order, done, planes)
    parts = (
        (k, *(slice(None) if s is None else s for s in selection[leading:]))
        for k, selection in enumerate(selections)
    )
    return tuple(
        Partial(found.values[part], found.computed[part], found.complete[part]) for part in parts
    )
