"""Images and labels that lie in arrays, as a catalog; with those the source itself keeps apart."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import isqrt, prod
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final

import numpy as np

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.files.data.catalog import (
    HELD_OUT,
    LARGEST_BYTES,
    Catalog,
    Part,
    Wanted,
    held_out_part,
    kept_words,
    listed_names,
    unrepeated,
)
from backpropviz.files.pictures import DARK, Picture, percent, picture_from_array
from backpropviz.frozen import frozen

_CHANNELS_LAST, _CHANNELS_FIRST = (1, 2, 3, 4), (1, 3, 4)
_MOST_BEYOND = 0.25
"""Of the scale of another part: more than that beyond it is a scale of its own."""
_LEAST_BYTE_WHITE = 64
"""Bytes of real pictures reach this; values that stay below have a smaller white."""


@frozen
class BrightnessScale:
    """The values that are black and white, and in words why, where that had to be guessed."""

    black: float
    white: float
    remarks: tuple[str, ...] = ()


@frozen(eq=False)
class NumberImages:
    """Images (N,H,W,C) as read, the scale of their values, and in words how they were understood.

    Values from black to white are brought to 0…1; bytes with white 255 stay bytes.
    """

    values: Array
    scale: BrightnessScale
    remarks: tuple[str, ...]

    def picture(self, number: int, name: str) -> Picture:
        """One of them."""
        image, (black, white) = self.values[number], (self.scale.black, self.scale.white)
        if image.dtype == np.uint8 and (black, white) == (0, 255):
            return picture_from_array(image, name)
        if not np.isfinite(image).all():
            raise UserError(f"{name} holds NaN or infinite values: save finite ones.")
        # Halved, since the difference of two large numbers could be infinite.
        scaled = (image.astype(np.float64) / 2 - black / 2) / (white / 2 - black / 2)
        picture = picture_from_array(np.clip(scaled, 0, 1).astype(np.float32), name)
        if (black, white) == (0, 1):
            return picture
        note = f"values {black:g}…{white:g} scaled to 0…1"
        return replace(picture, notes=(note, *picture.notes))


def number_images(
    array: Array, name: str, wanted: Preprocessing, scale: BrightnessScale | None = None
) -> NumberImages:
    """Understand an array (N,H,W), (N,H,W,C), (N,C,H,W) or (N,D) as images.

    `scale` is that of the images to train on, which those to validate with share.
    """
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {array.dtype} values, but images are numbers: save those.")
    if not array.size:
        raise UserError(f"{name} has the shape {shape_text(array.shape)} and no pixels: fill it.")
    values, words = _channels_last(array, name, wanted)
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    low, high = _finite_limits(values)
    if low is None or high is None:
        raise UserError(f"{name} holds nothing but NaN and infinite values: save finite ones.")
    own = _scale(low, high, is_whole=values.dtype.kind in "iu")
    if low == high and low < 0:
        raise UserError(f"{name} holds nothing but {low:g}: save pictures of 0…1 or 0…255.")
    told = own.remarks if scale is None else _shared_words(name, low, high, own, scale)
    scale = scale or own
    understood = f"{name} {shape_text(array.shape)} {array.dtype}: {words}"
    return NumberImages(
        values, scale, (understood, *told, *_brightness_words(name, low, high, scale))
    )


def _scale(low: float, high: float, *, is_whole: bool) -> BrightnessScale:
    """Black and white of a whole set by its smallest and largest value."""
    if low < 0:
        words = f"it holds values below 0, so {low:g} is black and {high:g} is white"
        return BrightnessScale(low, high, (words,))
    if high <= 1:
        return BrightnessScale(
            0.0, 1.0, ("it holds nothing but 0 and 1, so 1 is white",) if is_whole else ()
        )
    for white in (255.0, 65535.0):
        if _LEAST_BYTE_WHITE <= high <= white:
            return BrightnessScale(0.0, white)
    return BrightnessScale(0.0, high, (f"no value is above {high:g}, so that is taken for white",))


def _shared_words(
    name: str, low: float, high: float, own: BrightnessScale, shared: BrightnessScale
) -> tuple[str, ...]:
    """What of another part's values lies outside the scale of the images to train on."""
    black, white = shared.black, shared.white
    span = white / 2 - black / 2
    is_beyond = max(high / 2 - white / 2, black / 2 - low / 2) > _MOST_BEYOND * span
    is_unit = own == BrightnessScale(0.0, 1.0) and white >= _LEAST_BYTE_WHITE
    if is_beyond or is_unit:
        raise UserError(
            f"{name} holds values {low:g}…{high:g}, but those to train on are {black:g} (black) to "
            f"{white:g} (white): save both parts in one range."
        )
    if high > white or low < black:
        return (f"{name} holds values {low:g}…{high:g}: what is beyond {black:g}…{white:g} is cut",)
    return ()


def _brightness_words(
    name: str, low: float, high: float, scale: BrightnessScale
) -> tuple[str, ...]:
    """Said of pixels that are all one value, or all dark: few networks learn from such."""
    if low == high:
        return (f"every pixel in {name} is {low:g}",)
    share = (high / 2 - scale.black / 2) / (scale.white / 2 - scale.black / 2)
    if share <= DARK:
        return (f"dark: the brightest value in {name} ({high:g}) is {percent(share)} of white",)
    return ()


def _channels_last(array: Array, name: str, wanted: Preprocessing) -> tuple[Array, str]:
    if array.ndim == 2:
        return _unrolled(array, name)
    if array.ndim == 3:
        return array[..., None], "gray images × height × width"
    if array.ndim == 4:
        is_last = array.shape[3] in _CHANNELS_LAST
        is_first = array.shape[1] in _CHANNELS_FIRST
        if is_last and is_first:
            is_last = wanted.channels == array.shape[3] or wanted.channels != array.shape[1]
        if is_last:
            return array, "images × height × width × channels"
        if is_first:
            return np.moveaxis(array, 1, 3), "images × channels × height × width"
    raise UserError(
        f"{name} has the shape {shape_text(array.shape)}, which is no set of images: use "
        "images × height × width, with channels last or second."
    )


def _unrolled(array: Array, name: str) -> tuple[Array, str]:
    """Rows of numbers, as tables of pixels have them."""
    count, length = array.shape
    side = isqrt(length)
    if side * side == length:
        return array.reshape(count, side, side, 1), f"each row a gray image of {side}×{side}"
    side = isqrt(length // 3)
    if 3 * side * side == length:
        planes = array.reshape(count, 3, side, side)
        return np.moveaxis(planes, 1, 3), f"each row R, then G, then B of {side}×{side}"
    raise UserError(
        f"{name} has rows of {length:,} numbers, which fill no square image: save it as images × "
        "height × width."
    )


def _finite_limits(values: Array) -> tuple[float | None, float | None]:
    """Found image by image: a mask of the whole set would be as large as the set."""
    lows, highs = [], []
    for image in values:
        finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (None, None)


MOST_CLASSES = 1000
_LAST_CODE_POINT = 0x10FFFF


@frozen(eq=False)
class Labels:
    """Classes (N,) int64 with their names, or numbers (N,K) float64; `remarks` say how read."""

    values: Array
    class_names: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def number_labels(
    array: Array, name: str, wanted: Wanted, class_names: tuple[str, ...] = ()
) -> Labels:
    """Understand an array as one label an image."""
    array = label_column(array, name)
    if array.ndim == 2:
        return _rows(array, name, wanted, class_names)
    if array.dtype.kind == "U":
        return _named(array, name)
    if not wanted.is_classifier and wanted.outputs == 1 and array.dtype.kind == "f":
        return _numbers(array[:, None], name)
    return _classes(array, name, wanted, class_names)


def label_column(array: Array, name: str) -> Array:
    """Labels (N,) as numbers or text, or rows of numbers (N,K); each number can be a label."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return array
    if array.ndim != 1:
        raise UserError(
            f"{name} has the shape {shape_text(array.shape)}, which is not one label an image: "
            "use one number each."
        )
    if array.dtype.kind in "US":
        return as_text(array, name)
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {array.dtype} values, but labels are numbers or names.")
    return array


def as_text(array: Array, name: str) -> Array:
    """Text of an array, or bytes as UTF-8 text."""
    if array.dtype.kind == "S":
        return np.array([_decoded(content, name) for content in array.tolist()], dtype=np.str_)
    code_points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view(np.uint32)
    wrong = (code_points > _LAST_CODE_POINT) | ((code_points >= 0xD800) & (code_points < 0xE000))
    if wrong.any():
        found = int(code_points[wrong][0])
        raise UserError(
            f"{name} holds the code {found:#x}, which is no character: save the names again."
        )
    return array


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        shown = content[:40].decode("latin-1")
        raise UserError(
            f"{name} holds bytes that are no UTF-8 text (in Latin-1 they would be “{shown}”): save "
            "text instead of bytes."
        ) from None


def natural_order(text: str) -> tuple[tuple[int, str], ...]:
    """A key that puts 2 before 10."""
    pieces = re.findall(r"[0-9]{1,18}|[^0-9]+|[0-9]+", text.casefold())
    return tuple(
        (int(piece), "") if re.fullmatch("[0-9]{1,18}", piece) else (-1, piece) for piece in pieces
    )


def _rows(array: Array, name: str, wanted: Wanted, class_names: tuple[str, ...]) -> Labels:
    is_one_hot = ((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()
    if is_one_hot:
        labels = array.argmax(axis=1).astype(np.int64)
        count = array.shape[1]
        words = (f"{name}: a row a label, with a 1 at its class", *_name_words(count, class_names))
        return Labels(labels, _names(count, class_names), words)
    if wanted.is_classifier:
        raise UserError(
            f"{name} has rows of {array.shape[1]} numbers that are not one-hot, but the network "
            "tells classes: give one class an image."
        )
    return _numbers(array, name)


def _numbers(array: Array, name: str) -> Labels:
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers).all(axis=1))[0])
        raise UserError(f"{name}: target {row} is NaN or infinite: give finite numbers.")
    return Labels(numbers, (), (f"{name}: {array.shape[1]} numbers to be put out for each image",))


def _named(array: Array, name: str) -> Labels:
    found, numbers = np.unique(array, return_inverse=True)
    if len(found) > MOST_CLASSES:
        raise _too_many(name, len(found))
    ordered = sorted(found.tolist(), key=natural_order)
    place = np.array([ordered.index(text) for text in found.tolist()])
    return Labels(place[numbers].astype(np.int64), tuple(ordered))


def _classes(array: Array, name: str, wanted: Wanted, class_names: tuple[str, ...]) -> Labels:
    refuse_no_classes(array, name)
    kinds = np.unique(array)
    if len(kinds) > MOST_CLASSES:
        raise _too_many(name, len(kinds))
    if _are_numbered_on(kinds, wanted):
        count = max(int(kinds[-1]) + 1, len(class_names))
        return Labels(
            array.astype(np.int64), _names(count, class_names), _name_words(count, class_names)
        )
    numbers = np.searchsorted(kinds, array).astype(np.int64)
    written = tuple(f"{kind:.0f}" for kind in kinds.tolist())
    are_named = len(class_names) == len(kinds)
    remark = (
        f"{name}: labels {listed_names(written, '')} are classes 0 to {len(kinds) - 1} in order"
    )
    unused = f"class_names has {len(class_names)} names for {len(kinds)} classes: not used"
    more = (unused,) if class_names and not are_named else ()
    return Labels(numbers, unrepeated(class_names) if are_named else written, (remark, *more))


def refuse_no_classes(array: Array, name: str) -> None:
    """Refuse numbers (N,) of which one is no class."""
    if array.dtype.kind == "f":
        odd = np.flatnonzero(~(np.isfinite(array) & (np.trunc(array) == array)))
        if odd.size:
            raise UserError(
                f"{name}: the label of image {odd[0]} is {array[odd[0]]:g}, which is no class: "
                "give whole numbers from 0 on."
            )
    first = int(array.argmin())
    if array[first] < 0:
        raise UserError(
            f"{name}: the label of image {first} is {array[first]:g}, but classes are counted from "
            "0: correct it."
        )


def _are_numbered_on(kinds: Array, wanted: Wanted) -> bool:
    """Whether a label is the number of its class, from 0 on."""
    highest = int(kinds[-1])
    if wanted.is_classifier and wanted.outputs is not None and highest < wanted.outputs:
        return True
    return int(kinds[0]) == 0 and highest < min(MOST_CLASSES, 2 * len(kinds))


def _names(count: int, class_names: tuple[str, ...]) -> tuple[str, ...]:
    return unrepeated(_filled(count, class_names))


def _filled(count: int, class_names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        class_names[number] if number < len(class_names) else str(number) for number in range(count)
    )


def _name_words(count: int, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Too few names, and names that repeat, are said."""
    if not class_names:
        return ()
    words = []
    if len(class_names) < count:
        words.append(
            f"class_names has {len(class_names)} names for {count} classes: the others are called "
            "by their number"
        )
    repeated = [name for name, times in Counter(_filled(count, class_names)).items() if times > 1]
    if repeated:
        words.append(f"{listed_names(repeated)} names several classes: each has its number added")
    return tuple(words)


def _too_many(name: str, count: int) -> UserError:
    return UserError(
        f"{name} holds {count:,} different labels, more than {MOST_CLASSES:,}: give one class an "
        "image, not an index."
    )


@frozen(eq=False)
class ArrayPair:
    """Images and labels as read; `name` begins the samples' names, the others name the arrays."""

    name: str
    images: Array
    labels: Array
    images_name: str
    labels_name: str
    part: Part = "train"


def numbered_catalog(
    title: str,
    source: str,
    pair: ArrayPair,
    test: ArrayPair | None,
    wanted: Wanted,
    class_names: tuple[str, ...] = (),
) -> Catalog:
    """The catalog of a pair, and of a second one that is kept apart for validation.

    Both are understood as one: the scale of values is that of the first, a label means one class.

    Raises:
        UserError: the arrays are no images or labels, or not of one number or kind.
    """
    pairs = (pair,) if test is None else (pair, test)
    for one in pairs:
        _check_counts(title, one)
    images = number_images(pair.images, pair.images_name, wanted.preprocessing)
    parts = [images]
    if test is not None:
        parts.append(
            number_images(test.images, test.images_name, wanted.preprocessing, images.scale)
        )
    labels = number_labels(_joined_labels(title, pairs), pair.labels_name, wanted, class_names)
    names = tuple(f"{one.name}:{number}" for one in pairs for number in range(len(one.images)))
    count = len(pair.images)

    def picture(number: int) -> Picture:
        part = parts[number >= count]
        return part.picture(number - count * (number >= count), names[number])

    split_words = ("", "")
    if test is not None:
        own = f"its own {'validation' if test.part == 'val' else 'test'} images are"
        split_words = f"{own} the validation set", f"{own} not used"
    return Catalog(
        title=title,
        source=source,
        names=names,
        labels=labels.values,
        class_names=labels.class_names,
        picture=picture,
        held_out=None if test is None else np.arange(len(labels.values)) >= count,
        split_words=split_words,
        remarks=(*(r for part in parts for r in part.remarks), *labels.remarks),
    )


def _check_counts(title: str, pair: ArrayPair) -> None:
    if not pair.images.shape or not pair.labels.shape:
        raise UserError(
            f"{title} holds a single number where images or labels belong: give one label an image."
        )
    count, labeled = len(pair.images), len(pair.labels)
    if count != labeled:
        raise UserError(
            f"{pair.images_name} has {count:,} images, but {pair.labels_name} has {labeled:,} "
            "labels: give one each."
        )
    if not count:
        raise UserError(f"{pair.images_name} has no images and no pixels: fill it.")


def _joined_labels(title: str, pairs: tuple[ArrayPair, ...]) -> Array:
    """All labels in one array, each array checked by itself so that a sentence names the place."""
    columns = [label_column(pair.labels, pair.labels_name) for pair in pairs]
    kinds = {("text" if c.dtype.kind == "U" else "number", c.shape[1:]) for c in columns}
    if len(kinds) > 1:
        raise UserError(f"{title}: the labels to train on and to test are of two kinds.")
    if len(columns) == 1:
        return columns[0]
    for column, pair in zip(columns, pairs, strict=True):
        if column.ndim == 1 and column.dtype.kind in "biu":
            refuse_no_classes(column, pair.labels_name)
    return np.concatenate(columns)


_MOST_MEMBERS = 1000
# Arrays above LARGE that shrink more are no pictures but made to fill the memory.
_LARGE, _LARGEST_RATIO = 64 * 1024**2, 500
_SUFFIX = ".npy"


@frozen
class Header:
    """What an array is, read without its numbers."""

    shape: Shape
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def size_bytes(self) -> int:
        """Of all its numbers; Python's own integers, since a forged shape overflows others."""
        return prod((self.dtype.itemsize, *self.shape))


@frozen(eq=False)
class NpzFile:
    """An open archive and the headers of its arrays, by name."""

    name: str
    file: zipfile.ZipFile
    headers: Mapping[str, Header]

    def array(self, key: str) -> Array:
        """One of its arrays."""
        header, where = self.headers[key], f"{self.name}: “{key}”"
        if header.dtype.hasobject:
            raise UserError(
                f"{where} holds Python objects, which can run a stranger's code and are never "
                "read: save plain numbers."
            )
        if header.size_bytes > LARGEST_BYTES:
            raise UserError(
                f"{where} has the shape {shape_text(header.shape)}, more than "
                f"{LARGEST_BYTES // 1024**3} GB: split it."
            )
        packed = self.file.getinfo(f"{key}{_SUFFIX}").compress_size
        if header.size_bytes > max(_LARGE, _LARGEST_RATIO * packed):
            raise UserError(
                f"{where} would unpack to {header.size_bytes:,} bytes from {packed:,}, more than "
                "honest pictures do: it was not read."
            )
        with _damage_told(where), self.file.open(f"{key}{_SUFFIX}") as member:
            _read_header(member)
            content = member.read(header.size_bytes + 1)
        if len(content) != header.size_bytes:
            raise UserError(f"{where} is damaged or cut off: save it again.")
        with _damage_told(where):
            flat: Array = np.frombuffer(content, header.dtype)
            if header.is_fortran:
                return flat.reshape(header.shape[::-1]).transpose()
            return flat.reshape(header.shape)


@contextmanager
def opened_npz(path: Path) -> Iterator[NpzFile]:
    """Open an archive and read the headers.

    Raises:
        UserError: it is no archive of arrays, damaged, or cannot be read.
    """
    try:
        content = path.open("rb")
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{path.name} cannot be read ({reason}): check the file.") from error
    with content:
        with _damage_told(path.name):
            file = zipfile.ZipFile(content)
        with file:
            yield NpzFile(path.name, file, _headers(file, path.name))


def _headers(file: zipfile.ZipFile, name: str) -> dict[str, Header]:
    members = [member for member in file.namelist() if member.endswith(_SUFFIX)]
    if not members:
        raise UserError(f"{name} holds no arrays: save it by numpy.savez(images=…, labels=…).")
    if len(members) > _MOST_MEMBERS:
        raise UserError(f"{name} holds {len(members):,} arrays: save images and labels alone.")
    headers = {}
    for member in members:
        with _damage_told(f"{name}: {member[:100]!r}"), file.open(member) as content:
            headers[member.removesuffix(_SUFFIX)] = _read_header(content)
    return headers


def _read_header(member: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(member)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = read(member)
    if min(shape, default=0) < 0:
        raise ValueError(shape)
    return Header(shape, dtype, is_fortran)


@contextmanager
def _damage_told(where: str) -> Iterator[None]:
    """What the zip and NumPy readers raise at damaged bytes, which is anything, as a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{where} is damaged or no NumPy archive: save it again.") from error


IMAGES: Final = ("images", "x", "image", "data", "inputs", "features", "arr_0")
LABELS: Final = ("labels", "y", "label", "targets", "target", "arr_1")
_PATTERNS: Final[Mapping[Part, tuple[str, ...]]] = MappingProxyType(
    {
        "train": ("train_{}", "{}_train", "training_{}", "{}_training"),
        "val": (*("val_{}", "{}_val", "valid_{}", "{}_valid"), *("validation_{}", "{}_validation")),
        "test": ("test_{}", "{}_test", "testing_{}", "{}_testing"),
    }
)
_CLASS_NAMES: Final = ("class_names", "label_names", "target_names", "names", "classes")
_PLAIN: Final = ("{}",)


def npz_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    """What an archive holds; arrays named as for validation, else for a test, validate.

    Raises:
        UserError: no images or labels are found by their names, or they cannot be used.
    """
    with opened_npz(path) as file:
        by_name = {key.casefold(): key for key in file.headers}
        training = _keys(by_name, _PATTERNS["train"]) or _keys(by_name, _PLAIN)
        if training is None:
            shapes = list(file.headers.items())[:8]
            held = ", ".join(f"“{key}” {shape_text(header.shape)}" for key, header in shapes)
            raise UserError(
                f"{file.name} holds {held}, but no images and labels under the usual names: "
                "save it by numpy.savez(images=…, labels=…)."
            )
        found = {part: _keys(by_name, _PATTERNS[part]) for part in HELD_OUT}
        apart = {part: keys for part, keys in found.items() if keys is not None}
        used = held_out_part(apart)
        pair = _pair(file, training, path.stem)
        other = _pair(file, apart[used], f"{path.stem} {used}", used) if used else None
        names = _class_names(file, by_name)
    catalog = numbered_catalog(path.name, source, pair, other, wanted, names)
    kept = kept_words(used, f"“{apart['test'][0]}”" if "test" in apart else "")
    return replace(catalog, remarks=(*catalog.remarks, *kept))


def _keys(by_name: Mapping[str, str], patterns: tuple[str, ...]) -> tuple[str, str] | None:
    """The names of images and labels that follow one of the patterns."""
    for pattern in patterns:
        images = [by_name[n] for n in map(pattern.format, IMAGES) if n in by_name]
        labels = [by_name[n] for n in map(pattern.format, LABELS) if n in by_name]
        if images and labels:
            return images[0], labels[0]
    return None


def _pair(file: NpzFile, keys: tuple[str, str], name: str, part: Part = "train") -> ArrayPair:
    images, labels = keys
    return ArrayPair(
        name,
        file.array(images),
        file.array(labels),
        f"{file.name}: “{images}”",
        f"{file.name}: “{labels}”",
        part,
    )


def _class_names(file: NpzFile, by_name: Mapping[str, str]) -> tuple[str, ...]:
    """One-dimensional text under a usual name, else nothing."""
    for name in _CLASS_NAMES:
        key = by_name.get(name, "")
        header = file.headers.get(key)
        if header is not None and header.dtype.kind in "US" and len(header.shape) == 1:
            return tuple(as_text(file.array(key), f"{file.name}: “{key}”").tolist())
    return ()
