"""The bundled digits as a data set: `mnist` (2,000 of 28×28) and `digits` (8×8)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from backpropviz.importers.bundled import bundled_picture, digit_set
from backpropviz.importers.datasets.catalog import Catalog
from backpropviz.importers.picture import Picture

DIGIT_TITLES: Mapping[str, str] = MappingProxyType(
    {"mnist": "MNIST, 2,000 handwritten digits", "digits": "Handwritten digits of 8×8 pixels"}
)


def digits_catalog(name: str) -> Catalog:
    """All digits of one of the two bundled sets."""

    def picture(number: int) -> Picture:
        return bundled_picture(name, str(number))

    labels = digit_set(name).labels.astype(np.int64)
    return Catalog(
        title=DIGIT_TITLES[name],
        source=name,
        names=tuple(f"{name}:{number}" for number in range(len(labels))),
        labels=labels,
        class_names=tuple("0123456789"),
        picture=picture,
    )
