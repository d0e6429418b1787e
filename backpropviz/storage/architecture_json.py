"""The layers and the loss of a network file: JSON ↔ Network; and a draft, which need not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from backpropviz.document import JsonPlace, Value
from backpropviz.engine.architecture.draft import Draft
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
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Layer, Loss, Moded
from backpropviz.engine.kinds.registry import layer_kinds, loss_kinds
from backpropviz.engine.mode import EVAL, with_mode
from backpropviz.engine.network import IMAGE_NAME, Network, Node, check_name
from backpropviz.engine.preprocessing import MAX_SIDE
from backpropviz.errors import UserError


def network_from_json(members: Mapping[str, Value], name: str) -> Network:
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
        # Earlier files give single layers a mode; the pass decides it for all of them.
        network = with_mode(Network(name, shape, tuple(nodes), loss), EVAL)
        _refuse_size(network)
    except UserError as error:
        raise UserError(_with_place(str(error), nodes)) from None
    return network


def network_to_json(network: Network) -> dict[str, object]:
    """The fields `input`, `layers` and `loss`; `network_from_json` reads them back unchanged."""
    layers = _layers_to_json(network.nodes)
    loss = to_fields(network.loss)
    return {"input": list(network.input_shape), "layers": layers, "loss": loss}


def draft_to_json(draft: Draft) -> dict[str, object]:
    """A draft as it is, whether its layers fit together or not."""
    return {
        "title": draft.title,
        "input": list(draft.input_shape),
        "layers": _layers_to_json(draft.nodes),
        "loss": to_fields(draft.loss),
        "classes": list(draft.class_names),
        "origins": dict(draft.origins),
    }


def draft_from_json(entry: Value) -> Draft:
    """The draft that `draft_to_json` wrote.

    Raises:
        UserError: a layer's own settings are wrong; the sentence names the place.
    """
    members = entry.members(_DRAFT, _DRAFT)
    nodes: list[Node] = []
    for item in members["layers"].items():
        nodes.append(_node(item, [IMAGE_NAME, *(node.name for node in nodes)]))
    origins = {name: item.text() for name, item in members["origins"].members().items()}
    return Draft(
        members["title"].text(),
        _input_shape(members["input"]),
        tuple(nodes),
        _loss(members["loss"]),
        tuple(item.text() for item in members["classes"].items()),
        MappingProxyType(origins),
    )


_DRAFT = ("title", "input", "layers", "loss", "classes", "origins")


def _layers_to_json(nodes: Sequence[Node]) -> list[dict[str, object]]:
    layers = []
    previous = IMAGE_NAME
    for node in nodes:
        fields: dict[str, object] = {"name": node.name, **_own_fields(node.layer)}
        if node.inputs != (previous,):
            fields["inputs"] = list(node.inputs)
        layers.append(fields)
        previous = node.name
    return layers


def _own_fields(layer: Layer) -> dict[str, object]:
    """A layer's configuration without its mode, which is that of the whole pass."""
    found = to_fields(layer)
    if isinstance(layer, Moded):
        return {name: value for name, value in found.items() if name not in MODE_FIELDS}
    return found


def _input_shape(entry: Value) -> Shape:
    sizes = entry.items()
    if len(sizes) != 3:
        entry.refuse("use [channels, height, width]")
    channels = sizes[0].integer(1, 3)
    if channels == 2:
        sizes[0].refuse("use 1 for gray or 3 for RGB")
    return (channels, sizes[1].integer(1, MAX_SIDE), sizes[2].integer(1, MAX_SIDE))


def _node(entry: Value, earlier: list[str]) -> Node:
    members = entry.members(required=("name", KIND_FIELD), what="a layer")
    name = members["name"].text(LONGEST_NAME)
    own = entry.without("name", "inputs").called(name)
    try:
        check_name(name, earlier)
    except UserError as error:
        raise own.error(str(error)) from None
    inputs = members.get("inputs")
    sources = tuple(i.text(LONGEST_NAME) for i in inputs.items()) if inputs else (earlier[-1],)
    _refuse_harm(own)
    layer: Layer = own.configuration(layer_kinds(), "layer")
    return Node(name, layer, sources)


def _loss(entry: Value) -> Loss:
    entry.members(required=(KIND_FIELD,), what="a loss")
    own = Value(entry.value, JsonPlace("loss", ": "))
    _refuse_harm(own)
    loss: Loss = own.configuration(loss_kinds(), "loss")
    return loss


def _refuse_harm(entry: Value) -> None:
    """Refuse values so large that checking them would take long."""
    for name, member in entry.members().items():
        _refuse_large(member, LARGEST_WINDOW if name in WINDOW_FIELDS else LARGEST_SIZE)


def _refuse_large(entry: Value, most: int, depth: int = 2) -> None:
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
