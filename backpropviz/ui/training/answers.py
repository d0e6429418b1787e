"""What a network answers to the samples that are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.training.measure import answers
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.update import Trained, predict
from backpropviz.engine.training.validation import confusion


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answer to each held-out sample, counted in `table` by true class and answer."""

    run: Run
    trained: Trained
    samples: Samples
    answers: Array
    table: Array

    def numbers(self, true: int, answer: int) -> tuple[int, ...]:
        """The samples of one cell of the table."""
        found = (self.samples.targets == true) & (self.answers == answer)
        return tuple(int(number) for number in np.flatnonzero(found))

    @property
    def wrong(self) -> tuple[int, ...]:
        """All samples that are taken for something else."""
        return tuple(int(k) for k in np.flatnonzero(self.samples.targets != self.answers))


def answers_of(run: Run, trained: Trained) -> Answers | None:
    """The answers to all held-out samples; None for a regression or where there are none."""
    held_out = run.dataset.validation
    if held_out is None or held_out.targets.dtype.kind not in "iu" or held_out.targets.ndim != 1:
        return None
    images = held_out.images.astype(run.dtype, copy=False)
    with np.errstate(all="ignore"):  # what is not finite is seen in the activations
        outputs = predict(run.network, trained.parameters, images)
    given = answers(outputs)
    table = confusion(held_out.targets, given, outputs.shape[1])
    return Answers(run, trained, held_out, given, table)
