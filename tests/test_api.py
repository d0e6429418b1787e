"""The public Python functions, as a notebook uses them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import backpropviz as bv
from backpropviz.engine.optimizer import Sgd

WEIGHT = "conv1.weight.grad[0,0,1,1]"


def test_the_public_names_are_there() -> None:
    assert set(bv.__all__) <= set(dir(bv))
    assert all(getattr(bv, name) is not None for name in bv.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = bv.nonsense


def test_a_file_becomes_an_input_a_tape_and_an_explanation(tmp_path: Path) -> None:
    """A black seven on white paper: inverted, since the digits that lenet knows are white."""
    pixels = np.full((28, 28), 255, np.uint8)
    pixels[6, 8:20], pixels[6:24, 18] = 0, 0
    Image.fromarray(pixels).save(tmp_path / "seven.png")
    model = bv.load_network("lenet")
    image = bv.load_image(tmp_path / "seven.png", model)
    assert image.shape == (1, 1, 28, 28)
    assert image.dtype == np.float32
    assert image[0, 0, 6, 8] > image[0, 0, 0, 0]
    tape = bv.record(model, image, target=7)
    assert tape["conv1.weight.grad"].shape == (6, 1, 5, 5)
    found = bv.explain(tape, WEIGHT)
    assert found.value == tape[WEIGHT]
    total = sum(term.value for term in found.terms)
    assert found.value == pytest.approx(total, rel=1e-5)


def test_arrays_of_a_tape_are_read_only() -> None:
    tape = bv.record(bv.load_network("tiny-max"))
    for address, array in tape.items():
        assert not array.flags.writeable, address
    with pytest.raises(ValueError, match="read-only"):
        tape["conv1.weight.grad"][...] = 0


def test_an_explanation_prints_as_text_and_shows_as_svg() -> None:
    found = bv.explain(bv.record(bv.load_network("tiny-max")), WEIGHT)
    assert str(found) == repr(found)
    assert str(found).startswith(f"{WEIGHT} = 2\n")
    picture = ET.fromstring(found._repr_svg_())
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    texts = "".join(t.text or "" for t in picture.iter("{http://www.w3.org/2000/svg}text"))
    assert "∂" in texts
    assert str(found.address) == WEIGHT


def test_settings_reach_the_pass() -> None:
    model = bv.load_network("tiny-max")
    tape = bv.record(model, target=[5.0], float_bits=64, optimizer=Sgd(0.5))
    assert tape["loss"] == 0.5 * 3**2
    assert tape["loss"].dtype == np.float64
    assert tape["conv1.bias.step"] == -0.5 * 3
    assert bv.record(bv.load_network("tinyvgg"), target="chelsea")["loss.target"] == [
        bv.load_network("tinyvgg").class_names.index("chelsea")
    ]


def test_nan_and_infinity_are_words_in_json() -> None:
    model = bv.load_network("tiny-max")
    assert model.example is not None
    huge = np.where(model.example.image > 3, np.float32(np.inf), model.example.image)
    with np.errstate(all="ignore"):
        found = bv.explain(bv.record(model, huge, 6.0), WEIGHT)
        text = found.json()
    assert "Infinity" in text or "NaN" in text


def test_what_cannot_be_used_is_a_user_error(tmp_path: Path) -> None:
    model = bv.load_network("tiny-max")
    with pytest.raises(bv.UserError, match="bundled networks"):
        bv.load_network("lenett")
    with pytest.raises(bv.UserError, match="does not exist"):
        bv.load_image(tmp_path / "none.png", model)
    with pytest.raises(bv.UserError, match="target is needed"):
        bv.record(model, np.zeros((1, 1, 3, 3), np.float32))
    with pytest.raises(bv.UserError, match="1×3×3"):
        bv.record(model, np.zeros((1, 1, 4, 4), np.float32), [1.0])
    with pytest.raises(bv.UserError, match="float width 16"):
        bv.record(model, float_bits=16)
    with pytest.raises(bv.UserError, match="names an array"):
        bv.explain(bv.record(model), "conv1.weight.grad")
