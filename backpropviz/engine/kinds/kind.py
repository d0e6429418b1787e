"""All that is known of a kind of layer or loss beside its mathematics.

A class carries it as `about`; what draws, codes, explains, lists or measures layers reads it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from dataclasses import fields as dataclass_fields
from enum import Enum
from typing import Any, Protocol, TypeAlias

from backpropviz.engine.kinds.words import Words
from backpropviz.engine.kink import KinkFinder
from backpropviz.engine.nest import Nest
from backpropviz.engine.value import Array, Shape
from backpropviz.frozen import frozen

CodeNumber: TypeAlias = float | tuple[float, ...]
"""A number of the configuration that code names, or one for each class."""


class Family(Enum):
    """What kinds of layers have in common; the value is the heading in a list."""

    LEARNED = "Weights"
    ACTIVATION = "Activation"
    POOLING = "Pooling"
    SHAPE = "Shape"
    NORMALIZATION = "Normalization and regularization"
    JOIN = "Join"


class Pattern(Enum):
    """How a layer's values reach one another; figures and code are chosen by it."""

    FILTERS = "filters slide over maps"
    LARGEST = "the largest of each window"
    MEANS = "the mean of each window"
    SUMS = "every output sums all inputs"
    VALUES = "each value by itself"
    RESHAPED = "the same values in another shape"
    OTHER = "anything else"

    @property
    def keeps_places(self) -> bool:
        """Whether a value of the output has a place on the map that the layer reads."""
        return self in {Pattern.LARGEST, Pattern.VALUES}


@frozen
class Quantity:
    """An array that a kind keeps: its letter in equations; code may spell its name out."""

    letter: str
    is_spelled_out: bool = True


class Coding(Protocol):
    """What a kind needs to write its own NumPy code."""

    @property
    def nest(self) -> Nest:
        """What is to be computed."""

    @property
    def input_shape(self) -> Shape:
        """The layer's input, batch included."""

    @property
    def output_shape(self) -> Shape:
        """The layer's output, batch included."""

    @property
    def target(self) -> str:
        """The variable of the result."""

    @property
    def source(self) -> str:
        """The variable of the layer's input; the upstream gradient is `g`."""


def _nothing(*_: object) -> tuple[str, ...]:
    return ()


def _no_words(*_: object) -> str:
    return ""


def _no_numbers(*_: object) -> Mapping[str, CodeNumber]:
    return {}


@frozen(eq=False)
class Torch:
    """How PyTorch is asked for the same.

    `call` is a template over the arguments `{0}`, `{1}` … and the settings by name, or a function
    of the layer and its arguments.
    """

    call: str | Callable[[Any, Sequence[str]], str]
    inner: Callable[[Any, str, Mapping[str, str]], tuple[str, ...]] = _nothing
    """The lines of a value that the call computes on its way; the last is an expression."""
    lacks: Callable[[Any, bool], str] = _no_words
    """Why PyTorch cannot be asked (for a gradient); empty where it can."""
    buffers: Callable[[Any], tuple[str, ...]] = _nothing
    """The buffers that the call takes before its parameters."""
    exceeds: Callable[[Any], bool] = lambda _: False
    """Whether the call may give more rows and columns than the layer, which are cut off."""

    def expression(self, layer: Any, given: Sequence[str]) -> str:
        """The call with its arguments."""
        if callable(self.call):
            return self.call(layer, given)
        settings = {f.name: getattr(layer, f.name) for f in dataclass_fields(layer)}
        return self.call.format(*given, **settings)


@frozen(eq=False)
class Kind:
    """A kind of layer."""

    title: str
    letter: str
    """What its output is called in equations."""
    family: Family
    word: str
    """What the names of its layers begin with."""
    help: str
    """One sentence for the list to choose from."""
    torch: Torch
    usual: Mapping[str, Any] = field(default_factory=dict)
    """The settings to begin with, where they are not the class's own."""
    words: Words = Words()
    pattern: Pattern = Pattern.OTHER
    summary: Callable[[Any, Sequence[str]], str] | None = None
    """The layer and what it reads in a few words, where its name leaves something open."""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    code_numbers: Callable[[Any], Mapping[str, CodeNumber]] = _no_numbers
    """The settings that code names."""
    numpy: Callable[[Coding], Iterable[tuple[str, Shape | None]]] | None = None
    """Its own NumPy lines, each with the shape of what it makes."""
    active: Callable[[Array], Array] | None = None
    """Which values of an output count as active; None where nothing is to be counted."""
    can_die: bool = False
    """Whether the slope is 0 on a whole side, so that a unit may never come back."""
    can_saturate: bool = False
    """Whether the slope fades on both sides."""
    kinks: KinkFinder | None = None
    is_numbered: bool = True
    """Whether a network may well have several, so that the first one's name has a number."""

    @property
    def is_join(self) -> bool:
        """Whether it reads several layers."""
        return self.family is Family.JOIN


@frozen(eq=False)
class LossKind:
    """A kind of loss."""

    title: str
    torch: Callable[[Any, int], Mapping[str, str]]
    """PyTorch's expression of each quantity, of `z` and `t`; the number of classes is given."""
    words: Words = Words()
    summary: Callable[[Any], str] | None = None
    """The loss in a few words, where they are not its title."""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    code_numbers: Callable[[Any, int], Mapping[str, CodeNumber]] = _no_numbers
    """The settings that code names; the number of classes is given."""
    is_of_classes: bool = False
    """Whether the target is one class a sample."""
    is_of_samples: Callable[[Any], bool] = lambda _: False
    """Whether a mean is over the samples, so that 1/N comes in at the loss."""
    figure: str = ""
    """What the stage shows: `classes` as bars, `differences` as columns; else its operations."""
