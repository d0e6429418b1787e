"""What stands in a field reads back as the setting that it shows."""

from __future__ import annotations

import pytest

from backpropviz.ui.forms import text_of, typed_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456789, "0.0123456789"),
        (100 * 0.07, "7"),
        (1e-08, "1e−8"),
        (True, "on"),
        ([10, 0.25], "10, 0.25"),
    ],
)
def test_a_field_holds_the_whole_setting(value: object, text: str) -> None:
    assert text_of(value) == text
    assert typed_value(text, "Rate") == pytest.approx(value, rel=1e-15)
