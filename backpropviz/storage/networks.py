"""Networks by name or file: those that ship, network JSON and `.bpv`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backpropviz.assets import resource, resource_names
from backpropviz.document import parse_json
from backpropviz.engine.model import Model
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import is_there, kind_of_file, named_path, opened_file, refuse_other
from backpropviz.storage import model_file, network_json
from backpropviz.storage.architecture_json import network_from_json
from backpropviz.storage.archive import LARGEST_FILE

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
        return model_file.load_model(path)


def is_known(name_or_path: str) -> bool:
    """Whether a name or a path opens something, so that it can be opened again later."""
    try:
        return name_or_path in _bundled_files() or named_path(name_or_path).is_file()
    except (OSError, UserError):
        return False


def load_file(path: Path) -> Model | model_file.Session:
    """A session or a model from a `.bpv` file; errors as for `load_network`."""
    with _named(path):
        return model_file.load(path)


def bundled_networks() -> tuple[NetworkCard, ...]:
    """Those that ship, the smallest first; no parameter is read."""
    return tuple(_card(name, path) for name, path in _bundled_files().items())


def _card(name: str, path: Path) -> NetworkCard:
    zipped = path.suffix == BPV_SUFFIX
    members = model_file.summary(path) if zipped else parse_json(path.read_bytes()).members()
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
