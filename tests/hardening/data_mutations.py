"""Mutations of data files, loaded and used in child processes with limits of time and memory.

A child (`python -m tests.hardening.data_mutations KIND FIRST COUNT FOLDER`) makes each mutation
from its number, loads it as a person's data set and takes a batch. It says how each went; one that
says nothing in time is a hang, and the next child goes on behind it.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import select
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from backpropviz.engine.data import Batches
from backpropviz.engine.network import Network
from backpropviz.errors import UserError
from backpropviz.importers.datasets.load import Choices, read_dataset
from tests.importers.datasets.data_files import GRAY, idx, images, labels, network

KINDS = ("idx", "npz")
MOST_BYTES = 1 << 30
MOST_SECONDS = 30
ROOT = Path(__file__).parents[2]
WORDED, USED, UNWORDED, MEMORY, HANG = "worded", "used", "unworded", "memory", "hang"
_DTYPES = (
    "|u1",
    "<f4",
    "<f8",
    "<i8",
    "<u8",
    "|b1",
    "<f2",
    "<c8",
    "<U3",
    "|S4",
    "|O",
    "<M8[D]",
    "|V3",
)
_LENGTHS = (0, 1, -1, 2, 8, 255, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**30)


@dataclass
class Tally:
    """How many mutations went which way, and what was unworded."""

    counts: Counter[str] = field(default_factory=Counter)
    unworded: list[str] = field(default_factory=list)


def tally(kind: str, count: int, folder: Path) -> Tally:
    """Try so many mutations of a kind of file."""
    found = Tally()
    number = 0
    while number < count:
        for line in _child(kind, number, count - number, folder):
            word, _, rest = line.partition(" ")
            found.counts[word] += 1
            if word in {UNWORDED, MEMORY, HANG}:
                found.unworded.append(f"{kind} {number}: {word} {rest}")
            number += 1
    return found


def _child(kind: str, first: int, count: int, folder: Path) -> Iterator[str]:
    """A line a mutation; after a hang or a death, a line for that, and no more."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "tests.hardening.data_mutations", kind, str(first), str(count))
    child = subprocess.Popen(
        (*command, str(folder)), cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    told = 0
    try:
        while told < count:
            is_there, _, _ = select.select([child.stdout], [], [], MOST_SECONDS)
            line = child.stdout.readline() if is_there else b""
            if not line:
                yield f"{UNWORDED} the process died" if is_there else HANG
                return
            yield line.decode().rstrip("\n")
            told += 1
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def outcome(kind: str, number: int, folder: Path) -> str:
    """Make a mutation, load and use it; how that went in a line."""
    random = np.random.default_rng((KINDS.index(kind), number))
    path = (_write_idx if kind == "idx" else _write_npz)(folder, random)
    net = (None, network(), network(10))[int(random.integers(3))]
    try:
        _use(path, net)
    except UserError as error:
        sentence = str(error)
        if "more memory than is free" in sentence:
            return f"{MEMORY} {sentence}"
        return WORDED if "\n" not in sentence else f"{UNWORDED} several lines: {sentence!r}"
    except Exception as error:  # noqa: BLE001  (whatever it is, it is counted)
        return f"{UNWORDED} {error!r}".replace("\n", " ")
    return USED


def _use(path: Path, net: Network | None) -> None:
    reading = read_dataset(path, net, GRAY, Choices(held_out=0.25))
    for line in reading.lines():
        line.encode()
    data = reading.dataset
    json.dumps([data.class_names, data.training.names]).encode()
    for part in (data.training, data.validation):
        if part is not None:
            batch = Batches(part.images, part.targets, 4, change=None).batch(1)
            if not (np.isfinite(batch.images).all() and 0 <= batch.images.min() <= 1):
                raise ValueError("the images of a batch are not in 0…1")


def _write_idx(folder: Path, random: np.random.Generator) -> Path:
    """A pair of which one file, or both, are mutated; sometimes packed."""
    contents = {"images-idx3": idx(images()), "labels-idx1": idx(labels())}
    chosen = ("images-idx3", "labels-idx1", "both")[int(random.integers(3))]
    is_packed = random.random() < 0.3
    for name, content in contents.items():
        is_changed = chosen in {name, "both"}
        for suffix in ("", ".gz"):
            (folder / f"train-{name}-ubyte{suffix}").unlink(missing_ok=True)
        plain = mutated(content, random, 16) if is_changed else content
        packed = gzip.compress(plain, 1) if is_packed else plain
        if is_packed and random.random() < 0.3:
            packed = mutated(packed, random, 12)
        (folder / f"train-{name}-ubyte{'.gz' if is_packed else ''}").write_bytes(packed)
    return folder / f"train-images-idx3-ubyte{'.gz' if is_packed else ''}"


def _write_npz(folder: Path, random: np.random.Generator) -> Path:
    """An archive of which the bytes, an array's bytes or an array's header are mutated."""
    members = {name: _npy(array) for name, array in _arrays(random).items()}
    manner = random.random()
    names = list(members)
    chosen = names[int(random.integers(len(names)))]
    if manner < 0.3:
        members[chosen] = mutated(members[chosen], random, 128)
    elif manner < 0.75:
        members[chosen] = _forged(members[chosen], random)
    elif manner < 0.85:
        members[("images", "labels", "x_test", "y_val", "names")[int(random.integers(5))]] = (
            members.pop(chosen)
        )
    content = io.BytesIO()
    packing = zipfile.ZIP_DEFLATED if random.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(content, "w", packing) as file:
        for name, member in members.items():
            file.writestr(f"{name}.npy", member)
    path = folder / "set.npz"
    whole = content.getvalue()
    path.write_bytes(mutated(whole, random, 64) if manner >= 0.8 else whole)
    return path


def _arrays(random: np.random.Generator) -> dict[str, np.ndarray]:
    texts = np.array(["cat", "dog", "é"])
    kinds = [
        {"images": images(), "labels": labels()},
        {"x": images() / 255, "y": np.eye(3)[labels()]},
        {"images": images(), "labels": texts[labels()], "class_names": texts},
        {
            "x_train": images(), "y_train": labels(), "x_val": images(6), "y_val": labels(6),
            "x_test": images(6), "y_test": labels(6), "class_names": np.array([b"a", b"b", b"c"]),
        },
    ]  # fmt: skip
    return kinds[int(random.integers(len(kinds)))]


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _forged(member: bytes, random: np.random.Generator) -> bytes:
    """The numbers of an array under a header that says otherwise."""
    start = 10 + int.from_bytes(member[8:10], "little")
    data = member[start:]
    rank = int(random.integers(0, 6))
    if random.random() < 0.5:
        shape: tuple[int, ...] = tuple(
            int(_LENGTHS[int(random.integers(len(_LENGTHS)))]) for _ in range(rank)
        )
    else:
        shape = ((12,), (12, 8, 8), (12, 1), (), (12, 0), (3, 4), (12, 64))[int(random.integers(7))]
    dtype = _DTYPES[int(random.integers(len(_DTYPES)))]
    count = abs(int(np.prod([float(n) for n in shape]))) if shape else 1
    size = min(count * np.dtype(dtype).itemsize, 1 << 16)
    if random.random() < 0.7:
        data = (data * (size // max(1, len(data)) + 1))[:size]
    if random.random() < 0.3:
        data = random.bytes(len(data))
    order = bool(random.random() < 0.2)
    header = f"{{'descr': {dtype!r}, 'fortran_order': {order}, 'shape': {shape!r}, }}\n".encode()
    version = b"\x01\x00" if random.random() < 0.9 else b"\x02\x00"
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + length + header + data


def mutated(content: bytes, random: np.random.Generator, head: int) -> bytes:
    """Content with one to four changes, half of them in its first `head` bytes.

    A third keeps its head and its length, so that what is read is wrong rather than refused.
    """
    changed = bytearray(content)
    if random.random() < 1 / 3:
        for at in random.integers(min(head, len(changed) - 1), len(changed), 4).tolist():
            changed[at] = int(random.integers(256))
        return bytes(changed)
    for _ in range(int(random.integers(1, 5))):
        end = min(head, len(changed)) if random.random() < 0.5 else len(changed)
        at = int(random.integers(max(1, end)))
        length = int(random.integers(1, 9))
        match int(random.integers(6)):
            case 0:
                changed[at : at + 1] = bytes([int(random.integers(256))])
            case 1:
                changed[at : at + length] = b"\xff" * length
            case 2:
                changed[at : at + length] = b"\0" * length
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = random.bytes(length)
            case _:
                del changed[int(random.integers(len(changed) + 1)) :]
    return bytes(changed)


def main(kind: str, first: str, count: str, folder: str) -> None:
    """Try mutations one by one and say how each went."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    for number in range(int(first), int(first) + int(count)):
        print(outcome(kind, number, Path(folder)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
