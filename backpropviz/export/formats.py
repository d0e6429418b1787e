"""The kinds of files that frames can become, once: dialog, command line and checks read this table.

A kind says what it holds and who writes it; the writer is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Final, TypeAlias

from backpropviz.errors import UsageError
from backpropviz.frozen import Setting, frozen, setting
from backpropviz.scene.slide import Slide


@frozen
class ExportOptions:
    """How frames are written; each kind of file heeds the options that it has."""

    scale: float = setting(
        Setting("Scale", "Pixels of the file for a pixel of the frame.", above=0, most=8),
        default=1.0,
    )
    dpi: int = setting(
        Setting("Resolution", "Pixels an inch, told in the file; 0: none.", least=0, most=2400),
        default=0,
    )
    text_as_text: bool = setting(
        Setting("Text as text", "Can be edited and searched, and needs the fonts."), default=False
    )
    morph: bool = setting(
        Setting("Morph between steps", "PowerPoint and Keynote move each cell; others fade."),
        default=True,
    )
    notes: bool = setting(
        Setting("Speaker notes", "Sentence, formula as text, address."), default=True
    )
    native_equations: bool = setting(
        Setting("Equations as equations", "Editable in PowerPoint; Google Slides wants pictures."),
        default=True,
    )
    frames_per_second: int = setting(
        Setting("Frames per second", "Of a video.", least=1, most=60), default=30
    )
    speed: float = setting(
        Setting("Speed", "How much faster than the pace of a lecture.", above=0, most=20),
        default=1.0,
    )
    tweens: bool = setting(
        Setting("Moves between steps", "Outlines and numbers fade from step to step."), default=True
    )
    session: bytes = b""
    """What leads back from a deck to its moments: a session as a file holds it."""


class Holds(Enum):
    """How many frames a file of a kind holds."""

    ONE = "one"
    MANY = "many"
    FOLDER = "folder"


Writer: TypeAlias = Callable[[Iterable[Slide], int, Path, ExportOptions], None]
"""Writes that many slides to a path, whole or not at all."""


@frozen
class ExportFormat:
    """A kind of file; `writer` is `module:function` in this package, `extra` what it needs."""

    name: str
    title: str
    suffix: str
    holds: Holds
    writer: str
    help: str
    extra: str = ""

    def write(
        self, slides: Iterable[Slide], count: int, path: Path, options: ExportOptions
    ) -> None:
        """Write slides to a path, whole or not at all.

        Raises:
            UserError: the disk refuses, or something that the kind needs is not there.
        """
        module, _, function = self.writer.partition(":")
        writer: Writer = getattr(import_module(f"backpropviz.export.{module}"), function)
        writer(slides, count, path, options)


FORMATS: Final = (
    ExportFormat("pptx", "PowerPoint", ".pptx", Holds.MANY, "pptx:write", "A slide a frame."),
    ExportFormat("pdf", "PDF", ".pdf", Holds.MANY, "frames:write_pdf", "A page a frame."),
    ExportFormat("png", "PNG", ".png", Holds.ONE, "frames:write_png", "A picture."),
    ExportFormat("svg", "SVG", ".svg", Holds.ONE, "frames:write_svg", "A drawing."),
    ExportFormat("gif", "GIF", ".gif", Holds.MANY, "animation:write_gif", "Loops anywhere."),
    ExportFormat("webp", "WebP", ".webp", Holds.MANY, "animation:write_webp", "For the web."),
    ExportFormat("apng", "APNG", ".apng", Holds.MANY, "animation:write_apng", "For the web."),
    ExportFormat("mp4", "MP4", ".mp4", Holds.MANY, "animation:write_mp4", "A video.", "video"),
    ExportFormat("html", "HTML", ".html", Holds.MANY, "web:write_html", "Steps in a browser."),
    ExportFormat(
        "reveal", "Reveal.js", ".fragment.svg", Holds.MANY, "web:write_fragments", "For Reveal.js."
    ),
    ExportFormat(
        "png-folder", "PNG folder", "", Holds.FOLDER, "frames:write_pngs", "Numbered pictures."
    ),
    ExportFormat(
        "svg-folder", "SVG folder", "", Holds.FOLDER, "frames:write_svgs", "Numbered drawings."
    ),
)


def format_for(path: Path, count: int) -> ExportFormat:
    """The kind of a file by its name.

    Raises:
        UsageError: no kind has this suffix, or it does not hold so many frames.
    """
    if count < 1:
        raise UsageError("There is no frame to export; choose a range with at least one step.")
    name = path.name.lower()
    known = [kind for kind in FORMATS if kind.suffix and name.endswith(kind.suffix)]
    if known:
        kind = max(known, key=lambda one: len(one.suffix))
        if kind.holds is Holds.ONE and count > 1:
            raise UsageError(
                f"{path.name} can hold one frame, not {count:,}; name a folder or a .pdf file."
            )
        return kind
    if path.suffix and not path.is_dir():
        offered = ", ".join(kind.suffix for kind in FORMATS if kind.suffix)
        raise UsageError(
            f"{path.name} has an unknown suffix; use {offered}, or a folder without suffix."
        )
    return next(kind for kind in FORMATS if kind.holds is Holds.FOLDER)
