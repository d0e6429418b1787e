"""Which settings each update of a run has, and which of its samples it sees.

A setting that is changed while a run goes on holds from a named update on: the course is a list of
segments, and everything about an update follows from its number.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import fields, replace
from typing import Any

from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.optimizer import Optimizer
from backpropviz.engine.schedule import Constant, Curve, scheduled
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

UNCHANGED = Constant()
_NAMES = {"betas": "β₁, β₂", "eps": "ε", "alpha": "α"}


@frozen
class Hyperparameters:
    """What a person sets: the optimizer, the course of its learning rate, the size of a batch."""

    optimizer: Optimizer
    curve: Curve = UNCHANGED
    batch_size: int = 32

    def __post_init__(self) -> None:
        """Refuse an empty batch."""
        positive("batch size", self.batch_size)

    def rule(self, iteration: int) -> Optimizer:
        """The optimizer of an update: its learning rate times the curve's factor."""
        return scheduled(self.optimizer, self.curve)(iteration)


@frozen
class Segment:
    """Settings from an update on, which begins in an epoch (from 1) after so many samples."""

    first_iteration: int
    epoch: int
    first_sample: int
    hyperparameters: Hyperparameters


@frozen
class Place:
    """The samples of an update: `size` of them from the `first` on, in the order of an epoch.

    Epochs count from 1, samples from 0.
    """

    epoch: int
    first: int
    size: int


@frozen
class Change:
    """A change of settings: the first update that has them, and what is new, in words."""

    iteration: int
    words: str


@frozen
class Course:
    """The settings of every update (from 1) of a run over so many samples.

    Raises:
        UserError: there is no sample, or the segments do not follow one another from update 1.
    """

    samples: int
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        """Check that every update lies in a segment and every segment within an epoch."""
        positive("samples", self.samples)
        firsts = [segment.first_iteration for segment in self.segments]
        if not firsts or firsts[0] != 1 or sorted(set(firsts)) != firsts:
            raise UserError("the settings of a run must be listed by update, from update 1 on.")
        for segment in self.segments:
            if segment.epoch < 1 or not 0 <= segment.first_sample < self.samples:
                raise UserError(
                    f"settings begin at sample {segment.first_sample} of epoch {segment.epoch}, "
                    f"but an epoch has {self.samples} samples, and epochs count from 1."
                )

    @classmethod
    def start(cls, samples: int, hyperparameters: Hyperparameters) -> Course:
        """The same settings for all updates."""
        return cls(samples, (Segment(1, 1, 0, hyperparameters),))

    def at(self, iteration: int) -> Hyperparameters:
        """The settings of an update."""
        return self._segment(iteration).hyperparameters

    def rule(self, iteration: int) -> Optimizer:
        """The optimizer of an update."""
        return self.at(iteration).rule(iteration)

    def begins(self, iteration: int) -> bool:
        """Whether an update is the first with its settings."""
        return self._segment(iteration).first_iteration == iteration

    def place(self, iteration: int) -> Place:
        """The samples of an update; the last batch of an epoch may be smaller.

        Where the size changes within an epoch, the samples go on from where they are: every epoch
        sees each sample once.
        """
        segment = self._segment(iteration)
        size = segment.hyperparameters.batch_size
        done, epoch, first = (
            iteration - segment.first_iteration,
            segment.epoch,
            segment.first_sample,
        )
        in_first_epoch = -(-(self.samples - first) // size)
        if done >= in_first_epoch:
            epochs, done = divmod(done - in_first_epoch, -(-self.samples // size))
            epoch, first = epoch + 1 + epochs, 0
        first += done * size
        return Place(epoch, first, min(size, self.samples - first))

    def age(self, iteration: int) -> int:
        """How many updates the optimizer has made with this one, from 1.

        Another kind of optimizer starts anew, since the state of one means nothing to the other;
        other settings of the same kind go on.
        """
        begin = 1
        for earlier, later in zip(self.segments, self.segments[1:], strict=False):
            if later.first_iteration > iteration:
                break
            kinds = earlier.hyperparameters.optimizer.kind, later.hyperparameters.optimizer.kind
            begin = later.first_iteration if kinds[0] != kinds[1] else begin
        return iteration - begin + 1

    def changed(self, iteration: int, hyperparameters: Hyperparameters) -> Course:
        """These settings from an update on; what was meant for later updates is gone."""
        kept = tuple(s for s in self.segments if s.first_iteration < iteration)
        if kept and kept[-1].hyperparameters == hyperparameters:
            return replace(self, segments=kept)
        place = self.place(iteration)
        new = Segment(iteration, place.epoch, place.first, hyperparameters)
        return replace(self, segments=(*kept, new))

    @property
    def changes(self) -> tuple[Change, ...]:
        """Where settings change, in words: “learning rate 0.02 → 0.3”."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return tuple(
            Change(later.first_iteration, words(earlier.hyperparameters, later.hyperparameters))
            for earlier, later in pairs
        )

    def _segment(self, iteration: int) -> Segment:
        if iteration < 1:
            raise UserError(f"there is no update {iteration}: updates count from 1.")
        found = bisect_right(self.segments, iteration, key=lambda s: s.first_iteration)
        return self.segments[found - 1]


def words(old: Hyperparameters, new: Hyperparameters) -> str:
    """What differs between two settings: “momentum 0.9 → 0.5, batch size 32 → 64”."""
    parts: list[str] = []
    if old.optimizer.kind != new.optimizer.kind:
        parts.append(f"optimizer {old.optimizer.kind} → {new.optimizer.kind}")
        parts += _differences(("learning_rate",), old.optimizer, new.optimizer)
    else:
        names = tuple(field.name for field in fields(_any(new.optimizer)))
        parts += _differences(names, old.optimizer, new.optimizer)
    if old.curve != new.curve:
        parts.append(f"schedule {_curve_words(old.curve)} → {_curve_words(new.curve)}")
    parts += _differences(("batch_size",), old, new)
    return ", ".join(parts)


def _differences(names: tuple[str, ...], old: object, new: object) -> list[str]:
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in names)
    return [
        f"{_NAMES.get(name, name.replace('_', ' '))} {_value(before)} → {_value(after)}"
        for name, before, after in pairs
        if before != after
    ]


def _value(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(_value(item) for item in value)
    return str(value)


def _curve_words(curve: Curve) -> str:
    own = (getattr(curve, field.name) for field in fields(_any(curve)))
    numbers = ", ".join(_value(value) for value in own if isinstance(value, int | float))
    kind = curve.kind.replace("_", " ")
    return f"{kind} ({numbers})" if numbers and curve != UNCHANGED else kind


def _any(value: object) -> Any:
    return value
