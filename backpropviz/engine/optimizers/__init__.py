"""The optimizers, by kind."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from backpropviz.document import from_fields
from backpropviz.engine.optimizers.adam import Adam, AdamW
from backpropviz.engine.optimizers.optimizer import (
    Optimizer,
    OptimizerState,
    Part,
    Update,
    next_nest,
)
from backpropviz.engine.optimizers.rmsprop import RmsProp
from backpropviz.engine.optimizers.sgd import Sgd

__all__ = [
    "OPTIMIZERS",
    "Adam",
    "AdamW",
    "Optimizer",
    "OptimizerState",
    "RmsProp",
    "Sgd",
    "Update",
    "next_nest",
    "optimizer_from_fields",
    "optimizer_kinds",
    "parts",
]


def _listed() -> Iterator[type[Optimizer]]:
    """What the modules of the package list in `OPTIMIZERS`; there is nothing else to register."""
    for module in pkgutil.iter_modules(__path__):
        yield from getattr(import_module(f"{__name__}.{module.name}"), "OPTIMIZERS", ())


OPTIMIZERS = tuple(sorted(_listed(), key=lambda cls: cls.about.year))


def optimizer_kinds() -> Mapping[str, type[Optimizer]]:
    """Every optimizer class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in OPTIMIZERS})


@cache
def parts() -> Mapping[str, Part]:
    """Every array that some optimizer keeps or makes; a part of two optimizers is the same."""
    return MappingProxyType({name: p for cls in OPTIMIZERS for name, p in cls.about.parts.items()})


def optimizer_from_fields(fields: Mapping[str, object], where: str = "optimizer") -> Optimizer:
    """The optimizer that a JSON object describes.

    Raises:
        UserError: the kind or a field is unknown, of a wrong type or out of range.
    """
    return from_fields(optimizer_kinds(), fields, "optimizer", where)
