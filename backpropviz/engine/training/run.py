"""A run: all that its updates follow from; on one machine equal runs agree bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze, shape_text
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.data import Batch, epoch_order
from backpropviz.engine.initialize import DEFAULT_SCHEME, initialize
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import Network
from backpropviz.engine.optimizer import Optimizer, OptimizerState
from backpropviz.engine.record import DTYPES
from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.course import Course, Hyperparameters
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.engine.training.update import Trained
from backpropviz.errors import UserError


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
        """Check that the data fit."""
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
        """The network that learns."""
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

    seed: int = 0
    scheme: str = DEFAULT_SCHEME
    from_weights: bool = False
    float_bits: int = 32

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
    start = Trained(_frozen(parameters, dtype))
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


def _frozen(parameters: Parameters, dtype: type[np.floating[Any]]) -> Parameters:
    return {
        layer: {name: freeze(array.astype(dtype)) for name, array in own.items()}
        for layer, own in parameters.items()
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
