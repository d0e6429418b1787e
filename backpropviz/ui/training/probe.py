"""What a network makes of one sample, layer by layer, in use and not in training."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import forward
from backpropviz.engine.kinds.kind import Pattern
from backpropviz.engine.mode import EVAL, with_mode
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.update import Trained


def probe_samples(run: Run) -> Samples:
    """What is looked at: the held-out samples, or those to train on where none is held out."""
    return run.dataset.validation or run.dataset.training


def shown_layers(run: Run) -> tuple[str, ...]:
    """The layers whose outputs are worth a look: all but those that only reshape."""
    return tuple(
        node.name for node in run.network.nodes if node.layer.about.pattern is not Pattern.RESHAPED
    )


def activations(run: Run, trained: Trained, number: int) -> dict[str, Array]:
    """The output of every layer, (C,H,W) or (K), for a sample."""
    samples, network = probe_samples(run), with_mode(run.network, EVAL)
    image = samples.images[number : number + 1].astype(run.dtype, copy=False)
    shape = (1, *network.shapes[network.output])
    target = network.loss.target(samples.targets[number : number + 1], shape)
    with np.errstate(all="ignore"):  # what is not finite is told by the values themselves
        found = forward(network, trained.parameters, image, target)
    return {name: found.outputs[name][0] for name in shown_layers(run)}


def output_address(layer: str) -> Address:
    """The name of a layer's output."""
    return Address(layer, "output")
