"""A run's settings, seed and origin as JSON."""

from __future__ import annotations

from backpropviz.engine.fields import to_fields
from backpropviz.engine.schedule import curve_from_fields, curve_to_fields
from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.course import Course, Hyperparameters, Segment
from backpropviz.engine.training.run import Run
from backpropviz.storage.entry import LARGEST_INTEGER, Entry
from backpropviz.storage.settings_json import optimizer_from_json

RUN_FIELDS = ("title", "seed", "origin", "augmentation", "course")
_SEGMENT = ("first_iteration", "epoch", "first_sample", "batch_size", "optimizer", "schedule")
_AUGMENTATION = ("flip", "shift_px", "rotation_deg", "scale", "noise")


def run_to_json(run: Run) -> dict[str, object]:
    """What a run is besides its arrays and its data."""
    augmentation = run.augmentation
    return {
        "title": run.title,
        "seed": run.seed,
        "origin": run.origin,
        "augmentation": None
        if augmentation is None
        else {name: getattr(augmentation, name) for name in _AUGMENTATION},
        "course": [_segment_to_json(segment) for segment in run.course.segments],
    }


def _segment_to_json(segment: Segment) -> dict[str, object]:
    settings = segment.hyperparameters
    return {
        "first_iteration": segment.first_iteration,
        "epoch": segment.epoch,
        "first_sample": segment.first_sample,
        "batch_size": settings.batch_size,
        "optimizer": to_fields(settings.optimizer),
        "schedule": curve_to_fields(settings.curve),
    }


def seed_from_json(entry: Entry) -> int:
    """A seed."""
    return entry.integer(0, LARGEST_INTEGER)


def augmentation_from_json(entry: Entry) -> Augmentation | None:
    """The changes that images undergo; null where there are none."""
    if entry.value is None:
        return None
    members = entry.members(_AUGMENTATION, _AUGMENTATION)
    flip = members["flip"].value
    if not isinstance(flip, bool):
        members["flip"].refuse("use true or false")
    return Augmentation(flip, *(members[name].number() for name in _AUGMENTATION[1:]))


def course_from_json(entry: Entry, samples: int) -> Course:
    """The settings of a run over so many samples."""
    return Course(samples, tuple(_segment(item) for item in entry.items()))


def _segment(entry: Entry) -> Segment:
    members = entry.members(_SEGMENT, _SEGMENT)
    schedule = members["schedule"].members(required=("kind",))
    given = {name: member.value for name, member in schedule.items()}
    settings = Hyperparameters(
        optimizer_from_json(members["optimizer"]),
        curve_from_fields(given, members["schedule"].place),
        members["batch_size"].integer(1, LARGEST_INTEGER),
    )
    first, epoch, sample = (members[name].integer(0, LARGEST_INTEGER) for name in _SEGMENT[:3])
    return Segment(first, epoch, sample, settings)
