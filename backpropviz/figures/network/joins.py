"""Lines between the rows of the network map: to the next layer, or in a lane past skipped ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.network import Network
from backpropviz.scene.marks import Line, Mark, Path, Stroke
from backpropviz.scene.theme import Theme

_LANES = 3
_LANE = 3
"""Pixels from lane to lane."""


def join_marks(
    network: Network, middles: Mapping[str, float], left: int, size: int, theme: Theme
) -> Iterator[Mark]:
    """Lines behind thumbnails of `size` px at `left`, whose rows have these middles."""
    stroke = Stroke(theme.border_strong, 2.0)
    names = list(middles)
    edges = [(source, node.name) for node in network.nodes for source in node.inputs]
    edges.append((network.output, LOSS_NAME))
    neighbors = set(pairwise(names))
    for source, target in edges:
        if (source, target) in neighbors:
            x = left + size / 2
            yield Line(x, middles[source], x, middles[target], stroke)
    skipping = [edge for edge in edges if edge not in neighbors]
    for (source, target), lane in zip(skipping, _lanes(skipping, names), strict=True):
        x = left + size + 3 + lane * _LANE
        start, stop = middles[source] + size / 5, middles[target] - size / 5
        corners = ((left + size, start), (x, start), (x, stop), (left + size, stop))
        yield Path(corners, Stroke(theme.border_strong, 1.5), corner_radius=3.0)


def _lanes(edges: list[tuple[str, str]], names: list[str]) -> Iterator[int]:
    """The lane nearest to the thumbnails that is free along an edge; the last one may be shared."""
    place = {name: number for number, name in enumerate(names)}
    free_from = [0] * _LANES
    for source, target in edges:
        start, stop = place[source], place[target]
        lane = next((n for n, free in enumerate(free_from) if free <= start), _LANES - 1)
        free_from[lane] = max(free_from[lane], stop)
        yield lane
