"""A model as a JSON object: the documented network file, read with care and written back.

The format is documented in docs/network-format.md.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, TypeAlias

from backpropviz.document import KIND_FIELD, JsonPlace, Value, given, parse_json, plain, to_fields
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Layer, Loss, Moded
from backpropviz.engine.kinds.registry import layer_kinds, loss_kinds
from backpropviz.engine.model import (
    EVAL,
    LARGEST_DROPOUT_SEED,
    LARGEST_SIZE,
    LARGEST_WINDOW,
    LONGEST_LIST,
    LONGEST_NAME,
    MAX_SIDE,
    MODES,
    MOST_LAYERS,
    TRAIN,
    WINDOW_FIELDS,
    Example,
    Model,
    Preprocessing,
    chosen_mode,
    draws_masks,
    has_modes,
    refuse_size,
    with_mode,
)
from backpropviz.engine.network import IMAGE_NAME, Network, Node, check_name
from backpropviz.engine.optimizers import Optimizer, Sgd, optimizer_kinds
from backpropviz.engine.value import Array, Shape, freeze
from backpropviz.errors import UserError
from backpropviz.files.atomic import write_text


def network_from_json(members: Mapping[str, Value], name: str) -> Network:
    """The network that the fields `input`, `layers` and `loss` describe.

    Raises:
        UserError: with the place, such as `layers[2] (pool1)`.
    """
    shape = _input_shape(members["input"])
    entries = members["layers"].items()
    if not 0 < len(entries) <= MOST_LAYERS:
        members["layers"].refuse(f"use 1 to {MOST_LAYERS} layers")
    nodes, loss = _nodes(entries), _loss(members["loss"])
    try:
        # Earlier files give single layers a mode; the pass decides it for all of them.
        network = with_mode(Network(name, shape, tuple(nodes), loss), EVAL)
        _refuse_size(network)
    except UserError as error:
        raise UserError(_with_place(str(error), nodes)) from None
    return network


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
    nodes = _nodes(members["layers"].items())
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
        fields: dict[str, object] = {"name": node.name, **to_fields(node.layer)}
        if isinstance(node.layer, Moded):  # the mode is that of the whole pass
            fields = {name: value for name, value in fields.items() if name not in MODE_FIELDS}
        if node.inputs != (previous,):
            fields["inputs"] = list(node.inputs)
        layers.append(fields)
        previous = node.name
    return layers


def _input_shape(entry: Value) -> Shape:
    sizes = entry.items()
    if len(sizes) != 3:
        entry.refuse("use [channels, height, width]")
    channels = sizes[0].integer(1, 3)
    if channels == 2:
        sizes[0].refuse("use 1 for gray or 3 for RGB")
    return (channels, sizes[1].integer(1, MAX_SIDE), sizes[2].integer(1, MAX_SIDE))


def _nodes(entries: Sequence[Value]) -> list[Node]:
    nodes: list[Node] = []
    for entry in entries:
        nodes.append(_node(entry, [IMAGE_NAME, *(node.name for node in nodes)]))
    return nodes


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
        if abs(value) > most:
            raise entry.must_be(f"a whole number of at most {most}")
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


_METHODS = ("he", "glorot", "lecun")
_DISTRIBUTIONS = ("normal", "uniform")


def optimizer_from_json(entry: Value | None) -> Optimizer:
    """The optimizer; plain SGD with learning rate 0.01 where nothing is said."""
    if entry is None:
        return Sgd()
    found: Optimizer = entry.configuration(optimizer_kinds(), "optimizer")
    return found


def _initial_parameters(network: Network, members: Mapping[str, Value]) -> Parameters:
    """The numbers in the file; layers for which it has none start as `initialize` asks.

    A layer's buffers, such as running statistics, may be left out; they start with it then.
    """
    numbers: dict[str, dict[str, Array]] = {}
    if "parameters" in members:
        layers = tuple(node.name for node in network.nodes if network.kept_shapes(node))
        for layer, entry in members["parameters"].members(layers).items():
            node = network.by_name[layer]
            shapes = network.kept_shapes(node)
            own = entry.members(tuple(shapes), tuple(network.parameter_shapes(node)))
            numbers[layer] = {name: value.array(shapes[name]) for name, value in own.items()}
    fields = ("method", "distribution", "seed")
    how = members["initialize"].members(fields) if "initialize" in members else {}
    method = given(how, "method", lambda name: name.choice(_METHODS), _METHODS[0])
    distribution = given(
        how, "distribution", lambda name: name.choice(_DISTRIBUTIONS), _DISTRIBUTIONS[0]
    )
    seed = given(how, "seed", lambda number: number.integer(0, 2**32 - 1), 0)
    drawn = initialize(network, f"{method}_{distribution}", seed=seed)
    return {
        layer: {name: freeze(array) for name, array in own.items()} | numbers.get(layer, {})
        for layer, own in drawn.items()
    }


PictureReader: TypeAlias = Callable[[str, Preprocessing], Array]
"""What turns a name such as `mnist:17` into a network's input (1,C,H,W)."""

FORMAT = "backpropviz-network"
VERSION = 1
REQUIRED = ("format", "version", "input", "layers", "loss")
FIELDS = (
    *("format", "version", "title", "remark", "mode", "dropout_seed", "input", "layers", "loss"),
    *("optimizer", "preprocessing", "classes", "initialize", "parameters", "example"),
)
LARGEST_FILE = 64_000_000
_LINE_LENGTH = 100
# Only what ships: a network file must not make the program read other files.
_BUNDLED_PICTURE = re.compile(r"[a-z]+:[a-z0-9]+")
_FROM_INPUT = ("channels", "height", "width")


def read_network(file: BinaryIO, name: str, picture: PictureReader | None = None) -> Model:
    """Read a network file; `picture` opens an example that is given by name.

    Raises:
        UserError: it cannot be read, or it is not what docs/network-format.md says.
    """
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise UserError(f"it is larger than {LARGEST_FILE // 10**6} MB: save it as .bpv instead.")
    return model_from_json(parse_json(content), name, picture=picture)


def write_network(path: Path, model: Model, initialize: Mapping[str, object] | None = None) -> None:
    """Write a network file that holds the parameters and the example as numbers.

    Where `initialize` says how the parameters were drawn, it stands in their place.
    """
    document = model_to_json(model)
    if initialize is not None:
        document["initialize"] = dict(initialize)
    else:
        document["parameters"] = {
            layer: {name: array.tolist() for name, array in own.items()}
            for layer, own in model.parameters.items()
            if own
        }
    if model.example is not None:
        target = model.example.target
        document["example"] = {
            "image": model.example.image[0].tolist(),
            "target": target if isinstance(target, int) else list(target),
        }
    write_text(path, _readable(plain(document)) + "\n")


def model_from_json(
    document: Value,
    name: str,
    *,
    parameters: Parameters | None = None,
    picture: PictureReader | None = None,
) -> Model:
    """The model that a network file describes; `parameters`, if given, replace the file's.

    Raises:
        UserError: with the place in the file.
    """
    if isinstance(document.value, dict) and "format" not in document.value:
        raise document.error(
            f'it is JSON, but no network file: one begins with "format": "{FORMAT}", as '
            "docs/network-format.md says; add it."
        )
    members = document.members(FIELDS, REQUIRED)
    members["format"].choice((FORMAT,))
    entry = members["version"]
    if entry.integer(1, 10**6) > VERSION:
        entry.refuse("the file was made by a newer BackpropViz: update the program")
    network = network_from_json(members, name)
    preprocessing = _preprocessing(members.get("preprocessing"), network.input_shape)
    classes = _classes(members.get("classes"), network)
    return Model(
        title=given(members, "title", Value.text, name),
        network=network,
        parameters=_initial_parameters(network, members) if parameters is None else parameters,
        preprocessing=preprocessing,
        class_names=classes,
        optimizer=optimizer_from_json(members.get("optimizer")),
        example=_example(members.get("example"), network, classes, preprocessing, picture),
        remark=given(members, "remark", lambda text: text.text(lines=True), ""),
        mode=chosen_mode(
            TRAIN,
            given(members, "mode", lambda name: name.choice(MODES)),
            given(members, "dropout_seed", lambda seed: seed.integer(0, LARGEST_DROPOUT_SEED)),
        ),
    )


def model_to_json(model: Model) -> dict[str, object]:
    """All of a model but its arrays: neither parameters nor example."""
    document: dict[str, object] = {"format": FORMAT, "version": VERSION, "title": model.title}
    if model.remark:
        document["remark"] = model.remark
    if has_modes(model.network):
        document["mode"] = model.mode.name
    if draws_masks(model.network):
        document["dropout_seed"] = model.mode.seed
    document |= {
        "input": list(model.network.input_shape),
        "layers": _layers_to_json(model.network.nodes),
        "loss": to_fields(model.network.loss),
        "optimizer": to_fields(model.optimizer),
    }
    document["preprocessing"] = {
        name: value
        for name, value in model.preprocessing.to_json().items()
        if name not in _FROM_INPUT
    }
    if model.class_names:
        document["classes"] = list(model.class_names)
    return document


def target_from_json(
    entry: Value, network: Network, classes: tuple[str, ...]
) -> int | tuple[float, ...]:
    """A class, by its name or number, or the wanted output in row-major order."""
    output = (1, *network.shapes[network.output])
    target = _given_target(entry, classes, is_single=math.prod(output) == 1)
    try:
        network.loss.target(target, output)
    except UserError as error:
        raise entry.error(str(error)) from None
    return target


def _given_target(
    entry: Value, classes: tuple[str, ...], *, is_single: bool
) -> int | tuple[float, ...]:
    value = entry.value
    if isinstance(value, str):
        if value not in classes:
            known = ", ".join(classes[:20]) or "numbers, since the file names no classes"
            entry.refuse(f"it names no class; use {known}")
        return classes.index(value)
    if isinstance(value, int) and not isinstance(value, bool) and not is_single:
        return value
    if not isinstance(value, list):
        return (float(entry.array(())),)
    return tuple(float(number) for number in entry.array((len(value),)))


def _preprocessing(entry: Value | None, shape: Shape) -> Preprocessing:
    fields = {} if entry is None else {n: e.value for n, e in entry.members().items()}
    for field, size in zip(_FROM_INPUT, shape, strict=True):
        if fields.setdefault(field, size) != size:
            raise UserError(
                f"preprocessing.{field} = {fields[field]!r}, but input says {size}: "
                "leave it out, it follows from input."
            )
    return Preprocessing.from_json(fields)


_MOST_NAMED: Final = 5


def _classes(entry: Value | None, network: Network) -> tuple[str, ...]:
    if entry is None:
        return ()
    names = tuple(item.text() for item in entry.items())
    output = network.shapes[network.output]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        listed = ", ".join(f"“{name}”" for name in repeated[:_MOST_NAMED])
        more = f" and {len(repeated) - _MOST_NAMED:,} more" if len(repeated) > _MOST_NAMED else ""
        raise UserError(
            f"classes: {listed}{more} stand here more than once: give each output its own name."
            if len(repeated) > 1
            else f"classes: {listed} stands here {names.count(repeated[0])} times: "
            "give each output its own name."
        )
    if (len(names),) != output:
        raise UserError(
            f"classes: {len(names)} names stand here, but {network.output} has the output "
            f"{list(output)}: give each output its own name."
        )
    return names


def _example(
    entry: Value | None,
    network: Network,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    picture: PictureReader | None,
) -> Example | None:
    if entry is None:
        return None
    members = entry.members(("image", "target"), ("image", "target"))
    target = target_from_json(members["target"], network, classes)
    image = members["image"]
    if not isinstance(image.value, str):
        return Example("example", _numbers(image, network.input_shape)[None], target)
    if picture is None or not _BUNDLED_PICTURE.fullmatch(image.text(200)):
        image.refuse(
            "give its numbers, or a bundled picture such as mnist:17 where pictures are opened"
        )
    try:
        return Example(image.text(200), picture(image.text(200), preprocessing), target)
    except UserError as error:
        raise image.error(str(error)) from None


def _numbers(image: Value, shape: Shape) -> Array:
    """Channels × height × width; one channel may be left out."""
    rows = image.items()
    gray = shape[0] == 1 and rows and isinstance(rows[0].value, list)
    if gray and not any(isinstance(item.value, list) for item in rows[0].items()):
        return image.array(shape[1:])[None]
    return image.array(shape)


def _readable(value: object, indent: str = "") -> str:
    """Plain values as JSON: whole numbers without a point, short lists in one line."""
    line = json.dumps(_tidy(value), ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or (indent and len(line) <= _LINE_LENGTH - len(indent)):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {_readable(v, inner)}" for k, v in value.items()]
    else:
        parts = [_readable(v, inner) for v in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def _tidy(value: object) -> object:
    if isinstance(value, dict):
        return {name: _tidy(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
