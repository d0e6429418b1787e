"""The corners of the loss that a nudge steps across, or on which it starts."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.engine.backprop import Forward
from backpropviz.engine.kink import Crossing
from backpropviz.engine.network import Network


def kinks_between(
    network: Network, base: Forward, minus: Forward, plus: Forward
) -> Iterator[Crossing]:
    """Every unit that flips and every window whose winner changes, in forward order.

    With `base` for `minus` they are those between the base and `plus`. Layers that did not run
    again are passed over.
    """
    for node in network.nodes:
        finder = node.layer.about.kinks
        runs = tuple(run.residuals[node.name] for run in (base, minus, plus))
        if finder is not None and not (runs[0] is runs[1] is runs[2]):
            yield from finder.between(node.name, node.layer, *runs)
