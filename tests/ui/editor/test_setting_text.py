"""Settings as text and back."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from backpropviz.document import to_fields
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Moded
from backpropviz.engine.kinds.registry import catalog, layer_from_fields, loss_kinds
from backpropviz.frozen import setting_of
from backpropviz.ui.editor.end_forms import class_names
from backpropviz.ui.forms import choices_of, may_be_empty, takes_whole_numbers, text_of, value_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ((2, 1), "2, 1"),
        (((0, 1), (1, 0)), "0, 1; 1, 0"),
        ("same", "same"),
        (None, ""),
        (0.25, "0.25"),
        (2.0, "2"),
        (-1.5, "−1.5"),
        ((-1,), "−1,"),
        ((4, None), "4, –"),
        (1e-5, "1e−5"),
    ],
)
def test_a_setting_reads_as_it_is_written(value: object, text: str) -> None:
    assert text_of(value) == text
    back = value_of(text, Any)
    assert back == (_lists(value) if isinstance(value, tuple) else value)


def _lists(value: object) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def test_every_setting_of_every_kind_is_read_back() -> None:
    for entry in catalog().values():
        hints = get_type_hints(type(entry.layer))
        settings = to_fields(entry.layer)
        for name in settings.keys() - {"kind"}:
            value = getattr(entry.layer, name)
            if not choices_of(hints[name]):
                settings[name] = value_of(text_of(value), hints[name])
        assert layer_from_fields(settings, "a layer") == entry.layer


def test_every_setting_has_words() -> None:
    layers = (type(entry.layer) for entry in catalog().values())
    for cls in (*layers, *loss_kinds().values()):
        for name in get_type_hints(cls):
            if issubclass(cls, Moded) and name in MODE_FIELDS:
                continue  # the whole pass has one mode
            if name in getattr(cls, "__dataclass_fields__", {}) and name != "kind":
                found: Any = cls
                if found.__dataclass_fields__[name]._field_type.name == "_FIELD":
                    about = setting_of(cls, name)
                    assert about.title
                    assert about.help.endswith(".")


def test_hints_say_what_a_line_may_hold() -> None:
    assert value_of("3", tuple[int, ...]) == [3]
    assert value_of("3 × 5", Any) == [3, 5]
    assert may_be_empty(int | None)
    assert not may_be_empty(int)
    assert takes_whole_numbers(int)
    assert not takes_whole_numbers(float)


def test_classes_are_names_or_a_number() -> None:
    assert class_names("3") == ("0", "1", "2")
    assert class_names("cat, dog ,") == ("cat", "dog")
    assert class_names(" ") == ()
