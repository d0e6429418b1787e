"""Checkpoints on disk are the states that were kept, and go when they are dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from backpropviz.engine.optimizers import Adam
from backpropviz.engine.training.checkpoints import Checkpoints, size_bytes, state_at
from backpropviz.errors import UserError
from backpropviz.files.run import SpillFolder
from tests.engine.passes import grown
from tests.engine.training.runs import run_of, same, states


def test_a_run_is_replayed_from_disk(tmp_path: Path) -> None:
    run = run_of(grown(), Adam())
    through = states(run, 20)
    shelf = SpillFolder(tmp_path, run.network, 12 * size_bytes(through[-1]))
    kept = Checkpoints(3 * size_bytes(through[-1]), 1, shelf)
    for state in through:
        kept.add(state)
    files = sorted(int(path.stem) for path in tmp_path.iterdir())
    assert files
    assert set(files) < set(kept.iterations)
    for iteration in (*files, 7, 20):
        assert same(state_at(run, kept, iteration), through[iteration])


def test_dropped_states_are_removed(tmp_path: Path) -> None:
    run = run_of()
    shelf = SpillFolder(tmp_path, run.network)
    shelf.write(0, run.start)
    assert same(shelf.read(0), run.start)
    shelf.drop(0)
    shelf.drop(0)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_an_error_of_the_system(tmp_path: Path) -> None:
    run = run_of()
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(OSError, match="taken"):
        SpillFolder(tmp_path / "taken", run.network).write(0, run.start)


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    run = run_of()
    shelf = SpillFolder(tmp_path, run.network)
    shelf.write(0, run.start)
    next(tmp_path.iterdir()).write_bytes(b"PK")
    with pytest.raises(UserError, match="damaged"):
        shelf.read(0)
