"""Data as a person wishes it, read beside the window. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.presets import PRESETS, preset
from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.figures.training.class_counts import ClassCount
from backpropviz.figures.training.sample_sheet import SampleViews
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.load import Choices, Reading, read_dataset
from backpropviz.importers.datasets.statistics import class_counts, classes_of
from backpropviz.importers.datasets.targets import NetworkMismatchError, fitting_presets


@frozen
class DataWish:
    """A source by name or path, and how it is split, limited and normalized."""

    source: str
    choices: Choices = field(default_factory=Choices)


@frozen(eq=False)
class Loaded:
    """What was read; `mismatch` says where the network cannot learn it, and which presets could."""

    wish: DataWish
    reading: Reading
    mismatch: NetworkMismatchError | None = None

    @property
    def dataset(self) -> Dataset:
        """The data set, for the network that is open or, where that does not fit, for any."""
        return self.reading.dataset

    @property
    def presets(self) -> tuple[str, ...]:
        """Networks with an output for each class, where the open one has more or fewer."""
        if self.mismatch is not None:
            return self.mismatch.presets
        if self.dataset.training.targets.ndim > 1:
            return ()
        if self.reading.classes == len(self.dataset.class_names):
            return ()
        return fitting_presets(self.dataset.training.images.shape[1:], self.reading.classes)

    def dataset_for(self, preset: str) -> Dataset:
        """The data set for one of the presets, or for the open network."""
        if not preset:
            return self.dataset
        return self.reading.alone()


def loaded(
    wish: DataWish, model: Model, progress: Callable[[int], None], stop: Callable[[], bool]
) -> Loaded:
    """Read what is wished for; `progress` is told each further percent. For a worker's thread.

    Raises:
        UserError: the source cannot be used.
    """
    tell = _by_percent(progress)
    try:
        reading = read_dataset(
            wish.source,
            model.network,
            model.preprocessing,
            wish.choices,
            class_names=model.class_names,
            progress=tell,
            stop=stop,
        )
    except NetworkMismatchError as mismatch:
        alone = read_dataset(
            wish.source, None, model.preprocessing, wish.choices, progress=tell, stop=stop
        )
        return Loaded(wish, alone, mismatch)
    return Loaded(wish, reading)


def preset_model(name: str, dataset: Dataset) -> Model:
    """A preset with fresh weights and an output for each class of the data."""
    shape = dataset.training.images.shape[1:]
    network = preset(name, shape, len(dataset.class_names))
    return Model(
        title=f"{PRESETS[name].title} for {dataset.title}",
        network=network,
        parameters=initialize(network),
        preprocessing=dataset.preprocessing,
        class_names=dataset.class_names,
        optimizer=Sgd(0.02, 0.9),
    )


def _by_percent(progress: Callable[[int], None]) -> Callable[[int, int], None]:
    last = -1

    def tell(done: int, count: int) -> None:
        nonlocal last
        percent = 100 * done // count
        if percent != last:
            last = percent
            progress(percent)

    return tell


def counts_of(dataset: Dataset) -> tuple[ClassCount, ...]:
    """The samples of each class; nothing for a regression."""
    names = dataset.class_names
    if not names:
        return ()
    trained, held = (
        class_counts(part, len(names)) for part in (dataset.training, dataset.validation)
    )
    return tuple(map(ClassCount, names, trained, held))


def sample_views(
    dataset: Dataset, samples: Samples, augmentation: Augmentation, room: tuple[int, int], seed: int
) -> tuple[SampleViews, ...]:
    """Some samples drawn by a seed, each with changed versions: `room` = (samples, versions)."""
    count, versions = room
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(samples))[:count]
    images = samples.images[chosen]
    changed = [augmentation(images, random) for _ in range(versions)]
    return tuple(
        SampleViews(
            _label(dataset, samples, number),
            samples.names[number],
            (images[place], *(version[place] for version in changed)),
        )
        for place, number in enumerate(chosen.tolist())
    )


def _label(dataset: Dataset, samples: Samples, number: int) -> str:
    if dataset.class_names:
        return dataset.class_names[int(classes_of(samples.targets[number : number + 1])[0])]
    return ", ".join(f"{value + 0.0:.3g}" for value in samples.targets[number].reshape(-1).tolist())
