"""What a layer and a loss are: configuration and pure functions, nothing kept from a pass.

Shapes without "batch" in their name leave the batch axis out. Adding a kind means one new module in
this package that lists its classes in `LAYERS` or `LOSSES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.kind import Kind, LossKind
from backpropviz.engine.nest import Nest
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.frozen import frozen

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
