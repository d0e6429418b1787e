"""A recorded pass as .npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backpropviz.engine.record import run
from backpropviz.files.archive import save_tape
from backpropviz.files.networks import load_network


def test_every_address_comes_back_without_pickle(tmp_path: Path) -> None:
    tape = run(load_network("lenet"))
    path = tmp_path / "tape.npz"
    save_tape(tape, path)
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {str(address) for address in tape}
        for address, array in tape.items():
            found = arrays[str(address)]
            assert found.dtype == array.dtype
            assert np.array_equal(found, array)
        assert arrays["conv1.weight.grad"].shape == (6, 1, 5, 5)
        assert arrays["loss"].shape == ()


def test_equal_passes_give_equal_bytes(tmp_path: Path) -> None:
    model = load_network("tiny-max")
    for name in ("a.npz", "b.npz"):
        save_tape(run(model), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
