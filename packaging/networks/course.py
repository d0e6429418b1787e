"""A training run from first to last update, told on the way: the same seed, the same weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Optimizer
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import Schedule, Trained, train


@dataclass(frozen=True, slots=True)
class Course:
    """So many epochs; the learning rate falls along half a cosine to 0."""

    epochs: int
    learning_rate: float
    rule: Callable[[float], Optimizer]

    def schedule(self, updates: int) -> Schedule:
        """The optimizer of each of so many updates."""

        def optimizer(iteration: int) -> Optimizer:
            fallen = (1 + math.cos(math.pi * (iteration - 1) / updates)) / 2
            return self.rule(self.learning_rate * fallen)

        return optimizer


def run(network: Network, start: Parameters, batches: Batches, course: Course) -> Parameters:
    """The parameters after the last epoch; no choice is made among epochs."""
    updates = course.epochs * batches.per_epoch
    began_s = time.monotonic()
    parameters, total = start, 0.0
    for now in islice(train(network, Trained(start), batches, course.schedule(updates)), updates):
        parameters = now.parameters
        total += now.loss or 0.0
        epoch, place = divmod(now.iteration, batches.per_epoch)
        if place == 0:
            seconds = time.monotonic() - began_s
            mean = total / batches.per_epoch
            print(f"epoch {epoch:3d}  mean loss {mean:.4f}  {seconds:.0f} s", flush=True)
            total = 0.0
    return parameters
