from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage

from backpropviz.errors import UsageError, UserError
from backpropviz.export.formats import FORMATS, ExportFormat, ExportOptions, format_for
from backpropviz.export.frames import (
    Cancelled,
    Progress,
    export_slides,
    frame_size,
    png_bytes,
    write_pdf,
)
from backpropviz.export.pdf import add_bookmarks, write_pages
from backpropviz.paint.draw import render
from backpropviz.scene.color import rgb
from backpropviz.scene.marks import Group, Pixels, Rect, Scene, Text
from backpropviz.scene.slide import Slide, as_slide
from backpropviz.scene.theme import LIGHT, ROW
from tests.golden_files import pixel_bytes

KINDS = {kind.name: kind for kind in FORMATS}
MINE = [kind for kind in FORMATS if kind.writer.split(":")[0] in {"frames", "animation"}]


def frame(number: int) -> Slide:
    text = Text(10, 40, f"frame {number}", ROW, LIGHT.text)
    marks = (Rect(0, 0, 20, 20, fill=LIGHT.here), text)
    scene = Scene(200, 100, LIGHT.stage, marks, f"Frame {number}")
    return as_slide(scene, LIGHT, address=f"conv1.bias[{number}]", step=f"step {number + 1}")


def frames(count: int) -> Iterator[Slide]:
    return (frame(number) for number in range(count))


def export(
    slides: Iterable[Slide],
    count: int,
    path: Path,
    kind: str = "png",
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> bool:
    """By the path's suffix, or a folder of a kind."""
    found = format_for(path, count)
    if not found.suffix:
        found = KINDS[f"{kind}-folder"]
    return export_slides(
        *(slides, count, path, found),
        overwrite=overwrite,
        progress=progress,
        cancelled=cancelled,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_png_is_the_rendered_scene(tmp_path: Path, scale: int) -> None:
    image = QImage.fromData(png_bytes(frame(0).scene, scale)).convertToFormat(
        QImage.Format.Format_ARGB32
    )
    expected = render(frame(0).scene, scale).convertToFormat(QImage.Format.Format_ARGB32)
    assert (image.width(), image.height()) == (200 * scale, 100 * scale)
    assert pixel_bytes(image) == pixel_bytes(expected)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_range_becomes_numbered_frames(tmp_path: Path, kind: str) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "frames"
    done = export(
        *(frames(3), 3, folder, kind),
        progress=lambda number, count: told.append((number, count)),
    )
    assert done
    assert names(folder) == [*(f"frame-{number:04}.{kind}" for number in (1, 2, 3)), "frames.csv"]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert names(folder.parent) == ["frames"]


def test_a_pdf_has_a_page_a_frame_of_the_scenes_size(tmp_path: Path) -> None:
    path = tmp_path / "frames.pdf"
    assert export(frames(10), 10, path)
    content = path.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", content)) == 10
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert {(float(width), float(height)) for width, height in boxes} == {(100.0, 50.0)}
    assert b"/FontFile2" in content, "text is text"


def test_pages_may_differ_in_size(tmp_path: Path) -> None:
    wide = as_slide(Scene(400, 100, "#FFFFFF"), LIGHT, points_per_pixel=0.75)
    write_pdf([frame(0), wide], 2, tmp_path / "a.pdf", ExportOptions())
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+)", (tmp_path / "a.pdf").read_bytes())
    assert [float(width) for width in boxes] == [100.0, 300.0]


def test_values_in_a_pdf_are_lossless_and_enlarged(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 6))
    scene = Scene(100, 100, "#FFFFFF", (Pixels(0, 0, 60, 50, values, LIGHT.diverging, (-2, 2)),))
    write_pdf([as_slide(scene, LIGHT)], 1, tmp_path / "a.pdf", ExportOptions())
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/DCTDecode" not in content
    assert re.search(rb"/Width 48\s*/Height 40", content)


@pytest.mark.parametrize("name", ["out.png", "out.svg", "out.pdf", "folder"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_cancel_leaves_nothing(tmp_path: Path, name: str, after: int) -> None:
    asked = iter([False] * after + [True] * 9)
    count = 3 if name in {"out.pdf", "folder"} else 1
    assert not export(frames(count), count, tmp_path / name, cancelled=lambda: next(asked))
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["out.pdf", "folder"])
def test_an_error_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    def broken() -> Iterator[Slide]:
        yield frame(0)
        raise ArithmeticError("second frame")

    with pytest.raises(ArithmeticError):
        export(broken(), 2, tmp_path / name)
    assert names(tmp_path) == []
    (tmp_path / "out.pdf").write_bytes(b"before")
    with pytest.raises(ArithmeticError):
        export(broken(), 2, tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == b"before"


def test_a_folder_with_files_is_refused_unless_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    assert export(frames(4), 4, folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty; choose an empty folder or allow overwriting"):
        export(frames(2), 2, folder)
    assert len(names(folder)) == 6
    assert export(frames(2), 2, folder, overwrite=True)
    assert names(folder) == ["frame-0001.png", "frame-0002.png", "frames.csv", "notes.txt"]


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.png", tmp_path / "file" / "sub"):
        with pytest.raises(UserError, match="cannot be written: not a directory; choose another"):
            export(frames(1), 1, path)
    with pytest.raises(UserError, match="is a file; name a folder"):
        export(frames(1), 1, tmp_path / "file")


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
            export([as_slide(scene, LIGHT)], 1, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_a_path_can_hold(tmp_path: Path) -> None:
    assert format_for(tmp_path / "a.PDF", 5) is KINDS["pdf"]
    assert format_for(tmp_path / "a.fragment.svg", 5) is KINDS["reveal"]
    assert format_for(tmp_path / "folder", 5) is KINDS["png-folder"]
    (tmp_path / "v1.2").mkdir()
    assert format_for(tmp_path / "v1.2", 5) is KINDS["png-folder"]
    with pytest.raises(UsageError, match="can hold one frame, not 1,200; name a folder") as error:
        format_for(tmp_path / "a.png", 1200)
    assert error.value.exit_code == 2
    with pytest.raises(UsageError, match=r"unknown suffix; use \.pptx, \.pdf, .* or a folder"):
        format_for(tmp_path / "a.bmp", 1)
    with pytest.raises(UsageError, match="no frame to export"):
        format_for(tmp_path / "a.pdf", 0)


def test_a_folder_tells_what_it_shows(tmp_path: Path) -> None:
    odd = replace(frame(1), title='=1+1, "x"', address="", step="all\nsteps")
    assert export([frame(0), odd], 2, tmp_path / "out", "svg")
    with (tmp_path / "out" / "frames.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "title", "address", "step"],
            ["frame-0001.svg", "Frame 0", "conv1.bias[0]", "step 1"],
            ["frame-0002.svg", '\'=1+1, "x"', "", "all\nsteps"],
        ]


@pytest.mark.parametrize(("dpi", "told"), [(0, None), (300, (300, 300)), (72, (72, 72))])
def test_a_png_tells_its_resolution(tmp_path: Path, dpi: int, told: tuple[int, int] | None) -> None:
    path = tmp_path / "a.png"
    KINDS["png"].write([frame(0)], 1, path, ExportOptions(dpi=dpi, scale=2))
    with Image.open(path) as image:
        image.load()
        assert image.size == (400, 200)
        found = image.info.get("dpi")
    assert found == (None if told is None else pytest.approx(told, abs=0.02))


def test_a_png_without_a_background_is_transparent(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    KINDS["png"].write([replace(frame(0), background="")], 1, path, ExportOptions())
    with Image.open(path) as image:
        assert image.getpixel((190, 90))[3:] == (0,)  # type: ignore[index]
        assert image.getpixel((5, 5)) == (*rgb(LIGHT.here), 255)


def test_a_page_has_a_bookmark_and_selectable_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pypdf = pytest.importorskip("pypdf")
    caplog.set_level("WARNING")
    titled = [replace(frame(0), title="∂L/∂W (1) \\ 🜁"), replace(frame(1), title=""), frame(2)]
    write_pdf(titled, 3, tmp_path / "a.pdf", ExportOptions())
    reader = pypdf.PdfReader(tmp_path / "a.pdf", strict=True)
    assert [entry.title for entry in reader.outline] == ["∂L/∂W (1) \\ 🜁", "Frame 2"]
    assert [reader.get_destination_page_number(entry) for entry in reader.outline] == [0, 2]
    assert reader.metadata is not None
    assert reader.metadata.title == "∂L/∂W (1) \\ 🜁"
    assert reader.metadata.creator == "BackpropViz"
    assert not caplog.records, "a strict reader has nothing to mend"
    assert "frame 1" in " ".join(reader.pages[1].extract_text().split())


def test_a_pdf_of_an_unknown_build_gets_no_bookmarks(tmp_path: Path) -> None:
    write_pdf(frames(2), 2, tmp_path / "a.pdf", ExportOptions())
    whole = (tmp_path / "a.pdf").read_bytes()
    plain = whole[: whole.index(b"%%EOF") + 6]
    for content in (plain.replace(b"trailer", b"tailer"), plain.replace(b"/Kids", b"/Kids2")):
        (tmp_path / "b.pdf").write_bytes(content)
        with (tmp_path / "b.pdf").open("r+b") as file:
            add_bookmarks(file, ["one", "two"])
        assert (tmp_path / "b.pdf").read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("kind", MINE, ids=lambda kind: kind.name)
def test_a_disk_without_room_leaves_nothing(kind: ExportFormat, tmp_path: Path) -> None:
    import resource

    path = tmp_path / f"out{kind.suffix}"
    values = np.random.default_rng(0).random((50, 100, 3))
    marks = (Pixels(0, 0, 200, 100, values, LIGHT.photo, (0, 1)),)
    noisy = as_slide(Scene(200, 100, LIGHT.stage, marks), LIGHT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be written: .*; choose another place"):
            export_slides([noisy], 1, path, kind)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


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

    copy_image(frame(0).scene, 2)
    assert QGuiApplication.clipboard().image().width() == 400
