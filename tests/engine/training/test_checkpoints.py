"""Checkpoints fit their budget and always lead to the state that is wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.training.checkpoints import (
    Checkpoints,
    ReplayStoppedError,
    size_bytes,
    state_at,
)
from backpropviz.engine.training.update import Trained
from backpropviz.errors import UserError
from tests.engine.training.runs import run_of, same, states

STATE_BYTES = 80


class Shelf:
    """A spill that can be looked into; writing fails where `is_full`."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.kept: dict[int, Trained] = {}
        self.is_full = False

    def resize(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes

    def write(self, iteration: int, trained: Trained) -> None:
        if self.is_full:
            raise OSError
        self.kept[iteration] = trained

    def read(self, iteration: int) -> Trained:
        if iteration not in self.kept:
            raise FileNotFoundError
        return self.kept[iteration]

    def drop(self, iteration: int) -> None:
        self.kept.pop(iteration, None)


def state(iteration: int) -> Trained:
    return Trained({"dense1": {"weight": np.full(10, float(iteration))}}, {}, iteration)


@given(
    room=st.integers(2, 12),
    spacing=st.integers(1, 7),
    first=st.integers(0, 9),
    count=st.integers(1, 120),
    shelf_room=st.none() | st.integers(0, 20),
)
def test_they_fit_and_the_nearest_is_found(
    room: int, spacing: int, first: int, count: int, shelf_room: int | None
) -> None:
    shelf = None if shelf_room is None else Shelf(shelf_room * STATE_BYTES)
    kept = Checkpoints(room * STATE_BYTES, spacing, shelf)
    for iteration in range(first, first + count):
        kept.add(state(iteration))
        assert kept.bytes_used <= room * STATE_BYTES
        assert shelf is None or kept.spilled_bytes <= shelf.budget_bytes
    found, last = kept.iterations, first + count - 1
    assert found == tuple(sorted(set(found)))
    assert (found[0], found[-1]) == (first, last)
    assert all((k - first) % kept.spacing == 0 for k in found if k != last)
    assert len(found) >= min((last - first) // kept.spacing, room - 1)
    assert shelf is None or len(shelf.kept) * STATE_BYTES == kept.spilled_bytes
    for iteration in range(first, last + 5):
        nearest = kept.nearest(iteration).iteration
        assert nearest == max(k for k in found if k <= iteration)


def test_first_and_last_stay_where_there_is_no_room_at_all() -> None:
    kept = Checkpoints(0, 1)
    for iteration in range(9):
        kept.add(state(iteration))
    assert kept.iterations == (0, 8)
    assert kept.bytes_used == 2 * STATE_BYTES


def test_a_smaller_budget_holds_at_once() -> None:
    kept = Checkpoints(100 * STATE_BYTES, 1)
    for iteration in range(50):
        kept.add(state(iteration))
    kept.resize(10 * STATE_BYTES)
    assert kept.bytes_used <= 10 * STATE_BYTES
    assert kept.spacing == 8


def test_a_smaller_budget_of_the_disk_holds_at_once() -> None:
    shelf = Shelf(20 * STATE_BYTES)
    kept = Checkpoints(4 * STATE_BYTES, 1, shelf)
    for iteration in range(20):
        kept.add(state(iteration))
    assert kept.spilled_bytes == 16 * STATE_BYTES
    kept.resize(4 * STATE_BYTES, 3 * STATE_BYTES)
    assert kept.spilled_bytes == len(shelf.kept) * STATE_BYTES
    assert 0 < kept.spilled_bytes <= 3 * STATE_BYTES
    assert kept.iterations[0] == 0
    assert kept.iterations[-1] == 19
    assert same(kept.nearest(10), state(kept.nearest(10).iteration))


def test_what_the_disk_has_lost_is_found_from_an_earlier_state() -> None:
    shelf = Shelf(20 * STATE_BYTES)
    kept = Checkpoints(4 * STATE_BYTES, 1, shelf)
    for iteration in range(12):
        kept.add(state(iteration))
    del shelf.kept[5]
    assert same(kept.nearest(5), state(4))
    assert 5 not in kept.iterations
    assert kept.spilled_bytes == len(shelf.kept) * STATE_BYTES
    shelf.kept.clear()
    assert same(kept.nearest(7), state(0))


def test_a_full_disk_thins_out_instead() -> None:
    shelf = Shelf(100 * STATE_BYTES)
    kept = Checkpoints(5 * STATE_BYTES, 1, shelf)
    for iteration in range(40):
        shelf.is_full = iteration > 9
        kept.add(state(iteration))
    assert kept.bytes_used <= 5 * STATE_BYTES
    assert set(shelf.kept) <= set(kept.iterations)
    assert kept.nearest(39).iteration == 39


def test_states_come_in_order() -> None:
    kept = Checkpoints()
    kept.add(state(4))
    with pytest.raises(UserError, match="in order"):
        kept.add(state(4))
    with pytest.raises(UserError, match="before update 3"):
        kept.nearest(3)


def test_the_size_of_a_state_is_that_of_its_arrays() -> None:
    last = states(run_of(), 1)[-1]
    weights = 3 * 9 + 3 + 2 * 27 + 2
    assert size_bytes(last) == 2 * 4 * weights


@pytest.mark.parametrize("room", [2, 5, 100])
def test_a_replay_is_the_run_itself(room: int) -> None:
    run = run_of()
    through = states(run, 30)
    kept = Checkpoints(room * size_bytes(through[-1]), 4)
    for one in through:
        kept.add(one)
    for iteration in (0, 1, 7, 8, 19, 30):
        assert same(state_at(run, kept, iteration), through[iteration])


def test_a_replay_can_be_stopped() -> None:
    kept = Checkpoints()
    run = run_of()
    kept.add(run.start)
    answers = iter([False, True])
    with pytest.raises(ReplayStoppedError, match="update 9"):
        state_at(run, kept, 9, lambda: next(answers))
    assert next(answers, None) is None
