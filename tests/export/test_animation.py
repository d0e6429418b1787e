"""Animations read back by other libraries: pictures, times, loops, and what an early end leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from backpropviz.errors import UserError
from backpropviz.export.animation import write_apng, write_gif, write_mp4, write_webp
from backpropviz.export.formats import FORMATS, ExportFormat, ExportOptions
from backpropviz.export.frames import export_slides, png_bytes
from backpropviz.export.gif import Colors
from backpropviz.export.moving import Tempo, stills
from backpropviz.scene.color import rgb
from backpropviz.scene.marks import Pixels, Rect, Scene, Text
from backpropviz.scene.slide import Slide, as_slide
from backpropviz.scene.theme import LIGHT, ROW

WIDTH, HEIGHT = 201, 99
PLAIN = ExportOptions(tweens=False)
MOVING = [kind for kind in FORMATS if kind.writer.startswith("animation:")]
STILL_FORMATS = [kind for kind in MOVING if kind.name != "mp4"]
WRITERS = {"gif": write_gif, "webp": write_webp, "apng": write_apng, "mp4": write_mp4}
Frames = tuple[list[NDArray[np.uint8]], list[float]]
"""Pictures (rows, columns, RGB), and the milliseconds of each."""


def slide(number: int, seconds: float = 0.5) -> Slide:
    values = np.arange(12.0).reshape(3, 4) - 6
    marks = (
        Rect(10 + 11 * number, 10, 20, 20, fill=LIGHT.here),
        Text(10, 60, f"frame {number}", ROW, LIGHT.text),
        Pixels(120, 40, 40, 30, values, LIGHT.diverging, (-6, 6)),
    )
    scene = Scene(WIDTH, HEIGHT, LIGHT.stage, marks, f"{number}")
    return as_slide(scene, LIGHT, seconds=seconds)


def slides(*seconds: float) -> list[Slide]:
    return [slide(number, one) for number, one in enumerate(seconds)]


def channels(color: str) -> list[int]:
    return list(rgb(color))


def expected(one: Slide) -> NDArray[np.uint8]:
    from io import BytesIO

    return np.asarray(Image.open(BytesIO(png_bytes(one.scene))).convert("RGB"))


def read(path: Path) -> Frames:
    if path.suffix == ".mp4":
        return _video(path)
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        found = []
        times = []
        for picture in ImageSequence.Iterator(image):
            found.append(np.asarray(picture.convert("RGB")))
            times.append(float(picture.info["duration"]))
    return found, times


def _video(path: Path) -> Frames:
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = list(container.decode(stream))
        rate = stream.average_rate
    pictures = [frame.to_ndarray(format="rgb24", src_colorspace="ITU709") for frame in found]
    return pictures, [float(1000 / Fraction(rate))] * len(pictures)


def off(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("kind", STILL_FORMATS, ids=lambda kind: kind.name)
def test_each_frame_stands_for_its_time(kind: ExportFormat, tmp_path: Path) -> None:
    path, shown = tmp_path / f"a{kind.suffix}", slides(0.5, 0.333, 1.25, 0.001)
    kind.write(iter(shown), 4, path, PLAIN)
    pictures, times = read(path)
    assert len(pictures) == 4
    assert times == pytest.approx([500, 333, 1250, 20], abs=10)
    for picture, one in zip(pictures, shown, strict=True):
        # A GIF has all colors of these few frames but for some of the softened edges.
        assert off(picture, expected(one)) <= (0.1 if kind.name == "gif" else 0)


@pytest.mark.parametrize("kind", MOVING, ids=lambda kind: kind.name)
def test_equal_frames_become_one_and_speed_divides(kind: ExportFormat, tmp_path: Path) -> None:
    path, first = tmp_path / f"a{kind.suffix}", slide(0, 0.4)
    kind.write(
        [first, first, replace(first, title="x"), slide(1, 0.8)],
        4,
        path,
        ExportOptions(tweens=False, speed=2.0, frames_per_second=25),
    )
    _, times = read(path)
    assert sum(times) == pytest.approx(1000, abs=41)
    assert kind.name == "mp4" or times == pytest.approx([600, 400])


@pytest.mark.parametrize("name", ["webp", "apng"])
def test_a_fade_lies_between_two_frames_and_takes_no_time(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name}"
    WRITERS[name](slides(1, 1), 2, path, ExportOptions())
    pictures, times = read(path)
    assert times == pytest.approx([850, 50, 50, 50, 1000])
    first, last = expected(slide(0)), expected(slide(1))
    assert off(pictures[0], first) == 0
    assert off(pictures[-1], last) == 0
    distances = [off(picture, last) for picture in pictures]
    assert distances == sorted(distances, reverse=True)
    # Half way is the mean of both; what does not change is as it was.
    assert off(pictures[2], (first.astype(int) + last) // 2) < 0.5
    assert np.array_equal(pictures[2][:, 120:160], first[:, 120:160])


def test_a_gif_does_not_fade(tmp_path: Path) -> None:
    write_gif(slides(1, 1), 2, tmp_path / "a.gif", ExportOptions(tweens=True))
    assert read(tmp_path / "a.gif")[1] == [1000, 1000]


def test_a_gif_has_one_palette_no_transparency_and_the_themes_colors(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    random = np.random.default_rng(1).random((40, 60, 3))
    photo = Pixels(0, 0, 60, 40, random, LIGHT.photo, (0, 1))
    busy = [
        as_slide(replace(one.scene, marks=(photo, *one.scene.marks)), LIGHT)
        for one in slides(1, 1, 1)
    ]
    write_gif(busy, 3, path, PLAIN)
    with Image.open(path) as image:
        assert "transparency" not in image.info
    # After its time (kept, not transparent), a picture's descriptor: no palette of its own.
    pattern = rb"!\xf9\x04\x04..\x00\x00,.{8}(.)"
    assert re.findall(pattern, path.read_bytes(), re.DOTALL) == [b"\x00"] * 3
    pictures, _ = read(path)
    theme = channels(LIGHT.here)
    assert pictures[2][20, 42].tolist() == theme
    assert pictures[2][95, 190].tolist() == channels(LIGHT.stage)
    assert off(pictures[1], expected(busy[1])) < 4


def test_a_palette_keeps_rare_theme_colors_and_is_near_to_all_others() -> None:
    colors, many = Colors(), np.arange(0, 1 << 24, 4099, dtype=np.uint32)
    colors.numbers(many, np.full(len(many), 1000, dtype=np.uint32))
    colors.numbers(np.array([0x123456], np.uint32), np.array([1], np.uint32))
    palette = colors.palette([0x123456])
    assert len(palette) == 256
    assert 0x123456 in palette
    near = palette[colors.nearest(palette)[1:]]
    for shift in (16, 8, 0):
        away = (near >> shift & 255).astype(int) - (colors._found[1:] >> shift & 255)
        assert np.abs(away).mean() < 20


def test_a_video_is_what_players_show(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path, shown = tmp_path / "a.mp4", slides(0.5, 0.34, 1)
    write_mp4(shown, 3, path, replace(PLAIN, frames_per_second=25))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.codec.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (202, 100)
        assert (context.colorspace, context.color_range) == (1, 1)
        assert container.streams.video[0].average_rate == 25
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat"), "starts at once"
    pictures, _ = read(path)
    assert len(pictures) == pytest.approx(25 * 1.84, abs=1)
    for picture, one in ((pictures[0], shown[0]), (pictures[-1], shown[-1])):
        assert off(picture[:HEIGHT, :WIDTH], expected(one)) < 3
        corner = channels(LIGHT.stage)
        assert np.abs(picture[-1, -1].astype(int) - corner).max() <= 4, "padded by the background"
    # Where it is flat, each color is right: the matrix is the one that the file names.
    theme = channels(LIGHT.here)
    assert np.abs(pictures[0][20, 20].astype(int) - theme).max() <= 6


def test_a_long_wait_is_several_pictures(tmp_path: Path) -> None:
    write_apng(slides(100, 1), 2, tmp_path / "a.png", PLAIN)
    assert read(tmp_path / "a.png")[1] == [65535, 34465, 1000]


def test_rounded_times_stay_within_a_tick_of_the_truth() -> None:
    tempo = Tempo(100, 2, 1000, 0, 1, 1000)
    found = list(stills(slides(*[0.0333] * 5), (WIDTH, HEIGHT), PLAIN, tempo))
    assert sum(still.ticks for still in found) == 17
    assert {still.ticks for still in found} == {3, 4}


def test_frames_of_another_size_are_fitted_in_and_none_is_transparent(tmp_path: Path) -> None:
    clear = replace(slide(0), background="")
    red = Rect(0, 0, 100, 100, fill="#FF0000")
    small = as_slide(Scene(100, 100, LIGHT.stage, (red,)), LIGHT)
    write_apng([clear, small], 2, tmp_path / "a.apng", PLAIN)
    pictures, _ = read(tmp_path / "a.apng")
    assert pictures[0][-1, -1].tolist() == channels(LIGHT.panel)
    assert pictures[1][50, 100].tolist() == [255, 0, 0]
    assert pictures[1][50, 10].tolist() == channels(LIGHT.stage)
    assert pictures[1][50, 190].tolist() == channels(LIGHT.stage)


@pytest.mark.parametrize("scale", [0.5, 1.5, 2])
def test_a_scale_enlarges(scale: float, tmp_path: Path) -> None:
    write_webp(slides(1), 1, tmp_path / "a.webp", ExportOptions(scale=scale))
    with Image.open(tmp_path / "a.webp") as image:
        assert image.size == (round(WIDTH * scale), round(HEIGHT * scale))


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    wide = as_slide(Scene(9000, 10, LIGHT.stage), LIGHT)
    pytest.importorskip("av")
    with pytest.raises(UserError, match=r"An MP4 holds at most 8,192 .* choose a smaller scale"):
        write_mp4([wide], 1, tmp_path / "a.mp4", PLAIN)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", MOVING, ids=lambda kind: kind.name)
@pytest.mark.parametrize("after", [0, 2])
def test_a_cancel_leaves_nothing(kind: ExportFormat, after: int, tmp_path: Path) -> None:
    asked = iter([False] * after + [True] * 9)
    done = export_slides(
        *(iter(slides(1, 1, 1)), 3, tmp_path / f"a{kind.suffix}", kind),
        cancelled=lambda: next(asked),
    )
    assert not done
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", MOVING, ids=lambda kind: kind.name)
def test_an_error_leaves_what_was_there(kind: ExportFormat, tmp_path: Path) -> None:
    def broken() -> Iterator[Slide]:
        yield slide(0)
        raise ArithmeticError("second frame")

    path = tmp_path / f"a{kind.suffix}"
    path.write_bytes(b"before")
    with pytest.raises(ArithmeticError):
        export_slides(broken(), 2, path, kind)
    assert [(one, one.read_bytes()) for one in tmp_path.iterdir()] == [(path, b"before")]


@pytest.mark.parametrize("kind", MOVING, ids=lambda kind: kind.name)
def test_hostile_names_and_folders(kind: ExportFormat, tmp_path: Path) -> None:
    for stem in ("%03d", "a:b", "pipe:1", "-i", "a\nb", "🜁 ünï 'x' \"y\"", "concat|a"):
        path = tmp_path / f"{stem}{kind.suffix}"
        kind.write(slides(0.1, 0.1), 2, path, PLAIN)
        assert path.stat().st_size > 100
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written: not a directory; choose another"):
        kind.write(slides(1), 1, tmp_path / "file" / f"a{kind.suffix}", PLAIN)
    with pytest.raises(UserError, match="no frame to write"):
        kind.write([], 0, tmp_path / f"none{kind.suffix}", PLAIN)
    assert len(list(tmp_path.iterdir())) == 8
