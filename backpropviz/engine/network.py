"""A network: named layers in topological order, ended by a loss. Pure configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property

from backpropviz.engine.kinds.protocol import (
    IMAGE,
    LOSS_NAME,
    Buffered,
    Layer,
    Loss,
    Moded,
    Site,
    input_name,
)
from backpropviz.engine.value import PARTS, Address, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

IMAGE_NAME = IMAGE.quantity
_NAME = re.compile(r"^[A-Za-z_][\w.-]*$")


@frozen
class Node:
    """A layer in its place: its name, and its inputs (`image` or the names of earlier layers)."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]


@frozen(eq=False, slots=False)
class Network:
    """Layers in topological order; the last one's output goes to the loss.

    Raises:
        UserError: a name is used twice or unknown, or shapes do not fit.
    """

    name: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    loss: Loss

    def __post_init__(self) -> None:
        if not self.nodes:
            raise UserError(f"network “{self.name}” has no layers.")
        if len(self.input_shape) not in {1, 3} or min(self.input_shape) < 1:
            raise UserError(
                f"network “{self.name}”: the input must be channels × height × width "
                f"(or one number), not {shape_text(self.input_shape)}."
            )
        _check_names(self.nodes)
        _ = self.shapes

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The output shape of every layer, and the image's, without the batch."""
        shapes: dict[str, Shape] = {IMAGE_NAME: self.input_shape}
        for node in self.nodes:
            inputs = tuple(shapes[source] for source in node.inputs)
            try:
                shapes[node.name] = node.layer.output_shape(inputs)
            except UserError as error:
                raise UserError(f"{node.name}: {error}") from None
        return shapes

    @cached_property
    def consumers(self) -> Mapping[str, tuple[tuple[Node | None, int], ...]]:
        """Who reads a layer's output or the image: (layer, number of its input); None: the loss."""
        readers: dict[str, list[tuple[Node | None, int]]] = {name: [] for name in self.shapes}
        for node in self.nodes:
            for number, source in enumerate(node.inputs):
                readers[source].append((node, number))
        readers[self.output].append((None, 0))
        return {name: tuple(found) for name, found in readers.items()}

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def tensors(self) -> tuple[Address, ...]:
        """The trained parameters, layer by layer in declared order."""
        return tuple(
            Address(node.name, name) for node in self.nodes for name in self.parameter_shapes(node)
        )

    @cached_property
    def moded_places(self) -> tuple[int, ...]:
        """The numbers of the layers that act otherwise in training."""
        return tuple(k for k, node in enumerate(self.nodes) if isinstance(node.layer, Moded))

    @cached_property
    def buffered(self) -> Mapping[str, Buffered]:
        """The layers that keep something beside their parameters, by name."""
        layers = ((node.name, node.layer) for node in self.nodes)
        return {name: layer for name, layer in layers if isinstance(layer, Buffered)}

    @property
    def output(self) -> str:
        """The name of the layer whose output the loss judges."""
        return self.nodes[-1].name

    def parameter_shapes(self, node: Node) -> Mapping[str, Shape]:
        """The shapes of a layer's parameters, in declared order."""
        return node.layer.parameter_shapes(tuple(self.shapes[source] for source in node.inputs))

    def buffer_shapes(self, node: Node) -> Mapping[str, Shape]:
        """The shapes of what a layer keeps beside its parameters, untrained."""
        layer = self.buffered.get(node.name)
        if layer is None:
            return {}
        return layer.buffer_shapes(tuple(self.shapes[source] for source in node.inputs))

    def kept_shapes(self, node: Node) -> Mapping[str, Shape]:
        """All that is saved with a layer: its parameters, then its buffers."""
        return {**self.parameter_shapes(node), **self.buffer_shapes(node)}

    def site(self, name: str, batch: int) -> Site:
        """Where a layer, or the loss, stands in a pass over a batch."""
        if name == LOSS_NAME:
            return Site(name, ((batch, *self.shapes[self.output]),), (), {})
        node = self.by_name[name]
        inputs = tuple((batch, *self.shapes[source]) for source in node.inputs)
        return Site(name, inputs, (batch, *self.shapes[name]), self.parameter_shapes(node))

    def input_address(self, consumer: Node | None, number: int) -> Address:
        """What the `number`-th input of a layer (None: of the loss) is called."""
        if consumer is None:
            return Address(LOSS_NAME, "input")
        return Address(consumer.name, input_name(number, len(consumer.inputs)))

    def output_address(self, name: str) -> Address:
        """What a layer's output is called; the image stands alone."""
        return IMAGE if name == IMAGE_NAME else Address(name, "output")


def _check_names(nodes: tuple[Node, ...]) -> None:
    known = {IMAGE_NAME}
    for node in nodes:
        check_name(node.name, known)
        if not node.inputs:
            raise UserError(f"{node.name}: it has no input; name an earlier layer or “image”.")
        for source in node.inputs:
            if source not in known:
                raise UserError(
                    f"{node.name}: its input “{source}” is no earlier layer; "
                    f"there are {', '.join(sorted(known))}."
                )
        known.add(node.name)
    unread = known - {IMAGE_NAME, nodes[-1].name} - {s for node in nodes for s in node.inputs}
    if unread:
        raise UserError(
            f"nothing uses the output of {', '.join(sorted(unread))}: remove or use it."
        )


def check_name(name: str, taken: Collection[str]) -> None:
    """Refuse a layer's name that an address could not hold, or that is taken."""
    if not _NAME.fullmatch(name) or name.rpartition(".")[2] in PARTS:
        raise UserError(
            f"“{name}” cannot name a layer: use letters, digits, _ and -, beginning with a letter."
        )
    if name in taken or name == LOSS_NAME:
        raise UserError(f"the name “{name}” is used twice or reserved: choose another.")


def chain(name: str, input_shape: Shape, layers: Mapping[str, Layer], loss: Loss) -> Network:
    """A network without branches: each layer reads the one before."""
    nodes = []
    source = IMAGE_NAME
    for layer_name, layer in layers.items():
        nodes.append(Node(layer_name, layer, (source,)))
        source = layer_name
    return Network(name, input_shape, tuple(nodes), loss)
