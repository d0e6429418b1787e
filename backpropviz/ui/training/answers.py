"""What a network answers to the samples that are held out, and what its layers make of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import forward
from backpropviz.engine.mode import EVAL, with_mode
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
    answers = outputs.argmax(axis=1)
    table = confusion(held_out.targets, answers, outputs.shape[1])
    return Answers(run, trained, held_out, answers, table)


def activations_of(found: Answers, number: int) -> Mapping[str, Array]:
    """What each layer makes of a held-out sample: outputs without the batch, by layer."""
    network = with_mode(found.run.network, EVAL)
    chosen = slice(number, number + 1)
    images = found.samples.images[chosen].astype(found.run.dtype, copy=False)
    target = network.loss.target(
        found.samples.targets[chosen], (1, *network.shapes[network.output])
    )
    with np.errstate(all="ignore"):
        outputs = forward(network, found.trained.parameters, images, target).outputs
    return {node.name: outputs[node.name][0] for node in network.nodes}
