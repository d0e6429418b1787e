from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from backpropviz.errors import UsageError, UserError
from backpropviz.export.frames import (
    check_path,
    export_frames,
    frame_size,
    pdf,
    png_bytes,
    write_pages,
)
from backpropviz.paint.draw import render
from backpropviz.scene.marks import Group, Pixels, Rect, Scene, Text
from backpropviz.scene.theme import LIGHT, ROW
from tests.golden_files import pixel_bytes


def frame(number: int) -> Scene:
    text = Text(10, 40, f"frame {number}", ROW, LIGHT.text)
    return Scene(200, 100, LIGHT.stage, (Rect(0, 0, 20, 20, fill=LIGHT.here), text), f"{number}")


def frames(count: int) -> Iterator[Scene]:
    return (frame(number) for number in range(count))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_png_is_the_rendered_scene(tmp_path: Path, scale: int) -> None:
    image = QImage.fromData(png_bytes(frame(0), scale)).convertToFormat(QImage.Format.Format_ARGB32)
    expected = render(frame(0), scale).convertToFormat(QImage.Format.Format_ARGB32)
    assert (image.width(), image.height()) == (200 * scale, 100 * scale)
    assert pixel_bytes(image) == pixel_bytes(expected)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_range_becomes_numbered_frames(tmp_path: Path, kind: str) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "frames"
    done = export_frames(
        *(frames(3), 3, folder),
        frame_format="png" if kind == "png" else "svg",
        progress=lambda number, count: told.append((number, count)),
    )
    assert done
    assert names(folder) == [f"frame-{number:04}.{kind}" for number in (1, 2, 3)]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert names(folder.parent) == ["frames"]


def test_a_pdf_has_a_page_a_frame_of_the_scenes_size(tmp_path: Path) -> None:
    path = tmp_path / "frames.pdf"
    assert export_frames(frames(10), 10, path)
    content = path.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", content)) == 10
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert {(float(width), float(height)) for width, height in boxes} == {(150.0, 75.0)}
    assert b"/FontFile2" in content, "text is text"


def test_pages_may_differ_in_size(tmp_path: Path) -> None:
    wide = Scene(400, 100, "#FFFFFF")
    pdf([frame(0), wide], tmp_path / "a.pdf")
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+)", (tmp_path / "a.pdf").read_bytes())
    assert [float(width) for width in boxes] == [150.0, 300.0]


def test_values_in_a_pdf_are_lossless_and_enlarged(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 6))
    scene = Scene(100, 100, "#FFFFFF", (Pixels(0, 0, 60, 50, values, LIGHT.diverging, (-2, 2)),))
    pdf([scene], tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/DCTDecode" not in content
    assert re.search(rb"/Width 48\s*/Height 40", content)


@pytest.mark.parametrize("name", ["out.png", "out.svg", "out.pdf", "folder"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_cancel_leaves_nothing(tmp_path: Path, name: str, after: int) -> None:
    asked = iter([False] * after + [True] * 9)
    count = 3 if name in {"out.pdf", "folder"} else 1
    assert not export_frames(frames(count), count, tmp_path / name, cancelled=lambda: next(asked))
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["out.pdf", "folder"])
def test_an_error_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    def broken() -> Iterator[Scene]:
        yield frame(0)
        raise ArithmeticError("second frame")

    with pytest.raises(ArithmeticError):
        export_frames(broken(), 2, tmp_path / name)
    assert names(tmp_path) == []
    (tmp_path / "out.pdf").write_bytes(b"before")
    with pytest.raises(ArithmeticError):
        export_frames(broken(), 2, tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == b"before"


def test_a_folder_with_files_is_refused_unless_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    assert export_frames(frames(4), 4, folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty; choose an empty folder or allow overwriting"):
        export_frames(frames(2), 2, folder)
    assert len(names(folder)) == 5
    assert export_frames(frames(2), 2, folder, overwrite=True)
    assert names(folder) == ["frame-0001.png", "frame-0002.png", "notes.txt"]


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.png", tmp_path / "file" / "sub"):
        with pytest.raises(UserError, match="cannot be written: not a directory; choose another"):
            export_frames(frames(1), 1, path)
    with pytest.raises(UserError, match="is a file; name a folder"):
        export_frames(frames(1), 1, tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_noticed() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_pages(frames(2), Path("/dev/full"))


def test_an_interrupt_within_a_frame_ends_the_painting_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backpropviz.paint.draw.draw_pixels", interrupt)
    pixels = Pixels(0, 0, 4, 4, np.zeros((1, 1)), "gray", (0.0, 1.0))
    scene = Scene(40, 40, LIGHT.stage, (Group((Group((pixels,), 2, 2),), 3, 3),), "")
    for name in ("out.pdf", "out.png"):
        # A painter that is ended with states unrestored is a warning, and warnings fail the test.
        with pytest.raises(KeyboardInterrupt):
            export_frames([scene], 1, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["pptx", "gif", "webp", "apng", "mp4"])
def test_formats_of_later_are_refused_as_usage(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"{suffix.upper()} is not supported yet; use") as error:
        export_frames(frames(1), 1, tmp_path / f"out.{suffix}")
    assert error.value.exit_code == 2
    assert names(tmp_path) == []


def test_what_a_path_can_hold(tmp_path: Path) -> None:
    assert check_path(tmp_path / "a.PDF", 5) == "pdf"
    assert check_path(tmp_path / "folder", 5) == "folder"
    (tmp_path / "v1.2").mkdir()
    assert check_path(tmp_path / "v1.2", 5) == "folder"
    with pytest.raises(UsageError, match="can hold one frame, not 1,200; name a folder"):
        check_path(tmp_path / "a.png", 1200)
    with pytest.raises(UsageError, match="unknown suffix"):
        check_path(tmp_path / "a.bmp", 1)
    with pytest.raises(UsageError, match="no frame to export"):
        check_path(tmp_path / "a.pdf", 0)


def test_frame_sizes() -> None:
    assert frame_size("as shown", (900, 700)) == (900, 700)
    assert frame_size("16:9", (1, 1)) == (1920, 1080)
    assert frame_size("4:3", (1, 1)) == (1440, 1080)
    assert frame_size("1280x720", (1, 1)) == (1280, 720)
    for wrong in ("huge", "10x10", "99999x99999", "-5x100"):
        with pytest.raises(UsageError):
            frame_size(wrong, (1, 1))


def test_the_clipboard_holds_the_picture() -> None:
    from PySide6.QtGui import QGuiApplication

    from backpropviz.export.frames import copy_image

    copy_image(frame(0), 2)
    assert QGuiApplication.clipboard().image().width() == 400
