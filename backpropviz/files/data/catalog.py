"""What every source of data comes to: labeled pictures that are decoded one by one when wanted."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.training.samples import Samples, Skipped
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.files.pictures import Picture
from backpropviz.frozen import frozen

Progress: TypeAlias = Callable[[int, int], None]
"""Told (done, of how many)."""
Cancelled: TypeAlias = Callable[[], bool]
"""Asked again and again whether to leave off."""

LARGEST_BYTES = 2 * 1024**3
"""Of an array as it is read, and of the images as the network takes them."""


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
    outputs = math.prod(network.shapes[network.output])
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


_BLOCK = 256


def mean_and_deviation(images: Array) -> tuple[Array, Array]:
    """Of each channel of images (N,C,H,W), in float64; in blocks: a copy could be too large."""
    channels = images.shape[1]
    count = images.size // channels
    total = np.zeros(channels)
    for start in range(0, len(images), _BLOCK):
        total += images[start : start + _BLOCK].sum(axis=(0, 2, 3), dtype=np.float64)
    mean = total / count
    squares = np.zeros(channels)
    for start in range(0, len(images), _BLOCK):
        away = images[start : start + _BLOCK] - mean[:, None, None]
        squares += np.square(away).sum(axis=(0, 2, 3))
    return mean, np.sqrt(squares / count)


def classes_of(targets: Array) -> Array:
    """The class (N,) that each target names, be it a number or a 1 among zeros."""
    if targets.ndim == 1:
        return targets.astype(np.int64)
    found = targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)
    return found.astype(np.int64)


def class_counts(samples: Samples | None, classes: int) -> tuple[int, ...]:
    """How many samples each class has."""
    if samples is None:
        return (0,) * classes
    return tuple(np.bincount(classes_of(samples.targets), minlength=classes).tolist())


class ReadingStoppedError(UserError):
    """The person left off reading."""


@frozen
class ReadingWatch:
    """Tells how far the reading is and asks whether to stop."""

    progress: Progress | None = None
    stop: Cancelled | None = None

    def tell(self, done: int, count: int) -> None:
        """`done` of `count` pictures are read."""
        self.check()
        if self.progress is not None:
            self.progress(done, count)

    def check(self) -> None:
        """Go on only if nobody wants to stop."""
        if self.stop is not None and self.stop():
            raise ReadingStoppedError("Reading the data was stopped: nothing was taken over.")


def stratified(labels: Array, count: int, seed: int, *, leave: int = 0) -> Array:
    """A mask (N,) of `count` samples; a class of n samples has about its share n · count / N.

    Shares are rounded by largest remainder, and at least `leave` samples of each class stay
    outside, so fewer than `count` may be chosen. Labels (N,K) of a regression are one class.
    """
    groups = [np.arange(len(labels))]
    if labels.ndim == 1:
        order = np.argsort(labels, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    sizes = np.array([len(group) for group in groups])
    taken = np.minimum(_shares(sizes, count), np.maximum(sizes - leave, 0))
    chosen = np.zeros(len(labels), dtype=bool)
    for number, (group, take) in enumerate(zip(groups, taken.tolist(), strict=True)):
        order = np.random.default_rng((seed, number)).permutation(len(group))
        chosen[group[order[:take]]] = True
    return chosen


def held_out_mask(labels: Array, share: float, seed: int) -> Array | None:
    """Which samples are kept apart for validation; each class keeps one to train on.

    None for a share of 0.

    Raises:
        UserError: the share leaves nothing to train on, or nothing is left to keep apart.
    """
    if not 0 <= share < 1:
        raise UserError(f"A held-out share of {share:g} is not possible: use 0 to 0.9.")
    if seed < 0:
        raise UserError(f"The seed {seed} of the split is not possible: use 0 or more.")
    if share == 0:
        return None
    count = max(1, round(share * len(labels)))
    chosen = stratified(labels, count, seed, leave=1)
    if not chosen.any():
        raise UserError(
            f"{len(labels)} samples are too few to hold {100 * share:.3g} % of them out: set the "
            "share held out to 0, or add samples."
        )
    return chosen


def _shares(sizes: Array, count: int) -> Array:
    """Whole numbers in the ratio of the sizes that add up to `count`."""
    exact = sizes * min(count, int(sizes.sum())) / sizes.sum()
    whole = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(whole.sum())
    largest = np.argsort(whole - exact, kind="stable")[:missing]
    whole[largest] += 1
    return np.asarray(whole)


Part: TypeAlias = Literal["train", "val", "test"]
HELD_OUT: tuple[Part, ...] = ("val", "test")
"""The parts that may validate, the preferred one first."""

_PARTS: Mapping[str, Part] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training", "trainset"), "train"),
        **dict.fromkeys(("val", "valid", "validation", "valset"), "val"),
        **dict.fromkeys(("test", "testing", "testset", "t10k"), "test"),
    }
)
_Source = TypeVar("_Source")


def part_in(name: str) -> Part | None:
    """The part that one of the words of a name means: `emnist-letters-test` is a test."""
    found = {_PARTS[word] for word in _words(name) if word in _PARTS}
    return found.pop() if len(found) == 1 else None


def parts_of(names: Sequence[str]) -> dict[str, Part]:
    """The parts that names side by side mean; a class such as “bullet train” is none.

    A name of one word (`train`, `test1`, `val2017`) is a part; one of several (`seg_train`) only
    beside another part of the same set (`seg_test`).
    """
    found: dict[str, Part] = {}
    kin = defaultdict[tuple[str, ...], list[str]](list)
    for name in names:
        part = part_in(name)
        if part is None:
            continue
        rest = tuple(word for word in _words(name) if word not in _PARTS)
        if rest:
            kin[rest].append(name)
        else:
            found[name] = part
    for group in kin.values():
        meant = {name: part for name in group if (part := part_in(name))}
        if len(set(meant.values())) > 1:
            found |= meant
    return found


def held_out_part(parts: Mapping[Part, _Source]) -> Part | None:
    """Which of the parts that are there validates."""
    return next((part for part in HELD_OUT if part in parts), None)


def kept_words(used: Part | None, kept: str) -> tuple[str, ...]:
    """In words, that a test is not touched, where `val` validates."""
    return (f"{kept} is kept for the end: not read",) if used == "val" and kept else ()


def _words(name: str) -> list[str]:
    return re.findall(r"t10k|[^\W\d_]+", name.casefold())


_MOST_LISTED = 6


def listed_names(names: Sequence[str], quotes: str = "“”", most: int = _MOST_LISTED) -> str:
    """`“a”, “b” and “c”`; of many the first ones and how many there are."""
    quoted = [f"{quotes[:1]}{name}{quotes[1:]}" for name in names]
    if len(quoted) > most:
        return f"{', '.join(quoted[: most - 1])}, … ({len(quoted):,})"
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def name_key(name: str) -> str:
    """What spellings of one name share: composition and capitals do not matter."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def matched_names(wanted: Sequence[str], known: Sequence[str]) -> dict[str, int]:
    """The places among the known names of those that are wanted and there.

    A name stands for itself, else for the only one that differs in capitals or composition.
    """
    exact = {name: place for place, name in enumerate(known)}
    repeated = {name for name, count in Counter(known).items() if count > 1}
    keys = Counter(map(name_key, known))
    loose = {name_key(name): place for place, name in enumerate(known)}
    found: dict[str, int] = {}
    for name in wanted:
        if name in exact and name not in repeated:
            found[name] = exact[name]
        elif name not in exact and keys[name_key(name)] == 1:
            found[name] = loose[name_key(name)]
    return found


def unrepeated(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once: what repeats gets the number of its class, `crane (134)`."""
    counts = Counter(names)
    taken = {name for name, count in counts.items() if count == 1}
    found = []
    for number, name in enumerate(names):
        told = name
        if counts[name] > 1:
            told = f"{name} ({number})"
            while told in taken:
                told += "′"
            taken.add(told)
        found.append(told)
    return tuple(found)


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
