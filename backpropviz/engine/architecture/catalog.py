"""The kinds of layers as a list to choose from, by family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from backpropviz.engine.kinds.kind import Family, Kind
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.registry import layer_kinds
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

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
