"""The sets that ship, whole: how a saved run finds its data by name."""

from __future__ import annotations

from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.samples import Dataset
from backpropviz.importers.datasets.load import load_dataset
from backpropviz.importers.datasets.sources import BUNDLED


def shipped_dataset(source: str, network: Network, preprocessing: Preprocessing) -> Dataset | None:
    """All samples of a bundled set, none held out; None for any other source."""
    if source not in BUNDLED:
        return None
    return load_dataset(source, network, preprocessing, held_out=0.0)
