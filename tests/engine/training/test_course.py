"""Which settings and samples an update has, whatever is changed on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.optimizers import Adam, AdamW, Sgd
from backpropviz.engine.training.run import Course, Hyperparameters, Segment, UpdatePlace
from backpropviz.engine.training.update import Cosine, StepDecay
from backpropviz.errors import UserError


def settings(batch_size: int = 4, learning_rate: float = 0.1) -> Hyperparameters:
    return Hyperparameters(Sgd(learning_rate, 0.9), batch_size=batch_size)


def test_an_epoch_ends_with_a_smaller_batch() -> None:
    course = Course.start(10, settings(4))
    assert [course.place(k) for k in range(1, 5)] == [
        UpdatePlace(1, 0, 4),
        UpdatePlace(1, 4, 4),
        UpdatePlace(1, 8, 2),
        UpdatePlace(2, 0, 4),
    ]


def test_another_batch_size_goes_on_from_where_the_samples_are() -> None:
    course = Course.start(10, settings(4)).changed(2, settings(5))
    assert [course.place(k) for k in range(1, 6)] == [
        UpdatePlace(1, 0, 4),
        UpdatePlace(1, 4, 5),
        UpdatePlace(1, 9, 1),
        UpdatePlace(2, 0, 5),
        UpdatePlace(2, 5, 5),
    ]


@given(
    samples=st.integers(1, 40),
    first=st.integers(1, 12),
    changes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 50)), max_size=6),
)
def test_every_epoch_sees_each_sample_once(
    samples: int, first: int, changes: list[tuple[int, int]]
) -> None:
    course, iteration = Course.start(samples, settings(first)), 1
    for later, size in changes:
        iteration += later
        course = course.changed(iteration, settings(size))
    epoch, reached = 1, 0
    for k in range(1, iteration + 3 * samples + 1):
        place = course.place(k)
        if place.epoch != epoch:
            assert (place.epoch, reached) == (epoch + 1, samples)
            epoch, reached = place.epoch, 0
        assert place.first == reached
        assert 1 <= place.size <= course.at(k).batch_size
        reached += place.size


@given(
    changes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), max_size=8),
    asked=st.integers(1, 40),
)
def test_a_change_leaves_what_came_before_it(changes: list[tuple[int, int]], asked: int) -> None:
    course = Course.start(17, settings(3))
    for iteration, size in changes:
        before = course
        course = course.changed(iteration, settings(size))
        assert course.at(iteration) == settings(size)
        assert course.at(iteration + 50) == settings(size)
        if asked < iteration:
            assert course.place(asked) == before.place(asked)
            assert course.rule(asked) == before.rule(asked)


def test_settings_that_are_taken_back_leave_no_mark() -> None:
    course = Course.start(10, settings())
    changed = course.changed(5, settings(learning_rate=0.3))
    assert [change.iteration for change in changed.changes] == [5]
    assert changed.changed(5, settings()) == course
    assert changed.changed(3, settings()) == course


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (settings(learning_rate=0.3), "learning rate 0.1 → 0.3"),
        (
            Hyperparameters(Sgd(0.1, 0.5, nesterov=True), batch_size=8),
            ("momentum 0.9 → 0.5, nesterov off → on, batch size 4 → 8"),
        ),
        (
            Hyperparameters(Adam(0.001), batch_size=4),
            ("optimizer sgd → adam, learning rate 0.1 → 0.001"),
        ),
        (
            Hyperparameters(Sgd(0.1, 0.9), Cosine(500), 4),
            "schedule constant → cosine (500, 0, off)",
        ),
        (Hyperparameters(Sgd(0.1, 0.9), StepDecay(9), 4), "schedule constant → step (9, 0.1)"),
    ],
)
def test_a_change_is_told_in_words(new: Hyperparameters, words: str) -> None:
    course = Course.start(10, settings()).changed(7, new)
    assert [(change.iteration, change.words) for change in course.changes] == [(7, words)]


def test_the_curve_scales_the_learning_rate() -> None:
    course = Course.start(10, Hyperparameters(Sgd(0.8), StepDecay(3, 0.5)))
    assert [course.rule(k).learning_rate for k in (1, 3, 4, 7)] == [0.8, 0.8, 0.4, 0.2]


def test_another_kind_of_optimizer_begins_to_count_anew() -> None:
    course = Course.start(10, settings())
    course = course.changed(4, settings(learning_rate=0.2))
    course = course.changed(6, Hyperparameters(Adam(), batch_size=4))
    course = course.changed(8, Hyperparameters(Adam(0.1), batch_size=4))
    course = course.changed(9, Hyperparameters(AdamW(), batch_size=4))
    assert [course.age(k) for k in range(3, 11)] == [3, 4, 5, 1, 2, 3, 1, 2]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Course(10, ()), "from update 1 on"),
        (lambda: Course(10, (Segment(2, 1, 0, settings()),)), "from update 1 on"),
        (lambda: Course(10, (Segment(1, 1, 10, settings()),)), "sample 10 of epoch 1"),
        (lambda: Course.start(0, settings()), "samples = 0"),
        (lambda: settings(0), "batch size = 0"),
        (lambda: Course.start(10, settings()).place(0), "no update 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, sentence: str) -> None:
    assert callable(make)
    with pytest.raises(UserError, match=sentence):
        make()
