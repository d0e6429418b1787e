"""Open a picture: a file in any common format, or a bundled sample such as `mnist:17`."""

from __future__ import annotations

import io
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.assets import resource
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import file_content, is_there, kind_of_file, named_path

if TYPE_CHECKING:
    from PIL import Image


Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]

MAX_PIXELS = 64_000_000
_BLOCK_PIXELS = 1 << 18
DARK = 0.25
"""A picture that nowhere is brighter than this share of white is said to be dark."""


@frozen(eq=False)
class Picture:
    """
    Upright, opaque pixels (H, W, 1 or 3): uint8 with white 255, or float32 with white 1.

    `source` is the file name or the specification (`mnist:17`), `mode` the color mode it was stored
    in, `label` the class a bundled sample is known to show, `notes` each change made while reading,
    `remarks` what is odd about a file's values and was left as it is.
    """

    pixels: Pixels
    source: str
    mode: str
    notes: tuple[str, ...] = ()
    label: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    @property
    def remark(self) -> str:
        """The remarks as a sentence; empty where nothing is odd."""
        if not self.remarks:
            return ""
        return f"In {self.source}, {'; '.join(self.remarks).removeprefix('dark: ')}."

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @property
    def white(self) -> float:
        """The stored value of full brightness: 255 or 1."""
        return 255.0 if self.pixels.dtype == np.uint8 else 1.0


def picture_from_array(
    values: NDArray[Any], source: str = "pasted picture", *, label: str | None = None
) -> Picture:
    """
    A picture from gray (H, W) or (H, W, 1), gray and alpha (…, 2), RGB (…, 3) or RGBA (…, 4).

    Integers of 8 bits keep their values; others are brought to 0…1, which a note tells.
    Alpha is laid over white (bytes stay bytes, rounded). The array is copied.
    """
    values = np.asarray(values)
    gray = values.ndim == 2
    if not gray and not (values.ndim == 3 and 1 <= values.shape[2] <= 4):
        raise UserError(
            f"{source} has shape {values.shape}, which is no picture: "
            "use height × width, with 1 to 4 channels last."
        )
    refuse_size(values.shape[1], values.shape[0], source)
    layered = values if values.ndim == 3 else values[:, :, None]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[layered.shape[2]]
    pixels, notes = _in_range(layered, source)
    picture = Picture(pixels, source, mode, notes, label)
    return _over_white(picture) if layered.shape[2] in (2, 4) else picture


def _brightness_remarks(picture: Picture) -> tuple[str, ...]:
    """What is odd about the values: one alone, or none that is bright, as 12 bits in 16."""
    low, high = float(picture.pixels.min()), float(picture.pixels.max())
    if low == high:
        shade = {0.0: "black", picture.white: "white"}.get(
            low, f"{percent(low / picture.white)} gray"
        )
        return (f"every pixel is {shade}",)
    share = high / picture.white
    return (f"dark: the brightest value is {percent(share)} of white",) if share <= DARK else ()


def percent(share: float) -> str:
    """`6 %`; below 1 % with two digits."""
    return f"{100 * share:.2g} %" if share < 0.01 else f"{100 * share:.0f} %"


def refuse_size(width: int, height: int, source: str) -> None:
    """Refuse pictures without pixels and those too large to decode in reasonable memory."""
    if width < 1 or height < 1:
        raise UserError(f"{source} is {width}×{height} and has no pixels: choose another picture.")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{source} is {width:,}×{height:,}, more than {MAX_PIXELS // 10**6} million pixels: "
            "make it smaller first."
        )


def _in_range(values: NDArray[Any], source: str) -> tuple[Pixels, tuple[str, ...]]:
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), ()
    if values.dtype == np.uint8:
        return values.astype(np.uint8), ()
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _scaled(values, 0.0, 65535.0), ("16-bit scaled to 0…1",)
    if values.dtype.kind in "iuf":
        return _stretched(values, source)
    raise UserError(f"{source} holds {values.dtype} values, which are no brightness: use numbers.")


def _stretched(values: NDArray[Any], source: str) -> tuple[Pixels, tuple[str, ...]]:
    """Numbers without a known white: take 1, 255 or 65535 where that fits, else their own range."""
    if not np.isfinite(values).all():
        raise UserError(f"{source} holds NaN or infinite values: replace them before opening it.")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return values.astype(np.float32), ()
    for white in (255.0, 65535.0):
        if low >= 0 and high <= white:
            return _scaled(values, 0.0, white), (f"values 0…{white:.0f} scaled to 0…1",)
    if low == high:
        raise UserError(f"{source} holds nothing but {low:g}, so its white is unknown: use 0…255.")
    return _scaled(values, low, high), (f"values {low:g}…{high:g} scaled to 0…1",)


def _scaled(values: NDArray[Any], black: float, white: float) -> NDArray[np.float32]:
    # Halved operands keep the range finite for values near the largest float64.
    span = white / 2 - black / 2
    scaled = (values.astype(np.float64) / 2 - black / 2) / span
    return np.clip(scaled, 0.0, 1.0).astype(np.float32)


def _over_white(picture: Picture) -> Picture:
    colors, alpha = picture.pixels[:, :, :-1], picture.pixels[:, :, -1:]
    if (alpha == picture.white).all():
        return replace(picture, pixels=colors.copy())
    pixels = np.empty_like(colors, order="C")
    channels = pixels.shape[2]
    layered = picture.pixels.reshape(-1, channels + 1)
    # color·α + white·(1 − α), in blocks, since a large picture would need gigabytes at once.
    shown = pixels.reshape(-1, channels)
    for start in range(0, len(shown), _BLOCK_PIXELS):
        block = layered[start : start + _BLOCK_PIXELS].astype(np.float32)
        opacity = block[:, -1:] / np.float32(picture.white)
        mixed = picture.white - (picture.white - block[:, :-1]) * opacity
        rounded = np.rint(mixed) if shown.dtype == np.uint8 else np.clip(mixed, 0, 1)
        shown[start : start + _BLOCK_PIXELS] = rounded
    return replace(picture, pixels=pixels, notes=(*picture.notes, "alpha over white"))


FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
MAX_FILE_BYTES = 2**30
_ORIENTATION_TAG = 0x0112
_READABLE = "use PNG, JPEG, GIF, BMP, TIFF, WebP or AVIF"
# Pillow logs what is wrong with a file; without a handler Python prints that on stderr.
_SILENCE = logging.NullHandler()
_STDERR = 2


def picture_from_file(path: str | Path, source: str | None = None) -> Picture:
    """Read a picture file, upright, over white, first frame only."""
    path = Path(path)
    name = source or path.name or str(path)
    return picture_from_bytes(_content(path, name), name)


def picture_from_bytes(content: bytes, source: str) -> Picture:
    """Decode the bytes of a picture file (a dropped or pasted one, for instance)."""
    if not content:
        raise UserError(f"{source} is empty: choose another picture.")
    logging.getLogger("PIL").addHandler(_SILENCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _opened(content, source) as image:
            refuse_size(*image.size, source)
            with _quiet_libtiff() if image.format == "TIFF" else nullcontext():
                return _decoded(image, source)


@contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """The C library prints what is wrong with a file on the process's stderr, past Python."""
    try:
        saved = os.dup(_STDERR)
    except OSError:  # closed, as in a windowed program
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(saved, _STDERR)
        os.close(saved)


def _content(path: Path, name: str) -> bytes:
    if "\0" in str(path):
        raise UserError("The picture's file name holds a null character: correct it.")
    try:
        _check_place(path, name)
        return file_content(path, MAX_FILE_BYTES)
    except UserError as error:
        sentence = str(error)
        about_it = sentence.startswith("it is ")
        raise UserError(f"{name}{sentence[2:]}" if about_it else sentence) from None
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{name} cannot be read ({reason}): check the file.") from error


def _check_place(path: Path, name: str) -> None:
    if path.is_dir():
        raise UserError(f"{name} is a folder: choose a picture file in it.")
    if not path.exists():
        raise UserError(f"{path} does not exist: check the name of the picture.")
    if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{name} is larger than 1 GiB: make the picture smaller first.")


def _opened(content: bytes, source: str) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        limit = MAX_PIXELS // 10**6
        raise UserError(
            f"{source} has more than {limit} million pixels: make it smaller first."
        ) from error
    except UnidentifiedImageError as error:
        kind = kind_of_file(io.BytesIO(content), source)
        if kind is not None and kind.wanted_as != "picture":
            raise UserError(f"{source} is {kind.title}: {kind.remedy}.") from error
        raise UserError(f"{source} is not a picture that can be read: {_READABLE}.") from error
    except Exception as error:  # parsers of damaged files raise whatever they meet
        raise _damaged(source) from error


def _decoded(image: Image.Image, source: str) -> Picture:
    mode = image.mode
    if mode == "LAB":
        raise UserError(f"{source} is stored in Lab colors, which are not read: save it as RGB.")
    try:
        notes = []
        if (frames := int(getattr(image, "n_frames", 1))) > 1:
            image.seek(0)
            notes.append(f"first frame of {frames}")
        # Pillow reads colors of 16 bits as 8; only the raw mode of the file still says so.
        if ";16" in str(getattr(image, "tile", "")) and ";" not in mode:
            notes.append("16 bits a channel reduced to 8")
        upright, turned = _upright(image)
        values, converted = _values(upright)
    except MemoryError as error:
        raise UserError(
            f"{source} needs more memory than is free: make it smaller first."
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they meet
        raise _damaged(source) from error
    picture = picture_from_array(values, source)
    told = (*notes, *turned, *converted, *picture.notes)
    return replace(picture, mode=mode, notes=told, remarks=_brightness_remarks(picture))


def _damaged(source: str) -> UserError:
    return UserError(f"{source} is damaged or cut off: save or download the picture again.")


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    stored = _orientation(image)
    image.load()
    notes = ("EXIF orientation applied",) if stored != 1 else ()
    # Some decoders (TIFF) have turned the picture by now and dropped the tag.
    remaining = _orientation(image)
    return (image if remaining == 1 else image.transpose(_turn(remaining))), notes


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - broken metadata must not cost the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(orientation: int) -> Image.Transpose:
    from PIL import Image

    turns = Image.Transpose
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }[orientation]


def _values(image: Image.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Gray or RGB with or without alpha; the note names a color space that was left."""
    if image.mode.startswith("I;16"):
        gray = np.asarray(image).astype(np.uint16)
        transparent = image.info.get("transparency")
        if not isinstance(transparent, int):
            return gray, ()
        alpha = np.where(gray == transparent, 0, 65535).astype(np.uint16)
        return np.stack((gray, alpha), axis=-1), ()
    if image.has_transparency_data:
        return np.asarray(image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")), ()
    if image.mode == "1":
        return np.asarray(image.convert("L")), ()
    if image.mode in ("L", "RGB", "I", "F"):
        return np.asarray(image), ()
    if image.mode in ("P", "RGBX"):
        return np.asarray(image.convert("RGB")), ()
    return np.asarray(image.convert("RGB")), (f"{image.mode} converted to RGB",)


PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
# File and the value of full white.
_DIGITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"mnist": ("mnist_2000.npz", 255), "digits": ("digits_8x8.npz", 16)}
)
# Two letters at least, so that a Windows drive (C:…) stays a path.
_SPECIFICATION = re.compile(r"([A-Za-z][A-Za-z0-9_-]+):(.*)", re.DOTALL)


@frozen(eq=False)
class DigitSet:
    """Bundled digits: images uint8 (N, H, W) with values 0…white, labels uint8 (N,)."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    white: int


def bundled_picture(name: str, item: str) -> Picture:
    """The picture that `name:item` asks for, with its label."""
    if name == "photo":
        if item not in PHOTOS:
            raise UserError(f"There is no photo '{item}': use photo: with {', '.join(PHOTOS)}.")
        picture = picture_from_file(resource("images", f"{item}.webp"), f"photo:{item}")
        return replace(picture, label=item)
    if name in _DIGITS:
        return _digit(name, item)
    raise UserError(f"There is no data set '{name}': use mnist:0, digits:0 or photo:{PHOTOS[0]}.")


@cache
def digit_set(name: str) -> DigitSet:
    """All digits of `mnist` (28×28) or `digits` (8×8), read once; the arrays are read-only."""
    file_name, white = _DIGITS[name]
    with np.load(resource("datasets", file_name), allow_pickle=False) as arrays:
        images, labels = arrays["x"], arrays["y"]
    images.flags.writeable = labels.flags.writeable = False
    return DigitSet(name, images, labels, white)


def _digit(name: str, item: str) -> Picture:
    digits = digit_set(name)
    last = len(digits.images) - 1
    if not re.fullmatch(r"[0-9]{1,9}", item) or int(item) > last:
        raise UserError(f"There is no {name}:{item}: use an index from 0 to {last}.")
    index = int(item)
    image = digits.images[index, :, :, None]
    source, label = f"{name}:{index}", str(digits.labels[index])
    if digits.white == 255:
        return Picture(image, source, "L", (), label)
    scaled = (image / digits.white).astype(np.float32)
    return Picture(scaled, source, "L", (f"values 0…{digits.white} scaled to 0…1",), label)


__all__ = ["Picture", "open_picture", "picture_from_array", "picture_from_bytes"]


def open_picture(path_or_spec: str | Path) -> Picture:
    """
    The picture at a path, or the bundled one that `mnist:17`, `digits:3` or `photo:chelsea` names.

    Raises UserError, in one sentence, for whatever cannot be used.
    """
    if isinstance(path_or_spec, Path):
        return picture_from_file(path_or_spec)
    if not path_or_spec:
        raise UserError("No picture is named: give a file, or mnist:0.")
    path = named_path(path_or_spec)
    named = _SPECIFICATION.fullmatch(str(path))
    if named is None or (named[1] not in {"photo", *_DIGITS} and is_there(path)):
        return picture_from_file(path)
    return bundled_picture(named[1], named[2])
