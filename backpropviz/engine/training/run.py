"""A run: all that its updates follow from; on one machine equal runs agree bit for bit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import DEFAULT_SCHEME, initialize
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Optimizer, OptimizerState
from backpropviz.engine.record import DTYPES
from backpropviz.engine.training.samples import Augmentation, Batch, Dataset, Samples, epoch_order
from backpropviz.engine.training.update import ConstantRate, Curve, Trained, scheduled
from backpropviz.engine.value import Address, Array, freeze, frozen_arrays, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

UNCHANGED = ConstantRate()
_NAMES = {"betas": "β₁, β₂", "eps": "ε", "alpha": "α"}


@frozen
class Hyperparameters:
    """What a person sets: the optimizer, the course of its learning rate, the size of a batch."""

    optimizer: Optimizer
    curve: Curve = UNCHANGED
    batch_size: int = setting(Setting("Batch size", unit="samples"), default=32)

    def __post_init__(self) -> None:
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
class UpdatePlace:
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

    def place(self, iteration: int) -> UpdatePlace:
        """The samples of an update; the last batch of an epoch may be smaller.

        Where the size changes within an epoch, the samples go on from where they are: every epoch
        sees each sample once.
        """
        segment = self._segment(iteration)
        size = segment.hyperparameters.batch_size
        done = iteration - segment.first_iteration
        epoch, first = segment.epoch, segment.first_sample
        in_first_epoch = -(-(self.samples - first) // size)
        if done >= in_first_epoch:
            epochs, done = divmod(done - in_first_epoch, -(-self.samples // size))
            epoch, first = epoch + 1 + epochs, 0
        first += done * size
        return UpdatePlace(epoch, first, min(size, self.samples - first))

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


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A model and where it starts, data, settings and the seed of all that is drawn.

    `origin` says in words where the start comes from. Numbers are of the start's dtype.

    Raises:
        UserError: the data do not fit the network, or the course is of other data.
    """

    title: str
    model: Model
    dataset: Dataset
    course: Course
    seed: int
    augmentation: Augmentation | None
    start: Trained
    origin: str

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"seed = {self.seed} must be 0 or a positive whole number.")
        if self.course.samples != len(self.dataset.training):
            raise UserError(
                f"the settings are for {self.course.samples} samples, but “{self.dataset.title}” "
                f"has {len(self.dataset.training)} to train on."
            )
        for samples in (self.dataset.training, self.dataset.validation):
            if samples is not None:
                _check_fit(self.model.network, samples, self.dataset.title)

    @property
    def network(self) -> Network:
        return self.model.network

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the parameters, and so of every number of the run."""
        arrays = (array for own in self.start.parameters.values() for array in own.values())
        return next((array.dtype for array in arrays), np.dtype(np.float32))

    def chosen(self, iteration: int) -> Array:
        """The numbers, in the data set, of the samples that an update sees."""
        place = self.course.place(iteration)
        order = epoch_order(self.seed, place.epoch - 1, self.course.samples)
        numbers: Array = order[place.first : place.first + place.size]
        return numbers

    def batch(self, iteration: int) -> Batch:
        """What an update sees: a pure function of its number."""
        chosen, samples = self.chosen(iteration), self.dataset.training
        images = samples.images[chosen].astype(self.dtype, copy=False)
        if self.augmentation is not None and not self.augmentation.is_none:
            place = self.course.place(iteration)
            random = np.random.default_rng((self.seed, place.epoch - 1, place.first + 1))
            images = self.augmentation(images, random)
        return Batch(images, samples.targets[chosen])

    def states(self, now: Trained) -> Mapping[Address, OptimizerState]:
        """The optimizer's state as the next update takes it.

        Where its kind changes there is none, so that it starts anew; where other settings need
        more (a momentum is switched on), what is new starts at its beginning.
        """
        iteration = now.iteration + 1
        if not self.course.begins(iteration):
            return now.states
        if self.course.age(iteration) == 1:
            return {}
        rule = self.course.rule(iteration)
        return {
            address: _extended(rule, now.parameters[address.layer][address.quantity], state)
            for address, state in now.states.items()
        }

    def with_course(self, course: Course) -> Run:
        """The same run with other settings."""
        return replace(self, course=course)

    def updates_per_epoch(self, iteration: int) -> int:
        """Updates of a whole epoch with the settings of an update."""
        return -(-self.course.samples // self.course.at(iteration).batch_size)


@dataclass(frozen=True, slots=True)
class Initial:
    """Where a run begins: fresh weights drawn in some way, or the model's own; in which numbers.

    `seed` draws all of the run: weights, the order of the samples, what dropout leaves out.
    """

    seed: int = setting(Setting("Seed", least=0), default=0)
    scheme: str = DEFAULT_SCHEME
    from_weights: bool = setting(
        Setting(
            "First weights",
            "Fresh: drawn anew, by the seed. Its own: go on from the weights that it has.",
            options={False: "Fresh", True: "Its own"},
        ),
        default=False,
    )
    float_bits: int = setting(
        Setting("Numbers", options={32: "float32", 64: "float64"}), default=32
    )

    def __post_init__(self) -> None:
        """Refuse a width that there is not."""
        if self.float_bits not in DTYPES:
            raise UserError(f"float width {self.float_bits} is not known: use 32 or 64.")


INITIAL = Initial()


def new_run(
    model: Model,
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    initial: Initial = INITIAL,
    *,
    augmentation: Augmentation | None = None,
    title: str = "",
) -> Run:
    """A run that begins.

    Raises:
        UserError: there is no such initialization, or the data do not fit the network.
    """
    seed, dtype = initial.seed, DTYPES[initial.float_bits]
    if initial.from_weights:
        parameters: Parameters = model.parameters
        origin = f"the weights of {model.title}"
    else:
        parameters = initialize(model.network, initial.scheme, seed=seed, dtype=dtype)
        origin = f"fresh weights ({initial.scheme.replace('_', ' ')}, seed {seed})"
    start = Trained(frozen_arrays(parameters, dtype))
    course = Course.start(len(dataset.training), hyperparameters)
    model = replace(
        _told_by(model, dataset),
        parameters=start.parameters,
        optimizer=hyperparameters.optimizer,
        remark=model.remark if initial.from_weights else "",
    )
    return Run(title or model.title, model, dataset, course, seed, augmentation, start, origin)


def _told_by(model: Model, dataset: Dataset) -> Model:
    """The model with the way to the input and the classes of what it learns.

    An example that was brought to the input in another way, or has another's classes, goes.
    """
    names = dataset.class_names
    if (model.preprocessing, model.class_names) == (dataset.preprocessing, names):
        return model
    samples = dataset.training
    wanted = samples.targets[0]
    target = int(wanted) if wanted.ndim == 0 else tuple(map(float, wanted.reshape(-1)))
    example = Example(samples.names[0], samples.images[:1], target)
    return replace(model, preprocessing=dataset.preprocessing, class_names=names, example=example)


def fork(
    run: Run, trained: Trained, hyperparameters: Hyperparameters | None = None, title: str = ""
) -> Run:
    """A run that leaves another one after some update, with other settings from there on."""
    course, following = run.course, trained.iteration + 1
    course = course.changed(following, hyperparameters or course.at(following))
    return replace(
        run,
        title=title or f"{run.title}, forked",
        model=replace(run.model, parameters=trained.parameters),
        course=course,
        start=trained,
        origin=f"“{run.title}” after update {trained.iteration:,}",
    )


def _extended(rule: Optimizer, parameter: Array, state: OptimizerState) -> OptimizerState:
    return {
        name: state.get(name, freeze(first))
        for name, first in rule.initial_state(parameter).items()
    }


def _check_fit(network: Network, samples: Samples, title: str) -> None:
    shape = samples.images.shape[1:]
    if shape != network.input_shape:
        raise UserError(
            f"{network.name} takes images of {shape_text(network.input_shape)}, but those of "
            f"“{title}” are {shape_text(shape)}: load the data for this network."
        )
    prediction = (len(samples), *network.shapes[network.output])
    try:
        network.loss.target(samples.targets, prediction)
    except UserError as error:
        raise UserError(f"“{title}” does not fit {network.name}: {error}") from None
