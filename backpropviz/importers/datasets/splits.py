"""Which part of a data set a name means: one policy for folders, arrays and IDX files.

A run learns from `train` and is validated with `val`. Where a set has both `val` and `test`, `test`
is kept for the very end and not read; without a `val`, `test` validates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

Part: TypeAlias = Literal["train", "val", "test"]
HELD_OUT: tuple[Part, ...] = ("val", "test")
"""The parts that may validate, the preferred one first."""

_PARTS: Mapping[str, Part] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training", "trainset"), "train"),
        **dict.fromkeys(("val", "valid", "validation", "valset"), "val"),
        **dict.fromkeys(("test", "testing", "testset", "t10k"), "test"),
    }
)
_Source = TypeVar("_Source")


def part_in(name: str) -> Part | None:
    """The part that one of the words of a name means: `emnist-letters-test` is a test."""
    found = {_PARTS[word] for word in _words(name) if word in _PARTS}
    return found.pop() if len(found) == 1 else None


def parts_of(names: Sequence[str]) -> dict[str, Part]:
    """The parts that names side by side mean; a class such as “bullet train” is none.

    A name of one word (`train`, `test1`, `val2017`) is a part; one of several (`seg_train`) only
    beside another part of the same set (`seg_test`).
    """
    found: dict[str, Part] = {}
    kin = defaultdict[tuple[str, ...], list[str]](list)
    for name in names:
        part = part_in(name)
        if part is None:
            continue
        rest = tuple(word for word in _words(name) if word not in _PARTS)
        if rest:
            kin[rest].append(name)
        else:
            found[name] = part
    for group in kin.values():
        meant = {name: part for name in group if (part := part_in(name))}
        if len(set(meant.values())) > 1:
            found |= meant
    return found


def held_out_part(parts: Mapping[Part, _Source]) -> Part | None:
    """Which of the parts that are there validates."""
    return next((part for part in HELD_OUT if part in parts), None)


def kept_words(used: Part | None, kept: str) -> tuple[str, ...]:
    """In words, that a test is not touched, where `val` validates."""
    return (f"{kept} is kept for the end: not read",) if used == "val" and kept else ()


def _words(name: str) -> list[str]:
    return re.findall(r"t10k|[^\W\d_]+", name.casefold())
