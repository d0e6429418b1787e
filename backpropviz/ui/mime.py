"""What is dropped or pasted, as a request to open something."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QImage

from backpropviz.ui.requests import OpenRequest, request_for


def request_from(content: QMimeData | None) -> OpenRequest | None:
    """Files first, else a picture; None where there is neither, or no clipboard."""
    if content is None:
        return None
    files = [url.toLocalFile() for url in content.urls() if url.isLocalFile()]
    if files:
        return request_for(files)
    image = content.imageData() if content.hasImage() else None
    if not isinstance(image, QImage) or image.isNull():
        return None
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # Qt offers no file type by enumeration.
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return OpenRequest(image="pasted picture", content=bytes(buffer.data().data()))
