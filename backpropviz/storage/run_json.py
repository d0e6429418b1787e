"""A run's settings, seed and origin as JSON."""

from __future__ import annotations

from dataclasses import asdict

from backpropviz.document import LARGEST_INTEGER, Value
from backpropviz.engine.fields import to_fields
from backpropviz.engine.schedule import curve_to_fields, read_curve
from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.course import Course, Hyperparameters, Segment
from backpropviz.engine.training.run import Run
from backpropviz.storage.settings_json import optimizer_from_json

RUN_FIELDS = ("title", "seed", "origin", "augmentation", "course")
_SEGMENT = ("first_iteration", "epoch", "first_sample", "batch_size", "optimizer", "schedule")


def run_to_json(run: Run) -> dict[str, object]:
    """What a run is besides its arrays and its data."""
    augmentation = run.augmentation
    return {
        "title": run.title,
        "seed": run.seed,
        "origin": run.origin,
        "augmentation": None if augmentation is None else asdict(augmentation),
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


def seed_from_json(entry: Value) -> int:
    """A seed."""
    return entry.integer(0, LARGEST_INTEGER)


def augmentation_from_json(entry: Value) -> Augmentation | None:
    """The changes that images undergo; null where there are none."""
    return None if entry.value is None else entry.record(Augmentation)


def course_from_json(entry: Value, samples: int) -> Course:
    """The settings of a run over so many samples."""
    return Course(samples, tuple(_segment(item) for item in entry.items()))


def _segment(entry: Value) -> Segment:
    members = entry.members(_SEGMENT, _SEGMENT)
    settings = Hyperparameters(
        optimizer_from_json(members["optimizer"]),
        read_curve(members["schedule"]),
        members["batch_size"].integer(1, LARGEST_INTEGER),
    )
    first, epoch, sample = (members[name].integer(0, LARGEST_INTEGER) for name in _SEGMENT[:3])
    return Segment(first, epoch, sample, settings)
