"""A value's ancestry as a graph of bounded size: what matters most is opened first."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from backpropviz.debugger.ancestry import Ancestry, Parentage, Stop
from backpropviz.engine.address import Address
from backpropviz.frozen import frozen


@frozen
class Link:
    """One term that leads from a source to the value that it is a part of."""

    source: Address
    target: Address
    term: float
    share: float


@frozen
class AncestryGraph:
    """Stops by address, from the root backwards, and the links between them.

    `opened` holds what is known of the stops whose parentage was asked for; any other can be opened
    in its turn.
    """

    root: Address
    stops: Mapping[Address, Stop]
    links: tuple[Link, ...]
    opened: Mapping[Address, Parentage]


def ancestry_graph(
    ancestry: Ancestry, address: Address, *, top: int = 3, most_stops: int = 40
) -> AncestryGraph:
    """The stops that contribute most, by the product of the shares on the way from the root.

    Raises:
        UserError: there is no such value.
    """
    root = ancestry.stop(address)
    stops, opened = {root.address: root}, dict[Address, Parentage]()
    links: list[Link] = []
    waiting = [(-1.0, 0, root.address)]
    while waiting and len(stops) < most_stops:
        weight, _, here = heapq.heappop(waiting)
        if here in opened or stops[here].is_end:
            continue
        found = opened[here] = ancestry.parentage(here, top)
        for part in found.contributions:
            for source in part.sources:
                stops.setdefault(source.address, source)
                links.append(Link(source.address, here, part.term, part.share))
                if part.share:
                    item = (weight * part.share, len(links), source.address)
                    heapq.heappush(waiting, item)
    return AncestryGraph(root.address, stops, tuple(links), opened)
