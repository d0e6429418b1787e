"""States of a run in an archive: each one flat array, its parameters and then its optimizer's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backpropviz.document import LARGEST_INTEGER, Value
from backpropviz.engine.address import OPTIMIZER_STATES, Address
from backpropviz.engine.arrays import Array, Shape, freeze
from backpropviz.engine.network import Network
from backpropviz.engine.training.measure import tensors_of
from backpropviz.engine.training.update import Trained
from backpropviz.errors import UserError
from backpropviz.storage.archive import Archive, to_npy

_FIELDS = ("iteration", "loss", "parts")


def state_member(iteration: int) -> str:
    """Where the state after an update lies."""
    return f"states/{iteration:09}.npy"


def state_to_json(trained: Trained) -> dict[str, object]:
    """All of a state but its numbers."""
    return {
        "iteration": trained.iteration,
        "loss": trained.loss,
        "parts": list(_parts(trained.states)),
    }


def state_to_npy(network: Network, trained: Trained) -> bytes:
    """The numbers of a state in one array."""
    own = trained.parameters
    arrays = [own[layer][name] for layer, name, _ in _kept(network)]
    tensors = tensors_of(network)
    arrays += [trained.states[t][part] for part in _parts(trained.states) for t in tensors]
    flat = [array.ravel() for array in arrays]
    return to_npy(np.concatenate(flat) if flat else np.zeros(0, np.float32))


def read_state(
    archive: Archive, network: Network, entry: Value, dtype: np.dtype[Any] | None = None
) -> Trained:
    """A state that `state_to_json` and `state_to_npy` wrote; `dtype`, if given, must be its own.

    Raises:
        UserError: it is damaged, or of another network.
    """
    members = entry.members(_FIELDS, _FIELDS)
    iteration = members["iteration"].integer(0, LARGEST_INTEGER)
    loss = None if members["loss"].value is None else members["loss"].number()
    parts = [item.choice(sorted(OPTIMIZER_STATES)) for item in members["parts"].items()]
    kept, tensors = list(_kept(network)), tensors_of(network)
    sizes = {(layer, name): math.prod(shape) for layer, name, shape in kept}
    trained_size = sum(sizes[tensor.layer, tensor.quantity] for tensor in tensors)
    count = sum(sizes.values()) + len(parts) * trained_size
    name = state_member(iteration)
    flat = archive.array(name, (count,))
    if dtype is not None and flat.dtype != dtype:
        raise UserError(f"{name} holds {flat.dtype} values, but the run’s are {dtype}.")
    pieces = _pieces(flat, [shape for _, _, shape in kept])
    parameters: dict[str, dict[str, Array]] = {node.name: {} for node in network.nodes}
    for layer, quantity, _ in kept:
        parameters[layer][quantity] = next(pieces)
    shapes = [parameters[tensor.layer][tensor.quantity].shape for tensor in tensors]
    pieces = _pieces(flat[sum(sizes.values()) :], shapes * len(parts))
    states: dict[Address, dict[str, Array]] = {tensor: {} for tensor in tensors if iteration}
    for part in parts:
        for tensor in tensors:
            states.setdefault(tensor, {})[part] = next(pieces)
    return Trained(parameters, states, iteration, loss)


def _pieces(flat: Array, shapes: Sequence[Shape]) -> Iterator[Array]:
    """The arrays that lie in a flat one, each with memory of its own."""
    first = 0
    for shape in shapes:
        size = math.prod(shape)
        yield freeze(flat[first : first + size].reshape(shape).copy())
        first += size


def _kept(network: Network) -> Iterator[tuple[str, str, Shape]]:
    for node in network.nodes:
        for name, shape in network.kept_shapes(node).items():
            yield node.name, name, shape


def _parts(states: Mapping[Address, Mapping[str, Array]]) -> tuple[str, ...]:
    """What the optimizer keeps of every tensor."""
    return tuple(next(iter(states.values()), {}))
