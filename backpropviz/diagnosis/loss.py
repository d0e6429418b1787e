"""What the loss says: not finite, no longer falling, falling on the training images alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, Self

from backpropviz.diagnosis.rule import Alert, DataRule, LampRule, Rule, Severity
from backpropviz.diagnosis.thresholds import counted, listed, number, percent
from backpropviz.engine.kinds.protocol import IMAGE, LOSS
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.value import Address
from backpropviz.frozen import frozen

SMOOTHED_OVER = 20
_LEARNED = 0.01
"""Below this share of the first loss nothing much is left to fall."""


def smoothed(before: float, loss: float, updates: int = SMOOTHED_OVER) -> float:
    """The exponential mean with the span of so many updates; NaN before the first one."""
    return loss if math.isnan(before) else before + 2 / (updates + 1) * (loss - before)


@frozen(eq=False)
class Flat(LampRule):
    """The smoothed loss has reached no new low for many updates."""

    name: ClassVar[str] = "loss flat"
    level: float = math.nan
    first: float = math.nan
    best: float = math.inf
    best_at: int = 0

    def after(self, row: Measured) -> Self:
        if not math.isfinite(row.loss):
            return self
        level = smoothed(self.level, row.loss)
        first = row.loss if math.isnan(self.first) else self.first
        best, best_at = self.best, self.best_at
        if is_lower := level < best * (1 - self.limits.flat_decrease):
            best, best_at = level, row.iteration
        is_flat = row.iteration - best_at >= self.limits.flat_updates and level > _LEARNED * first
        latch = self.latch.after(
            row.iteration, is_bad=is_flat, is_good=is_lower, patience=1, calm=1
        )
        return replace(self, level=level, first=first, best=best, best_at=best_at, latch=latch)

    def told(self, raised: int) -> Alert:
        updates = counted(self.limits.flat_updates, "update")
        return Alert(
            "flat",
            f"Loss has not fallen for {updates}: lowest {number(self.best)} at update "
            f"{self.best_at:,}",
            f"Smoothed over {SMOOTHED_OVER} updates; a fall by "
            f"{percent(self.limits.flat_decrease)} would count.",
            "Either all that can be learned this way is learned, or the learning rate is too high "
            "to settle, too low to move, or the gradient does not arrive. The update / weight "
            "ratio tells which.",
            ("flat_updates", "flat_decrease"),
            self.best_at,
            raised,
            LOSS,
            severity=Severity.NOTE,
        )


@frozen(eq=False)
class Overfitting(LampRule):
    """The validation loss rises while the training loss goes on falling."""

    name: ClassVar[str] = "overfitting"
    level: float = math.nan
    best: float = math.inf
    best_at: int = 0
    level_at_best: float = math.nan
    last: float = math.nan
    has_rows: bool = False

    @property
    def applies(self) -> bool:
        return self.has_rows

    def after(self, row: Measured) -> Self:
        if not math.isfinite(row.loss):
            return self
        return replace(self, level=smoothed(self.level, row.loss))

    def validated(self, row: Validated) -> Self:
        seen = replace(self, last=row.loss, has_rows=True)
        if row.loss < self.best:
            latch = self.latch.after(row.iteration, is_bad=False, is_good=True, patience=1, calm=1)
            return replace(
                seen, best=row.loss, best_at=row.iteration, level_at_best=self.level, latch=latch
            )
        rise = 1 + self.limits.overfit_rise
        latch = self.latch.after(
            row.iteration,
            is_bad=row.loss >= rise * self.best and self.level < self.level_at_best,
            is_good=row.loss < (rise + 1) / 2 * self.best,
            patience=self.limits.overfit_validations,
            calm=1,
        )
        return replace(seen, latch=latch)

    def told(self, raised: int) -> Alert:
        return Alert(
            "overfitting",
            f"Overfitting: validation loss {number(self.last)}, lowest {number(self.best)} at "
            f"update {self.best_at:,} (threshold +{percent(self.limits.overfit_rise)})",
            f"Meanwhile the training loss went from {number(self.level_at_best)} to "
            f"{number(self.level)}, smoothed over {SMOOTHED_OVER}.",
            "The network learns its training images by heart instead of what they have in common. "
            "More or augmented images, weight decay, dropout, or stopping at the lowest "
            "validation loss help.",
            ("overfit_rise", "overfit_validations"),
            self.latch.first,
            raised,
            LOSS,
        )


@frozen(eq=False)
class NotFinite(Rule):
    """A number is NaN or infinite; the run has stopped before it is taken."""

    name: ClassVar[str] = "NaN or infinity"
    raised: int | None = None
    what: tuple[str, ...] = ()
    look: Address | None = None
    origin: str = ""
    """The sentence about the operation that made the first bad value, once it is known."""

    def after(self, row: Measured) -> Self:
        found = not_finite(row, self.facts.tensors)
        if found:
            return self.found(row.iteration, found)
        return self if self.raised is None else replace(self, raised=None)

    def found(self, iteration: int, what: tuple[str, ...]) -> Self:
        """An update that made something that is not finite."""
        return replace(self, raised=iteration, what=what, look=None, origin="")

    def told(self, raised: int) -> Alert:
        return Alert(
            "not_finite",
            f"Not finite at update {raised:,}: {listed(self.what)}",
            self.origin or "The debugger leads to the operation that made the first bad value.",
            "From one such value on, all that is computed with it is lost. The update was not "
            "taken, so the weights before it are intact. Usual causes: a bad image, too high a "
            "learning rate, the logarithm of 0 or a division by 0.",
            (),
            raised,
            raised,
            self.look or LOSS,
            severity=Severity.ERROR,
        )


def not_finite(row: Measured, tensors: tuple[Address, ...]) -> tuple[str, ...]:
    """What of an update is NaN or infinite, in words."""
    finite = math.isfinite
    numbers = (row.gradient_norms, row.step_norms)
    if finite(row.loss) and all(all(map(finite, norms)) for norms in numbers):
        return ()
    found = [] if finite(row.loss) else [f"the loss is {number(row.loss)}"]
    for part, norms in (("grad", row.gradient_norms), ("step", row.step_norms)):
        pairs = zip(tensors, norms, strict=True)
        found += [str(tensor.of(part)) for tensor, norm in pairs if not finite(norm)]
    return tuple(found)


@frozen(eq=False)
class DoubledActivation(DataRule):
    """The last layer applies an activation that the loss applies itself."""

    name: ClassVar[str] = "activation applied twice"
    last: float = math.nan
    """The loss of the newest update."""

    @property
    def applies(self) -> bool:
        return self.facts.doubled is not None

    def after(self, row: Measured) -> Self:
        return replace(self, last=row.loss) if self.applies else self

    def told(self, raised: int) -> Alert | None:
        found = self.facts.doubled
        if found is None:
            return None
        now = "" if math.isnan(self.last) else f" The last batch’s loss is {number(self.last)}."
        least = found.least_loss(math.prod(self.facts.shapes[self.facts.output]))
        return Alert(
            "doubled",
            f"Applied twice: {found.activation}, by {found.layer} and by the loss",
            f"However right the answers are, a sample’s loss stays above {least}.{now}",
            f"{found.loss.capitalize()} takes the numbers before the {found.activation} and "
            f"applies it itself. After a second one all outputs lie between 0 and 1, so the "
            f"gradients are small and learning is slow. Remove {found.layer}: the answers stay "
            "the same.",
            (),
            0,
            raised,
            Address(found.layer, "output"),
        )


@frozen(eq=False)
class Unbalanced(DataRule):
    """Some classes have many more training images than others."""

    name: ClassVar[str] = "unbalanced classes"

    @property
    def applies(self) -> bool:
        images = self.facts.images
        return images is not None and len(images.class_counts) > 1

    def told(self, raised: int) -> Alert | None:
        images = self.facts.images
        if images is None or len(images.class_counts) < 2:
            return None
        # A set of one or two images, learned on purpose, is not a matter of balance.
        counts = images.class_counts
        if images.count < 2 * len(counts):
            return None
        rarest = min(counts, key=counts.__getitem__)
        most = max(counts, key=counts.__getitem__)
        if counts[most] <= self.limits.class_imbalance * counts[rarest]:
            return None
        return Alert(
            "unbalanced",
            f"Unbalanced classes: {counts[most]:,} images of “{most}”, {counts[rarest]:,} of "
            f"“{rarest}” (threshold {number(self.limits.class_imbalance)} times)",
            f"{images.count:,} training images in {len(counts)} classes.",
            "Naming the frequent class pays, so the rare ones are learned late or never, and the "
            "accuracy hides it. Weights for the classes, more images of the rare ones, and the "
            "confusion matrix help.",
            ("class_imbalance",),
            0,
            raised,
            severity=Severity.NOTE,
        )


@frozen(eq=False)
class Unnormalized(DataRule):
    """The values of the images lie far from 0, or are spread too far or too little."""

    name: ClassVar[str] = "unnormalized input"

    @property
    def applies(self) -> bool:
        return self.facts.images is not None

    def told(self, raised: int) -> Alert | None:
        images, limits = self.facts.images, self.limits
        if images is None:
            return None
        spread, offset = images.deviation, abs(images.mean)
        if spread > limits.input_spread_high:
            text, threshold = f"deviation {number(spread)}", "input_spread_high"
        elif spread < limits.input_spread_low:
            text, threshold = f"deviation {number(spread)}", "input_spread_low"
        elif offset > limits.input_offset * spread:
            text, threshold = f"mean {number(offset / spread)} deviations from 0", "input_offset"
        else:
            return None
        bound = number(getattr(limits, threshold))
        return Alert(
            "unnormalized",
            f"Unnormalized input: {text} (threshold {bound})",
            f"Mean {number(images.mean)}, standard deviation {number(images.deviation)} over "
            f"{images.count:,} training images.",
            "A layer's gradient is multiplied by what comes in, so values far from about −1 … 1 "
            "make it explode or vanish. Scale the pixels to 0 … 1, or to mean 0 and deviation 1.",
            (threshold,),
            0,
            raised,
            IMAGE,
        )
