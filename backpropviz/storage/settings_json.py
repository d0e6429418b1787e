"""The optimizer and the first parameters that a network file asks for."""

from __future__ import annotations

from collections.abc import Mapping

from backpropviz.document import Value
from backpropviz.engine.arrays import Array, freeze
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import initialize
from backpropviz.engine.network import Network, Node
from backpropviz.engine.optimizer import Optimizer, Sgd, optimizer_kinds

METHODS = ("he", "glorot", "lecun")
DISTRIBUTIONS = ("normal", "uniform")


def optimizer_from_json(entry: Value | None) -> Optimizer:
    """The optimizer; plain SGD with learning rate 0.01 where nothing is said."""
    if entry is None:
        return Sgd()
    found: Optimizer = entry.configuration(optimizer_kinds(), "optimizer")
    return found


def initial_parameters(network: Network, members: Mapping[str, Value]) -> Parameters:
    """The numbers in the file; layers for which it has none start as `initialize` asks.

    A layer's buffers, such as running statistics, may be left out; they start with it then.
    """
    given = _given(members.get("parameters"), network)
    drawn = _drawn(network, members.get("initialize"))
    return {layer: {**own, **given.get(layer, {})} for layer, own in drawn.items()}


def _given(entry: Value | None, network: Network) -> dict[str, dict[str, Array]]:
    if entry is None:
        return {}
    layers = tuple(node.name for node in network.nodes if network.kept_shapes(node))
    return {
        layer: _arrays(own, network, network.by_name[layer])
        for layer, own in entry.members(layers).items()
    }


def _arrays(entry: Value, network: Network, node: Node) -> dict[str, Array]:
    shapes = network.kept_shapes(node)
    members = entry.members(tuple(shapes), tuple(network.parameter_shapes(node)))
    return {name: member.array(shapes[name]) for name, member in members.items()}


def _drawn(network: Network, entry: Value | None) -> Mapping[str, Mapping[str, Array]]:
    members = {} if entry is None else entry.members(("method", "distribution", "seed"))
    method = members["method"].choice(METHODS) if "method" in members else METHODS[0]
    distribution = (
        members["distribution"].choice(DISTRIBUTIONS)
        if "distribution" in members
        else DISTRIBUTIONS[0]
    )
    seed = members["seed"].integer(0, 2**32 - 1) if "seed" in members else 0
    drawn = initialize(network, f"{method}_{distribution}", seed=seed)
    return {
        layer: {name: freeze(array) for name, array in own.items()} for layer, own in drawn.items()
    }
