"""GIF, WebP, APNG and MP4: slides that follow each other, each as long as it stands.

Equal frames become one that stands longer. WebP, APNG and MP4 fade from one step to the next; a GIF
does not, since a fade has colors of its own, and its pictures would be several times as many. Of a
picture only what changes is stored, and nothing is kept of those before.
"""

# ruff: noqa: ARG001  (every writer is given the number of slides)
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from io import BytesIO
from itertools import chain
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Final

import numpy as np

from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions
from backpropviz.export.gif import write_patches
from backpropviz.export.moving import Samples, Still, Tempo, patches, size_of, stills
from backpropviz.export.png import SIGNATURE, chunk
from backpropviz.export.video import encoder
from backpropviz.files.atomic import atomic_file
from backpropviz.scene.color import rgb
from backpropviz.scene.slide import Slide
from backpropviz.scene.theme import Theme

if TYPE_CHECKING:
    from PIL.Image import Image

# Browsers show a picture of 10 ms or less for 100.
GIF: Final = Tempo(100, 2, 0xFFFF, 0, 1, 0xFFFF)
WEBP: Final = Tempo(1000, 20, 0xFFFFFF, 3, 50, 16383)
APNG: Final = Tempo(1000, 20, 0xFFFF, 3, 50, 0xFFFF)
_FADE_S: Final = 0.2


def write_gif(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A GIF that loops forever, without transparency, with one palette."""
    first, size, found = _begun(slides, options, GIF, "A GIF")
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        write_patches(patches(found, GIF.most), size, _colors(first.theme), file)


def write_webp(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A lossless WebP that loops forever."""
    _, (width, height), found = _begun(slides, options, WEBP, "A WebP")
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        is_animated = 0x02
        extent = bytes([is_animated, 0, 0, 0]) + _three(width - 1) + _three(height - 1)
        file.write(_riff(b"VP8X", extent) + _riff(b"ANIM", pack("<IH", 0, 0)))
        for patch in patches(found, WEBP.most, align=2):
            region, drawn_over = patch.region, 0x02
            places = (region.left // 2, region.top // 2, region.width - 1, region.height - 1)
            head = b"".join(map(_three, (*places, patch.ticks))) + bytes([drawn_over])
            file.write(_riff(b"ANMF", head + _webp_data(patch.samples)))
        length = file.tell() - 8
        if length > 0xFFFFFFFE:
            raise UserError(f"{path} would be over 4 GB, more than a WebP holds: export as MP4.")
        file.seek(4)
        file.write(pack("<I", length))


def write_apng(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """An animated PNG that loops forever."""
    _, size, found = _begun(slides, options, APNG, "An APNG")
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        rgb_8_bit = (8, 2, 0, 0, 0)
        file.write(SIGNATURE + chunk(b"IHDR", pack(">IIBBBBB", *size, *rgb_8_bit)))
        control = file.tell()
        file.write(chunk(b"acTL", pack(">II", 0, 0)))
        frames = number = 0
        for patch in patches(found, APNG.most):
            region = patch.region
            sides = (region.width, region.height, region.left, region.top)
            told = pack(">5IHHBB", number, *sides, patch.ticks, APNG.ticks_per_second, 0, 0)
            file.write(chunk(b"fcTL", told))
            number += 1
            for data in _png_data(patch.samples):
                if frames == 0:
                    file.write(chunk(b"IDAT", data))
                else:
                    file.write(chunk(b"fdAT", pack(">I", number) + data))
                    number += 1
            frames += 1
        file.write(chunk(b"IEND", b""))
        file.seek(control)
        file.write(chunk(b"acTL", pack(">II", frames, 0)))


def write_mp4(slides: Iterable[Slide], count: int, path: Path, options: ExportOptions) -> None:
    """A video of H.264.

    Raises:
        UserError: there is neither PyAV nor ffmpeg.
    """
    encode, rate = encoder(), options.frames_per_second
    tempo = Tempo(rate, 1, rate, round(_FADE_S * rate), 1, 8192, has_even_sides=True)
    _, size, found = _begun(slides, options, tempo, "An MP4")
    with atomic_file(path) as temporary:
        encode(found, size, rate, temporary)


def _begun(
    slides: Iterable[Slide], options: ExportOptions, tempo: Tempo, name: str
) -> tuple[Slide, tuple[int, int], Iterator[Still]]:
    """The first slide, the size of all, and the pictures."""
    rest = iter(slides)
    first = next(rest, None)
    if first is None:
        raise UserError("There is no frame to write; choose a range with at least one step.")
    size = size_of(first, options, tempo, name)
    return first, size, stills(chain([first], rest), size, options, tempo)


def _colors(theme: Theme) -> Iterator[int]:
    """0xRRGGBB of each role."""
    for role in fields(theme):
        color = getattr(theme, role.name)
        if isinstance(color, str) and color.startswith("#"):
            red, green, blue = rgb(color)
            yield red << 16 | green << 8 | blue


def _image(samples: Samples) -> Image:
    from PIL import Image

    height, width = samples.shape
    data = np.ascontiguousarray(samples)
    return Image.frombuffer("RGB", (width, height), data, "raw", "BGRX", 0, 1)


def _webp_data(samples: Samples) -> bytes:
    """The chunk of a still picture, lossless."""
    buffer = BytesIO()
    _image(samples).save(buffer, "WEBP", lossless=True, quality=30, method=1)
    return buffer.getvalue()[len(b"RIFF\0\0\0\0WEBP") :]


def _png_data(samples: Samples) -> Iterator[bytes]:
    """The compressed samples of a still picture, as chunks hold them."""
    buffer = BytesIO()
    _image(samples).save(buffer, "PNG", compress_level=4)
    content, place = buffer.getvalue(), 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] == b"IDAT":
            yield content[place + 8 : place + 8 + length]
        place += 12 + length


def _riff(name: bytes, content: bytes) -> bytes:
    return name + pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
