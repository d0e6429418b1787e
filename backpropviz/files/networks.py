"""Networks by name or file: those that ship, network JSON and `.bpv`."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from backpropviz.assets import resource, resource_names
from backpropviz.document import Value, parse_json, plain
from backpropviz.engine.model import Example, Model
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.files import network_json
from backpropviz.files.archive import (
    DTYPES,
    LARGEST_FILE,
    Archive,
    archive_in,
    opened_archive,
    to_npy,
    write_archive,
)
from backpropviz.files.network_json import (
    model_from_json,
    model_to_json,
    network_from_json,
    target_from_json,
)
from backpropviz.frozen import frozen
from backpropviz.named_file import is_there, kind_of_file, named_path, opened_file, refuse_other

Kind: TypeAlias = Literal["model", "session", "run"]

FORMAT = "backpropviz"
VERSION = 1
KINDS = ("model", "session", "run")
LARGEST_JSON = 32_000_000
_MANIFEST, _NETWORK = "manifest.json", "network.json"
_EXAMPLE, _SESSION = "example.json", "session.json"
_IMAGE = "example/image.npy"


@frozen(eq=False)
class SessionFile:
    """A model, the debugger's state as plain JSON, and further arrays by name."""

    model: Model
    state: Mapping[str, object]
    arrays: Mapping[str, Array] = field(default_factory=dict)


def save_model(path: Path, model: Model) -> None:
    """Write a model with its parameters and example."""
    write_archive(path, {_MANIFEST: manifest("model"), **model_members(model)})


def save_session(
    path: Path, model: Model, state: Mapping[str, object], arrays: Mapping[str, Array] | None = None
) -> None:
    """Write a session; the arrays are float32, float64, int64 or uint8."""
    members = {_MANIFEST: manifest("session"), **model_members(model)}
    members[_SESSION] = json_bytes(state)
    for name, array in sorted((arrays or {}).items()):
        if not re.fullmatch(r"[\w-]{1,100}", name):
            raise UserError(f"“{name}” cannot name an array: use letters, digits, _ and -.")
        if array.dtype.name not in DTYPES:
            raise UserError(f"{name} holds {array.dtype} values: use {', '.join(DTYPES)}.")
        members[f"session/{name}.npy"] = to_npy(array)
    write_archive(path, members)


def load(path: Path) -> Model | SessionFile:
    """Read a `.bpv` file; of a run, its model.

    Raises:
        UserError: the file cannot be used; the sentence says which part of it and why.
    """
    with opened_archive(path) as archive:
        return _loaded(archive, path.stem)


def _loaded(archive: Archive, title: str) -> Model | SessionFile:
    kind = read_kind(archive)
    model = read_model(archive, title)
    return _session(archive, model) if kind == "session" else model


def session_in(content: bytes, title: str) -> SessionFile:
    """A session that another file holds; errors as for `load`."""
    with archive_in(io.BytesIO(content)) as archive:
        found = _loaded(archive, title)
    if not isinstance(found, SessionFile):
        raise UserError("it holds a network and no session: export the deck anew.")
    return found


def load_model(path: Path) -> Model:
    """Read the model out of a `.bpv` file of any kind; errors as for `load`."""
    loaded = load(path)
    return loaded.model if isinstance(loaded, SessionFile) else loaded


def kind_of(path: Path) -> str:
    """What a `.bpv` file holds: model, session or run."""
    with opened_archive(path) as archive:
        return read_kind(archive)


def manifest(kind: Kind) -> bytes:
    """The member that says what the file is."""
    return json_bytes({"format": FORMAT, "kind": kind, "version": VERSION})


def json_bytes(value: object) -> bytes:
    """A value as a JSON member; names that are not UTF-8 are written so that they can be read."""
    return json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False).encode()


def model_members(model: Model) -> dict[str, bytes]:
    """What a model is saved as."""
    members = {_NETWORK: json_bytes(model_to_json(model))}
    for layer, own in model.parameters.items():
        for name, array in own.items():
            members[_member(layer, name)] = to_npy(array)
    if model.example is not None:
        target = model.example.target
        plain = target if isinstance(target, int) else list(target)
        members[_EXAMPLE] = json_bytes({"source": model.example.source, "target": plain})
        members[_IMAGE] = to_npy(model.example.image)
    return members


def _member(layer: str, parameter: str) -> str:
    return f"parameters/{layer}.{parameter}.npy"


def read_kind(archive: Archive) -> str:
    """What the manifest says that the file is."""
    manifest = read_document(archive, _MANIFEST).members(required=("format", "kind", "version"))
    manifest["format"].choice((FORMAT,))
    if manifest["version"].integer(1, 10**6) > VERSION:
        raise UserError("it was made by a newer BackpropViz: update the program to open it.")
    return manifest["kind"].choice(KINDS)


def read_document(archive: Archive, name: str) -> Value:
    """A JSON member that is an object."""
    content = archive.read(name, LARGEST_JSON)
    try:
        document = parse_json(content)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    if not isinstance(document.value, dict):
        raise UserError(f"{name} is not an object {{ … }}: save the file anew.")
    return document


def read_model(archive: Archive, name: str) -> Model:
    """The model in a file of any kind."""
    document = read_document(archive, _NETWORK)
    try:
        model = model_from_json(document, name, parameters={})
    except UserError as error:
        raise UserError(f"{_NETWORK}: {error}") from None
    parameters = {
        node.name: {
            name: archive.array(_member(node.name, name), shape)
            for name, shape in model.network.kept_shapes(node).items()
        }
        for node in model.network.nodes
    }
    return replace(model, parameters=parameters, example=_example(archive, model))


def _example(archive: Archive, model: Model) -> Example | None:
    if _EXAMPLE not in archive.names:
        return None
    members = read_document(archive, _EXAMPLE).members(("source", "target"), ("source", "target"))
    image = archive.array(_IMAGE, (1, *model.network.input_shape))
    target = target_from_json(members["target"], model.network, model.class_names)
    return Example(members["source"].text(), image, target)


def _session(archive: Archive, model: Model) -> SessionFile:
    state = {
        name: entry.value for name, entry in read_document(archive, _SESSION).members().items()
    }
    names = [n for n in archive.names if n.startswith("session/") and n.endswith(".npy")]
    arrays = {n.removeprefix("session/").removesuffix(".npy"): archive.any_array(n) for n in names}
    return SessionFile(model, state, arrays)


FOLDER = "networks"
JSON_SUFFIX, BPV_SUFFIX = ".json", ".bpv"
_FIRST = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "lenet", "mlp", "tinyvgg")
_LONGEST_SENTENCE = 700


@frozen
class NetworkCard:
    """What a list of networks shows of one."""

    name: str
    title: str
    description: str
    parameter_count: int
    input_shape: tuple[int, ...]


def load_network(
    name_or_path: str | Path, picture: network_json.PictureReader | None = None
) -> Model:
    """A bundled network by its name, or the model in a network JSON or `.bpv` file of any kind.

    `picture` opens an example that a JSON file gives by name, such as `mnist:17`.

    Raises:
        UserError: there is none, or the file cannot be used.
    """
    bundled = _bundled_files().get(str(name_or_path))
    path = bundled or named_path(name_or_path)
    with _named(path if bundled is None else Path(path.name)):
        if bundled is None and not is_there(path):
            raise UserError(
                f"there is no such network or file; the bundled networks are "
                f"{', '.join(_bundled_files())}; or give the path of a .json or .bpv file."
            )
        with opened_file(path, LARGEST_FILE) as file:
            if bundled is None:
                refuse_other(kind_of_file(file, path.name), "network")
            is_zip = file.read(2) == b"PK" or path.suffix.lower() == BPV_SUFFIX
            file.seek(0)
            if not is_zip:
                return network_json.read_network(file, path.stem, picture)
        return load_model(path)


def is_bundled(name: str) -> bool:
    """Whether a network of this name ships with the program."""
    return name in _bundled_files()


def is_known(name_or_path: str) -> bool:
    """Whether a name or a path opens something, so that it can be opened again later."""
    try:
        return name_or_path in _bundled_files() or named_path(name_or_path).is_file()
    except (OSError, UserError):
        return False


def load_file(path: Path) -> Model | SessionFile:
    """A session or a model from a `.bpv` file; errors as for `load_network`."""
    with _named(path):
        return load(path)


@cache
def bundled_networks() -> tuple[NetworkCard, ...]:
    """Those that ship, the smallest first; no parameter is read."""
    return tuple(_card(name, path) for name, path in _bundled_files().items())


def _card(name: str, path: Path) -> NetworkCard:
    if path.suffix == BPV_SUFFIX:
        with opened_archive(path) as archive:
            members = read_document(archive, _NETWORK).members()
    else:
        members = parse_json(path.read_bytes()).members()
    network = network_from_json(members, name)
    shapes = (s for node in network.nodes for s in network.parameter_shapes(node).values())
    count = sum(math.prod(shape) for shape in shapes)
    title, remark = members["title"].text(), members["remark"].text(lines=True)
    return NetworkCard(name, title, remark, count, network.input_shape)


def _bundled_files() -> dict[str, Path]:
    files = {
        Path(name).stem: resource(FOLDER, name)
        for name in resource_names(FOLDER)
        if name.endswith((JSON_SUFFIX, BPV_SUFFIX))
    }
    ordered = [*(n for n in _FIRST if n in files), *(n for n in files if n not in _FIRST)]
    return {name: files[name] for name in ordered}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Begin every sentence with the file, and end it before it fills the screen."""
    try:
        yield
    except UserError as error:
        sentence = str(error)
        if len(sentence) > _LONGEST_SENTENCE:
            sentence = sentence[:_LONGEST_SENTENCE] + " …"
        raise UserError(f"{path}: {sentence}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path} cannot be read: {reason}; choose another file.") from None
    except MemoryError:
        raise UserError(f"{path} needs more memory than there is: make it smaller.") from None
