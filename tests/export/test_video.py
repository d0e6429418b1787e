"""Videos without PyAV, without ffmpeg, and with one that fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backpropviz.errors import UserError
from backpropviz.export import video
from backpropviz.export.animation import write_mp4
from backpropviz.export.formats import ExportOptions
from backpropviz.scene.marks import Scene
from backpropviz.scene.slide import as_slide
from backpropviz.scene.theme import LIGHT

SLIDES = [as_slide(Scene(31, 20, color), LIGHT) for color in ("#FF0000", "#00FF00")]
OPTIONS = ExportOptions(frames_per_second=5, tweens=False)
posix = pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for ffmpeg")


@pytest.fixture(autouse=True)
def _without_pyav(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))


def program(folder: Path, body: str) -> None:
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)


def test_with_neither_a_sentence_says_what_installs_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pip install 'backpropviz\[video\]'"):
        write_mp4(SLIDES, 2, tmp_path / "a.mp4", OPTIONS)
    assert not list(tmp_path.iterdir())


@posix
def test_ffmpeg_is_given_each_picture_for_its_time(tmp_path: Path) -> None:
    program(
        tmp_path,
        """
data = sys.stdin.buffer.read()
path = sys.argv[-1].removeprefix("file:")
open(path, "wb").write(repr((sys.argv[1:-1], data)).encode())
""",
    )
    write_mp4(SLIDES, 2, tmp_path / "a.mp4", OPTIONS)
    words, data = eval((tmp_path / "a.mp4").read_bytes())  # noqa: S307  (what the script above wrote)
    assert words[words.index("-s") + 1] == "32x20"
    assert words[words.index("-r") + 1] == "5"
    red, green = bytes([0, 0, 255, 255]), bytes([0, 255, 0, 255])
    assert len(data) == 10 * 4 * 32 * 20
    assert data[:4] == red
    assert data[4 * 4 * 32 * 20 :][:4] == red
    assert data[5 * 4 * 32 * 20 :][:4] == green


@posix
@pytest.mark.parametrize("reads", ["sys.stdin.buffer.read()", "pass"])
def test_what_ffmpeg_says_is_told(tmp_path: Path, reads: str) -> None:
    program(tmp_path, f"{reads}\nsys.exit('first line\\nUnknown encoder libx264')")
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match="ffmpeg: unknown encoder libx264"):
        write_mp4(SLIDES, 2, tmp_path / "a.mp4", OPTIONS)
    assert set(tmp_path.iterdir()) == before
