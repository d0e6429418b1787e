"""A loss that applies an activation itself, behind a layer that has applied it already."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.kinds.shape import Reshaping
from backpropviz.engine.network import Node
from backpropviz.frozen import frozen


@frozen
class Doubled:
    """An activation that is applied twice: by a layer, and by the loss."""

    layer: str
    activation: str
    loss: str

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return (
            f"{self.layer} ({self.activation}) stands before {self.loss}, which applies a "
            f"{self.activation} itself: applied twice, it keeps the loss up and the gradients "
            f"small. Remove {self.layer}."
        )

    def least_loss(self, outputs: int) -> str:
        """How low the loss of a sample can come, in words: its inputs lie between 0 and 1."""
        if self.activation == "sigmoid":
            one, zero = math.log1p(math.exp(-1)), math.log(2)
            return f"{one:.3f} for an output that is to be 1, {zero:.3f} for one that is to be 0"
        return f"{math.log1p((outputs - 1) / math.e):.3f} with {outputs} classes"


def doubled(nodes: Sequence[Node], loss: Loss) -> Doubled | None:
    """The layer that applies what the loss applies, before it but for changes of shape."""
    by_name = {node.name: node for node in nodes}
    node = nodes[-1] if nodes else None
    while node is not None and isinstance(node.layer, Reshaping):
        node = by_name.get(node.inputs[0])
    if node is None or not loss.own_activation or node.layer.kind != loss.own_activation:
        return None
    return Doubled(node.name, node.layer.kind, loss.kind.replace("_", "-"))
