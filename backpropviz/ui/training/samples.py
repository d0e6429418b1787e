"""Samples of a data set: which part, drawn anew, as they are or as augmented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Final

import numpy as np
from PySide6.QtWidgets import (
    QWidget,
)

from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples
from backpropviz.figures.training.answers import (
    ClassCount,
    SampleViews,
    sample_sheet,
    sheet_capacity,
)
from backpropviz.files.data.catalog import class_counts, classes_of
from backpropviz.files.data.load import (
    Choices,
    DataReading,
    NetworkMismatchError,
    fitting_presets,
    read_dataset,
)
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import PANEL_TITLE, Theme
from backpropviz.ui import boxes
from backpropviz.ui.controls import CONTROL_HEIGHT, Segmented
from backpropviz.ui.scene_view import SceneView


@frozen
class DataWish:
    """A source by name or path, and how it is split, limited and normalized."""

    source: str
    choices: Choices = field(default_factory=Choices)


@frozen(eq=False)
class Loaded:
    """What was read; `mismatch` says where the network cannot learn it, and which presets could."""

    wish: DataWish
    reading: DataReading
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


_TRAINING: Final = "training"
_HELD_OUT: Final = "held out"
_VERSIONS: Final = 7


class SamplePane(QWidget):
    """Pictures as the network gets them; augmentation changes those to train on alone."""

    def __init__(self, colors: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = colors
        self._dataset: Dataset | None = None
        self._augmentation = Augmentation()
        self._seed = 0
        title = boxes.words("Samples, as the network gets them", PANEL_TITLE)
        self._part = Segmented("Part of the data")
        self._part.set_choices([("To train on", _TRAINING, ""), ("Held out", _HELD_OUT, "")])
        self._part.set_value(_TRAINING, (_TRAINING,))
        self._part.chosen.connect(self.draw)
        self.again = boxes.button("Shuffle again", height=CONTROL_HEIGHT)
        self.again.setToolTip("Show other samples, or other changes of them.")
        self.again.clicked.connect(self._shuffle)
        self.canvas = SceneView()
        self.canvas.setAccessibleName("Samples")
        self.canvas.resized.connect(self.draw)
        head = boxes.row(title, None, self._part, self.again, gap=8)
        boxes.column(head, (self.canvas, 1), gap=6, margins=boxes.BARE, owner=self)

    def show_dataset(self, dataset: Dataset) -> None:
        """Show samples of another data set."""
        self._dataset = dataset
        possible = (_TRAINING,) if dataset.validation is None else (_TRAINING, _HELD_OUT)
        value = self._part.value if self._part.value in possible else _TRAINING
        self._part.set_value(value, possible)
        self.draw()

    def clear(self) -> None:
        self._dataset = None
        self._part.set_value(_TRAINING, (_TRAINING,))
        self.canvas.show_scene(Scene(1, 1, self._colors.stage), self._colors)

    def show_augmentation(self, augmentation: Augmentation) -> None:
        """Change the samples to train on in another way."""
        if augmentation != self._augmentation:
            self._augmentation = augmentation
            self.draw()

    def _shuffle(self) -> None:
        self._seed += 1
        self.draw()

    def draw(self) -> None:
        """Draw what the room takes."""
        data = self._dataset
        if data is None:
            return
        is_held_out = self._part.value == _HELD_OUT and data.validation is not None
        samples = data.validation if is_held_out and data.validation else data.training
        changes = Augmentation() if is_held_out else self._augmentation
        size = self.canvas.viewport().size()
        room = float(size.width()), float(size.height())
        versions = 0 if changes.is_none else _VERSIONS
        capacity = sheet_capacity(*room, versions=versions)
        views = sample_views(data, samples, changes, capacity, self._seed)
        self.canvas.show_scene(
            sample_sheet(views, data.preprocessing, room, self._colors), self._colors
        )
