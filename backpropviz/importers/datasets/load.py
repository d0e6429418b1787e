"""A data set by its source: read, brought to a network's input, split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Catalog, Progress, Stop, wanted_by
from backpropviz.importers.datasets.class_mapping import ClassMapping, class_mapping
from backpropviz.importers.datasets.fitting import Fitted, fitted
from backpropviz.importers.datasets.sources import catalog_of
from backpropviz.importers.datasets.statistics import class_counts, classes_of, statistics
from backpropviz.importers.datasets.stratified import held_out_mask, stratified
from backpropviz.importers.datasets.targets import check_input, check_labels, targets_for
from backpropviz.importers.datasets.watch import Watch
from backpropviz.importers.datasets.wording import listed_names

HELD_OUT, SPLIT_SEED = 0.2, 0
"""What is held out where nobody says otherwise: of `mnist`, 400 of 2,000."""
_SMALLEST_STD = 1e-6
_MOST_COUNTED = 20


@frozen
class Choices:
    """What a person chooses about a set: the share held out, its seed, a limit, normalization.

    `limit`: read so many pictures at most, each class in its share. `normalize`: shift and scale
    each channel so that the training images have mean 0 and standard deviation 1.
    """

    held_out: float = HELD_OUT
    seed: int = SPLIT_SEED
    limit: int | None = None
    normalize: bool = False


@frozen(eq=False)
class Reading:
    """A data set and, in words and in order, how it was read, fitted, split and joined.

    `mapping` says which output each class of the data is; a network may have more outputs.
    """

    dataset: Dataset
    steps: tuple[str, ...]
    mapping: ClassMapping

    @property
    def classes(self) -> int:
        """How many classes the data have."""
        return len(self.mapping.classes)

    def lines(self) -> tuple[str, ...]:
        """All that was assumed, for a terminal: the set, each class with its samples, the steps."""
        data, classes = self.dataset, len(self.dataset.class_names)
        lines = [f"data: {data.title}"]
        if classes:
            trained = class_counts(data.training, classes)
            held = class_counts(data.validation, classes)
            counts = [
                f"{data.class_names[output]} ({trained[output]:,} + {held[output]:,})"
                for output in self.mapping.outputs
            ]
            told = listed_names(counts, "", _MOST_COUNTED)
            lines.append(f"  classes (samples to train on + held out): {told}")
        return (*lines, *(f"  {step}" for step in self.steps))

    def alone(self) -> Dataset:
        """The data set for a network that has an output for each of its classes and no more."""
        return replace(
            self.dataset,
            training=self._alone(self.dataset.training),
            validation=self.dataset.validation and self._alone(self.dataset.validation),
            class_names=self.mapping.classes,
        )

    def _alone(self, samples: Samples) -> Samples:
        return replace(samples, targets=self.mapping.unmapped(classes_of(samples.targets)))


DEFAULT_CHOICES = Choices()


def load_dataset(
    source: str | Path,
    network: Network | None,
    preprocessing: Preprocessing,
    *,
    held_out: float = HELD_OUT,
    seed: int = SPLIT_SEED,
    limit: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Dataset:
    """The data set that a source names, for a network.

    `source` is `mnist`, `digits`, `photos`, a folder with a folder of pictures for each class, an
    IDX file or a folder of these, or an `.npz` file. Without a network nothing is compared with it.
    `held_out`, `seed`, `limit`: as in `Choices`; the same ones give the same data set.

    Raises:
        UserError: the source cannot be used; NetworkMismatchError where only the network does not
            fit; ReadingStoppedError where `stop` said so.
    """
    choices = Choices(held_out, seed, limit)
    return read_dataset(
        source,
        network,
        preprocessing,
        choices,
        progress=progress,
        stop=stop,
    ).dataset


def read_dataset(
    source: str | Path,
    network: Network | None,
    preprocessing: Preprocessing,
    choices: Choices = DEFAULT_CHOICES,
    *,
    class_names: tuple[str, ...] = (),
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Reading:
    """As `load_dataset`, with all that was done in words.

    `class_names` are those of the network's outputs: classes of these names become these outputs.
    """
    watch = Watch(progress, stop)
    check_input(network, preprocessing)
    if choices.normalize:
        preprocessing = replace(preprocessing, mean=(), std=())
    wanted = wanted_by(network, preprocessing)
    try:
        catalog = catalog_of(source, wanted, choices.seed, choices.held_out, watch)
        check_labels(catalog.labels, catalog.class_names, network, preprocessing)
        chosen, limited = _limited(catalog, choices)
        found = fitted(catalog, chosen, preprocessing, watch)
    except MemoryError as error:
        raise UserError(
            f"{Path(source).name} needs more memory than is free: read fewer or smaller images."
        ) from error
    _check_variety(catalog, found)
    mapping = class_mapping(catalog.class_names, wanted, class_names)
    dataset, told = _split(catalog, found, mapping, network, preprocessing, choices)
    steps = (*catalog.remarks, *limited, *found.steps, *mapping.words, *told)
    reading = Reading(dataset, steps, mapping)
    return _normalized(reading) if choices.normalize else reading


def _limited(catalog: Catalog, choices: Choices) -> tuple[Array, tuple[str, ...]]:
    count, limit = len(catalog.names), choices.limit
    if limit is not None and limit < 1:
        raise UserError(f"A limit of {limit} images leaves none: use 1 or more.")
    if limit is None or limit >= count:
        return np.arange(count), ()
    chosen = np.flatnonzero(stratified(catalog.labels, limit, choices.seed))
    return chosen, (f"{limit:,} of {count:,} images, each class in its share",)


def _check_variety(catalog: Catalog, found: Fitted) -> None:
    labels = catalog.labels[found.numbers]
    if labels.ndim > 1 or (labels != labels[0]).any():
        return
    name, failed = catalog.class_names[int(labels[0])], len(found.skipped)
    passed = f" ({failed} pictures could not be used)" if failed else ""
    raise UserError(
        f"{catalog.title} holds one class only, “{name}”{passed}: there is nothing to tell apart; "
        "add another class."
    )


def _split(
    catalog: Catalog,
    found: Fitted,
    mapping: ClassMapping,
    network: Network | None,
    preprocessing: Preprocessing,
    choices: Choices,
) -> tuple[Dataset, tuple[str, ...]]:
    labels = catalog.labels[found.numbers]
    targets, told = targets_for(mapping.mapped(labels), network)
    names = tuple(catalog.names[number] for number in found.numbers.tolist())
    own = catalog.held_out
    if own is None:
        apart = held_out_mask(labels, choices.held_out, choices.seed)
    else:
        apart = own[found.numbers]
        if apart.all():
            raise UserError(
                f"{catalog.title} holds no image to train on that can be used: check those that "
                "were passed over."
            )
    training, validation = _parts(found.images, targets, names, apart)
    if own is not None and choices.held_out == 0:
        validation = None
    dataset = Dataset(
        title=catalog.title,
        source=catalog.source,
        training=training,
        validation=validation,
        class_names=mapping.names,
        preprocessing=preprocessing,
        skipped=catalog.skipped + found.skipped,
    )
    words = catalog.split_words[0 if validation else 1]
    manner = "" if own is not None else f" (each class in its share, seed {choices.seed})"
    return dataset, (
        *told,
        *((words,) if words else ()),
        *_sample_words(dataset, mapping),
        _count_words(dataset, manner),
    )


def _parts(
    images: Array, targets: Array, names: tuple[str, ...], apart: Array | None
) -> tuple[Samples, Samples | None]:
    if apart is None or not apart.any():
        return Samples(images, targets, names), None

    def part(mask: Array) -> Samples:
        chosen = np.flatnonzero(mask)
        return Samples(
            images[chosen], targets[chosen], tuple(names[number] for number in chosen.tolist())
        )

    return part(~apart), part(apart)


def _sample_words(dataset: Dataset, mapping: ClassMapping) -> tuple[str, ...]:
    """Classes of the data, and outputs beyond them, that nothing is trained on for."""
    if not mapping.classes:
        return ()
    found = set(np.unique(classes_of(dataset.training.targets)).tolist())
    lacking = [
        name
        for name, output in zip(mapping.classes, mapping.outputs, strict=True)
        if output not in found
    ]
    words = [f"no samples to train on: {listed_names(lacking)}"] if lacking else []
    count = len(mapping.classes)
    if len(mapping.names) > count:
        words.append(
            f"{count} classes for {len(mapping.names)} outputs: the others have no samples"
        )
    return tuple(words)


def _count_words(dataset: Dataset, manner: str) -> str:
    if dataset.validation is None:
        return f"{len(dataset.training):,} to train on, none held out"
    return f"{len(dataset.training):,} to train on, {len(dataset.validation):,} held out{manner}"


def _normalized(reading: Reading) -> Reading:
    """Mean and standard deviation are measured on the training images alone."""
    dataset = reading.dataset
    found = statistics(dataset.training.images)
    if min(found.std) < _SMALLEST_STD:
        raise UserError(
            f"{dataset.title}: a channel has the same value in every image, so it cannot be "
            "normalized: leave the images as they are."
        )
    mean, std = (np.array(v)[:, None, None] for v in (found.mean, found.std))

    def part(samples: Samples) -> Samples:
        return replace(samples, images=((samples.images - mean) / std).astype(np.float32))

    dataset = replace(
        dataset,
        training=part(dataset.training),
        validation=part(dataset.validation) if dataset.validation else None,
        preprocessing=replace(dataset.preprocessing, mean=found.mean, std=found.std),
    )
    words = ", ".join(
        f"(x − {m:.4g}) / {s:.4g}" for m, s in zip(found.mean, found.std, strict=True)
    )
    step = f"normalized {words}, as measured on the training images"
    return replace(reading, dataset=dataset, steps=(*reading.steps, step))
