"""A network that need not be whole yet: its layers, whatever their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from types import MappingProxyType

from backpropviz.engine.arrays import Shape
from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.model import Model
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Draft:
    """Layers in order, each reading earlier ones; every layer's own settings are sound.

    What may be wrong is how they fit together: see `survey`. `origins` name, for a layer that was
    there at the beginning, the layer of that network whose weights it can take.
    """

    title: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    loss: Loss
    class_names: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names, in order."""
        return tuple(node.name for node in self.nodes)

    @property
    def output(self) -> str:
        """The name of what the loss judges: the last layer, or the image where there is none."""
        return self.nodes[-1].name if self.nodes else IMAGE_NAME

    def place(self, name: str) -> int:
        """The number of a layer.

        Raises:
            UserError: there is none of that name.
        """
        for number, node in enumerate(self.nodes):
            if node.name == name:
                return number
        raise UserError(f"there is no layer “{name}”; there are {', '.join(self.names)}.")

    def node(self, name: str) -> Node:
        """A layer by its name; errors as for `place`."""
        return self.nodes[self.place(name)]

    def sources(self, name: str) -> tuple[str, ...]:
        """What a layer may read: the image and all earlier layers."""
        return (IMAGE_NAME, *self.names[: self.place(name)])

    def readers(self, name: str) -> tuple[Node, ...]:
        """The layers that read a layer's output, or the image."""
        return tuple(node for node in self.nodes if name in node.inputs)


def draft_of(network: Network, title: str = "", class_names: tuple[str, ...] = ()) -> Draft:
    """A network as a draft to go on with, all of whose weights are new."""
    return Draft(
        title or network.name, network.input_shape, network.nodes, network.loss, class_names
    )


def draft_of_model(model: Model) -> Draft:
    """A model's network with its title and classes; its layers know their weights again."""
    origins = MappingProxyType({node.name: node.name for node in model.network.nodes})
    draft = draft_of(model.network, model.title, model.class_names)
    return replace(draft, origins=origins)
