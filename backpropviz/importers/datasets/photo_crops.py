"""Crops of the five bundled photos: from which photo is it?

Crops to train on come from the left two thirds of a photo, those to validate on from the right
third: no pixel belongs to both.
"""

from __future__ import annotations

import numpy as np

from backpropviz.frozen import frozen
from backpropviz.importers.bundled import PHOTOS, bundled_picture
from backpropviz.importers.datasets.catalog import Catalog
from backpropviz.importers.picture import Picture, Pixels, picture_from_array

BORDER = 208
"""The column at which a photo of 320 is divided."""
LEFT, RIGHT = slice(0, BORDER), slice(BORDER, None)
SMALLEST_CROP = 64
CROPS_OF_EACH = 250
_REMARK = (
    "squares cut at random from the left two thirds of each photo, those for validation from the "
    "right third"
)


@frozen
class _Place:
    top: int
    left: int
    size: int


def random_crop(part: Pixels, random: np.random.Generator, source: str = "crop") -> Picture:
    """A square of 64 pixels or more, anywhere in a picture (H, W, C)."""
    return _cut(part, _place(part, random), source)


def photo_part(photo: str, columns: slice) -> Pixels:
    """Some columns of a bundled photo."""
    return bundled_picture("photo", photo).pixels[:, columns]


def photos_catalog(seed: int, held_out: float) -> Catalog:
    """So many seeded crops of each photo, of which `held_out` is the share from the right third."""
    random = np.random.default_rng(seed)
    kept_apart = round(CROPS_OF_EACH * held_out)
    mask = np.zeros((len(PHOTOS), CROPS_OF_EACH), dtype=bool)
    mask[:, CROPS_OF_EACH - kept_apart :] = True
    is_held_out = mask.reshape(-1)
    labels = np.repeat(np.arange(len(PHOTOS), dtype=np.int64), CROPS_OF_EACH)
    parts = [(photo_part(photo, LEFT), photo_part(photo, RIGHT)) for photo in PHOTOS]
    sides = is_held_out.astype(int).tolist()
    classes = labels.tolist()
    places = [
        _place(parts[label][side], random) for label, side in zip(classes, sides, strict=True)
    ]
    names = tuple(
        f"photo:{PHOTOS[label]} at {place.left + side * BORDER},{place.top}"
        for label, side, place in zip(classes, sides, places, strict=True)
    )

    def picture(number: int) -> Picture:
        return _cut(parts[classes[number]][sides[number]], places[number], names[number])

    return Catalog(
        title="Crops of the five bundled photos",
        source="photos",
        names=names,
        labels=labels,
        class_names=PHOTOS,
        picture=picture,
        held_out=is_held_out if kept_apart else None,
        remarks=(_REMARK,),
    )


def _place(part: Pixels, random: np.random.Generator) -> _Place:
    height, width = part.shape[:2]
    size = int(random.integers(SMALLEST_CROP, min(height, width) + 1))
    top, left = (int(random.integers(0, side - size + 1)) for side in (height, width))
    return _Place(top, left, size)


def _cut(part: Pixels, place: _Place, source: str) -> Picture:
    rows = part[place.top : place.top + place.size]
    return picture_from_array(
        np.ascontiguousarray(rows[:, place.left : place.left + place.size]), source
    )
