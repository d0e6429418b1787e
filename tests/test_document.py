"""The one reader of documents: places, ranges, precision, and what would take the square."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import pytest

import backpropviz.api as bv
from backpropviz.document import JsonPlace, Value, Within, parse_json, read_toml
from backpropviz.engine.run import Settings, run
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.storage.networks import load_network


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Inner:
    size: Annotated[int, Within(1, 9)]
    names: tuple[str, ...] = ()


@frozen
class Outer:
    inner: Inner
    color: Color
    weight: float | None = None
    sizes: tuple[Annotated[int, Within(1)], ...] = ()


def read(**fields: object) -> Outer:
    return Value(fields, JsonPlace("it")).record(Outer)


def test_a_class_says_how_it_is_read() -> None:
    found = read(inner={"size": 3, "names": ["a"]}, color="blue", weight=2, sizes=[1, 2])
    assert found == Outer(Inner(3, ("a",)), Color.BLUE, 2.0, (1, 2))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "it: it has no “inner”: add it."),
        ({"inner": {}}, "it: it has no “color”: add it."),
        ({"inner": 3, "color": "red"}, "it.inner = 3 must be an object"),
        ({"inner": {"size": 0}, "color": "red"}, "it.inner.size = 0 must be a whole number from 1"),
        ({"inner": {"size": True}, "color": "red"}, "it.inner.size = True must be a whole number."),
        ({"inner": {"size": 1}, "color": "rd"}, 'it.color = \'rd\' must be one of "red", "blue".'),
        ({"inner": {"size": 1}, "color": []}, "it.color = [] must be one of"),
        ({"inner": {"size": 1}, "color": "red", "weight": "x"}, "it.weight = 'x' must be a number"),
        (
            {"inner": {"size": 1}, "color": "red", "sizes": [3, 0]},
            "it.sizes[1] = 0 must be a",
        ),
        ({"inner": {"size": 1}, "color": "red", "wieght": 1}, "it has inner, color, weight, sizes"),
        ({"inner": {"size": 1}, "color": "red", "wieght": 1}, "write “weight”"),
        ({"inner": {"size": 1, "names": "ab"}, "color": "red"}, "it.inner.names = 'ab' must be a"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: dict[str, object], words: str) -> None:
    with pytest.raises(UserError) as told:
        read(**fields)
    assert words in str(told.value)
    assert str(told.value).endswith(".")


def test_numbers_of_a_network_file_are_read_in_full(tmp_path: Path) -> None:
    document = {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 1, 1],
        "layers": [
            {"name": "flatten", "kind": "flatten"},
            {"name": "dense1", "kind": "dense", "out_features": 1, "bias": False},
        ],
        "loss": {"kind": "squared_error"},
        "parameters": {"dense1": {"weight": [[0.61]]}},
        "example": {"image": [[0.1]], "target": [0.3]},
    }
    path = tmp_path / "net.json"
    path.write_text(json.dumps(document), "utf-8")
    tape = run(load_network(path), settings=Settings(float_bits=64))
    assert float(tape["dense1.weight"][0, 0]) == 0.61
    assert float(tape["image"][0, 0, 0, 0]) == 0.1
    assert float(tape["dense1.output"][0, 0]) == 0.61 * 0.1
    bv_tape = bv.record(load_network(path))
    assert bv_tape["dense1.weight"].dtype.name == "float32"


def test_a_name_of_thousands_of_parts_is_refused_at_once() -> None:
    for text in ("a" + ".a" * 20_000 + " = 1", "x = 1\n[a" + " . 'b'" * 20_000 + "]\n"):
        with pytest.raises(UserError, match=r"my.toml, line \d: a name has more than 30 parts"):
            read_toml(text, "my.toml")
    for text in (" " * 10**6, "a = 1" + " " * 10**6, "a = '" + " " * 10**6 + "'"):
        assert isinstance(read_toml(text, "my.toml").value, dict)


def test_json_and_toml_say_the_same() -> None:
    json_value = parse_json('{"size": 12}').members()["size"]
    toml_value = read_toml("\nsize = 12", "f.toml").members()["size"]
    with pytest.raises(UserError, match=r"^size = 12 must be a whole number from 1 to 9\.$"):
        json_value.integer(1, 9)
    with pytest.raises(UserError, match=r"^f.toml, line 2: “size” = 12 must be a whole number fr"):
        toml_value.integer(1, 9)
