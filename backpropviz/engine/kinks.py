"""The corners of the loss that a nudge steps across, or on which it starts."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import backpropviz.engine.kinds as package
from backpropviz.engine.backprop import Forward
from backpropviz.engine.kink import Crossing, KinkFinder
from backpropviz.engine.network import Network


@cache
def kink_finders() -> Mapping[str, KinkFinder]:
    """Who knows the corners of a kind of layer: what the layers' modules list in `KINKS`."""
    found: dict[str, KinkFinder] = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = import_module(f"{package.__name__}.{module.name}")
        found.update(getattr(loaded, "KINKS", {}))
    return MappingProxyType(found)


def kinks_between(
    network: Network, base: Forward, minus: Forward, plus: Forward
) -> Iterator[Crossing]:
    """Every unit that flips and every window whose winner changes, in forward order.

    With `base` for `minus` they are those between the base and `plus`. Layers that did not run
    again are passed over.
    """
    for node in network.nodes:
        finder = kink_finders().get(node.layer.kind)
        runs = tuple(run.residuals[node.name] for run in (base, minus, plus))
        if finder is not None and not (runs[0] is runs[1] is runs[2]):
            yield from finder.between(node.name, node.layer, *runs)
