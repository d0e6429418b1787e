"""What cannot be used is refused in one sentence: no traceback, no hang, no warning."""

from __future__ import annotations

import io
import os
import random
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from backpropviz.errors import UserError
from backpropviz.files.pictures import FORMATS, open_picture, picture_from_array, picture_from_bytes

MUTATIONS_PER_FORMAT = 60


def sentence(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def png_header(width: int, height: int) -> bytes:
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + data
    content = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + content + struct.pack(">I", 0) + b"IDAT" + b"\0" * 4


def sample(file_format: str) -> bytes:
    pixels = np.random.default_rng(5).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, Any] = {"exif": exif} if file_format not in ("GIF", "BMP") else {}
    if file_format == "TIFF":
        options["compression"] = "tiff_lzw"  # its C decoder would print on stderr
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def available_formats() -> list[str]:
    return [name for name in FORMATS if name != "AVIF" or features.check("avif")]


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ("nowhere/none.png", "nowhere/none.png does not exist"),
        ("mnist:2000", "from 0 to 1999"),
        ("mnist:-1", "from 0 to 1999"),
        ("mnist:seven", "from 0 to 1999"),
        ("mnist:", "from 0 to 1999"),
        ("mnist:²", "from 0 to 1999"),
        ("mnist:" + "9" * 5000, "from 0 to 1999"),
        ("digits:1797", "from 0 to 1796"),
        ("photo:dog", "astronaut, camera, chelsea, coffee, rocket"),
        ("photo:../images/chelsea", "astronaut, camera, chelsea, coffee, rocket"),
        ("cifar:3", "no data set 'cifar'"),
        ("https://example.org/cat.png", "web address"),
        ("", "No picture is named"),
        ("a\0b.png", "null character"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_unusable_names(specification: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        open_picture(specification)
    assert words in sentence(error)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder") as error:
        open_picture(tmp_path)
    sentence(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="not a regular file"):
        open_picture(pipe)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, this is text", "not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture that can be read"),
        (b"\x89PNG\r\n\x1a\n", "bad.png"),
    ],
)
def test_files_that_are_no_pictures(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        open_picture(path)
    assert "bad.png" in sentence(error)


@pytest.mark.parametrize("file_format", available_formats())
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files(file_format: str, share: float) -> None:
    content = sample(file_format)
    with pytest.raises(UserError) as error:
        picture_from_bytes(content[: int(len(content) * share)], "cut")
    assert "cut" in sentence(error)


@pytest.mark.parametrize(
    ("width", "height"), [(20_000, 20_000), (8_001, 8_000), (1, 2**31 - 1), (2**16, 2**16)]
)
def test_huge_pictures_are_refused_before_decoding(width: int, height: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="million pixels") as error:
            picture_from_bytes(png_header(width, height), "huge.png")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    sentence(error)
    assert peak_bytes < 10_000_000


def test_zero_size_is_refused_and_one_pixel_is_not() -> None:
    with pytest.raises(UserError) as error:
        picture_from_bytes(png_header(0, 5), "none.png")
    sentence(error)
    with pytest.raises(UserError, match="0×4"):
        picture_from_array(np.zeros((4, 0, 3), dtype=np.uint8))
    assert picture_from_array(np.zeros((1, 1, 3), dtype=np.uint8)).pixels.shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 2, 5)), "shape"),
        (np.zeros(4), "shape"),
        (np.array([[np.nan, 1.0]]), "NaN"),
        (np.array([[np.inf, 1.0]]), "NaN"),
        (np.full((2, 2), -3.0), "white is unknown"),
        (np.array([["a", "b"]]), "use numbers"),
        (np.array([[1j]]), "use numbers"),
    ],
)
def test_arrays_that_are_no_pictures(values: NDArray[Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        picture_from_array(values)
    sentence(error)


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 8, 40))):
        # Half of the changes hit the headers, where parsers are.
        limit = len(changed) if rng.random() < 0.5 else min(64, len(changed))
        changed[rng.randrange(limit)] = rng.randrange(256)
    return bytes(changed[: rng.randrange(1, len(changed))] if rng.random() < 0.2 else changed)


@pytest.mark.parametrize("file_format", available_formats())
def test_mutated_files_open_or_are_refused(
    file_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content, rng = sample(file_format), random.Random(f"mutations {file_format}")
    refused, sentences = 0, set[str]()
    for _ in range(MUTATIONS_PER_FORMAT):
        try:
            picture = picture_from_bytes(mutated(content, rng), "mutant")
        except UserError as error:
            refused += 1
            sentences.add(str(error))
        else:
            assert picture.pixels.ndim == 3
            assert picture.channels in (1, 3)
    assert refused > 0
    assert all(text.startswith("mutant ") and text.endswith(".") for text in sentences)
    assert capfd.readouterr().err == ""


def test_lab_colors_are_refused_by_name() -> None:
    buffer = io.BytesIO()
    Image.new("LAB", (3, 2)).save(buffer, "TIFF")
    with pytest.raises(UserError, match="Lab colors") as error:
        picture_from_bytes(buffer.getvalue(), "print.tif")
    sentence(error)
