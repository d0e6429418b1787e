"""Updates of a run, one by one, with what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from backpropviz.engine.backprop import Forward
from backpropviz.engine.model import Mode, with_mode
from backpropviz.engine.network import Network
from backpropviz.engine.training.history import (
    NO_ANSWER,
    Measured,
    Validated,
    activities,
    answers,
    correct_answers,
    norm,
    tensors_of,
)
from backpropviz.engine.training.run import Hyperparameters, Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.update import (
    Trained,
    UpdateObserver,
    Workspaces,
    layer_workspaces,
    predict,
    updated,
)
from backpropviz.engine.value import Address, Array, freeze
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def validated(network: Network, trained: Trained, samples: Samples) -> Validated:
    """Loss over all samples by the network's own loss; for classes, who is taken for whom."""
    dtypes = {array.dtype for own in trained.parameters.values() for array in own.values()}
    images = samples.images.astype(dtypes.pop(), copy=False) if dtypes else samples.images
    with np.errstate(all="ignore"):
        outputs = predict(network, trained.parameters, images)
        target = network.loss.target(samples.targets, outputs.shape)
        loss = float(network.loss.forward(outputs, target)[0])
    if target.dtype.kind != "i":
        return Validated(trained.iteration, loss, None, None)
    given = answers(outputs)
    table = confusion(target, given, outputs.shape[1])
    return Validated(trained.iteration, loss, float((given == target).mean()), table)


def confusion(true: Array, given: Array, classes: int) -> Array:
    """How many samples of a class (row) got which answer (column): (K,K) int64.

    Those without an answer are in no cell.
    """
    table = np.zeros((classes, classes), dtype=np.int64)
    has_answer = given != NO_ANSWER
    np.add.at(table, (true[has_answer], given[has_answer]), 1)
    return freeze(table)


ACTIVITIES_EVERY = 10
"""Activities are measured in the first of so many updates, since they cost more than the rest."""

_SURELY_FINITE = 1e18
"""No sum or square of numbers below this passes the largest float32: norms tell enough then."""


@frozen(eq=False)
class Updated:
    """An update: the state after it, its numbers, and its gradients where they were asked for.

    Where loss, a gradient, a new weight or the optimizer's state is not finite, `is_finite` is
    false, and `trained` is there to be looked at only: the run has stayed at the state before.
    """

    trained: Trained
    measured: Measured
    gradients: Mapping[Address, Array]
    is_finite: bool


@dataclass(slots=True, eq=False)
class _Gauges(UpdateObserver):
    """Reads an update off while its arrays are there."""

    network: Network
    wants_activities: bool
    wants_gradients: bool
    correct: int | None = None
    activities: Mapping[str, Array] = field(default_factory=dict)
    gradients: dict[Address, Array] = field(default_factory=dict)
    norms: dict[Address, tuple[float, float, float]] = field(default_factory=dict)

    def passed(self, run: Forward) -> None:
        self.correct = correct_answers(self.network, run)
        if self.wants_activities:
            self.activities = activities(self.network, run.outputs)

    def stepped(self, parameter: Address, weight: Array, gradient: Array, step: Array) -> None:
        self.norms[parameter] = norm(gradient), norm(step), norm(weight)
        if self.wants_gradients:
            self.gradients[parameter] = freeze(gradient.copy())


def advanced(
    run: Run, now: Trained, workspaces: Workspaces, watch: UpdateObserver | None = None
) -> Trained:
    """The state after the next update of a run: a pure function of run and state."""
    iteration = now.iteration + 1
    network = with_mode(run.network, Mode(True, run.seed, iteration))
    before = replace(now, states=run.states(now))
    rule, age = run.course.rule(iteration), run.course.age(iteration)
    with np.errstate(all="ignore"):  # what is not finite is told by the values themselves
        return updated(network, before, run.batch(iteration), rule, age, workspaces, watch)


def measured_update(
    run: Run,
    now: Trained,
    workspaces: Workspaces,
    *,
    gradients: bool = False,
    activities_every: int = ACTIVITIES_EVERY,
) -> Updated:
    """The next update with its numbers."""
    iteration = now.iteration + 1
    wants_activities = (iteration - 1) % activities_every == 0
    gauges = _Gauges(run.network, wants_activities, gradients)
    trained = advanced(run, now, workspaces, gauges)
    measured = _measured(run, trained, gauges)
    with np.errstate(all="ignore"):
        is_finite = _is_finite(run.network, trained, measured)
    return Updated(trained, measured, gauges.gradients, is_finite)


def _measured(run: Run, trained: Trained, gauges: _Gauges) -> Measured:
    iteration = trained.iteration
    place = run.course.place(iteration)
    norms = [gauges.norms[tensor] for tensor in tensors_of(run.network)]
    gradient, step, weight = zip(*norms, strict=True) if norms else ((), (), ())
    return Measured(
        iteration,
        place.epoch,
        math.nan if trained.loss is None else trained.loss,
        run.course.rule(iteration).learning_rate,
        gauges.correct,
        place.size,
        gradient,
        step,
        weight,
        gauges.activities,
    )


def _is_finite(network: Network, trained: Trained, measured: Measured) -> bool:
    """Whether loss, gradients, steps, and all that the next update starts from are finite."""
    norms = (*measured.gradient_norms, *measured.step_norms, *measured.weight_norms)
    if not all(map(math.isfinite, (measured.loss, *norms))):
        return False
    groups = [trained.parameters[layer] for layer in network.buffered]
    if max(norms, default=0.0) >= _SURELY_FINITE:
        groups += [*trained.parameters.values(), *trained.states.values()]
    return all(bool(np.isfinite(array).all()) for own in groups for array in own.values())


def check_last_batch(run: Run, now: Trained, count: int | None = None) -> None:
    """Refuse a run whose smaller last batch of an epoch, among so many updates, cannot be made.

    Raises:
        UserError: it cannot, such as a batch normalization of one value.
    """
    place = run.course.place(now.iteration + 1)
    left = -(-(run.course.samples - place.first) // place.size)
    last = now.iteration + left
    is_smaller = run.course.place(last).size < place.size
    if not is_smaller or (count is not None and count < left):
        return
    try:
        advanced(run, replace(now, iteration=last - 1), layer_workspaces(run.network))
    except UserError as error:
        raise UserError(
            f"update {last:,} sees the {run.course.place(last).size} of {run.course.samples:,} "
            f"samples that are left at the end of an epoch: {error}"
        ) from None


def updates(run: Run, start: Trained) -> Iterator[Updated]:
    """The updates that follow a state, without end, or up to one that is not finite."""
    workspaces = layer_workspaces(run.network)
    now = start
    while True:
        update = measured_update(run, now, workspaces)
        yield update
        if not update.is_finite:
            return
        now = update.trained


class Trainer:
    """A run and where it stands."""

    def __init__(
        self, run: Run, now: Trained | None = None, *, activities_every: int = ACTIVITIES_EVERY
    ) -> None:
        self.run = run
        self.now = run.start if now is None else now
        self._activities_every = activities_every
        self._workspaces = layer_workspaces(run.network)

    def advance(self, *, gradients: bool = False) -> Updated:
        """Make the next update, with copies of its gradients if they are asked for.

        An update that is not finite is reported, but not taken: `now` stays the state before.
        """
        update = measured_update(
            self.run,
            self.now,
            self._workspaces,
            gradients=gradients,
            activities_every=self._activities_every,
        )
        if update.is_finite:
            self.now = update.trained
        return update

    def change(self, hyperparameters: Hyperparameters) -> None:
        """Take other settings from the next update on."""
        course = self.run.course.changed(self.now.iteration + 1, hyperparameters)
        self.run = self.run.with_course(course)
        self.rest()

    def rest(self) -> None:
        """Let go of the buffers of an update, which the next one makes anew.

        They are larger than the state, and made for a size of batch.
        """
        self._workspaces = layer_workspaces(self.run.network)

    def validate(self) -> Validated:
        """How the state does on the samples that are held out.

        Raises:
            UserError: there are none.
        """
        held_out = self.run.dataset.validation
        if held_out is None:
            raise UserError(f"“{self.run.dataset.title}” holds out no samples to validate with.")
        return validated(self.run.network, self.now, held_out)
