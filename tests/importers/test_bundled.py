"""The samples that ship: values, labels, and that no digit is taken for a dark one on white."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.model import Preprocessing
from backpropviz.files.fit import prepare
from backpropviz.files.pictures import PHOTOS, digit_set, open_picture, picture_from_array


def test_mnist_is_unchanged_bytes() -> None:
    picture, digits = open_picture("mnist:17"), digit_set("mnist")
    np.testing.assert_array_equal(picture.pixels[:, :, 0], digits.images[17])
    assert (picture.pixels.shape, picture.source, picture.notes) == ((28, 28, 1), "mnist:17", ())
    assert picture.label == str(digits.labels[17])


def test_small_digits_are_scaled_by_16() -> None:
    picture, digits = open_picture("digits:3"), digit_set("digits")
    np.testing.assert_array_equal(picture.pixels[:, :, 0], digits.images[3] / 16)
    assert picture.notes == ("values 0…16 scaled to 0…1",)
    assert picture.label == str(digits.labels[3]) == "3"


def test_every_photo_opens_with_its_label() -> None:
    for name in PHOTOS:
        picture = open_picture(f"photo:{name}")
        assert (picture.pixels.shape, picture.label) == ((320, 320, 3), name)


def test_bundled_arrays_cannot_be_changed() -> None:
    digits = digit_set("mnist")
    assert not digits.images.flags.writeable
    assert not digits.labels.flags.writeable
    assert digits is digit_set("mnist")


def test_automatic_inversion_leaves_every_white_digit_and_turns_every_dark_one() -> None:
    for name in ("mnist", "digits"):
        digits = digit_set(name)
        side = digits.images.shape[1]
        wanted = Preprocessing(1, side, side, invert="auto")
        for image in digits.images[::7]:
            values = (image / digits.white).astype(np.float32)
            as_is = prepare(picture_from_array(values), wanted)
            turned = prepare(picture_from_array(1 - values), wanted)
            assert as_is.steps == ()
            assert turned.steps == ("inverted (bright background)",)
            np.testing.assert_allclose(turned.array, as_is.array, atol=1e-6)
