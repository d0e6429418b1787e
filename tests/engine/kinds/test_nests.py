"""The loops that define a layer say what its arrays say, in every order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.engine.derivation import block_values, derive, presence_of
from backpropviz.engine.nest import (
    Coordinates,
    Factor,
    Index,
    Loops,
    Nest,
    NestRule,
    Presence,
    Values,
)
from backpropviz.engine.value import Array
from tests.engine.layer_cases import EPSILON, Case, cases, played

DTYPES = (np.float32, np.float64)


def assert_derived(values: Values, nest: Nest, indices: tuple[int, ...]) -> None:
    """The terms make the value, and each is the product of its operands."""
    found = derive(values, nest, nest.target.at(indices))
    initial = 0.0 if found.initial is None else found.initial.value
    size = abs(initial) + float(np.abs(found.term_values).sum())
    if nest.rule is NestRule.FUNCTION:  # 1 − t² may cancel
        size = max(1.0, *(abs(factor.value) for factor in found.terms[0].operands))
    bound = (len(found.terms) + 8) * EPSILON[values[nest.target].dtype.type]
    assert abs(found.value - found.derived) <= bound * max(size, 1e-3)
    assert found.value == float(values[nest.target][indices])
    for term in found.terms:
        assert term.presence is not Presence.ABSENT
        if nest.rule is not NestRule.FUNCTION and term.presence is Presence.PRESENT:
            assert term.value == pytest.approx(math.prod(f.value for f in term.operands))
        for factor in term.operands:
            if factor.address is not None:
                assert factor.value == float(values[factor.address.array][factor.address.indices])


@pytest.mark.parametrize("dtype", DTYPES)
@given(case=cases(), data=st.data())
@settings(max_examples=150)
def test_terms_make_the_value(
    dtype: type[np.float32 | np.float64], case: Case, data: st.DataObject
) -> None:
    run = played(case, dtype)
    for nest in (*run.nests.forward, *run.nests.backward):
        assert nest.shape == run.values[nest.target].shape
        for _ in range(3):
            place = data.draw(st.integers(0, math.prod(nest.shape) - 1))
            indices = tuple(int(i) for i in np.unravel_index(place, nest.shape))
            assert_derived(run.values, nest, indices)


def operands_at(values: Values, loops: Loops, coordinates: Coordinates) -> tuple[Factor, ...]:
    return tuple(operand.at(values, coordinates) for operand in loops.operands)


def present_steps(values: Values, nest: Nest, loops: Loops) -> dict[Coordinates, Coordinates]:
    """The target of each step whose operands are all there."""
    found = {}
    for coordinates in np.ndindex(*loops.sizes):
        target = loops.target_at(coordinates, nest.shape)
        there = presence_of(operands_at(values, loops, coordinates)) is Presence.PRESENT
        if there and target is not None:
            found[coordinates] = target
    return found


def made_by(values: Values, nest: Nest, loops: Loops) -> Array:
    """The array that the terms make when they are scattered in the order of the loops."""
    terms = block_values(values, nest, loops, loops.region(()))
    made = np.full(nest.shape, -np.inf if nest.rule is NestRule.MAX else 0.0)
    for coordinates, target in present_steps(values, nest, loops).items():
        term = terms[coordinates]
        made[target] = max(made[target], term) if nest.rule is NestRule.MAX else made[target] + term
    if loops.initial is not None:
        for target in np.ndindex(*nest.shape):
            place = nest.element_at(target) + (0,) * loops.term_axes
            made[target] += loops.initial.at(values, place).value
    return made


@given(case=cases())
@settings(max_examples=80)
def test_every_order_makes_the_array(case: Case) -> None:
    run = played(case)
    for nest in (*run.nests.forward, *run.nests.backward):
        array = run.values[nest.target]
        for loops in nest.orders:
            if loops.steps <= 3000:
                assert np.allclose(made_by(run.values, nest, loops), array, rtol=1e-12, atol=1e-12)


def mapped(maps: tuple[Index, ...], coordinates: Coordinates) -> Coordinates:
    return tuple(-1 if (i := index.at(coordinates)) is None else i for index in maps)


@given(case=cases())
@settings(max_examples=80)
def test_orders_locate_each_other_s_terms(case: Case) -> None:
    run = played(case)
    for nest in run.nests.backward:
        if len(nest.orders) < 2 or nest.steps() > 3000:
            continue
        here, there = nest.orders
        ours, theirs = (present_steps(run.values, nest, loops) for loops in nest.orders)
        assert {mapped(there.locate, c) for c in ours} == set(theirs)
        for coordinates, target in ours.items():
            other = mapped(there.locate, coordinates)
            assert theirs[other] == target
            assert mapped(here.locate, other) == coordinates
            assert operands_at(run.values, here, coordinates) == operands_at(
                run.values, there, other
            )
