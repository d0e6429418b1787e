"""A grid of values as one image through the color map's lookup table, scaled without smoothing."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPen, QPolygonF

from backpropviz.paint.pens import qcolor
from backpropviz.scene.colormaps import MISSING_INDEX, indices, lookup_table, rgb
from backpropviz.scene.marks import Color, Pixels
from backpropviz.scene.pixel_colors import true_colors

PDF_UPSCALE = 8
"""PDF viewers blur small images, so each value becomes a block of so many pixels."""
_OPAQUE, _TRUE_COLOR = QImage.Format.Format_RGB32, QImage.Format.Format_RGB888
_TRANSLUCENT = QImage.Format.Format_ARGB32_Premultiplied


def draw_pixels(painter: QPainter, pixels: Pixels, upscale: int = 1) -> None:
    """Paint the grid with sharp cells, from an image with `upscale`² pixels a cell."""
    image = image_of(pixels)
    if upscale > 1:
        image = upscaled(image, upscale)
    target = QRectF(pixels.x, pixels.y, pixels.width, pixels.height)
    painter.drawImage(target, image)
    if pixels.dots is not None:
        _draw_dots(painter, pixels, target, in_pdf=upscale > 1)


def _draw_dots(painter: QPainter, pixels: Pixels, target: QRectF, *, in_pdf: bool) -> None:
    """By an image kept for all grids with the same dots, where it falls on whole pixels."""
    device = painter.deviceTransform()
    on_device = device.mapRect(target)
    sides = (on_device.x(), on_device.y(), on_device.width(), on_device.height())
    if in_pdf or device.isRotating() or any(side % 1 for side in sides):
        _dot(painter, pixels.dot_centers, pixels.dot_radius, pixels.dot_color)
        return
    mask = pixels.dots
    if mask is None:
        return
    radius = pixels.dot_radius * device.m11()
    size = round(on_device.width()), round(on_device.height())
    painter.drawImage(
        target, _dots_image(mask.tobytes(), mask.shape, size, radius, pixels.dot_color)
    )


@lru_cache(maxsize=64)
def _dots_image(
    mask: bytes, shape: tuple[int, int], size: tuple[int, int], radius: float, color: Color
) -> QImage:
    dots = np.frombuffer(mask, dtype=np.bool_).reshape(shape)
    width, height = size[0] // shape[1], size[1] // shape[0]
    is_whole = size == (width * shape[1], height * shape[0])
    if is_whole and min(width, height) >= 2 * radius + 2:
        return _stamped(dots, _dot_samples(width, height, radius, color))
    grid = Pixels(0, 0, *size, np.empty(shape), "", (0, 1), dots=dots)
    return _dotted(size, grid.dot_centers, radius, color)


def _stamped(dots: NDArray[np.bool_], cell: NDArray[np.uint32]) -> QImage:
    """One cell's samples wherever there is a dot: faster than to paint each."""
    (rows, columns), (height, width) = dots.shape, cell.shape
    samples = np.zeros((rows, height, columns, width), dtype=np.uint32)
    samples.transpose(0, 2, 1, 3)[dots] = cell
    return _image(samples.reshape(rows * height, columns * width), _TRANSLUCENT)


@lru_cache(maxsize=64)
def _dot_samples(width: int, height: int, radius: float, color: Color) -> NDArray[np.uint32]:
    """A cell (height, width) with a dot in its middle."""
    image = _dotted((width, height), ((width / 2, height / 2),), radius, color)
    samples: NDArray[np.uint32] = np.frombuffer(image.constBits(), dtype=np.uint32)
    return samples.reshape(height, width).copy()


def _dotted(
    size: tuple[int, int], centers: tuple[tuple[float, float], ...], radius: float, color: Color
) -> QImage:
    image = QImage(*size, _TRANSLUCENT)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _dot(painter, centers, radius, color)
    painter.end()
    return image


def _dot(
    painter: QPainter, centers: tuple[tuple[float, float], ...], radius: float, color: Color
) -> None:
    """As points of a round pen: faster than as circles."""
    pen = QPen(qcolor(color), 2 * radius)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPoints(QPolygonF([QPointF(x, y) for x, y in centers]))


_IMAGES: Final[WeakKeyDictionary[Pixels, QImage]] = WeakKeyDictionary()
"""An image goes with its grid, and takes half the room of the grid's values."""


def image_of(pixels: Pixels) -> QImage:
    """One image pixel for each value; kept, since most grids stay from step to step."""
    image = _IMAGES.get(pixels)
    if image is None:
        image = _IMAGES[pixels] = _made(pixels)
    return image


def _made(pixels: Pixels) -> QImage:
    if pixels.values.ndim == 3:
        return _image(true_colors(pixels), _TRUE_COLOR)
    levels = indices(pixels.values, pixels.colormap, pixels.limits, pixels.missing)
    # Qt scales 32-bit images several times faster than indexed ones.
    colors = _packed_colors(pixels.colormap, pixels.missing_color)[levels]
    return _image(colors, _OPAQUE)


def upscaled(image: QImage, factor: int) -> QImage:
    """Every pixel as a block of factor × factor."""
    return image.convertToFormat(_OPAQUE).scaled(
        image.width() * factor,
        image.height() * factor,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.FastTransformation,
    )


def _image(samples: NDArray[np.uint8] | NDArray[np.uint32], image_format: QImage.Format) -> QImage:
    """An image that owns its samples (rows, columns[, channels])."""
    contiguous = np.ascontiguousarray(samples)
    height, width = contiguous.shape[:2]
    stride = contiguous.strides[0]
    # Qt only borrows the buffer; the copy outlives this call.
    return QImage(contiguous.data, width, height, stride, image_format).copy()


@lru_cache(maxsize=64)
def _packed_colors(colormap: str, missing_color: str) -> NDArray[np.uint32]:
    """0xFFRRGGBB by index."""
    table = lookup_table(colormap).astype(np.uint32)
    table[MISSING_INDEX] = rgb(missing_color)
    places = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return np.uint32(0xFF000000) + table @ places
