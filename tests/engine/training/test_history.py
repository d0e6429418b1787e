"""A history grows, stays small, and what it has given out does not change."""

from __future__ import annotations

import csv
import io

import numpy as np

from backpropviz.engine.training.history import CSV_HEADER, History, Measured, Validated, tensors_of
from backpropviz.engine.training.trainer import Trainer
from tests.engine.training.runs import run_of, small

TENSORS = tensors_of(small())
ONES = (1.0,) * len(TENSORS)


def row(iteration: int, correct: int | None = 3) -> Measured:
    loss = 1 / iteration
    return Measured(iteration, 1 + iteration // 10, loss, 0.1, correct, 8, ONES, ONES, ONES)


def filled(count: int, most_rows: int = 1000) -> History:
    history = History(TENSORS, most_rows)
    for iteration in range(1, count + 1):
        history.add(row(iteration))
    return history


def test_rows_are_columns() -> None:
    run = run_of()
    trainer, history = Trainer(run), History(tensors_of(run.network))
    measured = [trainer.advance().measured for _ in range(9)]
    for one in measured:
        history.add(one)
    columns = history.columns(3, 5)
    assert columns.iteration.tolist() == [3, 4, 5]
    assert columns.loss.tolist() == [one.loss for one in measured[2:5]]
    assert columns.accuracy.tolist() == [one.accuracy for one in measured[2:5]]
    assert np.array_equal(columns.gradient_norms[0], measured[2].gradient_norms)
    np.testing.assert_array_equal(columns.ratios[1], measured[3].ratios)
    assert history.recent == tuple(measured)


def test_what_was_given_out_stays_as_it_was() -> None:
    history = filled(20, most_rows=32)
    given = history.columns()
    losses = given.loss.copy()
    for iteration in range(21, 200):
        history.add(row(iteration))
    assert np.array_equal(given.loss, losses)
    assert not given.loss.flags.writeable


def test_an_update_that_is_made_anew_replaces_its_row() -> None:
    history = filled(20)
    given = history.columns()
    history.add(row(18, 0))
    assert history.columns().iteration.tolist() == list(range(1, 19))
    assert history.columns(18).accuracy.tolist() == [0.0]
    assert given.accuracy[17] == 3 / 8
    assert history.recent[-1].correct == 0
    assert len(history.recent) == 18


def test_a_long_run_is_thinned_from_its_beginning() -> None:
    history = filled(5000, most_rows=100)
    iterations = history.columns().iteration
    assert len(iterations) <= 100
    assert (iterations[0], iterations[-1]) == (1, 5000)
    assert (np.diff(iterations) > 0).all()
    assert iterations[-30:].tolist() == list(range(4971, 5001))


def test_a_fork_begins_with_a_copy() -> None:
    history = filled(20)
    history.add_validated(Validated(10, 0.5, 0.9, None))
    history.add_validated(Validated(20, 0.4, 0.95, None))
    fork = history.until(12)
    fork.add(row(13))
    assert len(fork) == 13
    assert len(history) == 20
    assert [one.iteration for one in fork.validated] == [10]
    assert [one.iteration for one in fork.recent] == list(range(1, 14))


def test_only_the_newest_validation_keeps_its_table() -> None:
    history = filled(2)
    table = np.eye(2, dtype=np.int64)
    history.add_validated(Validated(1, 0.5, 0.9, table))
    history.add_validated(Validated(2, 0.4, 1.0, table))
    assert [one.confusion is table for one in history.validated] == [False, True]


def test_the_csv_has_a_row_an_update_and_validations_at_their_updates() -> None:
    history = filled(3)
    history.add_validated(Validated(2, 0.25, 0.5, None))
    text = io.StringIO()
    csv.writer(text).writerows(history.csv_rows())
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert tuple(rows[0]) == CSV_HEADER
    assert rows[1:] == [
        ["1", "1", "1.0", "0.1", "", ""],
        ["1", "2", "0.5", "0.1", "0.25", "0.5"],
        ["1", "3", repr(1 / 3), "0.1", "", ""],
    ]


def test_an_accuracy_that_is_none_is_no_number() -> None:
    history = History(TENSORS)
    history.add(row(1, None))
    assert np.isnan(history.columns().accuracy).all()
