"""Words of a kind: what its values and gradients say, with a step's own counts and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen

if TYPE_CHECKING:  # to read a network, nothing has to be derived
    from backpropviz.engine.derivation import Derivation


@frozen
class Sentences:
    """The one sentence that is set in bold, and the plain ones below it."""

    bold: str
    plain: tuple[str, ...] = ()

    def also(self, further: Iterable[str]) -> Sentences:
        """With more at the end."""
        return Sentences(self.bold, (*self.plain, *further))


class Told(Protocol):
    """One value as sentences see it: where it comes from, and how numbers are said."""

    @property
    def derivation(self) -> Derivation:
        """Its terms."""

    @property
    def address(self) -> Address:
        """Whose value it is."""

    @property
    def layer(self) -> Any:
        """The layer, or the loss, that computes it."""

    @property
    def optimizer(self) -> Any:
        """The optimizer of the pass."""

    @property
    def value(self) -> float:
        """The value so far."""

    @property
    def is_complete(self) -> bool:
        """Whether all of its terms have run."""

    @property
    def noun(self) -> str:
        """What an input value is called: `pixel` of an image, else `value`."""

    @property
    def goes_into_maximum(self) -> bool:
        """Whether the one layer that reads the output keeps the largest of each window."""

    @property
    def comes_from_filter(self) -> bool:
        """Whether a convolution made the map that the layer reads."""

    def said(self, value: float) -> str:
        """A number as sentences have it."""

    def said_exactly(self, value: float) -> str:
        """A setting, with all of its digits."""

    def counted(self, number: int, noun: str) -> str:
        """`1 value`, `1,024 values`."""

    def value_at(self, address: Address) -> float:
        """Another value of the pass."""

    def target_at(self, sample: int) -> int:
        """The class that a sample should be given."""

    def terms_seen(self) -> Array:
        """The values of the terms that have run."""

    def all_values(self, number: int) -> Array:
        """The operand `number` of every term."""

    def padding_count(self, number: int) -> int:
        """How many terms find padding for operand `number`."""


Teller: TypeAlias = Callable[[Told], Sentences]


def remark(told: Told) -> Sentences:
    """What the nest says of itself."""
    said, value = told.derivation.nest.remark, f"{told.address} is {told.said(told.value)}."
    return Sentences(said, (value,)) if said else Sentences(value)


def bent(told: Told) -> Sentences:
    """An activation: what the value was, what it becomes."""
    before = told.derivation.terms[0].operands[0].value
    bold = f"{told.said(before)} is bent to {told.said(told.value)}."
    return Sentences(bold, (told.derivation.nest.remark,))


def handed_on(told: Told) -> Sentences:
    """A gradient of which nothing more is to be said."""
    bold = told.derivation.nest.remark
    return Sentences(bold, (f"It hands on {told.said(told.value)}.",))


def through_slope(told: Told) -> Sentences:
    """The gradient of an activation's input, with the value at which the slope was taken."""
    found = through_slope_alone(told)
    before = told.derivation.terms[0].operands[1].value
    return found.also((f"The value was {told.said(before)}.",)) if _passes(told) else found


def through_slope_alone(told: Told) -> Sentences:
    """The gradient of an activation's input."""
    if not _passes(told):
        return Sentences("Nothing comes from upstream, so nothing passes.")
    upstream = told.derivation.terms[0].operands[0].value
    slope, value = told.said(told.value / upstream), told.said(told.value)
    return Sentences(
        f"The slope here is {slope}; it turns the upstream {told.said(upstream)} into {value}."
    )


def _passes(told: Told) -> bool:
    return told.derivation.terms[0].operands[0].value != 0


def why_remark(told: Told) -> tuple[str, ...]:
    """Why a parameter's gradient is what it is: what the nest says."""
    return (told.derivation.nest.remark,)


def moved(told: Told, noun: str) -> str:
    """Which way an input's gradient points."""
    if told.value == 0:
        if not told.is_complete:
            return f"So far, this {noun} has made no difference to the loss."
        return f"Changing this {noun} by a little does not change the loss."
    verb = "raises" if told.value > 0 else "lowers"
    start = "Raising" if told.is_complete else "So far, raising"
    return f"{start} this {noun} by a little {verb} the loss."


def moved_input(told: Told) -> Sentences:
    """The gradient of a loss's prediction."""
    said = told.derivation.nest.remark
    return Sentences(moved(told, "prediction"), (said,) if said else ())


def sums_from_bias(told: Told) -> tuple[str, ...]:
    """Where a sum starts."""
    start = told.derivation.initial
    return (f"The sum starts at the bias, {told.said(start.value)}.",) if start else ()


def opened(told: Told, text: str) -> str:
    """A sentence about a sum that may not be complete: `So far, the …`."""
    return text if told.is_complete else f"So far, {text[0].lower()}{text[1:]}"


def not_zero(count: int, total: int) -> str:
    """How many of several values are not 0."""
    if count == 0:
        return "all of them are 0"
    if count == total:
        return "none of them is 0"
    return f"{count:,} {'is' if count == 1 else 'are'} not 0"


def count_of_nonzero(values: Array) -> int:
    """How many values are not 0."""
    return int(np.count_nonzero(values))


@frozen(eq=False)
class Words:
    """The sentences of a kind: about its values, its input's gradient and its parameters'."""

    forward: Teller = remark
    gradient: Teller = handed_on
    parameter: Callable[[Told], tuple[str, ...]] = why_remark
