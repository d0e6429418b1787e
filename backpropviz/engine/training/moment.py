"""One update of a run, to be looked at: the very pass that made it, with every number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backpropviz.engine.mode import Mode
from backpropviz.engine.model import Model
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.trainer import advanced
from backpropviz.engine.training.update import Trained, layer_workspaces
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class Moment:
    """An update and the state that it starts from.

    Raises:
        UserError: the state is not the one before the update.
    """

    run: Run
    before: Trained
    iteration: int

    def __post_init__(self) -> None:
        """Check that the state leads to the update."""
        if self.before.iteration != self.iteration - 1:
            raise UserError(
                f"update {self.iteration} starts from the state after update "
                f"{self.iteration - 1}, not after {self.before.iteration}."
            )

    @property
    def model(self) -> Model:
        """The run's model with the weights before the update, and the update's optimizer."""
        rule = self.run.course.rule(self.iteration)
        return replace(self.run.model, parameters=self.before.parameters, optimizer=rule)

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Where the images of the batch come from."""
        names = self.run.dataset.training.names
        return tuple(names[k] for k in self.run.chosen(self.iteration))

    def record(self) -> Tape:
        """The update as a tape: its `next` are the trained weights, on one machine bit for bit."""
        batch = self.run.batch(self.iteration)
        with np.errstate(all="ignore"):  # what is not finite is told by the values themselves
            return record(
                self.run.network,
                self.before.parameters,
                batch.images,
                batch.targets,
                self.run.course.rule(self.iteration),
                states=self.run.states(self.before),
                iteration=self.run.course.age(self.iteration),
                mode=Mode(True, self.run.seed, self.iteration),
            )

    def after(self) -> Trained:
        """The state after the update, as training makes it."""
        return advanced(self.run, self.before, layer_workspaces(self.run.network))
