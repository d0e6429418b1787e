"""Which output of a network each class of the data becomes: by name, else in order, and said."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Wanted
from backpropviz.importers.datasets.wording import listed_names, matched_names, unrepeated


@frozen
class ClassMapping:
    """The output of each class of the data, a name for every output, and how that came in words."""

    classes: tuple[str, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    words: tuple[str, ...] = ()

    def mapped(self, labels: Array) -> Array:
        """Classes of the data (N,) as outputs; numbers of a regression as they are."""
        if labels.ndim > 1 or not self.outputs:
            return labels
        return np.array(self.outputs, dtype=np.int64)[labels]

    def unmapped(self, outputs: Array) -> Array:
        """Outputs (N,) as classes of the data."""
        classes = np.zeros(max(self.outputs, default=0) + 1, dtype=np.int64)
        classes[list(self.outputs)] = np.arange(len(self.outputs))
        found: Array = classes[outputs]
        return found


def class_mapping(classes: tuple[str, ...], needs: Wanted, known: tuple[str, ...]) -> ClassMapping:
    """Join the classes of the data with a network's outputs, whose names are `known`.

    An output without a name is called by its number. Where each class has the name of one output it
    becomes that output; otherwise the classes take the outputs in order.
    """
    if needs.outputs is None or not classes:
        return ClassMapping(classes, tuple(range(len(classes))), classes)
    is_shared = needs.outputs == 1
    count = len(classes) if is_shared else needs.outputs
    own = tuple(known[k] if k < len(known) else str(k) for k in range(count))
    found = matched_names(classes, own)
    if len(set(found.values())) == len(classes):
        outputs = tuple(found[name] for name in classes)
        names = unrepeated(own)
        return ClassMapping(classes, outputs, names, _by_name(classes, outputs, names))
    names = _filled(classes, count)
    return ClassMapping(classes, tuple(range(len(classes))), names, _in_order(classes, known))


def _by_name(
    classes: tuple[str, ...], outputs: tuple[int, ...], names: tuple[str, ...]
) -> tuple[str, ...]:
    if classes == names:
        return ()
    pairs = [
        f"“{name}” is output {output}" + (f", “{names[output]}”" if name != names[output] else "")
        for name, output in zip(classes, outputs, strict=True)
    ]
    return (f"classes joined with the network’s by name: {listed_names(pairs, '')}",)


def _in_order(classes: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    pairs = [f"output {output} is “{name}”" for output, name in enumerate(classes)]
    why = "not all class names are the network’s, so the classes" if known else "the classes"
    return (f"{why} take its outputs in order: {listed_names(pairs, '')}",)


def _filled(classes: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Names for outputs without samples: their number, or where that is a class, `output 3`."""
    names = list(classes)
    for number in range(len(classes), count):
        name = str(number)
        while name in names:
            name = f"output {number}" if name == str(number) else f"{name}′"
        names.append(name)
    return tuple(names)
