"""Facts of a run that stops and rules need before it starts: its layers, tensors and images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from backpropviz.engine.architecture.draft import Doubled, doubled
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.training.history import activation_layers, tensors_of
from backpropviz.engine.training.samples import Dataset
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.frozen import frozen


@frozen
class ImageFacts:
    """The training images: how many, of which classes, and how their values are spread."""

    count: int
    class_counts: Mapping[str, int]
    """Empty for a regression."""
    mean: float
    deviation: float


@frozen(eq=False)
class RunFacts:
    """The parts of a network that can go wrong, and the images where they are known."""

    tensors: tuple[Address, ...]
    """In the order of what is measured."""
    sizes: tuple[int, ...]
    is_weight: tuple[bool, ...]
    """Whether a tensor is more than one number a channel: biases start at 0, so no ratio."""
    filters: tuple[int, ...]
    """The length of each tensor's first axis."""
    rectifiers: tuple[str, ...]
    squashers: tuple[str, ...]
    shapes: Mapping[str, Shape]
    feeders: Mapping[str, str]
    """The layer with weights that feeds an activation, or the next one before."""
    output: str
    doubled: Doubled | None = None
    """An activation before the loss that the loss applies itself."""
    class_names: tuple[str, ...] = ()
    images: ImageFacts | None = None

    def element(self, layer: str, channel: int) -> Address:
        """A channel's first value in the output of a layer, for the batch's first image."""
        rest = len(self.shapes[layer]) - 1
        return Address(layer, "output", indices=(0, channel, *(0,) * rest))

    def output_of(self, layer: str) -> Address:
        return Address(layer, "output")

    def class_name(self, number: int) -> str:
        """The name of a class, or its number where it has none."""
        return self.class_names[number] if number < len(self.class_names) else str(number)

    def unit_noun(self, layer: str) -> str:
        """What a channel of a layer is called."""
        return "map" if len(self.shapes[layer]) == 3 else "unit"


def facts_of(network: Network, dataset: Dataset | None = None) -> RunFacts:
    """What is to be known of a run; the images are read once."""
    tensors = tensors_of(network)
    shapes = [network.parameter_shapes(network.by_name[a.layer])[a.quantity] for a in tensors]
    activations = [network.by_name[name] for name in activation_layers(network)]
    return RunFacts(
        tensors,
        tuple(math.prod(shape) for shape in shapes),
        tuple(len(shape) > 1 for shape in shapes),
        tuple(shape[0] if shape else 1 for shape in shapes),
        tuple(node.name for node in activations if node.layer.about.can_die),
        tuple(node.name for node in activations if node.layer.about.can_saturate),
        network.shapes,
        {node.name: _feeder(network, node) for node in activations},
        network.output,
        doubled(network.nodes, network.loss),
        () if dataset is None else dataset.class_names,
        None if dataset is None else _images(dataset),
    )


def _feeder(network: Network, node: Node) -> str:
    """The nearest layer before with weights of its own; empty where there is none."""
    source = node.inputs[0]
    while source != IMAGE_NAME:
        before = network.by_name[source]
        if any(len(shape) > 1 for shape in network.parameter_shapes(before).values()):
            return source
        source = before.inputs[0]
    return ""


def _images(dataset: Dataset) -> ImageFacts:
    images, names = dataset.training.images, dataset.class_names
    mean = float(images.mean(dtype=np.float64))
    # In float64 without a copy of all images: E[x²] − E[x]² would lose the digits of a far mean.
    spread = math.fsum(_squares(image, mean) for image in images) / images.size
    return ImageFacts(
        len(images), _class_counts(dataset.training.targets, names), mean, math.sqrt(spread)
    )


def _squares(image: Array, mean: float) -> float:
    away = image.astype(np.float64).ravel() - mean
    return float(away @ away)


def _class_counts(targets: Array, names: tuple[str, ...]) -> dict[str, int]:
    if not names or targets.ndim != 1:
        return {}
    counts = np.bincount(targets.astype(np.int64), minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=False)}


@frozen(eq=False)
class Inactive:
    """Unit by unit: the first of the looks in a row that found it inactive, and their number.

    Not every update is looked at. Layer k begins at `starts[k]` and has `sizes[k]` units.
    """

    iteration: int = 0
    """The last update that was looked at."""
    since: Array | None = None
    looks: Array | None = None
    starts: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()

    def after(
        self,
        iteration: int,
        layers: Sequence[str],
        activities: Mapping[str, Array],
        most_active: float,
    ) -> Inactive:
        """After an update in which these shares of each unit's values were above 0."""
        shares = [activities[layer] for layer in layers]
        is_inactive = np.concatenate(shares) <= most_active
        if self.since is None or self.looks is None:
            sizes = tuple(len(share) for share in shares)
            starts = tuple(np.cumsum((0, *sizes[:-1])).tolist())
            none = np.zeros(len(is_inactive), dtype=np.int64)
            return Inactive(0, none, none, starts, sizes).after(
                iteration, layers, activities, most_active
            )
        looks = (self.looks + 1) * is_inactive
        since = np.where(looks == 1, iteration, self.since)
        return Inactive(iteration, since, looks, self.starts, self.sizes)

    def is_dead(self, updates: int, looks: int) -> Array:
        """Which units have been inactive for so many updates, of which so many were looked at."""
        if self.since is None or self.looks is None:
            return np.zeros(0, dtype=bool)
        # The number of looks rules out the units that are active.
        dead: Array = (self.looks >= max(looks, 1)) & (self.iteration - self.since + 1 >= updates)
        return dead

    def shares(self, is_dead: Array) -> tuple[float, ...]:
        """The share of each layer's units that are marked."""
        counts = np.add.reduceat(is_dead, self.starts, dtype=np.int64).tolist()
        return tuple(count / size for count, size in zip(counts, self.sizes, strict=True))

    def of_layer(self, every: Array, place: int) -> Array:
        """The part of an array over all units that is of one layer."""
        start = self.starts[place]
        return every[start : start + self.sizes[place]]

    def updates(self) -> Array:
        """For how many updates each unit has been inactive, as far as was looked."""
        if self.since is None or self.looks is None:
            return np.zeros(0, dtype=np.int64)
        spans: Array = (self.iteration - self.since + 1) * (self.looks > 0)
        return spans


NOT_LOOKED = Inactive()
