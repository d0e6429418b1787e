"""What every source of data comes to: labeled pictures that are decoded one by one when wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from backpropviz.engine.arrays import Array
from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.samples import Skipped
from backpropviz.frozen import frozen
from backpropviz.importers.picture import Picture

Progress: TypeAlias = Callable[[int, int], None]
"""Told (done, of how many)."""
Stop: TypeAlias = Callable[[], bool]
"""Asked again and again whether to leave off."""

LARGEST_BYTES = 2 * 1024**3
"""Of an array as it is read, and of the images as the network takes them."""
_CLASS_LOSS = "cross_entropy"


@frozen
class Wanted:
    """What the data is for: the way to the input, how many numbers the network puts out.

    `outputs` is None where no network is chosen yet. `is_classifier`: its target is one class;
    otherwise it is as many numbers as there are outputs.
    """

    preprocessing: Preprocessing
    outputs: int | None = None
    is_classifier: bool = True


def wanted_by(network: Network | None, preprocessing: Preprocessing) -> Wanted:
    """What a network takes and tells."""
    if network is None:
        return Wanted(preprocessing)
    outputs = 1
    for size in network.shapes[network.output]:
        outputs *= size
    return Wanted(preprocessing, outputs, network.loss.about.is_of_classes)


@frozen(eq=False)
class Catalog:
    """Pictures by number, with the class of each.

    `labels` are classes (N,) int64, or numbers (N,K) float64 for a regression, then without
    `class_names`, which are all different. `held_out` (N,) bool says where the source itself keeps
    pictures apart for validation; `split_words` tell that, where they validate and where they do
    not. `picture` raises UserError for one that cannot be used. `remarks` say in words how the
    source was understood.
    """

    title: str
    source: str
    names: tuple[str, ...]
    labels: Array
    class_names: tuple[str, ...]
    picture: Callable[[int], Picture]
    held_out: Array | None = None
    split_words: tuple[str, str] = ("", "")
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
