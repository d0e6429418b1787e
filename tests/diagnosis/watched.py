"""Runs that a guard watches, and rows made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from backpropviz.diagnosis.rule import Alert, RunFacts, facts_of
from backpropviz.diagnosis.stops import DEFAULT_STOPS, Stop, Watches
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.diagnosis.watch import Guard, begin_diagnosis, guard
from backpropviz.engine.initialize import DEFAULT_SCHEME
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.training.run import Hyperparameters, Initial, Run, new_run
from backpropviz.engine.training.trainer import Trainer
from backpropviz.engine.value import Array
from backpropviz.files.data.load import load_dataset
from backpropviz.files.networks import load_network
from tests.engine.training.runs import small, stripes


@lru_cache
def facts() -> RunFacts:
    """Of a network with conv1, relu1 and dense1; two classes."""
    return facts_of(small(), stripes())


def row(
    iteration: int,
    loss: float = 1.0,
    *,
    gradient: float = 0.1,
    step: float = 0.001,
    weight: float = 1.0,
    rate: float = 0.1,
    correct: int = 16,
    epoch: int = 1,
    count: int = 32,
    active: Mapping[str, Array] | None = None,
    gradients: Mapping[int, float] | None = None,
) -> Measured:
    """An update of `small`, all tensors alike but for what is said."""
    norms = [gradient] * 4
    for place, norm in (gradients or {}).items():
        norms[place] = norm
    return Measured(
        iteration,
        epoch,
        loss,
        rate,
        correct,
        count,
        tuple(norms),
        (step,) * 4,
        (weight,) * 4,
        active or {},
    )


def validation(
    iteration: int, loss: float, accuracy: float | None = None, table: Array | None = None
) -> Validated:
    """How `small` does on what is held out."""
    return Validated(iteration, loss, accuracy, table)


def relu(*shares: float) -> dict[str, Array]:
    """The activity of relu1's maps."""
    return {"relu1": np.array(shares)}


def why_stopped(stop: Stop, facts: RunFacts, rows: Iterable[Measured | Validated]) -> str | None:
    """Why a run that ends with these rows would stop at the last one, or None."""
    now = Guard(facts, Watches(facts).with_stops([stop]), begin_diagnosis(facts))
    for row in rows:
        now = now.after(row) if isinstance(row, Measured) else now.validated(row)
    return None if now.stopped is None else now.stopped.sentence


@dataclass(slots=True)
class Watched:
    """A run, its trainer, its guard, and each alert at the update at which it came."""

    run: Run
    trainer: Trainer
    guard: Guard
    came: dict[str, int]
    last: Measured | None = None

    def train(self, updates: int) -> Watched:
        """So many updates, or up to a stop; a validation and a look at the weights every 25."""
        for _ in range(updates):
            made = self.trainer.advance()
            self.last = made.measured
            self.guard = self.guard.after(made.measured, is_finite=made.is_finite)
            if made.is_finite and made.trained.iteration % 25 == 0:
                self.guard = self.guard.validated(self.trainer.validate())
                self.guard = self.guard.weighed(made.trained.iteration, made.trained.parameters)
            for alert in self.guard.diagnosis.active:
                self.came.setdefault(alert.rule, made.trained.iteration)
            if self.guard.stopped is not None:
                break
        return self

    def alert(self, rule: str) -> Alert:
        """The active alert of a rule."""
        return next(a for a in self.guard.diagnosis.active if a.rule == rule)


def watched(
    run: Run,
    stops: tuple[Stop, ...] = DEFAULT_STOPS,
    limits: Thresholds = DEFAULTS,
    activities_every: int = 10,
) -> Watched:
    """A run that is watched from its beginning."""
    trainer = Trainer(run, activities_every=activities_every)
    begun = guard(run, stops, limits)
    return Watched(run, trainer, begun, {a.rule: 0 for a in begun.diagnosis.active})


def lenet_run(rate: float = 0.02, scheme: str = DEFAULT_SCHEME, seed: int = 0) -> Run:
    """LeNet on the bundled digits, from fresh weights."""
    model = load_network("lenet")
    data = load_dataset("mnist", model.network, model.preprocessing)
    settings = Hyperparameters(Sgd(rate, 0.9), batch_size=32)
    return new_run(model, data, settings, Initial(seed=seed, scheme=scheme))
