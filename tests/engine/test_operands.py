"""An operand says the same of a box of terms as of each of its terms."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.engine.nest import Coordinates, Loops, Operand, Presence, Region, Values
from backpropviz.engine.value import Array
from tests.engine.layer_cases import Case, cases, played


def boxes(loops: Loops) -> st.SearchStrategy[Region]:
    """Any box inside the loops, of at most four steps a side."""

    def side(size: int) -> st.SearchStrategy[range]:
        starts = st.integers(0, size - 1)
        return starts.flatmap(
            lambda a: st.integers(a + 1, min(size, a + 4)).map(lambda b: range(a, b))
        )

    return st.tuples(*(side(size) for size in loops.sizes))


def filled(array: Array | bool, region: Region) -> Array:
    return np.broadcast_to(np.asarray(array), tuple(len(r) for r in region))


def steps(region: Region) -> list[tuple[Coordinates, Coordinates]]:
    """(place inside the box, coordinates) of every step."""
    return [
        (place, tuple(r.start + p for r, p in zip(region, place, strict=True)))
        for place in np.ndindex(*(len(r) for r in region))
    ]


def assert_consistent(values: Values, operand: Operand, region: Region) -> None:
    """Values, absence and padding of a box are those of its terms one by one."""
    block = filled(operand.block(values, region), region)
    exists, inside = operand.exists(values, region), operand.inside(values, region)
    there = filled(True if exists is None else exists, region)
    present = filled(True if inside is None else inside, region)
    for place, coordinates in steps(region):
        factor = operand.at(values, coordinates)
        if operand.address is None and factor.presence is Presence.ABSENT:
            continue  # a share or an indicator leaves it to the upstream cell to be absent
        assert float(block[place]) == factor.value
        assert bool(there[place]) == (factor.presence is not Presence.ABSENT)
        assert bool(present[place]) == (factor.presence is Presence.PRESENT)


@given(case=cases(), data=st.data())
@settings(max_examples=100)
def test_a_box_is_its_terms(case: Case, data: st.DataObject) -> None:
    run = played(case)
    for nest in (*run.nests.forward, *run.nests.backward):
        for loops in nest.orders:
            region = data.draw(boxes(loops))
            for operand in loops.operands:
                assert_consistent(run.values, operand, region)
