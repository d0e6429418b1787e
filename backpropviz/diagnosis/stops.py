"""Stops in training: goals and conditions that a person sets, before a run or while it goes.

What goes wrong in any run is found by rules, which may pause it, too; a stop has bounds of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, Literal

from backpropviz.diagnosis.activity import NOT_LOOKED, Inactive
from backpropviz.diagnosis.loss import SMOOTHED_OVER, smoothed
from backpropviz.diagnosis.rule import RunFacts
from backpropviz.diagnosis.thresholds import DEFAULTS, counted, listed, number, percent
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


@frozen
class Stopped:
    """Why a run has stopped, after which update, and where to look."""

    iteration: int
    sentence: str
    look_at: Address | None = None


@frozen(eq=False)
class Memory:
    """What a condition remembers from one update to the next; each uses what it needs."""

    met: Stopped | None = None
    count: int = 0
    level: float = math.nan
    start: float = math.nan
    inactive: Inactive = NOT_LOOKED


@frozen
class Stop:
    """A condition. Its functions are pure: the memory goes in and comes out."""

    kind: ClassVar[str]
    """Its name in a run file."""
    title: ClassVar[str]
    """What a menu calls it."""
    enabled: bool = setting(Setting("Enabled"), default=True)

    @property
    def words(self) -> str:
        """The condition as a clause: `the loss is below 0.1`."""
        raise NotImplementedError

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        """What is remembered after an update."""
        return memory

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        """What is remembered after a validation."""
        return memory


def _check_positive(name: str, value: float, most: float = math.inf) -> None:
    if not 0 < value < math.inf:
        raise UserError(f"{name} = {value:g} must be a number above 0.")
    if value > most:
        raise UserError(f"{name} = {value:g} must be 0 to {most:g}.")


@frozen
class NotFiniteStop(Stop):
    """Loss, a gradient or an update is NaN or infinite; the guard always stops a run there."""

    kind: ClassVar[str] = "not_finite"
    title: ClassVar[str] = "Not finite"

    @property
    def words(self) -> str:
        return "a loss, gradient or weight is NaN or infinite"


@frozen
class LossRises(Stop):
    """The loss has risen so many times in a row."""

    kind: ClassVar[str] = "loss_rises"
    title: ClassVar[str] = "Loss rises"
    times: int = setting(Setting("Times in a row"), default=5)
    of: Literal["batch", "smoothed"] = setting(Setting("Of"), default="batch")

    def __post_init__(self) -> None:
        positive("times", self.times)

    @property
    def words(self) -> str:
        return f"the {_noun(self.of)} rises {counted(self.times, 'time')} in a row"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        before = memory.level
        level = row.loss if self.of == "batch" else smoothed(before, row.loss)
        count = memory.count + 1 if level > before else 0
        start = memory.start if count > 1 else before
        met = None
        if count >= self.times:
            met = Stopped(
                row.iteration,
                f"The {_noun(self.of)} rose {counted(count, 'time')} in a row, from "
                f"{number(start)} to {number(level)} at update {row.iteration:,}.",
                LOSS,
            )
        return replace(memory, met=met, count=count, level=level, start=start)


@frozen
class LossBelow(Stop):
    """The loss is low enough."""

    kind: ClassVar[str] = "loss_below"
    title: ClassVar[str] = "Loss below"
    loss: float = setting(Setting("Below"), default=0.1)
    of: Literal["batch", "smoothed", "validation"] = setting(Setting("Of"), default="smoothed")

    def __post_init__(self) -> None:
        _check_positive("loss", self.loss)

    @property
    def words(self) -> str:
        return f"the {_noun(self.of)} is below {number(self.loss)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.of == "validation":
            return memory
        level = row.loss if self.of == "batch" else smoothed(memory.level, row.loss)
        return replace(memory, level=level, met=self._met(level, row.iteration))

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        if self.of != "validation":
            return memory
        return replace(memory, met=self._met(row.loss, row.iteration))

    def _met(self, loss: float, iteration: int) -> Stopped | None:
        if not loss < self.loss:
            return None
        sentence = (
            f"The {_noun(self.of)} is {number(loss)}, below {number(self.loss)}, at update "
            f"{iteration:,}."
        )
        return Stopped(iteration, sentence, LOSS)


def _noun(of: str) -> str:
    return {
        "batch": "batch's loss",
        "smoothed": f"loss (smoothed over {SMOOTHED_OVER})",
        "validation": "validation loss",
    }[of]


@frozen
class GradientAbove(Stop):
    """The norm of a tensor's gradient, or of all together, is too large."""

    kind: ClassVar[str] = "gradient_above"
    title: ClassVar[str] = "Gradient norm"
    norm: float = setting(Setting("Norm above"), default=100.0)
    tensor: str = setting(Setting("Tensor", options={None: "all together"}), default="")
    """An address such as `conv1.weight`; empty: √Σg² over all tensors."""

    def __post_init__(self) -> None:
        _check_positive("norm", self.norm)

    @property
    def words(self) -> str:
        where = self.tensor or "all parameters"
        return f"the gradient norm of {where} is above {number(self.norm)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        norms = row.gradient_norms
        place = _place(facts, self.tensor) if self.tensor else norms.index(max(norms))
        found = norms[place] if self.tensor else row.gradient_norm
        if not found > self.norm:
            return replace(memory, met=None)
        sentence = (
            f"The gradient norm of {self.tensor or 'all parameters'} is {number(found)}, above "
            f"{number(self.norm)}, at update {row.iteration:,}."
        )
        return replace(memory, met=Stopped(row.iteration, sentence, facts.tensors[place].grad))


@frozen
class RatioOutside(Stop):
    """‖update‖ / ‖weights‖ of a tensor, or of any weight tensor, lies outside [low, high]."""

    kind: ClassVar[str] = "ratio_outside"
    title: ClassVar[str] = "Update / weight ratio"
    low: float = setting(Setting("Not below"), default=DEFAULTS.ratio_low)
    high: float = setting(Setting("Not above"), default=DEFAULTS.ratio_high)
    tensor: str = setting(Setting("Tensor", options={None: "any"}), default="")
    """An address such as `conv1.weight`; empty: any weight tensor."""

    def __post_init__(self) -> None:
        if not self.low >= 0:
            raise UserError(f"low = {self.low:g} must be at least 0.")
        if not self.low < self.high < math.inf:
            raise UserError(
                f"update / weight outside {number(self.low)} … {number(self.high)}: make the "
                "lower bound the smaller one."
            )

    @property
    def words(self) -> str:
        where = self.tensor or "any weight"
        return f"update / weight of {where} is outside {number(self.low)} … {number(self.high)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if row.learning_rate == 0:
            return replace(memory, met=None)
        ratios = row.ratios
        places = (_place(facts, self.tensor),) if self.tensor else facts.weights
        # NaN, the ratio of what starts at 0, is not outside.
        outside = (k for k in places if ratios[k] < self.low or ratios[k] > self.high)
        place = next(outside, None)
        if place is None:
            return replace(memory, met=None)
        tensor = facts.tensors[place]
        sentence = (
            f"Update / weight of {tensor} is {number(ratios[place])}, outside "
            f"{number(self.low)} … {number(self.high)}, at update {row.iteration:,}."
        )
        return replace(memory, met=Stopped(row.iteration, sentence, tensor.of("step")))


@frozen
class DeadShare(Stop):
    """So large a share of a ReLU's maps or units has been inactive for so many updates."""

    kind: ClassVar[str] = "dead_share"
    title: ClassVar[str] = "Dead ReLU"
    share: float = setting(Setting("Share in %", unit="%"), default=DEFAULTS.dead_share)
    updates: int = setting(Setting("For updates"), default=DEFAULTS.dead_updates)
    layer: str = setting(Setting("ReLU", options={None: "any"}), default="")
    """The name of a ReLU; empty: any of them."""

    def __post_init__(self) -> None:
        _check_positive("share", self.share, 1)
        positive("updates", self.updates)

    @property
    def words(self) -> str:
        where = self.layer or "any ReLU"
        updates = counted(self.updates, "update")
        return f"{percent(self.share)} of {where} is inactive for {updates}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        layers = (self.layer,) if self.layer else facts.rectifiers
        if not layers or not row.activities:
            return memory
        _check_rectifier(facts, self.layer)
        inactive = memory.inactive.after(
            row.iteration, layers, row.activities, DEFAULTS.inactive_share
        )
        shares = inactive.shares(inactive.is_dead(self.updates, looks=1))
        place = next((k for k, share in enumerate(shares) if share >= self.share), None)
        met = None
        if place is not None:
            updates = counted(self.updates, "update")
            met = Stopped(
                row.iteration,
                f"{percent(shares[place])} of {layers[place]} has been inactive for {updates}, at "
                f"update {row.iteration:,}.",
                Address(layers[place], "output"),
            )
        return replace(memory, met=met, inactive=inactive)


def check_place(facts: RunFacts, stop: Stop) -> None:
    """Refuse a stop on a tensor or layer that the network does not have."""
    if isinstance(stop, GradientAbove | RatioOutside) and stop.tensor:
        _place(facts, stop.tensor)
    if isinstance(stop, DeadShare):
        _check_rectifier(facts, stop.layer)


def _place(facts: RunFacts, tensor: str) -> int:
    for place, own in enumerate(facts.tensors):
        if own.name == tensor:
            return place
    names = listed([own.name for own in facts.tensors])
    raise UserError(f"“{tensor}” is no parameter of this network; there are {names}.")


def _check_rectifier(facts: RunFacts, layer: str) -> None:
    if layer and layer not in facts.rectifiers:
        names = listed(facts.rectifiers) or "none"
        raise UserError(f"“{layer}” is no ReLU of this network; there are {names}.")


@frozen
class AccuracyReached(Stop):
    """So large a share of the images is answered right."""

    kind: ClassVar[str] = "accuracy_reached"
    title: ClassVar[str] = "Accuracy reached"
    accuracy: float = setting(Setting("Accuracy in %", unit="%"), default=0.95)
    of: Literal["validation", "batch"] = setting(Setting("Of"), default="validation")

    def __post_init__(self) -> None:
        _check_positive("accuracy", self.accuracy, 1)

    @property
    def words(self) -> str:
        return f"the {self._noun} reaches {percent(self.accuracy)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.of != "batch":
            return memory
        return replace(memory, met=self._met(row.accuracy, row.iteration))

    def validated(self, facts: RunFacts, memory: Memory, row: Validated) -> Memory:
        if self.of != "validation":
            return memory
        return replace(memory, met=self._met(row.accuracy, row.iteration))

    @property
    def _noun(self) -> str:
        return "batch's accuracy" if self.of == "batch" else "validation accuracy"

    def _met(self, accuracy: float | None, iteration: int) -> Stopped | None:
        if accuracy is None or accuracy < self.accuracy:
            return None
        sentence = (
            f"The {self._noun} is {percent(accuracy)}, {percent(self.accuracy)} or more, at update "
            f"{iteration:,}."
        )
        return Stopped(iteration, sentence, LOSS)


@frozen
class Reached(Stop):
    """So many updates or epochs are done."""

    kind: ClassVar[str] = "reached"
    title: ClassVar[str] = "Update or epoch"
    number: int = setting(Setting("Number"), default=1000)
    unit: Literal["update", "epoch"] = setting(Setting("Of"), default="update")

    def __post_init__(self) -> None:
        positive("number", self.number)

    @property
    def words(self) -> str:
        done = "is done" if self.unit == "update" else "is over"
        return f"{self.unit} {self.number:,} {done}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if self.unit == "update":
            is_reached = row.iteration >= self.number
            sentence = f"Update {row.iteration:,} is done."
            met = Stopped(row.iteration, sentence, LOSS) if is_reached else None
            return replace(memory, met=met)
        seen = row.count if row.epoch != memory.level else memory.count + row.count
        is_last = facts.images is not None and seen >= facts.images.count
        is_over = row.epoch > self.number or (row.epoch == self.number and is_last)
        sentence = f"Epoch {self.number:,} is over, at update {row.iteration:,}."
        met = Stopped(row.iteration, sentence, LOSS) if is_over else None
        return replace(memory, met=met, count=seen, level=row.epoch)


STOPS: tuple[type[Stop], ...] = (
    NotFiniteStop,
    LossRises,
    GradientAbove,
    RatioOutside,
    DeadShare,
    AccuracyReached,
    LossBelow,
    Reached,
)
DEFAULT_STOPS: tuple[Stop, ...] = (NotFiniteStop(),)
"""What every run begins with."""


def stop_kinds() -> Mapping[str, type[Stop]]:
    """Every stop class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in STOPS})


@frozen(eq=False)
class Watches:
    """The stops of a run, each with what it remembers; `stopped` is why to stop now.

    A stop tells when it begins to hold, not while it holds: one who goes on after it gets on.
    """

    facts: RunFacts
    each: tuple[tuple[Stop, Memory], ...] = ()
    stopped: Stopped | None = None

    def after(self, row: Measured) -> Watches:
        return self._changed(lambda stop, memory: stop.after(self.facts, memory, row))

    def validated(self, row: Validated) -> Watches:
        return self._changed(lambda stop, memory: stop.validated(self.facts, memory, row))

    def _changed(self, event: Callable[[Stop, Memory], Memory]) -> Watches:
        each, begun = [], []
        for stop, before in self.each:
            now = event(stop, before) if stop.enabled else before
            each.append((stop, now))
            if now.met is not None and before.met is None:
                begun.append(now.met)
        return Watches(self.facts, tuple(each), begun[0] if begun else None)

    @property
    def stops(self) -> tuple[Stop, ...]:
        return tuple(stop for stop, _ in self.each)

    def with_stops(self, stops: Iterable[Stop]) -> Watches:
        """Other stops from now on; those that stay remember what they have seen.

        Raises:
            UserError: a stop names a tensor or layer that the network does not have.
        """
        known, each = dict(self.each), []
        for stop in stops:
            check_place(self.facts, stop)
            each.append((stop, known.get(stop) or Memory()))
        return Watches(self.facts, tuple(each))
