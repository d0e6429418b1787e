"""The kinds of layers and losses: whatever the modules of this package list.

A module that defines layers names them in `LAYERS`, one that defines losses in `LOSSES`; there is
nothing else to register.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from threading import RLock
from types import MappingProxyType, ModuleType
from typing import TypeVar

import backpropviz.engine.kinds as package
from backpropviz.document import Configuration, from_fields
from backpropviz.engine.kinds.protocol import Family, Kind, Layer, Loss
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

C = TypeVar("C", bound=Configuration)

_COMMON = ("activation", "convolution", "cross_entropy", "dense", "pooling", "shape")
"""Most networks need no other module."""


class Kinds(Mapping[str, type[C]]):
    """Classes by kind; to find one, no more modules are imported than it takes."""

    def __init__(self, listed_in: str) -> None:
        self._listed_in = listed_in
        self._found: dict[str, type[C]] = {}
        self._modules = _modules()
        # Networks are read on several threads, and a generator cannot be resumed by two.
        self._lock = RLock()

    def __getitem__(self, kind: str) -> type[C]:
        while kind not in self._found:
            if not self._look_further() and kind not in self._found:
                raise KeyError(kind)
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        while self._look_further():
            pass
        return iter(tuple(self._found))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _look_further(self) -> bool:
        """Read the next module; tells whether there was one."""
        with self._lock:
            module = next(self._modules, None)
            for cls in getattr(module, self._listed_in, ()):
                self._found[cls.kind] = cls
            return module is not None


@cache
def layer_kinds() -> Mapping[str, type[Layer]]:
    """Every layer class by its kind."""
    return Kinds("LAYERS")


@cache
def loss_kinds() -> Mapping[str, type[Loss]]:
    """Every loss class by its kind."""
    return Kinds("LOSSES")


def layer_from_fields(fields: Mapping[str, object], where: str) -> Layer:
    """The layer that a JSON object describes; `where` is how a sentence about it begins.

    Raises:
        UserError: the kind or a field is unknown, missing, of a wrong type or out of range.
    """
    return from_fields(layer_kinds(), fields, "layer", where)


def loss_from_fields(fields: Mapping[str, object], where: str = "loss") -> Loss:
    """The loss that a JSON object describes; errors as for layers."""
    return from_fields(loss_kinds(), fields, "loss", where)


def _modules() -> Iterator[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    for name in sorted(names, key=lambda name: name not in _COMMON):
        yield import_module(f"{package.__name__}.{name}")


_FAMILIES = tuple(Family)


@frozen
class Entry:
    """One kind: `layer` has the settings to begin with."""

    about: Kind
    layer: Layer

    @property
    def kind(self) -> str:
        """Its name in a network file."""
        return self.layer.kind


@cache
def catalog() -> Mapping[str, Entry]:
    """Every kind of layer: families in order, in a family by file, in a file as listed there."""
    classes = sorted(
        layer_kinds().values(), key=lambda c: (_FAMILIES.index(c.about.family), c.__module__)
    )
    return MappingProxyType({c.kind: Entry(c.about, c(**c.about.usual)) for c in classes})


def entry_of(kind: str) -> Entry:
    """What the list says of a kind.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in catalog():
        known = ", ".join(layer_kinds())
        raise UserError(f"“{kind}” is not a kind of layer; there are {known}.")
    return catalog()[kind]
