"""`.bpv` files of kind run: all that a training needs to go on, on one machine bit for bit.

Beside the members of a model, whose parameters are the newest: `run.json` (settings, seed, origin,
the states there are, spacing), `data.json` with `data/training.images.npy` … where the data does
not ship, `states/000000000.npy` … (the first state, checkpoints, the newest), `history/loss.npy` ….

A run that is kept again and again while it goes has its data, which stay the same, in a file of
their own beside it: `run-1.bpv` and `run-1.data`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from backpropviz.document import LARGEST_INTEGER, Value
from backpropviz.engine.arrays import Array
from backpropviz.engine.network import Network
from backpropviz.engine.training.checkpoints import BUDGET_BYTES, Checkpoints, size_bytes
from backpropviz.engine.training.history import COLUMN_NAMES, Columns, History
from backpropviz.engine.training.measure import Validated, tensors_of
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.update import Trained
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.storage.archive import Archive, opened_archive, to_npy, write_archive
from backpropviz.storage.model_file import (
    json_bytes,
    manifest,
    model_members,
    read_document,
    read_kind,
    read_model,
)
from backpropviz.storage.run_data import FindData, array_members, data_to_json, read_data
from backpropviz.storage.run_json import (
    RUN_FIELDS,
    augmentation_from_json,
    course_from_json,
    run_to_json,
    seed_from_json,
)
from backpropviz.storage.run_states import (
    read_state,
    state_member,
    state_to_json,
    state_to_npy,
)

CHECKPOINT_BYTES = 64_000_000
"""How much of its checkpoints goes into a file, besides the first state and the newest."""
_RUN, _DATA = "run.json", "data.json"
_FIELDS = (*RUN_FIELDS, "states", "spacing")
_START = "start"
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
    members |= {} if data["is_bundled"] else array_members(dataset)
    write_archive(path, members, stored=members if is_quick else packed)


def keep_run(path: Path, saved: SavedRun, data: Mapping[str, object]) -> None:
    """Write a run that goes on, quickly; its data go beside it, the first time only.

    Raises:
        UserError: a file cannot be written, or the data is too large for it.
    """
    beside = _beside(path)
    if not beside.exists():
        arrays = {} if data["is_bundled"] else array_members(saved.run.dataset)
        write_archive(beside, {_DATA: json_bytes(data), **arrays}, stored=arrays)
    members, _ = _members(saved)
    write_archive(path, members, stored=members)


def _beside(path: Path) -> Path:
    return path.with_suffix(".data")


def _members(saved: SavedRun) -> tuple[dict[str, bytes], Collection[str]]:
    """All of a run but its data, and what of it is not worth compressing."""
    run, network = saved.run, saved.run.network
    spacing, states = _kept_states(saved)
    document = run_to_json(run)
    document["states"] = [state_to_json(state) for state in states]
    document["spacing"] = spacing
    if states[0].iteration < run.start.iteration:
        document[_START] = run.start.iteration
    packed = {state_member(state.iteration): state_to_npy(network, state) for state in states}
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
            _check_kind(read_kind(archive))
            if _DATA in archive.names or not _beside(path).exists():
                return _read(archive, archive, path.stem, find_data)
            with opened_archive(_beside(path)) as beside:
                return _read(archive, beside, path.stem, find_data)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _check_kind(kind: str) -> None:
    if kind != "run":
        raise UserError(f"it holds a {kind}, no training run: open it as a network.")


def _read(archive: Archive, data: Archive, name: str, find_data: FindData | None) -> SavedRun:
    model = read_model(archive, name)
    network = model.network
    dataset = read_data(data, read_document(data, _DATA), network, find_data)
    members = read_document(archive, _RUN).members((*_FIELDS, _START), _FIELDS)
    course = course_from_json(members["course"], len(dataset.training))
    checkpoints, states = _read_states(archive, network, members)
    start, now = states
    run = Run(
        members["title"].text(),
        replace(model, parameters=start.parameters),
        dataset,
        course,
        seed_from_json(members["seed"]),
        augmentation_from_json(members["augmentation"]),
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
) -> tuple[Checkpoints, tuple[Trained, Trained]]:
    entries = members["states"].items()
    if not entries:
        members["states"].refuse("list at least one state")
    first = read_state(archive, network, entries[0])
    dtypes = {a.dtype for own in first.parameters.values() for a in own.values()}
    dtype = next(iter(dtypes), None)
    checkpoints = Checkpoints(BUDGET_BYTES, members["spacing"].integer(1, LARGEST_INTEGER))
    checkpoints.add(first)
    begins = members[_START].integer(0, LARGEST_INTEGER) if _START in members else first.iteration
    start = now = first
    for entry in entries[1:]:
        now = read_state(archive, network, entry, dtype)
        checkpoints.add(now)
        start = now if now.iteration == begins else start
    if start.iteration != begins:
        members[_START].refuse("name the update of one of the states")
    return checkpoints, (start, now)


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
    rows = len(_column(archive, "iteration", None, 1))
    columns = {
        name: _column(archive, name, rows, len(tensors) if name.endswith("_norms") else 1)
        for name in COLUMN_NAMES
    }
    if (np.diff(columns["iteration"]) <= 0).any():
        raise UserError("history/iteration.npy does not rise: save the file anew.")
    return History.of(tensors, Columns(**columns), tuple(_read_validated(archive)))


def _column(archive: Archive, name: str, rows: int | None, width: int) -> Array:
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
    iterations = _column(archive, "validated_iteration", None, 1)
    losses = _column(archive, "validated_loss", len(iterations), 1)
    accuracies = _column(archive, "validated_accuracy", len(iterations), 1)
    for k, iteration in enumerate(iterations):
        is_last = k == len(iterations) - 1 and _CONFUSION in archive.names
        yield Validated(
            int(iteration),
            float(losses[k]),
            None if math.isnan(accuracies[k]) else float(accuracies[k]),
            archive.any_array(_CONFUSION, ("int64",)) if is_last else None,
        )
