"""What the page about data says is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from backpropviz.files.data.arrays import IMAGES, LABELS
from backpropviz.files.data.folder import SUFFIXES
from backpropviz.files.data.load import BUNDLED
from backpropviz.files.pictures import FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "data-formats.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The text."""
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_set_is_named(page: str, name: str) -> None:
    assert f"| `{name}` |" in page


@pytest.mark.parametrize("name", [n for n in (*IMAGES, *LABELS) if not n.startswith("arr_")])
def test_every_name_of_an_array_is_named(page: str, name: str) -> None:
    assert f"`{name}`" in page


def test_every_format_is_named_and_has_an_ending(page: str) -> None:
    for name in FORMATS:
        assert name.casefold() in page.casefold()
        assert f".{name.casefold()}" in SUFFIXES
