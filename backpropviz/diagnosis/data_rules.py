"""Images that make learning hard: unbalanced classes, values that are far from 0 … 1."""

from __future__ import annotations

from typing import ClassVar

from backpropviz.diagnosis.rule import Alert, Rule, Severity
from backpropviz.diagnosis.wording import number
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.frozen import frozen


@frozen(eq=False)
class Unbalanced(Rule):
    """Some classes have many more training images than others."""

    name: ClassVar[str] = "unbalanced classes"
    can_pause: ClassVar[bool] = False

    @property
    def applies(self) -> bool:
        images = self.facts.images
        return images is not None and len(images.class_counts) > 1

    @property
    def is_raised(self) -> bool:
        return self.alert is not None

    @property
    def alert(self) -> Alert | None:
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
            Severity.NOTE,
            f"Unbalanced classes: {counts[most]:,} images of “{most}”, {counts[rarest]:,} of "
            f"“{rarest}” (threshold {number(self.limits.class_imbalance)} times)",
            f"{images.count:,} training images in {len(counts)} classes.",
            "Naming the frequent class pays, so the rare ones are learned late or never, and the "
            "accuracy hides it. Weights for the classes, more images of the rare ones, and the "
            "confusion matrix help.",
            ("class_imbalance",),
            0,
            0,
        )


@frozen(eq=False)
class Unnormalized(Rule):
    """The values of the images lie far from 0, or are spread too far or too little."""

    name: ClassVar[str] = "unnormalized input"
    can_pause: ClassVar[bool] = False

    @property
    def applies(self) -> bool:
        return self.facts.images is not None

    @property
    def is_raised(self) -> bool:
        return self.alert is not None

    @property
    def alert(self) -> Alert | None:
        images = self.facts.images
        found = self._found()
        if images is None or not found:
            return None
        text, threshold = found
        return Alert(
            "unnormalized",
            Severity.WARNING,
            f"Unnormalized input: {text}",
            f"Mean {number(images.mean)}, standard deviation {number(images.deviation)} over "
            f"{images.count:,} training images.",
            "A layer's gradient is multiplied by what comes in, so values far from about −1 … 1 "
            "make it explode or vanish. Scale the pixels to 0 … 1, or to mean 0 and deviation 1.",
            (threshold,),
            0,
            0,
            look_at=IMAGE,
        )

    def _found(self) -> tuple[str, str] | None:
        images, limits = self.facts.images, self.limits
        if images is None:
            return None
        spread, offset = images.deviation, abs(images.mean)
        if spread > limits.input_spread_high:
            bound = number(limits.input_spread_high)
            return f"deviation {number(spread)} (threshold {bound})", "input_spread_high"
        if spread < limits.input_spread_low:
            bound = number(limits.input_spread_low)
            return f"deviation {number(spread)} (threshold {bound})", "input_spread_low"
        if offset > limits.input_offset * spread:
            bound = number(limits.input_offset)
            return f"mean {number(offset / spread)} deviations from 0 (threshold {bound})", (
                "input_offset"
            )
        return None
