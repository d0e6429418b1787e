"""Where an epoch ends."""

from __future__ import annotations

from backpropviz.engine.training.course import Course


def epoch_end(course: Course, iteration: int) -> int:
    """The last update of the epoch that the update after `iteration` belongs to."""
    place = course.place(iteration + 1)
    size = course.at(iteration + 1).batch_size
    return iteration - (place.first - course.samples) // size


def updates_in(course: Course, iteration: int) -> tuple[int, int]:
    """Of the epoch of an update (from 1): its number in the epoch, and how many there are."""
    epoch = course.place(iteration).epoch
    last = epoch_end(course, iteration - 1)
    first = iteration
    while first > 1 and course.place(first - 1).epoch == epoch:
        first -= 1
    return iteration - first + 1, last - first + 1
