"""A pass as the list of its operations, in the order in which they run.

Forward in topological order; the loss; backward in reverse order, per layer its parameters and then
its inputs, with a sum wherever a value was used more than once; the update of every parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.elementwise import element_axes
from backpropviz.engine.index import variables
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.nest import Axis, Loops, Nest, Rule
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.operands import Cell, Choice
from backpropviz.engine.optimizer import Optimizer, next_nest
from backpropviz.frozen import frozen


class Phase(Enum):
    """The four parts of a training step."""

    FORWARD = "forward"
    LOSS = "loss"
    BACKWARD = "backward"
    UPDATE = "update"


@frozen(eq=False)
class Operation:
    """A nest in its place in the pass; `layer` may be `image`, where its gradient is summed."""

    phase: Phase
    layer: str
    nest: Nest


def operations(
    network: Network, batch: int, optimizer: Optimizer, iteration: int = 1
) -> tuple[Operation, ...]:
    """The operations of one training step over a batch, in execution order."""
    return (
        *_forward(network, batch),
        *_backward(network, batch),
        *_update(network, optimizer, iteration),
    )


def operation_of(
    network: Network, batch: int, optimizer: Optimizer, iteration: int, target: Address
) -> Operation | None:
    """The operation that computes an array; only the nests of the array's own layer are built."""
    node = network.by_name.get(target.layer)
    own = _of_node(network, node, batch, optimizer, iteration) if node else _of_ends(network, batch)
    return next((found for found in own if found.nest.target == target), None)


def _of_node(
    network: Network, node: Node, batch: int, optimizer: Optimizer, iteration: int
) -> Iterator[Operation]:
    yield from _forward_of(network, node, batch)
    yield from _backward_of(network, node, batch)
    yield from _update_of(network, node, optimizer, iteration)


def _of_ends(network: Network, batch: int) -> Iterator[Operation]:
    """The loss, and the image's gradient where it is a sum."""
    nests = network.loss.nests(network.site(LOSS_NAME, batch))
    yield from (Operation(Phase.LOSS, LOSS_NAME, nest) for nest in nests.forward)
    yield from (Operation(Phase.BACKWARD, LOSS_NAME, nest) for nest in nests.backward)
    yield from _accumulate(network, IMAGE_NAME, batch)


def _forward(network: Network, batch: int) -> Iterator[Operation]:
    for node in network.nodes:
        yield from _forward_of(network, node, batch)
    for nest in network.loss.nests(network.site(LOSS_NAME, batch)).forward:
        yield Operation(Phase.LOSS, LOSS_NAME, nest)


def _forward_of(network: Network, node: Node, batch: int) -> Iterator[Operation]:
    for nest in node.layer.nests(network.site(node.name, batch)).forward:
        yield Operation(Phase.FORWARD, node.name, nest)


def _backward(network: Network, batch: int) -> Iterator[Operation]:
    for nest in network.loss.nests(network.site(LOSS_NAME, batch)).backward:
        yield Operation(Phase.BACKWARD, LOSS_NAME, nest)
    for node in reversed(network.nodes):
        yield from _backward_of(network, node, batch)
    yield from _accumulate(network, IMAGE_NAME, batch)


def _backward_of(network: Network, node: Node, batch: int) -> Iterator[Operation]:
    yield from _accumulate(network, node.name, batch)
    for nest in node.layer.nests(network.site(node.name, batch)).backward:
        yield Operation(Phase.BACKWARD, node.name, nest)


def consumers_in_backward_order(network: Network, name: str) -> tuple[tuple[Node | None, int], ...]:
    """Who used a layer's output, in the order in which backprop adds their gradients."""
    readers = network.consumers[name]
    if len(readers) < 2:
        return readers
    position = {node.name: k for k, node in enumerate(network.nodes)}
    return tuple(
        sorted(
            readers,
            key=lambda r: (-position[r[0].name] if r[0] else -len(position), r[1]),
        )
    )


def _accumulate(network: Network, name: str, batch: int) -> Iterator[Operation]:
    readers = consumers_in_backward_order(network, name)
    if len(readers) > 1:
        sources = tuple(network.input_address(*reader).grad for reader in readers)
        shape = (batch, *network.shapes[name])
        target = network.output_address(name).grad
        yield Operation(Phase.BACKWARD, name, accumulate_nest(target, shape, sources))


def accumulate_nest(target: Address, shape: Shape, sources: tuple[Address, ...]) -> Nest:
    """target = Σ_k sources[k]: a value that was used several times gathers from each use."""
    *cell, k = variables(len(shape) + 1)
    axes, channels = element_axes(target, shape)
    loops = Loops(
        label="element",
        axes=(*axes, Axis("k", len(sources))),
        channel_axes=channels,
        element_axes=len(axes) - channels,
        target=tuple(cell),
        operands=(Choice(k.axis, tuple(Cell(source, tuple(cell)) for source in sources)),),
    )
    return Nest(
        target,
        shape,
        Rule.SUM,
        (loops,),
        remark=f"The value was used {len(sources)} times, so its gradients add up.",
    )


def _update(network: Network, optimizer: Optimizer, iteration: int) -> Iterator[Operation]:
    for node in network.nodes:
        yield from _update_of(network, node, optimizer, iteration)


def _update_of(
    network: Network, node: Node, optimizer: Optimizer, iteration: int
) -> Iterator[Operation]:
    for name, shape in network.parameter_shapes(node).items():
        parameter = Address(node.name, name)
        for nest in optimizer.nests(parameter, shape, iteration):
            yield Operation(Phase.UPDATE, node.name, nest)
        yield Operation(Phase.UPDATE, node.name, next_nest(parameter, shape))
