"""`.bpv` files of kind run: all that a training needs to go on, on one machine bit for bit.

Beside the members of a model, whose parameters are the newest: `run.json` (settings, seed, origin,
the states there are, spacing), `data.json` with `data/training.images.npy` … where the data does
not ship, `states/000000000.npy` … (the first state, checkpoints, the newest), `history/loss.npy` ….

A run that is kept again and again while it goes has its data, which stay the same, in a file of
their own beside it: `run-1.bpv` and `run-1.data`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from backpropviz.document import LARGEST_INTEGER, Value, given, to_fields
from backpropviz.engine.model import Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.training.checkpoints import BUDGET_BYTES as RUN_BUDGET_BYTES
from backpropviz.engine.training.checkpoints import Checkpoints, size_bytes
from backpropviz.engine.training.history import (
    COLUMN_NAMES,
    Columns,
    History,
    Validated,
    tensors_of,
)
from backpropviz.engine.training.run import Course, Hyperparameters, Run, Segment
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples, Skipped
from backpropviz.engine.training.update import Trained, curve_to_fields, read_curve
from backpropviz.engine.value import OPTIMIZER_STATES, Address, Array, Shape, freeze
from backpropviz.errors import UserError
from backpropviz.files.archive import Archive, opened_archive, to_npy, write_archive
from backpropviz.files.network_json import optimizer_from_json
from backpropviz.files.networks import (
    json_bytes,
    manifest,
    model_members,
    read_document,
    read_kind,
    read_model,
)
from backpropviz.frozen import frozen

FindData: TypeAlias = Callable[[str, Network, Preprocessing], Dataset | None]
"""All samples of a bundled set, by its name, for a network; None where no set has the name."""

LARGEST_BYTES = 1_000_000_000
_MOST_SKIPPED = 1000
_DAMAGED = "its data are not those that were saved: get the file anew, or start a new run."
_DATA_FIELDS = (
    *("title", "source", "classes", "preprocessing", "skipped"),
    *("training", "validation", "fingerprint", "is_bundled"),
)


def data_to_json(
    dataset: Dataset, network: Network, find_data: FindData | None
) -> dict[str, object]:
    """All of the data but their arrays; `is_bundled` where `find_data` gives the same ones again.

    It takes a while, and stays the same for as long as a run lives.
    """
    fingerprint = _fingerprint_of(dataset)
    return {
        "title": dataset.title,
        "source": dataset.source,
        "classes": list(dataset.class_names),
        "preprocessing": dataset.preprocessing.to_json(),
        "skipped": [[one.name, one.reason] for one in dataset.skipped[:_MOST_SKIPPED]],
        "training": list(dataset.training.names),
        "validation": None if dataset.validation is None else list(dataset.validation.names),
        "fingerprint": fingerprint,
        "is_bundled": _is_found(dataset, network, find_data, fingerprint),
    }


def data_size_bytes(dataset: Dataset) -> int:
    """What the arrays of the data take."""
    return sum(array.nbytes for array in _arrays(dataset).values())


def _read_data(
    archive: Archive, document: Value, network: Network, find_data: FindData | None
) -> Dataset:
    """The data of a saved run."""
    members = document.members(_DATA_FIELDS, _DATA_FIELDS)
    held_out = members["validation"]
    names = _names(members["training"]), None if held_out.value is None else _names(held_out)
    preprocessing = Preprocessing.from_json(members["preprocessing"].value)
    source = members["source"].text()
    is_bundled = members["is_bundled"].value is True
    if is_bundled:
        every = _found(source, network, preprocessing, find_data)
        training, validation = _chosen(every, names[0]), names[1] and _chosen(every, names[1])
    else:
        training = _samples(archive, "training", names[0])
        validation = names[1] and _samples(archive, "validation", names[1])
    dataset = Dataset(
        members["title"].text(),
        source,
        training,
        validation or None,
        tuple(item.text() for item in members["classes"].items()),
        preprocessing,
        tuple(_skipped(item) for item in members["skipped"].items()),
    )
    if _fingerprint_of(dataset) == members["fingerprint"].text():
        return dataset
    if not is_bundled:
        raise UserError(_DAMAGED)
    raise UserError(
        f"the data set “{source}” is not the one that the run learned from: use the version of the "
        "program that saved it, or start a new run."
    )


def _fingerprint_of(dataset: Dataset) -> str:
    """A number for the samples: other images, targets or another order have another one."""
    digest = hashlib.sha256()
    for samples in (dataset.training, dataset.validation):
        for array in (samples.images, samples.targets) if samples else ():
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _is_found(
    dataset: Dataset, network: Network, find_data: FindData | None, fingerprint: str
) -> bool:
    """Whether the bundled set of that name, chosen from by the samples' names, is the same."""
    held_out = dataset.validation
    try:
        every = _found(dataset.source, network, dataset.preprocessing, find_data)
        training = _chosen(every, dataset.training.names)
        validation = None if held_out is None else _chosen(every, held_out.names)
    except UserError:
        return False
    again = Dataset("", "", training, validation, (), dataset.preprocessing)
    return _fingerprint_of(again) == fingerprint


def _found(
    source: str, network: Network, preprocessing: Preprocessing, find_data: FindData | None
) -> Dataset:
    found = None if find_data is None else find_data(source, network, preprocessing)
    if found is None:
        raise UserError(f"its data set “{source}” does not ship with this program: update it.")
    return found


def _chosen(every: Dataset, names: tuple[str, ...]) -> Samples:
    number = {name: k for k, name in enumerate(every.training.names)}
    for name in names:
        if name not in number:
            raise UserError(f"there is no {name} in “{every.source}”: update the program.")
    places = [number[name] for name in names]
    return Samples(every.training.images[places], every.training.targets[places], names)


def _array_members(dataset: Dataset) -> dict[str, bytes]:
    refuse_large_data(dataset)
    return {name: to_npy(array) for name, array in _arrays(dataset).items()}


def refuse_large_data(dataset: Dataset) -> None:
    """Refuse, before a training, data that no file could hold after it."""
    size = data_size_bytes(dataset)
    if size > LARGEST_BYTES:
        raise UserError(
            f"its {size / 1e9:.1f} GB of images are too many for one file: train on fewer of them."
        )


def _arrays(dataset: Dataset) -> dict[str, Array]:
    parts = {"training": dataset.training, "validation": dataset.validation}
    return {
        f"data/{part}.{name}.npy": array
        for part, samples in parts.items()
        if samples is not None
        for name, array in (("images", samples.images), ("targets", samples.targets))
    }


def _samples(archive: Archive, part: str, names: tuple[str, ...]) -> Samples:
    images = archive.any_array(f"data/{part}.images.npy", ("float32", "float64"))
    targets = archive.any_array(f"data/{part}.targets.npy", ("int64", "float32", "float64"))
    if images.ndim < 2 or not targets.ndim:
        raise UserError(_DAMAGED)
    return Samples(images, targets, names)


def _names(entry: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in entry.items())


def _skipped(entry: Value) -> Skipped:
    items = entry.items()
    if len(items) != 2:
        entry.refuse("use a list of a name and a reason")
    return Skipped(items[0].text(), items[1].text())


_STATE_FIELDS = ("iteration", "loss", "parts")


def _state_member(iteration: int) -> str:
    return f"states/{iteration:09}.npy"


def _state_to_json(trained: Trained) -> dict[str, object]:
    """All of a state but its numbers."""
    parts = list(_parts(trained.states))
    return {"iteration": trained.iteration, "loss": trained.loss, "parts": parts}


def _state_to_npy(network: Network, trained: Trained) -> bytes:
    """The numbers of a state in one array."""
    own = trained.parameters
    arrays = [own[layer][name] for layer, name, _ in _kept(network)]
    tensors = tensors_of(network)
    arrays += [trained.states[t][part] for part in _parts(trained.states) for t in tensors]
    flat = [array.ravel() for array in arrays]
    return to_npy(np.concatenate(flat) if flat else np.zeros(0, np.float32))


def _read_state(
    archive: Archive, network: Network, entry: Value, dtype: np.dtype[Any] | None = None
) -> Trained:
    """A state as it was written; `dtype`, if given, must be its own."""
    members = entry.members(_STATE_FIELDS, _STATE_FIELDS)
    iteration = members["iteration"].integer(0, LARGEST_INTEGER)
    loss = None if members["loss"].value is None else members["loss"].number()
    parts = [item.choice(sorted(OPTIMIZER_STATES)) for item in members["parts"].items()]
    kept, tensors = list(_kept(network)), tensors_of(network)
    sizes = {(layer, name): math.prod(shape) for layer, name, shape in kept}
    trained_size = sum(sizes[tensor.layer, tensor.quantity] for tensor in tensors)
    count = sum(sizes.values()) + len(parts) * trained_size
    name = _state_member(iteration)
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


_SEGMENT = ("first_iteration", "epoch", "first_sample", "batch_size", "optimizer", "schedule")


def _segment_to_json(segment: Segment) -> dict[str, object]:
    settings = segment.hyperparameters
    return {
        "first_iteration": segment.first_iteration,
        "epoch": segment.epoch,
        "first_sample": segment.first_sample,
        "batch_size": settings.batch_size,
        "optimizer": to_fields(settings.optimizer),
        "schedule": curve_to_fields(settings.curve),
    }


def _segment(entry: Value) -> Segment:
    members = entry.members(_SEGMENT, _SEGMENT)
    settings = Hyperparameters(
        optimizer_from_json(members["optimizer"]),
        read_curve(members["schedule"]),
        members["batch_size"].integer(1, LARGEST_INTEGER),
    )
    first, epoch, sample = (members[name].integer(0, LARGEST_INTEGER) for name in _SEGMENT[:3])
    return Segment(first, epoch, sample, settings)


CHECKPOINT_BYTES = 64_000_000
"""How much of its checkpoints goes into a file, besides the first state and the newest."""
_RUN, _DATA = "run.json", "data.json"
_FIELDS = ("title", "seed", "origin", "augmentation", "course", "states", "spacing")
_START, _NETWORK_NAME = "start", "network"
"""The update that a fork began after; where it is left out, the first state is the start."""
_VALIDATED = ("iteration", "loss", "accuracy")
_CONFUSION = "history/confusion.npy"


@frozen(eq=False)
class SavedRun:
    """A run, where it stands, what was measured of it, and its checkpoints."""

    run: Run
    now: Trained
    history: History
    checkpoints: Checkpoints


def save_run(
    path: Path,
    saved: SavedRun,
    find_data: FindData | None = None,
    *,
    data: Mapping[str, object] | None = None,
    is_quick: bool = False,
) -> None:
    """Write a run; data that `find_data` finds by its name is not written.

    `data` is what `data_to_json` has found before; with `is_quick` nothing is compressed.

    Raises:
        UserError: the file cannot be written, or the data is too large for it.
    """
    dataset = saved.run.dataset
    data = data or data_to_json(dataset, saved.run.network, find_data)
    members, packed = _members(saved)
    members[_DATA] = json_bytes(data)
    members |= {} if data["is_bundled"] else _array_members(dataset)
    write_archive(path, members, stored=members if is_quick else packed)


def keep_run(path: Path, saved: SavedRun, data: Mapping[str, object]) -> None:
    """Write a run that goes on, quickly; its data go beside it, the first time only.

    Raises:
        UserError: a file cannot be written, or the data is too large for it.
    """
    beside = _beside(path)
    if not beside.exists():
        arrays = {} if data["is_bundled"] else _array_members(saved.run.dataset)
        write_archive(beside, {_DATA: json_bytes(data), **arrays}, stored=arrays)
    members, _ = _members(saved)
    write_archive(path, members, stored=members)


def _beside(path: Path) -> Path:
    return path.with_suffix(".data.bpv")


def _members(saved: SavedRun) -> tuple[dict[str, bytes], Collection[str]]:
    """All of a run but its data, and what of it is not worth compressing."""
    run, network = saved.run, saved.run.network
    spacing, states = _kept_states(saved)
    document: dict[str, object] = {
        "title": run.title,
        "seed": run.seed,
        "origin": run.origin,
        "augmentation": None if run.augmentation is None else asdict(run.augmentation),
        "course": [_segment_to_json(segment) for segment in run.course.segments],
        "states": [_state_to_json(state) for state in states],
        "spacing": spacing,
        _NETWORK_NAME: network.name,
    }
    if states[0].iteration < run.start.iteration:
        document[_START] = run.start.iteration
    packed = {_state_member(state.iteration): _state_to_npy(network, state) for state in states}
    newest = replace(run.model, parameters=saved.now.parameters)
    members = {"manifest.json": manifest("run"), **model_members(newest)}
    members |= {_RUN: json_bytes(document), **packed, **_history_members(saved.history)}
    return members, packed


def load_run(path: Path, find_data: FindData | None = None) -> SavedRun:
    """Read a run that was saved.

    Raises:
        UserError: the file cannot be used; the sentence says which part of it and why.
    """
    try:
        with opened_archive(path) as archive:
            if _DATA in archive.names or not _beside(path).exists():
                return _read(archive, archive, path.stem, find_data)
            with opened_archive(_beside(path)) as beside:
                return _read(archive, beside, path.stem, find_data)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read(archive: Archive, data: Archive, name: str, find_data: FindData | None) -> SavedRun:
    if (kind := read_kind(archive)) != "run":
        raise UserError(f"it holds a {kind}, no training run: open it as a network.")
    members = read_document(archive, _RUN).members((*_FIELDS, _START, _NETWORK_NAME), _FIELDS)
    model = read_model(archive, given(members, _NETWORK_NAME, Value.text, name))
    network = model.network
    dataset = _read_data(data, read_document(data, _DATA), network, find_data)
    segments = tuple(_segment(item) for item in members["course"].items())
    augmentation = members["augmentation"]
    checkpoints, start, now = _read_states(archive, network, members)
    run = Run(
        members["title"].text(),
        replace(model, parameters=start.parameters),
        dataset,
        Course(len(dataset.training), segments),
        members["seed"].integer(0, LARGEST_INTEGER),
        None if augmentation.value is None else augmentation.record(Augmentation),
        start,
        members["origin"].text(),
    )
    return SavedRun(run, now, _read_history(archive, network), checkpoints)


def _kept_states(saved: SavedRun) -> tuple[int, list[Trained]]:
    """The first state, a fork's start, the newest, and of the others what fits, at a spacing."""
    run, now, kept = saved.run, saved.now, saved.checkpoints
    earlier = [k for k in kept.iterations if k < now.iteration]
    first = min((*earlier, run.start.iteration))
    spacing = kept.spacing
    room = CHECKPOINT_BYTES // max(size_bytes(now), 1)
    while sum((k - first) % spacing == 0 for k in earlier if k > first) > room:
        spacing *= 2
    found = [kept.nearest(k) for k in earlier if (k - first) % spacing == 0]
    chosen = {state.iteration: state for state in found}
    chosen |= {now.iteration: now, run.start.iteration: run.start}
    return spacing, [chosen[k] for k in sorted(chosen)]


def _read_states(
    archive: Archive, network: Network, members: Mapping[str, Value]
) -> tuple[Checkpoints, Trained, Trained]:
    """The checkpoints, the state at the run's start and the newest."""
    entries = members["states"].items()
    if not entries:
        members["states"].refuse("list at least one state")
    first = _read_state(archive, network, entries[0])
    dtypes = {a.dtype for own in first.parameters.values() for a in own.values()}
    dtype = next(iter(dtypes), None)
    checkpoints = Checkpoints(RUN_BUDGET_BYTES, members["spacing"].integer(1, LARGEST_INTEGER))
    checkpoints.add(first)
    begins = members[_START].integer(0, LARGEST_INTEGER) if _START in members else first.iteration
    start = now = first
    for entry in entries[1:]:
        now = _read_state(archive, network, entry, dtype)
        checkpoints.add(now)
        start = now if now.iteration == begins else start
    if start.iteration != begins:
        members[_START].refuse("name the update of one of the states")
    return checkpoints, start, now


def _history_members(history: History) -> dict[str, bytes]:
    columns, validated = history.columns(), history.validated
    arrays: dict[str, Array] = {name: getattr(columns, name) for name in COLUMN_NAMES}
    for name in _VALIDATED:
        values = [getattr(one, name) for one in validated]
        whole = name == "iteration"
        plain = [math.nan if value is None else value for value in values]
        arrays[f"validated_{name}"] = np.array(plain, np.int64 if whole else np.float64)
    members = {f"history/{name}.npy": to_npy(array) for name, array in arrays.items()}
    if validated and validated[-1].confusion is not None:
        members[_CONFUSION] = to_npy(validated[-1].confusion)
    return members


def _read_history(archive: Archive, network: Network) -> History:
    tensors = tensors_of(network)
    rows = len(_column(archive, "iteration"))
    columns = {
        name: _column(archive, name, rows, len(tensors) if name.endswith("_norms") else 1)
        for name in COLUMN_NAMES
    }
    if (np.diff(columns["iteration"]) <= 0).any():
        raise UserError("history/iteration.npy does not rise: save the file anew.")
    return History.of(tensors, Columns(**columns), tuple(_read_validated(archive)))


def _column(archive: Archive, name: str, rows: int | None = None, width: int = 1) -> Array:
    member = f"history/{name}.npy"
    array = archive.any_array(member, ("float64", "int64"))
    is_matrix = name.endswith("_norms")
    shape = (rows, width) if is_matrix else (rows,)
    if array.ndim != len(shape) or (rows is not None and array.shape != shape):
        raise UserError(f"{member} does not fit the run’s other columns: save the file anew.")
    if name.endswith("iteration") and not (array == np.rint(array)).all():
        raise UserError(f"{member} holds numbers that are not whole: save the file anew.")
    return array


def _read_validated(archive: Archive) -> Iterator[Validated]:
    iterations = _column(archive, "validated_iteration")
    losses = _column(archive, "validated_loss", len(iterations))
    accuracies = _column(archive, "validated_accuracy", len(iterations))
    for k, iteration in enumerate(iterations):
        is_last = k == len(iterations) - 1 and _CONFUSION in archive.names
        yield Validated(
            int(iteration),
            float(losses[k]),
            None if math.isnan(accuracies[k]) else float(accuracies[k]),
            archive.any_array(_CONFUSION, ("int64",)) if is_last else None,
        )


BUDGET_BYTES = 2 * 1024**3
_STATE = "state.json"


class SpillFolder:
    """A file a state of a network; the folder belongs to whoever made it, who also removes it."""

    def __init__(self, folder: Path, network: Network, budget_bytes: int = BUDGET_BYTES) -> None:
        self.folder = folder
        self.budget_bytes = budget_bytes
        self._network = network

    def resize(self, budget_bytes: int) -> None:
        """Hold more from now on, or less."""
        self.budget_bytes = budget_bytes

    def write(self, iteration: int, trained: Trained) -> None:
        """Keep a state.

        Raises:
            OSError: there is no room for it, or the folder is gone.
        """
        member = _state_member(iteration)
        members = {
            _STATE: json_bytes(_state_to_json(trained)),
            member: _state_to_npy(self._network, trained),
        }
        try:
            write_archive(self._path(iteration), members, stored=(member,))
        except ValueError as error:
            raise OSError(str(error)) from error

    def read(self, iteration: int) -> Trained:
        """A state that was kept, bit for bit."""
        with opened_archive(self._path(iteration)) as archive:
            return _read_state(archive, self._network, read_document(archive, _STATE))

    def drop(self, iteration: int) -> None:
        self._path(iteration).unlink(missing_ok=True)

    def _path(self, iteration: int) -> Path:
        return self.folder / f"{iteration:09}.bpv"
