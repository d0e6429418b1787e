"""Slides as moving pictures: painted, paced, equal ones merged, faded from one into the next.

Only the picture that is shown and the one that follows are kept, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage, QPainter

from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions
from backpropviz.frozen import frozen
from backpropviz.paint.draw import draw
from backpropviz.scene.color import rgb
from backpropviz.scene.marks import Color
from backpropviz.scene.slide import Slide

Samples: TypeAlias = NDArray[np.uint32]
"""0xFFRRGGBB (rows, columns)."""


@frozen(eq=False)
class Raster:
    """A painted frame; the image lies in the memory of the samples."""

    image: QImage
    samples: Samples


@frozen
class Region:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, samples: Samples) -> Samples:
        """Its samples, not copied."""
        return samples[self.top : self.top + self.height, self.left : self.left + self.width]


@frozen(eq=False)
class Still:
    """A picture, and for how many ticks it stands."""

    raster: Raster
    ticks: int


@frozen
class Tempo:
    """How a kind of file counts time, and what it can hold.

    A picture stands `least` to `most` ticks; a fade has `fade_frames` of `fade_ticks` each.
    """

    ticks_per_second: int
    least: int
    most: int
    fade_frames: int
    fade_ticks: int
    largest_side: int
    has_even_sides: bool = False


@frozen(eq=False)
class Patch:
    """What a picture changes of the one before it."""

    region: Region
    samples: Samples
    ticks: int


def size_of(slide: Slide, options: ExportOptions, tempo: Tempo, name: str) -> tuple[int, int]:
    """The pixels of an animation that begins with a slide.

    Raises:
        UserError: the kind of file cannot be so large.
    """
    step = 2 if tempo.has_even_sides else 1
    sides = (slide.width * options.scale, slide.height * options.scale)
    width, height = (-(-max(1, round(side)) // step) * step for side in sides)
    if max(width, height) > tempo.largest_side:
        raise UserError(
            f"{name} holds at most {tempo.largest_side:,} pixels a side, "
            f"not {width:,} × {height:,}; choose a smaller scale."
        )
    return width, height


def painted(slide: Slide, size: tuple[int, int], scale: float) -> Raster:
    """The slide on an opaque ground; one of another size than the others is fitted in."""
    width, height = size
    raster = _raster(np.full((height, width), _packed(slide.background or slide.theme.panel)))
    with QPainter(raster.image) as painter:
        # Whole or even sides are less than two pixels off.
        if not all(
            -1 < room - side * scale < 2
            for room, side in ((width, slide.width), (height, slide.height))
        ):
            scale = min(width / slide.width, height / slide.height)
            painter.translate(
                round((width - slide.width * scale) / 2), round((height - slide.height * scale) / 2)
            )
        painter.scale(scale, scale)
        draw(slide.scene, painter)
    return raster


def _raster(samples: Samples) -> Raster:
    height, width = samples.shape
    form = QImage.Format.Format_ARGB32_Premultiplied
    return Raster(QImage(samples.data, width, height, 4 * width, form), samples)


def _packed(color: Color) -> np.uint32:
    red, green, blue = rgb(color)
    return np.uint32(0xFF000000 | red << 16 | green << 8 | blue)


def stills(
    slides: Iterable[Slide], size: tuple[int, int], options: ExportOptions, tempo: Tempo
) -> Iterator[Still]:
    """Each picture once, with its time and the fade into the next."""
    clock = _Clock(tempo)
    shown: Raster | None = None
    seconds = 0.0
    for slide in slides:
        raster = painted(slide, size, options.scale)
        if shown is not None and np.array_equal(shown.samples, raster.samples):
            seconds += slide.seconds / options.speed
            continue
        if shown is not None:
            ticks = clock.ticks(seconds)
            yield from _left(shown, raster, ticks, tempo, fades=options.tweens)
        shown, seconds = raster, slide.seconds / options.speed
    if shown is not None:
        yield Still(shown, clock.ticks(seconds))


def patches(pictures: Iterable[Still], most: int, align: int = 1) -> Iterator[Patch]:
    """What each picture changes; the first changes all, a region's corner is a multiple of `align`.

    A picture that stands for more than `most` ticks is followed by changes that show nothing new.
    """
    before: Samples | None = None
    for still in pictures:
        samples, ticks = still.raster.samples, still.ticks
        height, width = samples.shape
        region = Region(0, 0, width, height)
        if before is not None:
            region = _aligned(changed(before, samples), align)
        while ticks > most:
            yield Patch(region, region.of(samples), most)
            region, ticks = Region(0, 0, 1, 1), ticks - most
        yield Patch(region, region.of(samples), ticks)
        before = samples


def changed(before: Samples, after: Samples) -> Region:
    """The smallest region that holds all differences of two unequal pictures."""
    rows = (before != after).any(axis=1).nonzero()[0]
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = (before[top:bottom] != after[top:bottom]).any(axis=0).nonzero()[0]
    left, right = int(columns[0]), int(columns[-1]) + 1
    return Region(left, top, right - left, bottom - top)


def _aligned(region: Region, align: int) -> Region:
    across, down = region.left % align, region.top % align
    return Region(
        region.left - across, region.top - down, region.width + across, region.height + down
    )


class _Clock:
    """Rounds durations so that their sum stays within a tick of the truth."""

    def __init__(self, tempo: Tempo) -> None:
        self._pace = tempo
        self._due, self._told = 0.0, 0

    def ticks(self, seconds: float) -> int:
        self._due += seconds * self._pace.ticks_per_second
        ticks = max(self._pace.least, round(self._due) - self._told)
        self._told += ticks
        return ticks


def _left(
    shown: Raster, after: Raster, ticks: int, tempo: Tempo, *, fades: bool
) -> Iterator[Still]:
    """A picture until the next one comes; the fade takes at most half of its time."""
    count = min(tempo.fade_frames, ticks // 2 // tempo.fade_ticks) if fades else 0
    yield Still(shown, ticks - count * tempo.fade_ticks)
    if not count:
        return
    region = changed(shown.samples, after.samples)
    for number in range(1, count + 1):
        share = number / (count + 1)
        yield Still(_mixed(shown, after, region, share * share * (3 - 2 * share)), tempo.fade_ticks)


def _mixed(before: Raster, after: Raster, region: Region, share: float) -> Raster:
    raster = _raster(before.samples.copy())
    area = QRect(region.left, region.top, region.width, region.height)
    with QPainter(raster.image) as painter:
        painter.setOpacity(share)
        painter.drawImage(QPoint(region.left, region.top), after.image, area)
    return raster
