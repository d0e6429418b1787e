"""Golden files: what a picture was when a person looked at it and found it right.

`BACKPROPVIZ_UPDATE_GOLDENS=1 pytest` writes them anew; look at each before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

GOLDENS = Path(__file__).parent / "goldens"


def assert_golden_text(name: str, text: str) -> None:
    """The text equals the golden file to the byte."""
    path = GOLDENS / name
    if _updating():
        path.write_bytes(text.encode("utf-8"))
    if not path.exists():
        pytest.fail(
            f"tests/goldens/{name} is missing; set BACKPROPVIZ_UPDATE_GOLDENS=1 to write it"
        )
    assert text == path.read_bytes().decode("utf-8")


def assert_golden_image(name: str, image: QImage, actual: Path) -> None:
    """Every pixel equals the golden PNG; where not, the picture is saved in `actual`."""
    from PySide6.QtGui import QImage

    path = GOLDENS / name
    found = image.convertToFormat(QImage.Format.Format_ARGB32)
    if _updating():
        found.save(str(path))
    golden = QImage(str(path)).convertToFormat(QImage.Format.Format_ARGB32)
    if found.size() != golden.size() or pixel_bytes(found) != pixel_bytes(golden):
        found.save(str(actual / name))
        pytest.fail(f"the picture differs from tests/goldens/{name}; it is in {actual / name}")


def pixel_bytes(image: QImage) -> bytes:
    """A copy of an image's pixels; Qt's own view dies with the image."""
    return bytes(image.constBits())


def _updating() -> bool:
    return os.environ.get("BACKPROPVIZ_UPDATE_GOLDENS") == "1"
