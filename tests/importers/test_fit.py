"""A picture becomes a network's input exactly as listed."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.model import Fit, Preprocessing, Resample
from backpropviz.errors import UserError
from backpropviz.files.fit import ImageRegion, displayable, prepare
from backpropviz.files.pictures import Picture, open_picture, picture_from_array


def gray(values: list[list[int]]) -> Picture:
    return picture_from_array(np.array(values, dtype=np.uint8), "gray")


def noise(height: int, width: int, channels: int = 3) -> Picture:
    rng = np.random.default_rng(3)
    return picture_from_array(rng.integers(0, 256, (height, width, channels), dtype=np.uint8))


def test_a_matching_digit_is_only_scaled() -> None:
    picture = open_picture("mnist:17")
    prepared = prepare(picture, Preprocessing(1, 28, 28, invert="auto"))
    assert prepared.steps == ("values 0…255 scaled to 0…1",)
    expected = (picture.pixels[:, :, 0] / 255).astype(np.float32)
    np.testing.assert_array_equal(prepared.array[0, 0], expected)
    assert prepared.array.dtype == np.float32
    assert not prepared.array.flags.writeable


def test_raw_bytes_that_match_are_not_changed_at_all() -> None:
    picture = open_picture("mnist:17")
    prepared = prepare(picture, Preprocessing(1, 28, 28, white=255))
    assert prepared.steps == ()
    np.testing.assert_array_equal(prepared.array[0, 0], picture.pixels[:, :, 0])


def test_a_photo_tells_its_whole_way_in_order() -> None:
    wanted = Preprocessing(1, 28, 28, invert="auto", mean=(0.1307,), std=(0.3081,))
    picture = picture_from_array(np.full((240, 320, 3), 250, dtype=np.uint8), "paper.png")
    prepared = prepare(picture, wanted)
    assert prepared.steps == (
        "cropped 320×240 → 240×240 (center)",
        "resized 240×240 → 28×28 (box)",
        "gray = 0.299 R + 0.587 G + 0.114 B",
        "inverted (bright background)",
        "values 0…255 scaled to 0…1",
        "normalized (x − 0.1307) / 0.3081",
    )
    assert prepared.region == ImageRegion(40, 0, 240, 240)
    np.testing.assert_allclose(prepared.array, (5 / 255 - 0.1307) / 0.3081, rtol=1e-5)


def test_notes_of_the_file_come_first() -> None:
    half_clear = np.full((2, 2, 4), 128, dtype=np.uint8)
    prepared = prepare(picture_from_array(half_clear), Preprocessing(3, 2, 2))
    assert prepared.steps == ("alpha over white", "values 0…255 scaled to 0…1")


def test_center_crop_takes_the_middle() -> None:
    prepared = prepare(gray([[1, 2, 3, 4], [5, 6, 7, 8]]), Preprocessing(1, 2, 2, white=255))
    assert prepared.array[0, 0].tolist() == [[2, 3], [6, 7]]
    assert prepared.steps == ("cropped 4×2 → 2×2 (center)",)


def test_padding_centers_and_fills() -> None:
    wanted = Preprocessing(1, 4, 4, fit="pad", pad_value=1, white=255)
    prepared = prepare(gray([[1, 2, 3, 4], [5, 6, 7, 8]]), wanted)
    white = [255] * 4
    assert prepared.array[0, 0].tolist() == [white, [1, 2, 3, 4], [5, 6, 7, 8], white]
    assert prepared.steps == ("padded 4×2 → 4×4 (white)",)


def test_padding_comes_after_inversion() -> None:
    wanted = Preprocessing(1, 3, 3, fit="pad", invert="yes", white=255)
    prepared = prepare(gray([[255, 0, 255]]), wanted)
    assert prepared.array[0, 0].tolist() == [[0, 0, 0], [0, 255, 0], [0, 0, 0]]
    assert prepared.steps == ("inverted", "padded 3×1 → 3×3 (black)")


def test_stretching_says_so() -> None:
    wanted = Preprocessing(1, 2, 2, fit="stretch", white=255)
    prepared = prepare(gray([[10, 30, 50, 70], [0, 0, 100, 100]]), wanted)
    assert prepared.array[0, 0].tolist() == [[20, 60], [0, 100]]
    assert prepared.steps == ("stretched 4×2 → 2×2 (box)",)


def test_box_is_the_mean_of_whole_blocks() -> None:
    picture = noise(12, 9)
    prepared = prepare(picture, Preprocessing(3, 4, 3, white=255))
    blocks = picture.pixels.reshape(4, 3, 3, 3, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(prepared.array[0], blocks.transpose(2, 0, 1), rtol=1e-6)


def test_gray_is_the_weighted_sum_and_rgb_repeats_gray() -> None:
    color = picture_from_array(np.array([[[255, 128, 7]]], dtype=np.uint8))
    mixed = prepare(color, Preprocessing(1, 1, 1, white=255)).array[0, 0, 0, 0]
    assert mixed == pytest.approx(0.299 * 255 + 0.587 * 128 + 0.114 * 7)
    repeated = prepare(gray([[9]]), Preprocessing(3, 1, 1, white=255))
    assert repeated.array[0, :, 0, 0].tolist() == [9, 9, 9]
    assert repeated.steps == ("gray repeated as R, G and B",)


def test_normalization_is_per_channel_and_leaves_the_word() -> None:
    wanted = Preprocessing(3, 1, 1, mean=(0.5, 0.25, -1), std=(0.5, 2, 1))
    prepared = prepare(picture_from_array(np.array([[[255, 0, 255]]], dtype=np.uint8)), wanted)
    assert prepared.array[0, :, 0, 0].tolist() == [1, -0.125, 2]
    assert prepared.steps[-1] == "normalized (x − (0.5, 0.25, −1)) / (0.5, 2, 1)"


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("resample", ["box", "bilinear", "nearest", "lanczos"])
def test_one_pixel_fills_the_input(fit: Fit, resample: Resample) -> None:
    wanted = Preprocessing(1, 28, 28, fit=fit, resample=resample, white=255)
    prepared = prepare(gray([[77]]), wanted)
    np.testing.assert_allclose(prepared.array, 77, rtol=1e-6)
    assert prepared.steps == (f"resized 1×1 → 28×28 ({resample})",)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(1, 5000), (5000, 1), (3, 7), (29, 27), (31, 400)])
def test_any_shape_fits(fit: Fit, height: int, width: int) -> None:
    wanted = Preprocessing(3, 28, 20, fit=fit)
    prepared = prepare(noise(height, width), wanted)
    assert prepared.array.shape == (1, 3, 28, 20)
    assert prepared.array.min() >= 0
    assert prepared.array.max() <= 1


def test_lanczos_overshoot_is_clipped_and_told() -> None:
    picture = gray([[0, 0, 255, 255]])
    wanted = Preprocessing(1, 4, 16, fit="stretch", resample="lanczos")
    prepared = prepare(picture, wanted)
    assert prepared.steps[0] == "resized 4×1 → 16×4 (lanczos, overshoot clipped)"
    assert (prepared.array.min(), prepared.array.max()) == (0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_display_undoes_the_normalization(channels: int) -> None:
    mean, std = (0.485, 0.456, 0.406)[:channels], (0.229, 0.224, 0.225)[:channels]
    picture = noise(6, 5, channels)
    wanted = Preprocessing(channels, 6, 5, mean=mean, std=std)
    shown = displayable(prepare(picture, wanted).array, wanted)
    expected = picture.pixels / 255
    np.testing.assert_allclose(shown, expected[:, :, 0] if channels == 1 else expected, atol=1e-6)


def test_display_undoes_the_scale_and_refuses_other_shapes() -> None:
    wanted = Preprocessing(1, 1, 2, white=255)
    prepared = prepare(gray([[0, 51]]), wanted)
    np.testing.assert_allclose(displayable(prepared.array[0], wanted), [[0, 0.2]])
    with pytest.raises(UserError, match=r"\(2, 1, 3, 3\)"):
        displayable(np.zeros((2, 1, 3, 3)), wanted)
    with pytest.raises(UserError, match="1 channels"):
        displayable(np.zeros((1, 3, 3, 3)), wanted)
