"""The kinds of layers and losses: whatever the modules of this package list.

A module that defines layers names them in `LAYERS`, one that defines losses in `LOSSES`; there is
nothing else to register.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

import backpropviz.engine.layers as package
from backpropviz.engine.fields import from_fields
from backpropviz.engine.layers.protocol import Layer, Loss


@cache
def layer_kinds() -> Mapping[str, type[Layer]]:
    """Every layer class by its kind."""
    found = (cls for module in _modules() for cls in getattr(module, "LAYERS", ()))
    return MappingProxyType({cls.kind: cls for cls in found})


@cache
def loss_kinds() -> Mapping[str, type[Loss]]:
    """Every loss class by its kind."""
    found = (cls for module in _modules() for cls in getattr(module, "LOSSES", ()))
    return MappingProxyType({cls.kind: cls for cls in found})


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
    for module in pkgutil.iter_modules(package.__path__):
        yield import_module(f"{package.__name__}.{module.name}")
