"""What a layer and a loss are: configuration and pure functions, nothing kept from a pass.

Shapes without "batch" in their name leave the batch axis out. Adding a kind means one new module in
this package that lists its classes in `LAYERS` or `LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from dataclasses import fields as dataclass_fields
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.words import Words
from backpropviz.engine.nest import Nest
from backpropviz.engine.value import Address, Array, Shape
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


@frozen(eq=False)
class Torch:
    """How PyTorch is asked for the same.

    `call` is a template over the arguments `{0}`, `{1}` … and the settings by name, or a function
    of the layer and its arguments.
    """

    call: str | Callable[[Any, Sequence[str]], str]
    inner: Callable[[Any, str, Mapping[str, str]], tuple[str, ...]] = lambda *_: ()
    """The lines of a value that the call computes on its way; the last is an expression."""
    lacks: Callable[[Any, bool], str] = lambda *_: ""
    """Why PyTorch cannot be asked (for a gradient); empty where it can."""
    buffers: Callable[[Any], tuple[str, ...]] = lambda _: ()
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
    code_numbers: Callable[[Any], Mapping[str, CodeNumber]] = lambda *_: {}
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
    code_numbers: Callable[[Any, int], Mapping[str, CodeNumber]] = lambda *_: {}
    """The settings that code names; the number of classes is given."""
    is_of_classes: bool = False
    """Whether the target is one class a sample."""
    is_of_samples: Callable[[Any], bool] = lambda _: False
    """Whether a mean is over the samples, so that 1/N comes in at the loss."""
    figure: str = ""
    """What the stage shows: `classes` as bars, `differences` as columns; else its operations."""


@frozen
class Flip:
    """A unit whose input crossed a corner, from its value in one pass to that in the other."""

    address: Address
    before: float
    after: float
    corner: float = 0.0


@frozen
class WinnerChange:
    """A window (the address of its output) that another cell won in the other pass."""

    address: Address
    before: Address
    after: Address


Kept: TypeAlias = Mapping[str, Array]
"""What a pass kept of a layer."""
Crossing: TypeAlias = Flip | WinnerChange


class KinkFinder(Protocol):
    """How a kind of layer finds its corners in the residuals of its passes."""

    def between(
        self, name: str, layer: Any, base: Kept, minus: Kept, plus: Kept
    ) -> Iterator[Crossing]:
        """The corners that lie between two passes on both sides of a base, in row-major order."""


LayerParameters: TypeAlias = Mapping[str, Array]
"""A layer's own parameters (weight, bias), and its buffers where it has any."""
Residuals: TypeAlias = Mapping[str, Array]
"""What forward keeps for vjp. `input`, `output` name those arrays; other names are quantities."""

LOSS_NAME = "loss"
IMAGE = Address("", "image")
LOSS = Address("", LOSS_NAME)
TARGET = Address(LOSS_NAME, "target")


@frozen(eq=False)
class Site:
    """Where a layer stands: its name and the shapes, batch included, of what flows through it."""

    name: str
    inputs: tuple[Shape, ...]
    output_shape: Shape
    parameters: Mapping[str, Shape]

    def input(self, number: int = 0) -> Address:
        """`input`, or `input1`, `input2` … at a join."""
        return Address(self.name, input_name(number, len(self.inputs)))

    @property
    def output(self) -> Address:
        """The layer's result; the loss stands alone as `loss`."""
        return LOSS if self.name == LOSS_NAME else Address(self.name, "output")

    def quantity(self, name: str) -> Address:
        """A parameter or residual of the layer."""
        return Address(self.name, name)


def input_name(number: int, count: int) -> str:
    """What the `number`-th of `count` inputs is called."""
    return "input" if count == 1 else f"input{number + 1}"


@frozen
class LayerNests:
    """A layer's operations in execution order; backward: parameters as declared, then inputs."""

    forward: tuple[Nest, ...]
    backward: tuple[Nest, ...]


class Layer(Protocol):
    """A differentiable operation."""

    kind: ClassVar[str]
    """Its name in a network file."""
    about: ClassVar[Kind]
    """What is known of it beside its mathematics."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The shape that the inputs give.

        Raises:
            UserError: they do not fit; the sentence names the numbers, the network adds the name.
        """

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """The shapes of the parameters, in declared order."""

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The output, and what vjp will need."""

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Gradients of the inputs (none if not needed) and of the parameters, from ∂L/∂output.

        Sums that the way back needs in between stand beside those of the parameters, under names
        of their own (softmax's `dot`).
        """

    def nests(self, site: Site) -> LayerNests:
        """The definitions of all that forward and vjp compute."""


class Parameterless:
    """A layer that learns nothing."""

    __slots__ = ()

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}


class OneInput(Parameterless):
    """A layer that learns nothing and has one input: it says `run` and `run_back`."""

    __slots__ = ()

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The output, and what `run_back` will need."""
        raise NotImplementedError

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """The gradient of the input."""
        raise NotImplementedError

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """As every layer has it."""
        (values,) = inputs
        return self.run(values, workspace)

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """As every layer has it."""
        if not needs_inputs:
            return (), {}
        return (self.run_back(upstream, residuals, workspace),), {}


LayerMode: TypeAlias = Literal["eval", "train"]
"""What a layer that acts otherwise in training is to do."""


MODE_FIELDS = frozenset({"mode", "seed"})
"""The fields of such a layer that a pass sets, not a person."""


@runtime_checkable
class Moded(Protocol):
    """A layer that acts otherwise in training; its mode is a part of its configuration."""

    def in_mode(self, *, training: bool, seed: int) -> Layer:
        """The same layer in a mode, what it draws drawn with `seed`."""

    def training_refusal(self, shape: Shape) -> str:
        """Why a batch of this shape cannot be trained on; empty where it can."""


@runtime_checkable
class Buffered(Protocol):
    """A layer with numbers that no gradient trains: the running statistics of a normalization."""

    def buffer_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """Their shapes; their values stand among the layer's parameters."""

    def next_buffers(self, residuals: Residuals, parameters: LayerParameters) -> dict[str, Array]:
        """The values of those that a pass changes, after it; none outside training."""


@runtime_checkable
class Initialized(Protocol):
    """A layer that has parameters or buffers which start neither at random nor at 0."""

    def initial_values(self) -> Mapping[str, float]:
        """Where they start, by name."""


class Loss(Protocol):
    """What ends a network: prediction and target → one number."""

    kind: ClassVar[str]
    about: ClassVar[LossKind]
    own_activation: ClassVar[str]
    """The kind of activation that it applies to the prediction itself; empty for none."""

    @property
    def reduction(self) -> str:
        """How the losses of a batch become one: `mean` or `sum`."""

    def target(self, value: object, prediction: Shape) -> Array:
        """The target array of a batch, checked; `prediction` includes the batch.

        Raises:
            UserError: it is out of range or of another shape.
        """

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Residuals]:
        """The loss (an array without dimensions), and what vjp will need."""

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """∂L/∂prediction, from ∂L/∂loss = 1."""

    def nests(self, site: Site) -> LayerNests:
        """The definitions; the target is the array `loss.target`."""
