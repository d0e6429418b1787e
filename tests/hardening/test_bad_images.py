"""Images that cannot be used: a sentence and exit code 3, from every command that takes one."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backpropviz.assets import resource
from tests.hardening.commands import outcome, refusal

MUTATIONS = 40
LENET = ("explain", "loss", "--network", "lenet", "--target", "7", "--image")


def png(width: int, height: int) -> bytes:
    """A PNG whose header promises a size, and which holds nothing."""
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", data), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def sample(kind: str) -> bytes:
    """A small honest picture."""
    pixels = np.random.default_rng(3).integers(0, 256, (30, 26, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def written(folder: Path, content: bytes, name: str = "picture.png") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "not a picture"),
        (b"no picture at all", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", ""),
        (png(20_000, 20_000), "million pixels"),
        (png(2**31 - 1, 2**31 - 1), "million pixels"),
        (png(0, 4), ""),
        (png(300, 300), ""),
    ],
    ids=["empty", "zeros", "text", "signature", "20,000²", "2³¹²", "no width", "no pixels"],
)
def test_what_is_no_picture(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str
) -> None:
    path = written(tmp_path, content)
    sentence = refusal(capsys, *LENET, path)
    assert Path(path).name in sentence
    assert said in sentence


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_truncated_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    content = sample(kind)
    for share in (0.1, 0.5, 0.9):
        path = written(tmp_path, content[: int(len(content) * share)], f"cut.{kind.lower()}")
        assert Path(path).name in refusal(capsys, *LENET, path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_mutated_pictures_are_derived_from_or_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    content, chosen = sample(kind), random.Random(kind)
    for number in range(MUTATIONS):
        changed = bytearray(content)
        for _ in range(chosen.choice((1, 3, 20))):
            limit = len(changed) if chosen.random() < 0.5 else min(80, len(changed))
            changed[chosen.randrange(limit)] = chosen.randrange(256)
        path = written(tmp_path, bytes(changed), f"{number}.{kind.lower()}")
        found = outcome(capsys, *LENET, path)
        assert found.code in {0, 3}
        assert found.out.startswith("loss = ") or Path(path).name in found.sentence


def test_one_pixel_is_enough(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.new("RGB", (1, 1), (200, 10, 90)).save(path)
    for network in ("lenet", "tinyvgg", "tiny-max"):
        words = ("explain", "loss", "--network", network, "--target", "1", "--image", str(path))
        assert outcome(capsys, *words).out.startswith("loss = ")


def test_paths_that_hold_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "is a folder" in refusal(capsys, *LENET, str(tmp_path))
    assert "does not exist" in refusal(capsys, *LENET, str(tmp_path / "none.png"))
    assert "does not exist" in refusal(capsys, *LENET, str(resource("images") / "chelsea.png"))
    for name in ("mnist:2000", "mnist:", "photo:dog", "nothing:3", "", "a\0b", "x" * 5000):
        refusal(capsys, *LENET, name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = written(tmp_path, sample("PNG"))
    Path(path).chmod(0)
    assert "permission denied" in refusal(capsys, *LENET, path).lower()


@pytest.mark.skipif(
    os.name == "nt" or os.uname().sysname == "Darwin", reason="names are text there"
)
def test_a_name_that_is_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png")
    assert "\\udcff" in refusal(capsys, *LENET, name)
