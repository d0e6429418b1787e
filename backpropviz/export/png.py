"""A scene as PNG, and as an image on the clipboard."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from backpropviz.scene.marks import Scene


def png_bytes(scene: Scene, scale: float = 1.0) -> bytes:
    """The scene as the content of a PNG file."""
    from PySide6.QtCore import QBuffer, QIODevice

    from backpropviz.paint.render import render

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # Qt offers no file type by enumeration; a quality of 80 is a fast zlib level, still lossless.
    render(scene, scale).save(buffer, "PNG", 80)  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def copy_image(scene: Scene, scale: float = 1.0) -> None:
    """Put the scene on the clipboard as an image."""
    from PySide6.QtGui import QGuiApplication

    from backpropviz.paint.render import render

    QGuiApplication.clipboard().setImage(render(scene, scale))


def encode_colors(colors: NDArray[np.uint8]) -> bytes:
    """Colors (rows, columns, 3) as the content of a PNG file, without Qt."""
    height, width = colors.shape[:2]
    rows = np.zeros((height, 1 + width * 3), dtype=np.uint8)
    rows[:, 1:] = colors.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
