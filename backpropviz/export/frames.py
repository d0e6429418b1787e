"""One frame or a range of frames to a file or a folder: whole, or not at all.

The suffix chooses the format: `.png` and `.svg` hold one frame, `.pdf` a page a frame, and a name
without suffix is a folder of numbered frames. A PDF holds vectors, text as text, values as lossless
images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QBuffer, QFile, QFileDevice, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import QGuiApplication, QPageSize, QPainter, QPdfWriter

from backpropviz.errors import UsageError, UserError
from backpropviz.export.svg import svg
from backpropviz.files.atomic import atomic_file, atomic_folder, write_bytes
from backpropviz.paint.draw import draw, render
from backpropviz.scene.marks import Scene

FrameFormat = Literal["png", "svg"]
Progress = Callable[[int, int], None]
"""Called with the frames done and their number."""
Cancelled = Callable[[], bool]

FRAME_SIZES: Final = {"16:9": (1920, 1080), "4:3": (1440, 1080)}
AS_SHOWN: Final = "as shown"

_LATER: Final = ("pptx", "gif", "webp", "apng", "mp4")
_SMALLEST_SIDE: Final = 64
_LARGEST_SIDE: Final = 16384


class _Stopped(Exception):  # noqa: N818  (no error: the person's wish)
    """The person cancelled."""


def export_frames(
    scenes: Iterable[Scene],
    count: int,
    path: Path,
    *,
    frame_format: FrameFormat = "png",
    scale: float = 1.0,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> bool:
    """Write all frames and say whether it was not cancelled; a cancel or error leaves nothing.

    `count` is the number of scenes; `frame_format` and `overwrite` concern a folder.
    """
    kind = check_path(path, count)
    frames = _watched(scenes, count, progress, cancelled)
    try:
        if kind == "pdf":
            pdf(frames, path)
        elif kind == "folder":
            digits = max(4, len(str(count)))
            stale = f"frame-*.{frame_format}"
            with atomic_folder(path, overwrite=overwrite, replaced=stale) as folder:
                for number, scene in enumerate(frames, start=1):
                    name = f"frame-{number:0{digits}}.{frame_format}"
                    (folder / name).write_bytes(frame_bytes(scene, frame_format, scale))
        else:
            contents = [frame_bytes(scene, kind, scale) for scene in frames]
            write_bytes(path, contents[0])
    except _Stopped:
        return False
    return True


def check_path(path: Path, count: int) -> Literal["png", "svg", "pdf", "folder"]:
    """What would be written there; raises UsageError, in a sentence, where nothing can be."""
    suffix = path.suffix.lower().removeprefix(".")
    if count < 1:
        raise UsageError("There is no frame to export; choose a range with at least one step.")
    if suffix in _LATER:
        raise UsageError(
            f"{path.name} cannot be written: {suffix.upper()} is not supported yet; "
            "use .png, .svg, .pdf or a folder."
        )
    if suffix == "pdf":
        return "pdf"
    if suffix in {"png", "svg"}:
        if count > 1:
            raise UsageError(
                f"{path.name} can hold one frame, not {count:,}; name a folder or a .pdf file."
            )
        return "png" if suffix == "png" else "svg"
    if suffix and not path.is_dir():
        raise UsageError(
            f"{path.name} has an unknown suffix; use .png, .svg, .pdf, or a folder without suffix."
        )
    return "folder"


def frame_bytes(scene: Scene, frame_format: FrameFormat, scale: float = 1.0) -> bytes:
    """One frame as the content of a file; `scale` concerns PNG only."""
    return png_bytes(scene, scale) if frame_format == "png" else svg(scene).encode("utf-8")


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
    scenes: Iterable[Scene], count: int, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[Scene]:
    """The scenes, asking before each whether to go on and telling after each how far it is."""
    if progress is not None:
        progress(0, count)
    for done, scene in enumerate(scenes, start=1):
        if cancelled is not None and cancelled():
            raise _Stopped
        yield scene
        if progress is not None:
            progress(done, count)
    if cancelled is not None and cancelled():
        raise _Stopped


_POINTS_PER_PIXEL: Final = 0.75
_RESOLUTION: Final = 1200


def pdf(scenes: Iterable[Scene], path: Path) -> None:
    """Write a page for each scene; a page is as large as its scene (96 pixels are an inch)."""
    with atomic_file(path) as temporary:
        write_pages(scenes, temporary)


def write_pages(scenes: Iterable[Scene], path: Path) -> None:
    """Write the PDF straight to a path; raises OSError where the disk refuses."""
    file = QFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        raise OSError(file.errorString())
    try:
        _paint_pages(scenes, file)
        # Asked before closing, which forgets earlier errors.
        if not file.flush() or file.error() != QFileDevice.FileError.NoError:
            raise OSError(file.errorString())
    finally:
        file.close()


def _paint_pages(scenes: Iterable[Scene], file: QFile) -> None:
    writer, painter = QPdfWriter(file), QPainter()
    writer.setCreator("BackpropViz")
    writer.setResolution(_RESOLUTION)
    writer.setPageMargins(QMarginsF())
    try:
        for scene in scenes:
            points = QSizeF(scene.width, scene.height) * _POINTS_PER_PIXEL
            # Exactly this size: Qt would else round a near one to a paper format.
            exact = QPageSize.SizeMatchPolicy.ExactMatch
            writer.setPageSize(QPageSize(points, QPageSize.Unit.Point, "", exact))
            if not painter.isActive():
                writer.setTitle(scene.title)
                painter.begin(writer)
            else:
                writer.newPage()
            painter.setRenderHint(QPainter.RenderHint.LosslessImageRendering)
            painter.save()
            try:
                painter.scale(_RESOLUTION / 96, _RESOLUTION / 96)
                draw(scene, painter)
            finally:
                # An interrupt may come between any two marks.
                painter.restore()
        if not painter.isActive():
            raise UserError("There is no frame to write; choose a range with at least one step.")
    finally:
        if painter.isActive():
            painter.end()


def png_bytes(scene: Scene, scale: float = 1.0) -> bytes:
    """The scene as the content of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # Qt offers no file type by enumeration; a quality of 80 is a fast zlib level, still lossless.
    render(scene, scale).save(buffer, "PNG", 80)  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def copy_image(scene: Scene, scale: float = 1.0) -> None:
    """Put the scene on the clipboard as an image."""
    QGuiApplication.clipboard().setImage(render(scene, scale))
