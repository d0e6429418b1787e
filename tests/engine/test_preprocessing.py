"""The description of an input survives JSON and refuses what it cannot mean."""

from __future__ import annotations

import json
import math

import pytest

from backpropviz.engine.model import Preprocessing
from backpropviz.errors import UserError

SHAPE = {"channels": 3, "height": 64, "width": 48}


def test_json_round_trip() -> None:
    wanted = Preprocessing(
        3, 64, 48, "pad", 0.5, "lanczos", "auto", 255.0, (0.1, 0.2, 0.3), (1.0, 2.0, 0.5)
    )
    assert Preprocessing.from_json(json.loads(json.dumps(wanted.to_json()))) == wanted


def test_left_out_fields_take_their_defaults() -> None:
    assert Preprocessing.from_json(SHAPE) == Preprocessing(3, 64, 48)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chanels": 1}, "unknown field 'chanels'"),
        ({"channels": 2}, "channels is 2: use 1 or 3"),
        ({"channels": "3"}, "channels is '3'"),
        ({"channels": True}, "channels is True"),
        ({"height": 0}, "height is 0"),
        ({"height": 1.5}, "height is 1.5"),
        ({"width": 10**9}, "width is 1000000000"),
        ({"fit": "squeeze"}, "fit is 'squeeze': use crop, pad, stretch"),
        ({"fit": ["crop"]}, "fit is"),
        ({"resample": None}, "resample is None"),
        ({"invert": True}, "invert is True: use auto, yes, no"),
        ({"pad_value": 2}, "pad_value is 2: use a number from 0 to 1"),
        ({"pad_value": "0"}, "pad_value is '0'"),
        ({"white": 0}, "white is 0"),
        ({"white": 10**400}, "white is"),
        ({"mean": [0.5]}, "give 3 numbers"),
        ({"mean": "abc"}, "give 3 numbers"),
        ({"mean": [0, math.nan, 0]}, "mean is nan"),
        ({"mean": [0, [1], 0]}, "mean is"),
        ({"std": [1, 0, 1]}, "std is 0: use a number from 1e-06"),
        ({"std": [1, math.inf, 1]}, "std is inf"),
    ],
)
def test_wrong_fields_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError) as error:
        Preprocessing.from_json({**SHAPE, **change})
    assert words in str(error.value)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("data", [None, [], "crop", 3, list(range(10_000))])
def test_only_an_object_will_do(data: object) -> None:
    with pytest.raises(UserError, match="use an object") as error:
        Preprocessing.from_json(data)
    assert len(str(error.value)) < 200


def test_the_shape_is_required() -> None:
    with pytest.raises(UserError, match="lacks width"):
        Preprocessing.from_json({"channels": 1, "height": 2})
