"""Rules of the diagnosis: what they need to know of a run, what one says, and its lamps."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import ClassVar, Self

import numpy as np

from backpropviz.diagnosis.thresholds import Thresholds, counted, listed
from backpropviz.engine.architecture.draft import Doubled, doubled
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.training.history import Measured, Validated, activation_layers, tensors_of
from backpropviz.engine.training.samples import Dataset
from backpropviz.engine.value import Address, Shape
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
    """The nearest layer with weights before an activation; empty where there is none."""
    output: str
    doubled: Doubled | None = None
    """An activation before the loss that the loss applies itself."""
    class_names: tuple[str, ...] = ()
    images: ImageFacts | None = None

    @property
    def weights(self) -> tuple[int, ...]:
        """The places of the weights among the tensors."""
        return tuple(k for k, is_weight in enumerate(self.is_weight) if is_weight)


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
    source = node.inputs[0]
    while source != IMAGE_NAME:
        before = network.by_name[source]
        if any(len(shape) > 1 for shape in network.parameter_shapes(before).values()):
            return source
        source = before.inputs[0]
    return ""


def _images(dataset: Dataset) -> ImageFacts:
    images, targets, names = dataset.training.images, dataset.training.targets, dataset.class_names
    mean = float(images.mean(dtype=np.float64))
    # In float64 without a copy of all images: E[x²] − E[x]² would lose the digits of a far mean.
    squares = math.fsum(
        float(away @ away) for away in (i.astype(np.float64).ravel() - mean for i in images)
    )
    counts: dict[str, int] = {}
    if names and targets.ndim == 1:
        found = np.bincount(targets.astype(np.int64), minlength=len(names))
        counts = dict(zip(names, found.tolist(), strict=False))
    return ImageFacts(len(images), counts, mean, math.sqrt(squares / images.size))


class Severity(IntEnum):
    """How bad it is, the worst last."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


@frozen
class Alert:
    """One finding of one rule; `until` is None while it lasts."""

    rule: str
    title: str
    """What was seen, with its numbers and the threshold."""
    evidence: str
    """More of what was seen: since when, where else."""
    meaning: str
    """What it usually means, and what helps."""
    thresholds: tuple[str, ...]
    """The fields of `Thresholds` that it was held against."""
    since: int
    """The first update that showed it; 0: it was so before the first."""
    raised: int
    """The update at which the rule was sure of it."""
    look_at: Address | None = None
    severity: Severity = Severity.WARNING
    until: int | None = None

    @property
    def key(self) -> str:
        """What makes it the same alert while its numbers change."""
        return f"{self.rule}@{self.raised}"


@frozen
class Latch:
    """A lamp that does not flicker: lit after some bad updates in a row, out after some good ones.

    An update is bad beyond a threshold and good beyond a milder one; between the two it is neither,
    and the lamp stays as it is. `bad` and `good` count those in a row; `first` is where the bad
    ones began.
    """

    bad: int = 0
    good: int = 0
    first: int = 0
    raised: int | None = None
    """The update at which the lamp was lit; None: it is out."""

    @property
    def is_raised(self) -> bool:
        return self.raised is not None

    def after(
        self, iteration: int, *, is_bad: bool, is_good: bool, patience: int, calm: int
    ) -> Latch:
        """The lamp after a further update: lit by `patience` bad ones, put out by `calm` good."""
        if is_bad:
            bad = self.bad + 1
            if self.raised is not None:
                return replace(self, bad=bad, good=0)
            first = iteration if self.bad == 0 else self.first
            return Latch(bad, 0, first, iteration if bad >= patience else None)
        if self.raised is None:
            return QUIET
        good = self.good + 1 if is_good else 0
        return QUIET if good >= calm else replace(self, bad=0, good=good)


QUIET = Latch()


@frozen(eq=False)
class Rule(ABC):
    """One thing that can go wrong; each event gives the rule as it is afterwards."""

    name: ClassVar[str]
    """What it looks for, in a few words."""
    can_pause: ClassVar[bool] = True
    """Whether it can begin to be met while the network trains."""

    facts: RunFacts
    limits: Thresholds

    @property
    def applies(self) -> bool:
        """Whether the run has what the rule looks at."""
        return True

    def after(self, row: Measured) -> Self:
        return self

    def validated(self, row: Validated) -> Self:
        return self

    def weighed(self, iteration: int, parameters: Parameters) -> Self:
        """After a look at the weights; rarer than updates."""
        return self

    @property
    def alerts(self) -> bool:
        """Whether it says what it sees."""
        return self.name not in self.limits.silent

    @property
    def pauses(self) -> bool:
        """Whether it pauses the run when it begins to be met."""
        return self.can_pause and self.name in self.limits.pausing

    @property
    @abstractmethod
    def raised(self) -> int | None:
        """The update at which the rule was sure that it is met; None: it is not."""

    @abstractmethod
    def told(self, raised: int) -> Alert | None:
        """What is to be said while it is met."""

    @property
    def alert(self) -> Alert | None:
        """What is to be said now."""
        return None if self.raised is None else self.told(self.raised)


@frozen(eq=False)
class DataRule(Rule):
    """A rule about what is known before the first update; 0 is when it was raised."""

    can_pause: ClassVar[bool] = False

    @property
    def raised(self) -> int | None:
        return None if self.told(0) is None else 0


@frozen(eq=False)
class LampRule(Rule):
    """A rule about the run as a whole, with one lamp."""

    latch: Latch = QUIET

    @property
    def raised(self) -> int | None:
        return self.latch.raised


@frozen(eq=False)
class PlacesRule(Rule):
    """A rule about several places, each with its lamp; none is kept while all is well."""

    latches: tuple[Latch, ...] = ()
    values: tuple[float, ...] = ()
    """What was measured last, by place."""
    since: int = 0
    """The first bad update of the place that went bad first."""
    raised: int | None = None
    """The update at which the first lamp was lit, of those that followed one another."""

    def judged(
        self,
        iteration: int,
        values: Sequence[float],
        is_bad: Callable[[float], bool],
        is_good: Callable[[float], bool],
        patience: int,
        calm: int = 0,
    ) -> Self:
        """After an event that measured these values; `calm` is as long as `patience` if not given.

        NaN is neither bad nor good here: that is said by the rule that looks for it.
        """
        if not self.latches and not any(map(is_bad, values)):
            return self
        before = self.latches or (QUIET,) * len(values)
        latches = tuple(
            latch.after(
                iteration,
                is_bad=is_bad(value),
                is_good=is_good(value),
                patience=patience,
                calm=calm or patience,
            )
            for latch, value in zip(before, values, strict=True)
        )
        if all(latch is QUIET for latch in latches):
            return replace(self, latches=(), values=(), since=0, raised=None)
        lit = [latch for latch in latches if latch.is_raised]
        since, raised = self.since, self.raised
        if not lit:
            since, raised = 0, None
        elif raised is None:
            since, raised = min(latch.first for latch in lit), iteration
        return replace(self, latches=latches, values=tuple(values), since=since, raised=raised)

    def evidence(self, places: Sequence[Address], updates: int = 0) -> str:
        """Since when, for how many updates at least, and where in all."""
        lasted = f", for at least {counted(updates, 'update')}" if updates else ""
        others = f" In all: {listed([str(one) for one in places])}." if len(places) > 1 else ""
        return f"Since update {self.since:,}{lasted}.{others}"

    @property
    def lit(self) -> tuple[int, ...]:
        """The places where the lamp is lit, the one that was lit first at the head."""
        found = [(latch.raised, k) for k, latch in enumerate(self.latches) if latch.is_raised]
        return tuple(k for _, k in sorted(found))
