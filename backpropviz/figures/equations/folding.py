"""Which terms of a sum are written out, so that what is shown adds up, digit by digit.

initial + shown terms + the rest's subtotal + residue = total, exactly, in decimal.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.figures.explanation.explained_step import ALL, Progress
from backpropviz.figures.number_groups import exact_text, group_texts
from backpropviz.frozen import frozen
from backpropviz.scene.numbers import decimal_of, residue


class TermOrder(Enum):
    """How terms are listed."""

    POSITION = "position"
    SIZE = "size"


@frozen
class Rest:
    """The terms that are not written out: how many, and what those that have run make."""

    not_zero: int
    zero: int
    not_run: int
    subtotal: str

    @property
    def count(self) -> int:
        """All of them."""
        return self.not_zero + self.zero + self.not_run


@frozen
class Fold:
    """The text of a sum. A term that has not run has the text ''.

    `residue` is '' where the shown numbers add up (or where one of them is not finite).
    """

    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    initial: str
    rest: Rest | None
    residue: str
    total: str
    is_complete: bool


def fold(
    derivation: Derivation,
    progress: Progress = ALL,
    *,
    most: int,
    order: TermOrder = TermOrder.POSITION,
    digits: int = 3,
) -> Fold:
    """The `most` terms to write out: the largest, or the first, the current one and the last."""
    values = derivation.term_values
    ran = progress.mask(values.size)
    numbers = shown_numbers(values, ran, progress.current, most, order)
    rest_values, not_run = _rest(values, ran, numbers)
    total = progress.running(derivation)
    shown = [float(values[k]) for k in numbers if ran is None or ran[k]]
    initial = [] if derivation.initial is None else [derivation.initial.value]
    has_rest = len(numbers) < values.size
    is_sum = derivation.rule is not Rule.MAX
    subtotal = _subtotal(rest_values, is_sum=is_sum) if has_rest else 0.0
    texts = group_texts([*initial, *shown, subtotal, total], digits)
    addends = texts[: len(initial) + len(shown)]
    rest = _rest_of(rest_values, not_run, texts[-2]) if has_rest else None
    return Fold(
        numbers,
        tuple(_spread(addends[len(initial) :], numbers, ran)),
        addends[0] if initial else "",
        rest,
        _residue(texts[-1], texts[:-1]) if is_sum else "",
        texts[-1],
        ran is None,
    )


def shown_numbers(
    values: Array, ran: Array | None, current: int | None, most: int, order: TermOrder
) -> tuple[int, ...]:
    """The numbers of the terms to write out, in the order in which they are written."""
    count = values.size
    if order is TermOrder.SIZE:
        largest = _largest(values, ran, min(most, count))
        if current is None or current in largest:
            return largest
        return (*largest[:-1], current)
    if count <= most:
        return tuple(range(count))
    if current is None:
        return (*range(max(1, most - 1)), count - 1)[:most]
    head = max(1, (most - 2) // 2)
    middle = most - head - 1
    start = min(max(current - middle // 2, head), count - 1 - middle)
    return (*range(head), *range(start, start + middle), count - 1) if middle > 0 else (current,)


def _largest(values: Array, ran: Array | None, most: int) -> tuple[int, ...]:
    size = np.nan_to_num(np.abs(values), nan=np.inf)
    if ran is not None:
        size = np.where(ran, size, -1.0)
    if most < size.size:
        threshold = np.partition(size, size.size - most)[size.size - most]
        candidates = np.flatnonzero(size >= threshold)
    else:
        candidates = np.arange(size.size)
    by_size = candidates[np.argsort(-size[candidates], kind="stable")]
    return tuple(int(k) for k in by_size[:most])


def _rest(values: Array, ran: Array | None, numbers: tuple[int, ...]) -> tuple[Array, int]:
    """The values of the terms that ran and are not written out, and how many did not run."""
    hidden = np.ones(values.size, dtype=bool)
    hidden[list(numbers)] = False
    if ran is None:
        return values[hidden], 0
    return values[hidden & ran], int(np.count_nonzero(hidden & ~ran))


def _subtotal(values: Array, *, is_sum: bool) -> float:
    if is_sum:
        return float(values.sum())
    finite = values[values > -np.inf]
    return float(finite.max()) if finite.size else 0.0


def _rest_of(values: Array, not_run: int, subtotal: str) -> Rest:
    not_zero = int(np.count_nonzero(values))
    return Rest(not_zero, values.size - not_zero, not_run, subtotal)


def _spread(texts: list[str], numbers: tuple[int, ...], ran: Array | None) -> list[str]:
    following = iter(texts)
    return [next(following) if ran is None or ran[k] else "" for k in numbers]


def _residue(total: str, addends: list[str]) -> str:
    if not all(decimal_of(text).is_finite() for text in (total, *addends)):
        return ""
    left = residue(total, addends)
    return "" if left == Decimal(0) else exact_text(left)
