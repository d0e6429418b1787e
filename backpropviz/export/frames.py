"""Slides to a file or a folder of any kind, and the writers of pictures and pages.

Whatever ends the writing early, a cancel, an error or a full disk, leaves what was there.
"""

# ruff: noqa: ARG001  (every writer is given the number of slides)
from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from PySide6.QtGui import QGuiApplication, QImage

from backpropviz.errors import UsageError, UserError
from backpropviz.export.formats import ExportFormat, ExportOptions, Holds
from backpropviz.export.pdf import write_pages
from backpropviz.export.png import encoded
from backpropviz.export.svg import svg_of_slide
from backpropviz.files.atomic import atomic_file, atomic_folder, write_bytes
from backpropviz.paint.draw import render
from backpropviz.scene.marks import Scene
from backpropviz.scene.slide import Slide

Progress = Callable[[int, int], None]
"""Called with the frames done and their number."""
Cancelled = Callable[[], bool]

FRAME_SIZES: Final = {"16:9": (1920, 1080), "4:3": (1440, 1080)}
AS_SHOWN: Final = "as shown"
INDEX_NAME: Final = "frames.csv"

_SMALLEST_SIDE: Final = 64
_LARGEST_SIDE: Final = 16384
_DPI: Final = 96
_OPAQUE: Final = len("#RRGGBB")


class _Stopped(Exception):  # noqa: N818  (no error: the person's wish)
    """The person cancelled."""


def export_slides(
    slides: Iterable[Slide],
    count: int,
    path: Path,
    kind: ExportFormat,
    options: ExportOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> bool:
    """Write all slides and say whether it was not cancelled; a cancel or error leaves nothing.

    `overwrite` lets a folder that holds files take the new ones in place of its old frames.

    Raises:
        UserError: the disk refuses, or something that the kind needs is not there.
    """
    options = ExportOptions() if options is None else options
    watched = _watched(slides, count, progress, cancelled)
    try:
        if kind.holds is Holds.FOLDER:
            stale = f"frame-*.{kind.name.removesuffix('-folder')}"
            with atomic_folder(path, overwrite=overwrite, replaced=stale) as folder:
                kind.write(watched, count, folder, options)
        else:
            kind.write(watched, count, path, options)
    except _Stopped:
        return False
    return True


def write_pdf(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A page a slide, with its title as a bookmark."""
    with atomic_file(path) as temporary:
        write_pages(slides, temporary)


def write_png(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A picture of the one slide."""
    write_bytes(path, _only([_png(slide, options) for slide in slides]))


def write_svg(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A drawing of the one slide."""
    write_bytes(path, _only([_svg(slide, options) for slide in slides]))


def write_pngs(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A folder of numbered pictures."""
    _write_folder(slides, count, path, "png", lambda slide: _png(slide, options))


def write_svgs(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A folder of numbered drawings."""
    _write_folder(slides, count, path, "svg", lambda slide: _svg(slide, options))


def png_bytes(scene: Scene, scale: float = 1.0, dpi: int | None = None) -> bytes:
    """The scene as the content of a PNG file; `dpi` of None: 96 at a scale of 1, of 0: not told."""
    image = render(scene, scale)
    if len(scene.background) == _OPAQUE:
        # The same memory, read without the alpha, which is that of the ground.
        image.reinterpretAsFormat(QImage.Format.Format_RGB32)
    return encoded(image, _DPI * scale if dpi is None else dpi)


def copy_image(scene: Scene, scale: float = 1.0) -> None:
    """Put the scene on the clipboard as an image."""
    QGuiApplication.clipboard().setImage(render(scene, scale))


def frame_size(text: str, shown: tuple[int, int]) -> tuple[int, int]:
    """Width and height in pixels: `as shown`, `16:9`, `4:3`, or such as `1920x1080`."""
    if text == AS_SHOWN:
        return shown
    if text in FRAME_SIZES:
        return FRAME_SIZES[text]
    match = re.fullmatch(r"(\d{1,6})\s*[x×]\s*(\d{1,6})", text)
    if match is None:
        raise UsageError(f"{text!r} is no frame size; use 1920x1080, 16:9, 4:3 or 'as shown'.")
    width, height = int(match[1]), int(match[2])
    if not all(_SMALLEST_SIDE <= side <= _LARGEST_SIDE for side in (width, height)):
        raise UsageError(
            f"A frame of {width} × {height} pixels cannot be drawn; "
            f"use sides of {_SMALLEST_SIDE} to {_LARGEST_SIDE}."
        )
    return width, height


def _watched(
    slides: Iterable[Slide], count: int, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[Slide]:
    """The slides, asking before each whether to go on and telling after each how far it is."""
    if progress is not None:
        progress(0, count)
    for done, slide in enumerate(slides, start=1):
        if cancelled is not None and cancelled():
            raise _Stopped
        yield slide
        if progress is not None:
            progress(done, count)
    if cancelled is not None and cancelled():
        raise _Stopped


def _write_folder(
    slides: Iterable[Slide], count: int, path: Path, suffix: str, content: Callable[[Slide], bytes]
) -> None:
    """Numbered files, and a table of what they show."""
    rest = iter(slides)
    first = next(rest, None)
    if first is None:
        raise _no_frame()
    digits = max(4, len(str(count)))
    with atomic_folder(path) as folder:
        rows = [("file", "title", "address", "step")]
        for number, slide in enumerate(chain([first], rest), start=1):
            name = f"frame-{number:0{digits}}.{suffix}"
            (folder / name).write_bytes(content(slide))
            rows.append((name, _cell(slide.title), _cell(slide.address), _cell(slide.step)))
        # With its mark at the start, spreadsheets read the table as UTF-8.
        with (folder / INDEX_NAME).open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)


def _cell(text: str) -> str:
    """A text of a table, which no spreadsheet takes for a formula."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@", "\t", "\r")) else plain


def _png(slide: Slide, options: ExportOptions) -> bytes:
    return png_bytes(slide.scene, options.scale, options.dpi)


def _svg(slide: Slide, options: ExportOptions) -> bytes:
    return svg_of_slide(slide, text_as_text=options.text_as_text).encode("utf-8")


def _only(contents: list[bytes]) -> bytes:
    if len(contents) > 1:
        raise UsageError(f"A picture holds one frame, not {len(contents):,}; name a folder.")
    if not contents:
        raise _no_frame()
    return contents[0]


def _no_frame() -> UserError:
    return UserError("There is no frame to write; choose a range with at least one step.")
