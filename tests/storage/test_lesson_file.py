"""Lesson files: by name, by path, and those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from backpropviz.errors import UserError
from backpropviz.lessons.reading import LARGEST_BYTES, bundled_lesson_names, lesson_text


def test_bundled_lessons_come_by_name_in_order() -> None:
    names = bundled_lesson_names()
    assert names[0] == "one-filter-many-positions"
    assert names[-1] == "from-gradient-to-update"
    for name in names:
        found = lesson_text(name)
        assert found.file == f"{name}.toml"
        assert f'id = "{name}"' in found.text


def test_a_file_comes_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes("\ufefftitle = 'Größe'\r\n".encode())
    found = lesson_text(path)
    assert found.text == "title = 'Größe'\r\n"
    assert found.file == str(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such lesson or file; the bundled lessons are one-"):
        lesson_text("nothing")
    with pytest.raises(UserError, match="cannot be read"):
        lesson_text(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"a = 1\nb = '\xe4'\n")
    with pytest.raises(UserError, match=r"latin.toml, line 2: .*save it as UTF-8"):
        lesson_text(latin)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(UserError, match="larger than a lesson may be"):
        lesson_text(large)
