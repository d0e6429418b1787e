"""Catalog pictures brought to a network's input, and in words what was done to them."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.samples import Skipped
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import LARGEST_BYTES, Catalog
from backpropviz.importers.datasets.watch import Watch
from backpropviz.importers.fit import prepare


@frozen(eq=False)
class Fitted:
    """Images (N,C,H,W) float32, their numbers in the catalog, what was done and what failed."""

    images: Array
    numbers: Array
    steps: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def fitted(catalog: Catalog, chosen: Array, wanted: Preprocessing, watch: Watch) -> Fitted:
    """The chosen pictures, decoded and prepared; one that cannot be used is listed and passed over.

    Raises:
        UserError: none can be used, or all together are too large.
    """
    size = len(chosen) * wanted.channels * wanted.height * wanted.width * 4
    if size > LARGEST_BYTES:
        raise UserError(
            f"{len(chosen):,} images of {wanted.width}×{wanted.height} need more than "
            f"{LARGEST_BYTES // 1024**3} GB: set a limit on how many are read."
        )
    images = np.empty((len(chosen), wanted.channels, wanted.height, wanted.width), dtype=np.float32)
    numbers: list[int] = []
    skipped: list[Skipped] = []
    told = Counter[str]()
    for place, number in enumerate(chosen.tolist()):
        watch.tell(place, len(chosen))
        try:
            prepared = prepare(catalog.picture(number), wanted)
        except UserError as error:
            skipped.append(_skipped(catalog.names[number], error))
            continue
        images[len(numbers)] = prepared.array[0]
        numbers.append(number)
        told.update(prepared.steps)
    watch.tell(len(chosen), len(chosen))
    if not numbers:
        raise UserError(_nothing_usable(catalog, skipped))
    return Fitted(
        images[: len(numbers)],
        np.array(numbers),
        _in_words(told, len(numbers)),
        tuple(skipped),
    )


def _skipped(name: str, error: UserError) -> Skipped:
    """The list names the file, so its reason need not."""
    return Skipped(name, str(error).removeprefix(f"{name} "))


def _nothing_usable(catalog: Catalog, skipped: list[Skipped]) -> str:
    first = f" The first: {skipped[0].name} {skipped[0].reason}" if skipped else ""
    return f"{catalog.title} holds no picture that can be used ({len(skipped)} failed).{first}"


def _in_words(told: Counter[str], count: int) -> tuple[str, ...]:
    """One line for each kind of change, in the order first met.

    Changes that differ in their numbers only, as with pictures of many sizes, share a line.
    """
    kinds: dict[str, list[str]] = {}
    for step in told:
        kinds.setdefault(re.split(r"[:0-9]", step, maxsplit=1)[0].rstrip(" (−"), []).append(step)
    lines = []
    for kind, steps in kinds.items():
        times = sum(told[step] for step in steps)
        words = steps[0] if len(steps) == 1 else f"{kind} in {len(steps):,} different ways"
        lines.append(words if times >= count else f"{words}: {times:,} of {count:,} images")
    return tuple(lines)
