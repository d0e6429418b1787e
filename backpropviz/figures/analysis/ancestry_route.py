"""The path that an ancestry shows: the largest contributions, or those that a person chose."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.debugger.ancestry import Ancestry, Contribution, Parentage, Path
from backpropviz.engine.address import Address
from backpropviz.frozen import frozen


@frozen
class Route:
    """A path, and what each of its stops was made of."""

    path: Path
    parentages: tuple[Parentage, ...]


def route(ancestry: Ancestry, address: Address, top: int = 3) -> Route:
    """By the largest contribution each time, the `top` largest listed.

    Raises:
        UserError: there is no such value.
    """
    return _listed(ancestry, ancestry.main_path(address), top)


def rerouted(ancestry: Ancestry, shown: Route, chosen: Address, top: int = 3) -> Route:
    """The same route as far as the first stop that lists a value, from there on through it.

    A value that no stop lists begins a route of its own.
    """
    for number, parentage in enumerate(shown.parentages):
        through = _through(parentage.contributions, chosen)
        if through is not None:
            rest = ancestry.main_path(chosen)
            stops = (*shown.path.stops[: number + 1], *rest.stops)
            steps = (*shown.path.steps[:number], through, *rest.steps)
            return _listed(ancestry, Path(stops, steps), top)
    return route(ancestry, chosen, top)


def _through(contributions: Sequence[Contribution], chosen: Address) -> Contribution | None:
    """The largest contribution that a value carries."""
    carried = (c for c in contributions if any(s.address == chosen for s in c.sources))
    return next(carried, None)


def _listed(ancestry: Ancestry, path: Path, top: int) -> Route:
    return Route(path, tuple(ancestry.parentage(stop.address, top) for stop in path.stops))
