"""How a state does on samples that it does not learn from."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array, freeze
from backpropviz.engine.network import Network
from backpropviz.engine.training.measure import NO_ANSWER, Validated, answers
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.update import Trained, predict


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
