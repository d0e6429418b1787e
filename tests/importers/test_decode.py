"""Every format and color mode that is promised, pixel by pixel."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.importers.decode import picture_from_bytes
from backpropviz.importers.fit import prepare
from backpropviz.importers.images import open_picture, picture_from_array
from backpropviz.importers.picture import Picture

RGB = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 7, 9], [255, 255, 255]]])
GRAY = np.array([[0, 1, 127], [128, 254, 255]])


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def decoded(image: Image.Image, file_format: str, **options: Any) -> Picture:
    return picture_from_bytes(encoded(image, file_format, **options), "picture")


def rgb_image() -> Image.Image:
    return Image.fromarray(RGB.astype(np.uint8), "RGB")


def gray_image() -> Image.Image:
    return Image.fromarray(GRAY.astype(np.uint8), "L")


def needs_avif() -> None:
    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("PNG", {}), ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})],
)
def test_lossless_rgb_comes_back_exactly(file_format: str, options: dict[str, Any]) -> None:
    picture = decoded(rgb_image(), file_format, **options)
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.notes, picture.width, picture.height, picture.white) == ((), 3, 2, 255.0)


@pytest.mark.parametrize(("file_format", "tolerance"), [("JPEG", 3), ("AVIF", 3)])
def test_lossy_formats_come_back_closely(file_format: str, tolerance: int) -> None:
    if file_format == "AVIF":
        needs_avif()
    flat = Image.new("RGB", (16, 16), (200, 100, 50))
    picture = decoded(flat, file_format, quality=95)
    assert np.abs(picture.pixels.astype(int) - (200, 100, 50)).max() <= tolerance


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_gray_keeps_one_channel(file_format: str) -> None:
    picture = decoded(gray_image(), file_format)
    np.testing.assert_array_equal(picture.pixels[:, :, 0], GRAY)
    assert (picture.channels, picture.mode) == (1, "L")


def test_bilevel_is_black_and_white() -> None:
    picture = decoded(gray_image().point(lambda value: 255 * (value > 127), "1"), "PNG")
    assert picture.pixels[:, :, 0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_palette_gives_its_colors() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    picture = decoded(palette, "PNG")
    assert picture.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert (picture.mode, picture.notes) == ("P", ())


def test_transparent_palette_entry_becomes_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    picture = decoded(palette, "PNG", transparency=1)
    assert picture.pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert picture.notes == ("alpha over white",)


def test_alpha_is_laid_over_white() -> None:
    pixels = np.array([[[100, 0, 200, 255], [100, 0, 200, 0], [100, 0, 200, 51]]], dtype=np.uint8)
    picture = decoded(Image.fromarray(pixels, "RGBA"), "PNG")
    expected = [[100, 0, 200], [255, 255, 255], [20 + 204, 204, 40 + 204]]
    assert picture.pixels[0].tolist() == expected
    assert picture.notes == ("alpha over white",)


def test_opaque_alpha_changes_nothing() -> None:
    pixels = np.dstack((RGB, np.full((2, 3), 255))).astype(np.uint8)
    picture = decoded(Image.fromarray(pixels, "RGBA"), "PNG")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.notes, picture.mode) == ((), "RGBA")


def test_gray_with_alpha_stays_gray() -> None:
    pixels = np.array([[[0, 51], [50, 255]]], dtype=np.uint8)
    picture = decoded(Image.fromarray(pixels, "LA"), "PNG")
    assert picture.pixels[0, :, 0].tolist() == [204, 50]


def test_gray_png_with_a_transparent_shade() -> None:
    picture = decoded(gray_image(), "PNG", transparency=127)
    assert picture.pixels[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_by_65535(file_format: str) -> None:
    values: NDArray[np.uint16] = np.array([[0, 257, 65535], [1, 32768, 4660]], dtype=np.uint16)
    picture = decoded(Image.fromarray(values), file_format)
    assert picture.pixels.dtype == np.float32
    np.testing.assert_allclose(picture.pixels[:, :, 0], values / 65535, rtol=1e-6)
    assert picture.notes == ("16-bit scaled to 0…1",)


def test_big_endian_16_bit_tiff() -> None:
    image = Image.new("I;16B", (2, 1))
    image.putpixel((1, 0), 4660)
    picture = decoded(image, "TIFF")
    np.testing.assert_allclose(picture.pixels[0, :, 0], [0, 4660 / 65535], rtol=1e-6)


def test_16_bit_gray_with_a_transparent_shade() -> None:
    values: NDArray[np.uint16] = np.array([[300, 65535]], dtype=np.uint16)
    picture = decoded(Image.fromarray(values), "PNG", transparency=300)
    assert picture.pixels[0, :, 0].tolist() == [1, 1]
    assert picture.notes == ("16-bit scaled to 0…1", "alpha over white")


def test_32_bit_and_float_tiff_name_their_range() -> None:
    integers = decoded(Image.fromarray(np.array([[-10, 0, 30]], dtype=np.int32)), "TIFF")
    np.testing.assert_allclose(integers.pixels[0, :, 0], [0, 0.25, 1])
    assert integers.notes == ("values -10…30 scaled to 0…1",)
    floats = decoded(Image.fromarray(np.array([[0, 0.25, 1]], dtype=np.float32)), "TIFF")
    assert floats.pixels[0, :, 0].tolist() == [0, 0.25, 1]
    assert floats.notes == ()


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(file_format: str) -> None:
    picture = decoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), file_format)
    assert np.abs(picture.pixels[4, 4].astype(int) - (255, 0, 0)).max() <= 3
    assert (picture.mode, picture.notes) == ("CMYK", ("CMYK converted to RGB",))


def test_ycbcr_tiff_becomes_rgb() -> None:
    picture = decoded(Image.new("RGB", (4, 4), (250, 128, 3)).convert("YCbCr"), "TIFF")
    assert np.abs(picture.pixels[0, 0].astype(int) - (250, 128, 3)).max() <= 2


def test_16_bit_color_says_that_it_was_reduced() -> None:
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", 0x1234, 0xFFFF, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    content += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    picture = picture_from_bytes(content, "deep.png")
    assert picture.pixels.tolist() == [[[0x12, 0xFF, 0]]]
    assert picture.notes == ("16 bits a channel reduced to 8",)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(file_format: str) -> None:
    frames = [Image.new("RGB", (2, 2), color) for color in ("red", "lime", "blue")]
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    if file_format == "WEBP":
        options["lossless"] = True
    picture = decoded(frames[0], file_format, **options)
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]
    assert picture.notes == ("first frame of 3",)


# The stored raster of orientation k, so that upright it reads [[1, 2, 3], [4, 5, 6]] · 40.
UPRIGHT = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8) * np.uint8(40)
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_exif_orientation(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Blocks of 16 pixels survive the lossy coders.
    stored = np.kron(STORED[orientation], np.ones((16, 16), dtype=np.uint8))
    picture = decoded(Image.fromarray(stored), file_format, exif=exif)
    centers = picture.pixels[8::16, 8::16, 0].astype(int)
    assert centers.shape == UPRIGHT.shape
    assert np.abs(centers - UPRIGHT).max() <= 8
    assert picture.notes == (("EXIF orientation applied",) if orientation != 1 else ())


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_avif_orientation(orientation: int) -> None:
    needs_avif()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.kron(STORED[orientation], np.ones((16, 16), dtype=np.uint8))
    picture = decoded(Image.fromarray(stored), "AVIF", exif=exif, quality=95)
    assert np.abs(picture.pixels[8::16, 8::16, 0].astype(int) - UPRIGHT).max() <= 8


def test_a_file_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "two words ü.png"
    rgb_image().save(path)
    by_path, by_text = open_picture(path), open_picture(str(path))
    assert by_path.source == by_text.source == "two words ü.png"
    np.testing.assert_array_equal(by_path.pixels, by_text.pixels)
    assert not by_path.pixels.flags.writeable


def test_pasted_rgba_is_copied_and_laid_over_white() -> None:
    pasted = np.zeros((2, 2, 4), dtype=np.uint8)
    pasted[0, 0, 3] = 255
    picture = picture_from_array(pasted)
    pasted[:] = 77
    assert picture.pixels[:, :, 0].tolist() == [[0, 255], [255, 255]]
    assert (picture.source, picture.mode) == ("pasted picture", "RGBA")


def test_pasted_gray_has_one_channel() -> None:
    picture = picture_from_array(GRAY.astype(np.uint8), "clip")
    np.testing.assert_array_equal(picture.pixels[:, :, 0], GRAY)
    assert picture.pixels.shape == (2, 3, 1)


def test_alpha_in_large_pictures_is_laid_block_by_block() -> None:
    rng = np.random.default_rng(8)
    pasted = rng.integers(0, 256, (700, 801, 4), dtype=np.uint8)
    color, alpha = pasted[:, :, :3].astype(np.float64), pasted[:, :, 3:] / 255
    expected = color * alpha + 255 * (1 - alpha)
    assert np.abs(picture_from_array(pasted).pixels - expected).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(
    ("image", "remarks"),
    [
        (Image.fromarray(np.full((2, 2), 16 * 255, dtype=np.uint16)), ("every pixel is 6 % gray",)),
        (
            Image.fromarray(np.array([[0, 16 * 255]], dtype=np.uint16)),
            ("dark: the brightest value is 6 % of white",),
        ),
        (
            Image.fromarray(np.array([[0, 1]], dtype=np.uint8)),
            ("dark: the brightest value is 0.39 % of white",),
        ),
        (Image.new("RGBA", (2, 2), (255, 255, 255, 0)), ("every pixel is white",)),
        (Image.fromarray(np.array([[0, 65]], dtype=np.uint8)), ()),
    ],
)
def test_dark_and_constant_pictures_are_said(image: Image.Image, remarks: tuple[str, ...]) -> None:
    picture = decoded(image, "PNG")
    assert picture.remarks == remarks
    steps = prepare(picture, Preprocessing(1, 2, 2, fit="stretch")).steps
    assert all(remark in steps for remark in remarks)
