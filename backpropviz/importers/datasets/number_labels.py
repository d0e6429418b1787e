"""Labels in one array: classes by number or by name, one-hot rows, or numbers for a regression."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from backpropviz.engine.arrays import Array, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Wanted
from backpropviz.importers.datasets.wording import listed_names, unrepeated

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
    """Understand an array as one label an image.

    Raises:
        UserError: they are negative, not whole, not finite, of too many kinds, or no labels.
    """
    array = label_column(array, name)
    if array.ndim == 2:
        return _rows(array, name, wanted, class_names)
    if array.dtype.kind == "U":
        return _named(array, name)
    if not wanted.is_classifier and wanted.outputs == 1 and array.dtype.kind == "f":
        return _numbers(array[:, None], name)
    return _classes(array, name, wanted, class_names)


def label_column(array: Array, name: str) -> Array:
    """Labels (N,) as numbers or text, or rows of numbers (N,K); each number can be a label.

    Raises:
        UserError: they are neither.
    """
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
    """Text of an array, or bytes as UTF-8 text.

    Raises:
        UserError: it holds no characters, but numbers beyond them or bytes in another encoding.
    """
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
    """Refuse numbers (N,) of which one is no class.

    Raises:
        UserError: it is negative or no whole number.
    """
    if array.dtype.kind == "f":
        _refuse_fractions(array, name)
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


def _refuse_fractions(array: Array, name: str) -> None:
    odd = np.flatnonzero(~(np.isfinite(array) & (np.trunc(array) == array)))
    if odd.size:
        raise UserError(
            f"{name}: the label of image {odd[0]} is {array[odd[0]]:g}, which is no class: give "
            "whole numbers from 0 on."
        )


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
