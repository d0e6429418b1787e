"""When snapshots are told, how speed is measured, where epochs end: pure parts of the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.run import Course, Hyperparameters
from backpropviz.errors import UserError
from backpropviz.ui.forms import text_of, typed_value
from backpropviz.ui.training.worker import (
    DRAWING_SHARE,
    LEAST_INTERVAL_S,
    MOST_INTERVAL_S,
    Go,
    Halt,
    Mailbox,
    Pace,
    Speed,
    epoch_end,
    updates_in,
)


def test_snapshots_cost_at_most_their_share() -> None:
    pace = Pace().told(10.0, 5)
    cost_s = 0.05
    assert not pace.is_due(10.0 + cost_s / DRAWING_SHARE - 0.01, 99, cost_s)
    assert pace.is_due(10.0 + cost_s / DRAWING_SHARE + 0.01, 99, cost_s)
    assert not pace.is_due(10.0 + LEAST_INTERVAL_S / 2, 99, 0.0)
    assert pace.is_due(10.0 + MOST_INTERVAL_S, 99, 100.0)


def test_a_chosen_spacing_holds_whatever_it_costs() -> None:
    pace = Pace(10).told(0.0, 10)
    assert next(k for k in range(11, 25) if pace.is_due(0.0, k, 9.9)) == 20
    assert Pace(1).told(0.0, 3).is_due(0.0, 4, 9.9)


def test_speed_counts_the_last_stretch_and_no_pause() -> None:
    speed = Speed()
    assert speed.samples_per_second is None
    speed.start(100.0)
    for k in range(1, 41):
        speed.made(100.0 + 0.1 * k, 32)
    assert speed.samples_per_second == pytest.approx(320)
    speed.start(500.0)
    assert speed.samples_per_second is None
    speed.made(500.5, 32)
    assert speed.samples_per_second == pytest.approx(64)


def test_the_mailbox_gives_wishes_in_order_and_waits_for_nobody_with_work() -> None:
    box = Mailbox()
    box.put(Go(1, 5))
    box.put(Halt(2))
    assert box.take(has_work=False, has_news=False) == (Go(1, 5), Halt(2))
    assert box.take(has_work=True, has_news=False) == ()
    is_free = [box.is_free]
    box.tell()
    is_free.append(box.is_free)
    assert box.take(has_work=True, has_news=True) == ()
    box.acknowledge(0.25)
    assert [*is_free, box.is_free] == [True, False, True]
    assert box.take(has_work=False, has_news=True) == ()


@pytest.mark.parametrize(("iteration", "end"), [(0, 4), (1, 4), (3, 4), (4, 8), (7, 8)])
def test_an_epoch_ends_with_its_last_batch(iteration: int, end: int) -> None:
    course = Course.start(100, Hyperparameters(Sgd(0.1), batch_size=30))
    assert epoch_end(course, iteration) == end


def test_updates_are_counted_also_where_the_batch_size_changes_within_an_epoch() -> None:
    settings = Hyperparameters(Sgd(0.1), batch_size=30)
    course = Course.start(100, settings)
    assert updates_in(course, 6) == (2, 4)
    changed = course.changed(3, replace(settings, batch_size=10))
    assert [updates_in(changed, k) for k in (1, 2, 3, 6)] == [(1, 4), (2, 4), (3, 6), (6, 6)]
    assert updates_in(changed, 7) == (1, 10)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.02", 0.02), ("32", 32), ("1e-3", 1e-3), ("on", True), ("0.9, 0.999", [0.9, 0.999])],
)
def test_what_is_typed_is_read_back(text: str, value: object) -> None:
    assert typed_value(text, "Field") == value
    assert typed_value(text_of(value), "Field") == value


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(UserError, match="Momentum = “much” is no number"):
        typed_value("much", "Momentum")
