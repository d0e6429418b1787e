"""A recorded pass as .npz: one array per address without index, such as `conv1.weight.grad`."""

from __future__ import annotations

from pathlib import Path

from backpropviz.engine.tape import Tape
from backpropviz.storage.archive import to_npy, write_archive


def save_tape(tape: Tape, path: Path) -> None:
    """Write every array under each of its names; equal passes give equal bytes.

    `numpy.load(path)["conv1.weight.grad"]` reads one back.
    """
    write_archive(path, {f"{address}.npy": to_npy(array) for address, array in tape.items()})
