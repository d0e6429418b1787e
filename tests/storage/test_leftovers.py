from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backpropviz.storage.atomic import atomic_file, write_text
from backpropviz.storage.leftovers import own_mark, remove_leftovers, remove_leftovers_once


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def of_process(number: int, mark: str = "") -> str:
    return (mark or own_mark()).replace(f"-{os.getpid()}-", f"-{number}-")


def test_only_what_a_dead_process_left_goes(tmp_path: Path, dead: int) -> None:
    stays = [
        f".a.{own_mark()}.bpv",
        of_process(dead) + "x",
        f"my {of_process(dead)}.bpv",
        f".a.backpropviz-00000000-{dead}-00000000.bpv",
        ".a.1234abcd.bpv",
        "backpropviz-notes-2024-1.txt",
    ]
    goes = [f".a.{of_process(dead)}.bpv", f"..\n.{of_process(dead)}.x.y"]
    for name in (*stays, *goes):
        (tmp_path / name).write_bytes(b"")
    folder = tmp_path / of_process(dead)
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "000000010.bpv").write_bytes(b"")
    remove_leftovers(tmp_path)
    assert set(names(tmp_path)) == set(stays)


def test_another_machine_s_go_when_they_are_old(tmp_path: Path) -> None:
    path = tmp_path / ".a.backpropviz-00000000-7-00000000.bpv"
    path.write_bytes(b"")
    remove_leftovers(tmp_path)
    assert path.exists()
    os.utime(path, (1e9, 1e9))
    remove_leftovers(tmp_path)
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_is_never_ours(tmp_path: Path, dead: int) -> None:
    (tmp_path / "goal").mkdir()
    (tmp_path / of_process(dead)).symlink_to(tmp_path / "goal")
    remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 2


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "no")


def test_writing_tidies_up_where_it_writes(tmp_path: Path, dead: int) -> None:
    (tmp_path / f".a.{of_process(dead)}.json").write_bytes(b"half")
    remove_leftovers_once.cache_clear()
    write_text(tmp_path / "b.json", "{}")
    assert names(tmp_path) == ["b.json"]


def test_a_long_name_in_any_letters_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("\N{GRINNING FACE}" * 60 + ".json")
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"{}")
    assert path.exists()
