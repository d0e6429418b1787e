"""Scenes as Qt paints them: PDF pages, PNG, the clipboard.

A PDF holds vectors, text as text, values as lossless images, a page for each scene.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QFile, QFileDevice, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import QGuiApplication, QPageSize, QPainter, QPdfWriter

from backpropviz.errors import UserError
from backpropviz.files.atomic import atomic_file
from backpropviz.paint.draw import draw
from backpropviz.scene.marks import Scene

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
            _paint_page(scene, painter)
        if not painter.isActive():
            raise UserError("There is no frame to write; choose a range with at least one step.")
    finally:
        if painter.isActive():
            painter.end()


def _paint_page(scene: Scene, painter: QPainter) -> None:
    painter.setRenderHint(QPainter.RenderHint.LosslessImageRendering)
    painter.save()
    try:
        painter.scale(_RESOLUTION / 96, _RESOLUTION / 96)
        draw(scene, painter)
    finally:
        # An interrupt may come between any two marks.
        painter.restore()


def png_bytes(scene: Scene, scale: float = 1.0) -> bytes:
    """The scene as the content of a PNG file."""
    from backpropviz.paint.render import render

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # Qt offers no file type by enumeration; a quality of 80 is a fast zlib level, still lossless.
    render(scene, scale).save(buffer, "PNG", 80)  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def copy_image(scene: Scene, scale: float = 1.0) -> None:
    """Put the scene on the clipboard as an image."""
    from backpropviz.paint.render import render

    QGuiApplication.clipboard().setImage(render(scene, scale))
