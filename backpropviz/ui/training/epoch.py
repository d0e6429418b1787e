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
    place, size = course.place(iteration), course.at(iteration).batch_size
    done = place.first // size + 1
    first = iteration - done + 1
    if first < 1 or course.at(first).batch_size != size or course.place(first).first:
        # The size of the batches was changed within the epoch.
        first = epoch_start(course, iteration)
        done = iteration - first + 1
    return done, epoch_end(course, iteration - 1) - first + 1


def epoch_start(course: Course, iteration: int) -> int:
    """The first update of the epoch of an update."""
    epoch, first = course.place(iteration).epoch, iteration
    while first > 1 and course.place(first - 1).epoch == epoch:
        first -= 1
    return first
