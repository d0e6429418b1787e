"""What a person asks to open, before any file is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QImage

from backpropviz.frozen import frozen
from backpropviz.named_file import deck_named, kind_at, plain_name

if TYPE_CHECKING:
    from backpropviz.engine.model import Model


NETWORK_SUFFIXES: Final = (".json", ".bpv")
_LESSON: Final = ".toml"


@frozen
class OpenRequest:
    """Names of a network and an image (empty: keep what is open), a target and a place.

    `network` is a bundled name or a file (a session too); `image` is a file or `mnist:17`, or with
    `content` the name of a pasted picture. A `lesson`, a name or a file, brings its own. With a
    `model`, `network` is only what it is called. `mode` is train or eval, where it is chosen.
    """

    network: str = ""
    image: str = ""
    target: str = ""
    place: str = ""
    content: bytes = b""
    lesson: str = ""
    model: Model | None = None
    mode: str = ""
    dropout_seed: int | None = None


def request_for(
    files: Sequence[str], network: str | None = None, lesson: str | None = None
) -> OpenRequest:
    """What a list of files asks for: the last network and the last image of it, or a lesson."""
    request = OpenRequest(network=plain_name(network or ""), lesson=plain_name(lesson or ""))
    for given in files:
        name = plain_name(given)
        match "network" if deck_named(name) else _wanted_as(Path(name)):
            case "lesson":
                request = replace(request, lesson=name)
            case "network":
                request = replace(request, network=name)
            case _:
                request = replace(request, image=name)
    return request


def _wanted_as(path: Path) -> str:
    """By what the file is; by its suffix where that does not say it."""
    kind = kind_at(path)
    if kind is not None and kind.wanted_as:
        return kind.wanted_as.split()[0]
    suffix = path.suffix.lower()
    return "lesson" if suffix == _LESSON else "network" if suffix in NETWORK_SUFFIXES else "picture"


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
