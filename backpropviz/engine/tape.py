"""One immutable pass: every array that it used or made, by address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

import numpy as np

from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET, input_name
from backpropviz.engine.nest import Axis, Loops, Nest, NestRule, variables
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.operands import ArrayCell, Choice, element_axes
from backpropviz.engine.optimizers import Optimizer, next_nest
from backpropviz.engine.value import Address, Array, Shape, parse, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class Tape(Mapping[Address, Array]):
    """Arrays by address without indices; the same array may have several names.

    `canonical` maps each further name to the one under which the array is computed; `iteration` is
    the number of the optimizer's update, from 1, which some of them reckon with.
    """

    network: Network
    optimizer: Optimizer
    arrays: Mapping[Address, Array]
    canonical: Mapping[Address, Address]
    iteration: int = 1

    def __repr__(self) -> str:
        """One line: a tape's arrays would fill screens."""
        return (
            f"<Tape of {self.network.name}: {len(self.arrays)} arrays, batch {self.batch}, "
            f"{self[LOSS].dtype}, loss {self.loss + 0.0:.6g}>"
        )

    def __getitem__(self, address: Address | str) -> Array:
        """The array, or the value (an array without dimensions) where indices are given.

        Raises:
            UserError: there is no such array, or an index is out of range.
        """
        if isinstance(address, str):
            address = parse(address)
        array = self.arrays.get(address)
        return self._look_up(address) if array is None else array

    def __iter__(self) -> Iterator[Address]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __contains__(self, address: object) -> bool:
        """Whether the array is recorded, by address or text."""
        key = parse(address) if isinstance(address, str) else address
        return isinstance(key, Address) and key.array in self.arrays

    def _look_up(self, address: Address) -> Array:
        array = self.arrays.get(address.array)
        if array is None:
            raise UserError(f"“{address}” is not in this pass: {self._suggestion(address)}")
        indices = address.indices
        if len(indices) != array.ndim or not all(
            0 <= i < size for i, size in zip(indices, array.shape, strict=True)
        ):
            raise UserError(
                f"“{address}” is outside {address.array}, whose shape is "
                f"{shape_text(array.shape)}: give {array.ndim} indices counted from 0."
            )
        return array[indices]  # type: ignore[no-any-return]

    def _suggestion(self, address: Address) -> str:
        same_layer = sorted(a.name for a in self.arrays if a.layer == address.layer)
        if same_layer and address.layer:
            return f"{address.layer} has {', '.join(same_layer)}."
        layers = [node.name for node in self.network.nodes]
        return f"the layers are {', '.join(layers)}; image and loss stand alone."

    def resolve(self, address: Address) -> Address:
        """The name under which the value is computed: `relu1.input` is `conv1.output`."""
        origin = self.canonical.get(address.array)
        return address if origin is None else origin.at(address.indices)

    def value(self, address: Address) -> float:
        """One value as a Python number."""
        return float(self[address])

    @property
    def batch(self) -> int:
        """Number of samples."""
        return int(self[Address("", "image")].shape[0])

    @property
    def loss(self) -> float:
        """The loss of the batch."""
        return float(self[LOSS])


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
        *(op for node in network.nodes for op in _update_of(network, node, optimizer, iteration)),
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
        sorted(readers, key=lambda r: (-position[r[0].name] if r[0] else -len(position), r[1]))
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
        operands=(Choice(k.axis, tuple(ArrayCell(source, tuple(cell)) for source in sources)),),
    )
    return Nest(
        target,
        shape,
        NestRule.SUM,
        (loops,),
        remark=f"The value was used {len(sources)} times, so its gradients add up.",
    )


def _update_of(
    network: Network, node: Node, optimizer: Optimizer, iteration: int
) -> Iterator[Operation]:
    for name, shape in network.parameter_shapes(node).items():
        parameter = Address(node.name, name)
        for nest in optimizer.nests(parameter, shape, iteration):
            yield Operation(Phase.UPDATE, node.name, nest)
        yield Operation(Phase.UPDATE, node.name, next_nest(parameter, shape))


@frozen
class ArrayChange:
    """An array of which `count` of `size` values differ; the most, by |after − before|, at one."""

    array: Address
    count: int
    size: int
    at: Address
    before: float
    after: float

    @property
    def largest(self) -> float:
        """|after − before| where it is largest; NaN or infinite where a value is."""
        return abs(self.after - self.before)


@frozen
class Comparison:
    """What differs from one pass to another, in the order of the pass."""

    changes: tuple[ArrayChange, ...]
    unchanged: tuple[Address, ...]

    @property
    def is_same(self) -> bool:
        """Whether every value that both have is the same."""
        return not self.changes

    @property
    def count(self) -> int:
        """How many values differ."""
        return sum(change.count for change in self.changes)

    @property
    def largest(self) -> ArrayChange | None:
        """The array with the largest difference; None where there is none."""
        sizes = [float(np.nan_to_num(c.largest, nan=np.inf)) for c in self.changes]
        return self.changes[int(np.argmax(sizes))] if sizes else None


def compared(before: Tape, after: Tape) -> Comparison:
    """Every array that both passes have, exactly: equal means to the last bit (or both NaN).

    An array of several names counts once, under the name by which it is computed.

    Raises:
        UserError: an array has another shape in the other pass.
    """
    names = [a for a in before if a not in before.canonical]
    changes: list[ArrayChange] = []
    unchanged: list[Address] = []
    for array in (a for a in names if a in after):
        change = _change(array, before[array], after[array])
        if change is None:
            unchanged.append(array)
        else:
            changes.append(change)
    return Comparison(tuple(changes), tuple(unchanged))


def differing(before: Array, after: Array) -> Array:
    """Where two arrays differ, as booleans; NaN is NaN's equal."""
    both_nan = np.isnan(before) & np.isnan(after)
    return np.asarray((before != after) & ~both_nan)


def _change(array: Address, before: Array, after: Array) -> ArrayChange | None:
    if before.shape != after.shape:
        raise UserError(
            f"{array} is {shape_text(before.shape)} in one pass and {shape_text(after.shape)} in "
            "the other: compare passes of one network and one batch."
        )
    mask = differing(before, after)
    count = int(np.count_nonzero(mask))
    if not count:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(np.subtract(after, before, dtype=np.float64))
    ranked = np.where(mask, np.nan_to_num(distance, nan=np.inf), -1.0)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(ranked)), before.shape))
    return ArrayChange(
        array, count, before.size, array.at(place), float(before[place]), float(after[place])
    )


def nest_of(tape: Tape, array: Address) -> Nest | None:
    """The operation that computed an array; None where it was given (image, weights, target)."""
    found = operation_of(
        tape.network, tape.batch, tape.optimizer, tape.iteration, tape.resolve(array).array
    )
    return None if found is None else found.nest


def explain_value(tape: Tape, address: Address) -> Derivation:
    """The derivation of one value.

    Raises:
        UserError: the address names an array, or a value that no operation computed.
    """
    array = tape[address.array]
    if len(address.indices) != array.ndim:
        example = address.array.at((0,) * array.ndim)
        raise UserError(f"“{address}” names an array: name one value, for example {example}.")
    value = tape[address].item()
    nest = nest_of(tape, address.array)
    if nest is None:
        raise UserError(f"“{address}” is {value!r} and has no derivation: {_why(tape, address)}.")
    return derive(tape, nest, tape.resolve(address))


def _why(tape: Tape, address: Address) -> str:
    """Where a value that no operation computes comes from, and what to ask for instead."""
    if address == LOSS.grad:
        return "it is ∂L/∂L, where the way back begins"
    node = tape.network.by_name.get(address.layer)
    own = tape.resolve(address)
    if node is None or own.array == TARGET:
        return "it is given"
    inputs = {input_name(k, len(node.inputs)) for k in range(len(node.inputs))}
    if own.part or own.quantity in {*inputs, *tape.network.kept_shapes(node)}:
        changed = address.of("next") if not own.part else None
        hint = f"; what the update makes of it is {changed}" if changed in tape else ""
        return f"it was there before the pass{hint}"
    output = Address(node.name, "output")
    fits = tape[output].shape == tape[address.array].shape
    same_place = output.at(address.indices) if fits else output
    return f"{node.name} keeps it for the way back; what it belongs to is {same_place}"
