from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from backpropviz.errors import UserError
from backpropviz.files.atomic import (
    atomic_file,
    atomic_folder,
    check_writable,
    write_bytes,
    write_text,
)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as temporary:
        _write_half(temporary)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_the_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"1")
    path.chmod(0o640)
    write_bytes(path, b"2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "goal").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "goal")
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "goal").read_bytes() == b"new"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; name a file in it"):
        write_bytes(tmp_path, b"")


def test_an_unwritable_place_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"cannot be written: .*; choose another place or make room"
    ):
        write_bytes(tmp_path / "file" / "below", b"")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    goal = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), atomic_folder(goal) as folder:
        _write_half(folder / "1")
    assert list(tmp_path.iterdir()) == []
    goal.mkdir()
    with atomic_folder(goal) as folder:
        (folder / "1").write_text("x")
        assert list(goal.iterdir()) == []
    assert [p.name for p in goal.iterdir()] == ["1"]


def test_overwriting_a_folder_keeps_what_is_not_ours(tmp_path: Path) -> None:
    for name in ("frame-1.png", "frame-2.png", "mine.txt"):
        (tmp_path / name).write_text("old")
    with atomic_folder(tmp_path, overwrite=True, replaced="frame-*.png") as folder:
        (folder / "frame-1.png").write_text("new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["frame-1.png", "mine.txt"]
    assert (tmp_path / "frame-1.png").read_text() == "new"


def _write_half(path: Path) -> None:
    path.write_bytes(b"half")
    raise ZeroDivisionError


def test_a_place_is_tried_without_a_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deep" / "a.bpv")
    (tmp_path / "old.bpv").write_bytes(b"old")
    check_writable(tmp_path / "old.bpv")
    assert (tmp_path / "old.bpv").read_bytes() == b"old"
    with pytest.raises(UserError, match="is a folder; name a file in it"):
        check_writable(tmp_path)
    with pytest.raises(UserError, match=r"cannot be written: .*; choose another place"):
        check_writable(tmp_path / "old.bpv" / "a.bpv")
    assert [path.name for path in tmp_path.iterdir()] == ["old.bpv"]
