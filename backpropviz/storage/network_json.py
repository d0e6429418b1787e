"""A model as a JSON object: the documented network file, read with care and written back.

The format is documented in docs/network-format.md.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

from backpropviz.document import Value, parse_json, plain
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.fields import to_fields
from backpropviz.engine.mode import (
    LARGEST_DROPOUT_SEED,
    MODES,
    TRAIN,
    Mode,
    chosen_mode,
    draws_masks,
    has_modes,
)
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.errors import UserError
from backpropviz.storage.architecture_json import network_from_json, network_to_json
from backpropviz.storage.atomic import write_text
from backpropviz.storage.settings_json import initial_parameters, optimizer_from_json

PictureReader: TypeAlias = Callable[[str, Preprocessing], Array]
"""What turns a name such as `mnist:17` into a network's input (1,C,H,W)."""

FORMAT = "backpropviz-network"
VERSION = 1
REQUIRED = ("format", "version", "input", "layers", "loss")
FIELDS = (
    "format",
    "version",
    "title",
    "remark",
    "mode",
    "dropout_seed",
    "input",
    "layers",
    "loss",
    "optimizer",
    "preprocessing",
    "classes",
    "initialize",
    "parameters",
    "example",
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
        document["example"] = {
            "image": model.example.image[0].tolist(),
            "target": _target_to_json(model.example.target),
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
    _check_version(members["version"])
    network = network_from_json(members, name)
    preprocessing = _preprocessing(members.get("preprocessing"), network.input_shape)
    classes = _classes(members.get("classes"), network)
    return Model(
        title=members["title"].text() if "title" in members else name,
        network=network,
        parameters=initial_parameters(network, members) if parameters is None else parameters,
        preprocessing=preprocessing,
        class_names=classes,
        optimizer=optimizer_from_json(members.get("optimizer")),
        example=_example(members.get("example"), network, classes, preprocessing, picture),
        remark=members["remark"].text(lines=True) if "remark" in members else "",
        mode=_mode(members),
    )


def _mode(members: Mapping[str, Value]) -> Mode:
    """Training unless the file says otherwise."""
    name = members["mode"].choice(MODES) if "mode" in members else None
    seed = members.get("dropout_seed")
    return chosen_mode(TRAIN, name, seed.integer(0, LARGEST_DROPOUT_SEED) if seed else None)


def model_to_json(model: Model) -> dict[str, object]:
    """All of a model but its arrays: neither parameters nor example."""
    document: dict[str, object] = {"format": FORMAT, "version": VERSION, "title": model.title}
    if model.remark:
        document["remark"] = model.remark
    if has_modes(model.network):
        document["mode"] = model.mode.name
    if draws_masks(model.network):
        document["dropout_seed"] = model.mode.seed
    document |= network_to_json(model.network)
    document["optimizer"] = to_fields(model.optimizer)
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
    target = _given_target(entry, classes, math.prod(output) == 1)
    try:
        network.loss.target(target, output)
    except UserError as error:
        raise entry.error(str(error)) from None
    return target


def _given_target(
    entry: Value, classes: tuple[str, ...], single_output: bool
) -> int | tuple[float, ...]:
    value = entry.value
    if isinstance(value, str):
        if value not in classes:
            known = ", ".join(classes[:20]) or "numbers, since the file names no classes"
            entry.refuse(f"it names no class; use {known}")
        return classes.index(value)
    if isinstance(value, int) and not isinstance(value, bool) and not single_output:
        return value
    if not isinstance(value, list):
        return (float(entry.array(())),)
    return tuple(float(number) for number in entry.array((len(value),)))


def _check_version(entry: Value) -> None:
    if entry.integer(1, 10**6) > VERSION:
        entry.refuse("the file was made by a newer BackpropViz: update the program")


def _preprocessing(entry: Value | None, shape: Shape) -> Preprocessing:
    given = {} if entry is None else {n: e.value for n, e in entry.members().items()}
    for field, size in zip(_FROM_INPUT, shape, strict=True):
        if given.setdefault(field, size) != size:
            raise UserError(
                f"preprocessing.{field} = {given[field]!r}, but input says {size}: "
                "leave it out, it follows from input."
            )
    return Preprocessing.from_json(given)


def _classes(entry: Value | None, network: Network) -> tuple[str, ...]:
    if entry is None:
        return ()
    names = tuple(item.text() for item in entry.items())
    output = network.shapes[network.output]
    if (len(names),) != output or len(set(names)) != len(names):
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


def _target_to_json(target: int | tuple[float, ...]) -> object:
    return target if isinstance(target, int) else list(target)
