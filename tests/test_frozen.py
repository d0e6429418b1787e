"""Immutable data: what the standard library's frozen dataclasses do, and as they do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest

from backpropviz.frozen import frozen


@dataclass(frozen=True, slots=True)
class Standard:
    first: int
    second: tuple[float, ...] = (1.0,)
    third: Mapping[str, int] = field(default_factory=dict, compare=False)


@frozen
class Ours:
    kind: ClassVar[str] = "ours"
    first: int
    second: tuple[float, ...] = (1.0,)
    third: Mapping[str, int] = field(default_factory=dict, compare=False)


@frozen
class Longer(Ours):
    fourth: str = "4"


@frozen(eq=False)
class ByIdentity:
    value: int


@frozen(slots=False)
class Cached:
    value: int

    @cached_property
    def double(self) -> int:
        return 2 * self.value


@frozen
class Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(str(self.value))


@frozen
class Empty:
    pass


@pytest.mark.parametrize("cls", [Standard, Ours])
def test_it_is_made_compared_hashed_and_printed(cls: Any) -> None:
    made = cls(1, second=(2.0,))
    assert (made.first, made.second, made.third) == (1, (2.0,), {})
    assert made == cls(1, (2.0,), {"not": 1})
    assert made != cls(2, (2.0,))
    assert made != (1, (2.0,), {})
    assert hash(made) == hash(cls(1, (2.0,)))
    assert repr(made) == f"{cls.__name__}(first=1, second=(2.0,), third={{}})"
    assert cls(1).third is not cls(1).third
    with pytest.raises(TypeError, match="first"):
        cls()


@pytest.mark.parametrize("cls", [Standard, Ours])
def test_it_cannot_be_changed(cls: Any) -> None:
    made = cls(1)
    with pytest.raises(FrozenInstanceError, match="first"):
        made.first = 2
    with pytest.raises(FrozenInstanceError, match="first"):
        del made.first
    # A name that no field has is refused by either, each with an error of its own.
    with pytest.raises((FrozenInstanceError, TypeError)):
        made.other = 2
    assert not hasattr(made, "__dict__")


def test_a_changed_copy_and_its_fields() -> None:
    made = replace(Ours(1), first=5)
    assert made == Ours(5)
    assert [found.name for found in fields(made)] == ["first", "second", "third"]
    match made:
        case Ours(first, second):
            assert (first, second) == (5, (1.0,))
        case _:
            pytest.fail("it can be matched")


def test_a_longer_one_keeps_the_fields_before() -> None:
    made = Longer(1, fourth="x")
    assert (made.first, made.second, made.fourth) == (1, (1.0,), "x")
    assert made == Longer(1, fourth="x") != Longer(1)
    assert made != Ours(1)


def test_by_identity() -> None:
    made = ByIdentity(1)
    assert made == made  # noqa: PLR0124  (what is asked)
    assert made != ByIdentity(1)
    assert len({made, ByIdentity(1)}) == 2


def test_room_for_a_cached_property() -> None:
    made = Cached(2)
    assert made.double == 4
    assert "double" in made.__dict__
    assert made == Cached(2)
    with pytest.raises(FrozenInstanceError):
        made.value = 3  # type: ignore[misc]


def test_it_is_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="-1"):
        Checked(-1)


def test_without_fields() -> None:
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Empty()) == "Empty()"
