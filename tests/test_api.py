"""The public Python functions, as a notebook uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import backpropviz as bv
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.value import Array, parse
from tests.moded import moded_file

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


class _Tensor:
    """What another library hands over: only `__array__`, and that once it is detached."""

    def __init__(self, values: object, *, is_attached: bool = True) -> None:
        self.values, self.is_attached = np.asarray(values), is_attached

    def detach(self) -> _Tensor:
        return _Tensor(self.values, is_attached=False)

    def __array__(self, dtype: object = None, copy: object = None) -> Array:
        if self.is_attached:
            raise RuntimeError("detach it first")
        return self.values


def test_an_image_may_be_a_list_a_tensor_or_a_file() -> None:
    model = bv.load_network("tiny-max")
    assert model.example is not None
    pixels, target = model.example.image, [6.0]
    wanted = bv.record(model, pixels, target).loss
    for image in (pixels.tolist(), pixels[0], pixels[0, 0], pixels[0, 0].tolist(), _Tensor(pixels)):
        assert bv.record(model, image, target).loss == wanted
    assert bv.record(model, pixels, _Tensor([6.0])).loss == wanted
    lenet = bv.load_network("lenet")
    prepared = bv.load_image("mnist:17", lenet)
    assert bv.record("lenet", "mnist:17", 7).loss == bv.record(lenet, prepared, 7).loss
    assert bv.record(lenet, prepared, np.int64(7)).loss == bv.record(lenet, prepared, "7").loss
    batch = np.concatenate([prepared, prepared])
    assert bv.record(lenet, batch, [7, 7]).batch == bv.record(lenet, batch, ["7", "7"]).batch == 2


def test_an_optimizer_may_be_a_name() -> None:
    tape = bv.record("tiny-max", optimizer="adam")
    assert tape.optimizer == Adam()
    with pytest.raises(bv.UserError, match="sgd, rmsprop, adam, adamw"):
        bv.record("tiny-max", optimizer="best")
    with pytest.raises(bv.UserError, match="give a name such as “adam”"):
        bv.record("tiny-max", optimizer=Adam)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ([["a", "b"]], "the image is a list and no numbers"),
        ([[1.0], [2.0, 3.0]], "the image cannot be read as numbers"),
        (np.zeros((2, 2)), "takes an image of 1×3×3 or a batch of them, but this is 2×2"),
        (np.zeros((1, 1, 4, 4)), "takes images of 1×3×3"),
        (np.zeros((3, 3), complex), "no numbers"),
        (Image.new("L", (3, 3)), "give its file to bv.load_image"),
        ("none.png", "does not exist"),
    ],
)
def test_what_is_no_image_is_told_in_a_sentence(image: Any, said: str) -> None:
    with pytest.raises(bv.UserError, match=said):
        bv.record("tiny-max", image, 1.0)


def test_a_tape_and_a_model_show_themselves_in_a_line() -> None:
    model = bv.load_network("lenet")
    tape = bv.record(model)
    assert repr(tape) == (
        f"<Tape of lenet: {len(tape)} arrays, batch 1, float32, loss {tape.loss:.6g}>"
    )
    assert len(repr(model)) < 300
    assert model.title in repr(model)


def test_a_mode_is_taken(tmp_path: Path) -> None:
    path = moded_file(tmp_path)
    trained, used = bv.record(path), bv.record(path, mode="eval")
    assert parse("drop1.mask") in trained
    assert parse("drop1.mask") not in used
    assert trained.loss == bv.record(path, mode="train", dropout_seed=0).loss
    assert trained.loss != bv.record(path, dropout_seed=1).loss
    with pytest.raises(bv.UserError, match="use train or eval"):
        bv.record(path, mode="use")
