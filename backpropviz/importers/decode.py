"""Picture files, read by Pillow, which is imported at first use."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.errors import UserError
from backpropviz.importers.picture import (
    MAX_PIXELS,
    Picture,
    brightness_remarks,
    picture_from_array,
    refuse_size,
    with_notes,
)
from backpropviz.named_file import file_content, kind_of_file

if TYPE_CHECKING:
    from PIL import Image

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
        notes = _frame_notes(image) + _depth_notes(image)
        upright, turned = _upright(image)
        values, converted = _values(upright)
    except MemoryError as error:
        raise UserError(
            f"{source} needs more memory than is free: make it smaller first."
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they meet
        raise _damaged(source) from error
    picture = with_notes(picture_from_array(values, source), mode, notes + turned + converted)
    return replace(picture, remarks=brightness_remarks(picture))


def _damaged(source: str) -> UserError:
    return UserError(f"{source} is damaged or cut off: save or download the picture again.")


def _frame_notes(image: Image.Image) -> tuple[str, ...]:
    frames = int(getattr(image, "n_frames", 1))
    if frames <= 1:
        return ()
    image.seek(0)
    return (f"first frame of {frames}",)


def _depth_notes(image: Image.Image) -> tuple[str, ...]:
    """Pillow reads colors of 16 bits as 8; only the raw mode of the file still says so."""
    tiles = str(getattr(image, "tile", ""))
    return ("16 bits a channel reduced to 8",) if ";16" in tiles and ";" not in image.mode else ()


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    stored = _orientation(image)
    image.load()
    # Some decoders (TIFF) have turned the picture by now and dropped the tag.
    remaining = _orientation(image)
    notes = ("EXIF orientation applied",) if stored != 1 else ()
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
        return _keyed_gray(image), ()
    if image.has_transparency_data:
        return np.asarray(image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")), ()
    if image.mode == "1":
        return np.asarray(image.convert("L")), ()
    if image.mode in ("L", "RGB", "I", "F"):
        return np.asarray(image), ()
    if image.mode in ("P", "RGBX"):
        return np.asarray(image.convert("RGB")), ()
    return np.asarray(image.convert("RGB")), (f"{image.mode} converted to RGB",)


def _keyed_gray(image: Image.Image) -> NDArray[np.uint16]:
    gray = np.asarray(image).astype(np.uint16)
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return gray
    alpha = np.where(gray == transparent, 0, 65535).astype(np.uint16)
    return np.stack((gray, alpha), axis=-1)
