"""A pass of training or of use: what batch normalization and dropout do otherwise.

The mode is a part of such a layer's configuration, as a convention is: a pass, its nests, its tape
and every pass that is computed anew from that tape then agree on it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

import numpy as np

from backpropviz.engine.kinds.protocol import LayerMode, Moded
from backpropviz.engine.network import Network
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

MODES: Final[tuple[LayerMode, ...]] = ("train", "eval")
LARGEST_DROPOUT_SEED: Final = 2**32 - 1


@frozen
class Mode:
    """Whether a pass trains, and what its dropouts are drawn from: a seed, the update's number."""

    training: bool = False
    seed: int = 0
    iteration: int = 0

    @property
    def name(self) -> LayerMode:
        """`train` or `eval`, as PyTorch's modules call it."""
        return "train" if self.training else "eval"

    def layer_seed(self, place: int) -> int:
        """The seed of the `place`-th layer: another for every layer of every update."""
        words = np.random.SeedSequence((self.seed, self.iteration, place)).generate_state(1)
        return int(words[0])


EVAL = Mode()
"""Use: running statistics, nothing dropped."""
TRAIN = Mode(training=True, iteration=1)
"""Training: the batch's own statistics, and the masks that a first update draws with the seed 0."""


def chosen_mode(own: Mode, name: str | None, dropout_seed: int | None) -> Mode:
    """A model's own mode with what is chosen in its place.

    Raises:
        UserError: there is no such mode, or the seed is out of range.
    """
    if name not in {None, *MODES}:
        raise UserError(f"mode “{name}” is not known: use train or eval.")
    seed = own.seed if dropout_seed is None else dropout_seed
    if not 0 <= seed <= LARGEST_DROPOUT_SEED:
        raise UserError(f"dropout seed {seed} must lie in 0 to {LARGEST_DROPOUT_SEED:,}.")
    if (name or own.name) == "eval":
        return replace(EVAL, seed=seed)
    return replace(TRAIN, seed=seed)


def has_modes(network: Network) -> bool:
    """Whether a pass differs between training and use."""
    return bool(network.moded_places)


def recorded_mode(network: Network) -> LayerMode | None:
    """The mode that a pass's layers are in; None where no layer knows one."""
    if not network.moded_places:
        return None
    return "eval" if with_mode(network, EVAL) is network else "train"


def training_refusal(network: Network, batch: int) -> str:
    """Why a batch of so many images cannot be trained on; empty where it can."""
    for place in network.moded_places:
        node = network.nodes[place]
        layer = cast("Moded", node.layer)
        found = layer.training_refusal(network.site(node.name, batch).inputs[0])
        if found:
            return f"{node.name}: {found}"
    return ""


def draws_masks(network: Network) -> bool:
    """Whether a pass in training draws at random what it drops."""
    moded = (cast("Moded", network.nodes[place].layer) for place in network.moded_places)
    return any(
        layer.in_mode(training=True, seed=1) != layer.in_mode(training=True, seed=2)
        for layer in moded
    )


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
