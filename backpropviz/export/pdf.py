"""Scenes as a PDF, a page each: vectors, text as text, values as lossless images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFile, QFileDevice, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import QPageSize, QPainter, QPdfWriter

from backpropviz.errors import UserError
from backpropviz.paint.draw import draw
from backpropviz.scene.marks import Scene
from backpropviz.storage.atomic import atomic_file

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
            _set_page_size(writer, scene)
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


def _set_page_size(writer: QPdfWriter, scene: Scene) -> None:
    points = QSizeF(scene.width, scene.height) * _POINTS_PER_PIXEL
    # Exactly this size: Qt would else round a near one to a paper format.
    exact = QPageSize.SizeMatchPolicy.ExactMatch
    writer.setPageSize(QPageSize(points, QPageSize.Unit.Point, "", exact))
