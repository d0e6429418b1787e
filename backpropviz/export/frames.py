"""One frame or a range of frames to a file or a folder: whole, or not at all.

The suffix chooses the format: `.png` and `.svg` hold one frame, `.pdf` a page a frame, and a name
without suffix is a folder of numbered frames.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from backpropviz.errors import UsageError
from backpropviz.export.painted import pdf, png_bytes
from backpropviz.export.svg import svg
from backpropviz.files.atomic import atomic_folder, write_bytes
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
            _write_folder(frames, count, path, frame_format, scale, overwrite=overwrite)
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


def _write_folder(
    frames: Iterator[Scene],
    count: int,
    path: Path,
    frame_format: FrameFormat,
    scale: float,
    *,
    overwrite: bool,
) -> None:
    digits = max(4, len(str(count)))
    stale = f"frame-*.{frame_format}"
    with atomic_folder(path, overwrite=overwrite, replaced=stale) as folder:
        for number, scene in enumerate(frames, start=1):
            name = f"frame-{number:0{digits}}.{frame_format}"
            (folder / name).write_bytes(frame_bytes(scene, frame_format, scale))
