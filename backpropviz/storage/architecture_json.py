"""The layers and the loss of a network file: JSON ↔ Network."""

from __future__ import annotations

import math
from collections.abc import Mapping

from backpropviz.engine.architecture.limits import (
    LARGEST_SIZE,
    LARGEST_WINDOW,
    LONGEST_LIST,
    LONGEST_NAME,
    MOST_LAYERS,
    WINDOW_FIELDS,
    refuse_size,
)
from backpropviz.engine.arrays import Shape
from backpropviz.engine.fields import KIND_FIELD, to_fields
from backpropviz.engine.kinds.protocol import Loss
from backpropviz.engine.kinds.registry import layer_from_fields, loss_from_fields
from backpropviz.engine.network import IMAGE_NAME, Network, Node, check_name
from backpropviz.engine.preprocessing import MAX_SIDE
from backpropviz.errors import UserError
from backpropviz.storage.entry import Entry


def network_from_json(members: Mapping[str, Entry], name: str) -> Network:
    """The network that the fields `input`, `layers` and `loss` describe.

    Raises:
        UserError: with the place, such as `layers[2] (pool1)`.
    """
    shape = _input_shape(members["input"])
    entries = members["layers"].items()
    if not 0 < len(entries) <= MOST_LAYERS:
        members["layers"].refuse(f"use 1 to {MOST_LAYERS} layers")
    nodes: list[Node] = []
    for entry in entries:
        nodes.append(_node(entry, [IMAGE_NAME, *(node.name for node in nodes)]))
    loss = _loss(members["loss"])
    try:
        network = Network(name, shape, tuple(nodes), loss)
        _refuse_size(network)
    except UserError as error:
        raise UserError(_with_place(str(error), nodes)) from None
    return network


def network_to_json(network: Network) -> dict[str, object]:
    """The fields `input`, `layers` and `loss`; `network_from_json` reads them back unchanged."""
    layers = []
    previous = IMAGE_NAME
    for node in network.nodes:
        fields: dict[str, object] = {"name": node.name, **to_fields(node.layer)}
        if node.inputs != (previous,):
            fields["inputs"] = list(node.inputs)
        layers.append(fields)
        previous = node.name
    loss = to_fields(network.loss)
    return {"input": list(network.input_shape), "layers": layers, "loss": loss}


def _input_shape(entry: Entry) -> Shape:
    sizes = entry.items()
    if len(sizes) != 3:
        entry.refuse("use [channels, height, width]")
    channels = sizes[0].integer(1, 3)
    if channels == 2:
        sizes[0].refuse("use 1 for gray or 3 for RGB")
    return (channels, sizes[1].integer(1, MAX_SIDE), sizes[2].integer(1, MAX_SIDE))


def _node(entry: Entry, earlier: list[str]) -> Node:
    members = entry.members(required=("name", KIND_FIELD))
    name = members["name"].text(LONGEST_NAME)
    place = f"{entry.place} ({name})"
    try:
        check_name(name, earlier)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    inputs = members.get("inputs")
    sources = tuple(i.text(LONGEST_NAME) for i in inputs.items()) if inputs else (earlier[-1],)
    fields = _plain(members, place, without=("name", "inputs"))
    return Node(name, layer_from_fields(fields, place), sources)


def _loss(entry: Entry) -> Loss:
    members = entry.members(required=(KIND_FIELD,))
    return loss_from_fields(_plain(members, entry.place), entry.place)


def _plain(
    members: Mapping[str, Entry], place: str, without: tuple[str, ...] = ()
) -> dict[str, object]:
    """The values as they stand, none so large that checking them would take long."""
    kept = {name: entry for name, entry in members.items() if name not in without}
    for name, entry in kept.items():
        most = LARGEST_WINDOW if name in WINDOW_FIELDS else LARGEST_SIZE
        _refuse_large(Entry(entry.value, f"{place}: {name}"), most)
    return {name: entry.value for name, entry in kept.items()}


def _refuse_large(entry: Entry, most: int, depth: int = 2) -> None:
    """Refuse long texts and lists, large whole numbers and objects in a field of a layer."""
    value = entry.value
    if isinstance(value, str):
        entry.text(LONGEST_NAME)
    elif isinstance(value, int) and not isinstance(value, bool):
        entry.integer(-most, most)
    elif isinstance(value, list) and depth and len(value) <= LONGEST_LIST:
        for item in entry.items():
            _refuse_large(item, most, depth - 1)
    elif isinstance(value, list | dict):
        entry.refuse("use a number, a text, or a short list of them")


def _refuse_size(network: Network) -> None:
    outputs = parameters = 0
    for node in network.nodes:
        shape = network.shapes[node.name]
        outputs += math.prod(shape)
        own = network.parameter_shapes(node).values()
        parameters += sum(math.prod(size) for size in own)
        refuse_size(node.name, shape, parameters, outputs)


def _with_place(sentence: str, nodes: list[Node]) -> str:
    """The engine's `pool1: …` becomes the file's `layers[2] (pool1): …`."""
    name, colon, rest = sentence.partition(": ")
    for number, node in enumerate(nodes):
        if colon and node.name == name:
            return f"layers[{number}] ({name}): {rest}"
    return sentence
