"""A pass of training or of use: what batch normalization and dropout do otherwise.

The mode is a part of such a layer's configuration, as a convention is: a pass, its nests, its tape
and every pass that is computed anew from that tape then agree on it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from backpropviz.engine.kinds.protocol import Moded
from backpropviz.engine.network import Network
from backpropviz.frozen import frozen


@frozen
class Mode:
    """Whether a pass trains, and what its dropouts are drawn from: a seed, the update's number."""

    training: bool = False
    seed: int = 0
    iteration: int = 0

    def layer_seed(self, place: int) -> int:
        """The seed of the `place`-th layer: another for every layer of every update."""
        words = np.random.SeedSequence((self.seed, self.iteration, place)).generate_state(1)
        return int(words[0])


EVAL = Mode()
"""Use: running statistics, nothing dropped."""


def with_mode(network: Network, mode: Mode) -> Network:
    """The network in a mode; one without layers that ask for it is the same object."""
    nodes = list(network.nodes)
    for place in network.moded_places:
        layer = nodes[place].layer
        seed = mode.layer_seed(place)
        changed = cast("Moded", layer).in_mode(training=mode.training, seed=seed)
        if changed != layer:
            nodes[place] = replace(nodes[place], layer=changed)
    if all(a is b for a, b in zip(nodes, network.nodes, strict=True)):
        return network
    return Network(network.name, network.input_shape, tuple(nodes), network.loss)
