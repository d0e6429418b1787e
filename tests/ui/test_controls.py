"""Names in small room."""

from __future__ import annotations

import pytest

from backpropviz.ui.controls import file_name, shortened


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("lenet", 12, "lenet"),
        ("abcdefghijkl", 12, "abcdefghijkl"),
        ("holiday photo 17.jpeg", 12, "holiday…jpeg"),
    ],
)
def test_what_is_too_long_keeps_both_ends(text: str, most: int, shown: str) -> None:
    assert shortened(text, most) == shown
    assert len(shortened(text, most)) <= most


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mnist:17", "mnist:17"),
        ("/home/ada/cats/", "cats"),
        ("C:\\pictures\\cat.png", "cat.png"),
    ],
)
def test_a_path_is_told_by_its_last_part(source: str, name: str) -> None:
    assert file_name(source) == name
