"""The data of a run: where from, how split, what the samples look like, what was passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

import numpy as np
from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples, Skipped
from backpropviz.errors import UserError
from backpropviz.figures.training.answers import (
    ClassCount,
    SampleViews,
    balance_words,
    class_counts_scene,
    sample_sheet,
    sheet_capacity,
)
from backpropviz.files.data.catalog import ReadingStoppedError, class_counts, classes_of
from backpropviz.files.data.load import (
    Choices,
    DataReading,
    NetworkMismatchError,
    fitting_presets,
    read_dataset,
)
from backpropviz.frozen import frozen
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LABEL, MONO, PANEL_TITLE, Theme
from backpropviz.ui import boxes
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import CONTROL_HEIGHT, PlainLabel, Segmented
from backpropviz.ui.dialog import FramedDialog
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.settings import SettingsForm, form_title


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


_HEIGHT = 92


class SkippedList(QWidget):
    """Hidden while nothing was passed over."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = boxes.words("", PANEL_TITLE)
        self.copy = boxes.button("Copy the list", self._copy_all, height=CONTROL_HEIGHT)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setFont(qfont(MONO))
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setFixedHeight(_HEIGHT)
        self._text.setAccessibleName("Passed over")
        row = boxes.row(self._title, None, self.copy)
        boxes.column(row, self._text, gap=8, margins=boxes.BARE, owner=self)
        self.hide()

    @property
    def text(self) -> str:
        """A line a file."""
        return self._text.toPlainText()

    def show_skipped(self, skipped: tuple[Skipped, ...]) -> None:
        count = len(skipped)
        self.setVisible(count > 0)
        self._title.setText("1 file passed over" if count == 1 else f"{count:,} files passed over")
        self._text.setPlainText("\n".join(f"{s.name}  {s.reason}" for s in skipped))

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self.text)


_FOLDER, _FILE = "folder", "file"
_LEFT_WIDTH: Final = 448
_COUNTS_HEIGHT: Final = 120


@frozen(eq=False)
class DataChoice:
    """What the person takes; `preset` names the network for it where the open one does not fit."""

    wish: DataWish
    dataset: Dataset
    augmentation: Augmentation
    steps: tuple[str, ...]
    preset: str = ""


class _Progress(QObject):
    """Carries progress from the worker's thread to the dialog's."""

    advanced = Signal(int)


class DataDialog(FramedDialog):
    """Reads beside the window as soon as something is chosen; a new choice stops the reading."""

    def __init__(
        self,
        parent: QWidget,
        model: Model,
        colors: Theme,
        wish: DataWish,
        augmentation: Augmentation,
    ) -> None:
        super().__init__(parent, "Data to train on", " ")
        self._model, self._colors, self._wish = model, colors, wish
        self._loaded: Loaded | None = None
        self._stop = Event()
        self._progress = _Progress(self)
        self._worker = Background(self)
        self._worker.answered.connect(self._take)
        self._worker.failed.connect(self._refuse)
        self.setAcceptDrops(True)
        self._make_controls(augmentation)
        self._show_source(wish.source)
        self._lay_out()
        self._progress.advanced.connect(self._bar.setValue)
        self._read(wish)

    @property
    def choice(self) -> DataChoice | None:
        """What would be taken now; None while nothing is read."""
        if self._loaded is None:
            return None
        found, preset = self._loaded, str(self._presets.value or "")
        return DataChoice(
            found.wish,
            found.dataset_for(preset),
            self._augmentation.typed(),
            found.reading.steps,
            preset,
        )

    def _make_controls(self, augmentation: Augmentation) -> None:
        self._source = Segmented("Source")
        self._source.set_choices(
            [
                ("MNIST", "mnist", "2,000 handwritten digits of 28×28 pixels"),
                ("8×8", "digits", "1,797 handwritten digits of 8×8 pixels"),
                ("Photos", "photos", "Crops of five photos: which one is it?"),
                ("Folder…", _FOLDER, "A folder with a folder for each class"),
                ("File…", _FILE, "An IDX file such as MNIST's, or an .npz file"),
            ]
        )
        self._source.chosen.connect(self._choose_source)
        self._fields = SettingsForm(self._wish.choices, 72)
        self._fields.changed.connect(self._follow_fields)
        self._augmentation = SettingsForm(augmentation, 104)
        self._augmentation.changed.connect(self._follow_augmentation)
        self._counts = SceneView()
        self._counts.setAccessibleName("Samples of each class")
        self._counts.setMinimumHeight(_COUNTS_HEIGHT)
        self._counts.resized.connect(self._draw_counts)
        self._counts.show_scene(Scene(1, 1, self._colors.panel), self._colors)
        self._balance, self._steps = (
            boxes.words("", LABEL, "Note", wraps=True, is_selectable=True) for _ in range(2)
        )
        self._samples = SamplePane(self._colors)
        self._samples.show_augmentation(augmentation)
        self._presets = Segmented("A network that fits")
        self._presets.chosen.connect(self._follow_preset)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._skipped = SkippedList()

    def _lay_out(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(28)
        left = QWidget()
        left.setFixedWidth(_LEFT_WIDTH)
        left.setLayout(self._left_column())
        columns.addWidget(left)
        columns.addLayout(self._right_column(), 1)
        self._preset_row = QWidget()
        row = boxes.row(gap=8, margins=boxes.BARE, owner=self._preset_row)
        self._preset_words = PlainLabel()
        row.addWidget(self._preset_words)
        row.addWidget(self._presets)
        row.addStretch(1)
        self._preset_row.hide()
        self.body.addWidget(self._preset_row)
        self.body.addLayout(columns, 1)
        self.body.addWidget(self._bar)
        self.add_button("Cancel").clicked.connect(self.reject)
        self._use = self.add_button("Use", is_primary=True)
        self._use.clicked.connect(self._accept)
        self.resize(1160, 700)
        self._source.button(self._source.value or _FILE).setFocus()

    def _left_column(self) -> QVBoxLayout:
        column = boxes.column((self._source, Qt.AlignmentFlag.AlignLeft), gap=8, margins=boxes.BARE)
        hint = boxes.words(
            "A folder or a file can be dropped here as well.",
            LABEL,
            "Note",
            wraps=True,
            is_selectable=True,
        )
        column.addWidget(hint)
        column.addWidget(form_title("Samples of each class, + held out"))
        column.addWidget(self._counts, 1)
        column.addWidget(self._balance)
        forms = QHBoxLayout()
        forms.setSpacing(24)
        for title, fields in (
            ("Split", self._fields),
            ("Changed in every batch", self._augmentation),
        ):
            part = boxes.column(form_title(title), fields, None, gap=6)
            forms.addLayout(part)
        column.addLayout(forms)
        return column

    def _right_column(self) -> QVBoxLayout:
        return boxes.column(
            (self._samples, 1),
            form_title("How the data were read"),
            self._steps,
            self._skipped,
            gap=8,
        )

    def _choose_source(self, value: object) -> None:
        if value not in {_FOLDER, _FILE}:
            self.read_source(str(value))
            return
        folder = str(QSettings().value("folder/data", ""))
        if value == _FOLDER:
            title = "A folder with a folder for each class"
            name = QFileDialog.getExistingDirectory(self, title, folder)
        else:
            name, _ = QFileDialog.getOpenFileName(self, "An IDX or .npz file", folder)
        if name:
            QSettings().setValue("folder/data", str(Path(name).parent))
            self.read_source(name)
        else:
            self._show_source(self._wish.source)

    def read_source(self, source: str) -> None:
        """Read other data with what the fields say."""
        try:
            self._read(DataWish(source, self._fields.typed()))
        except UserError as error:
            self.say(str(error))

    def _follow_fields(self) -> None:
        try:
            choices = self._fields.typed()
        except UserError as error:
            self._stand_still(str(error))
            return
        if choices != self._wish.choices or self._loaded is None:
            self._read(DataWish(self._wish.source, choices))

    def _follow_augmentation(self) -> None:
        try:
            self._samples.show_augmentation(self._augmentation.typed())
        except UserError as error:
            self.say(str(error))
            return
        if self._loaded is not None:
            self._tell(self._loaded)

    def _read(self, wish: DataWish) -> None:
        self._stop.set()
        self._stop, self._wish, self._loaded = Event(), wish, None
        self._show_source(wish.source)
        self._use.setEnabled(False)
        self._bar.setValue(0)
        self._bar.show()
        self.say(f"Reading {Path(wish.source).name}…")
        told = self._progress.advanced.emit
        self._worker.run(partial(loaded, wish, self._model, told, self._stop.is_set))

    def _show_source(self, source: str) -> None:
        own = _FOLDER if Path(source).is_dir() else _FILE
        bundled = source in {"mnist", "digits", "photos"}
        self._source.set_value(source if bundled else own)

    def _take(self, answer: Loaded) -> None:
        self._loaded = answer
        self._bar.hide()
        self._samples.show_dataset(answer.dataset)
        self._draw_counts()
        balance = balance_words(counts_of(answer.dataset))
        self._balance.setText(balance)
        self._balance.setVisible(bool(balance))
        lines = (f"{n}. {step}" for n, step in enumerate(answer.reading.steps, start=1))
        self._steps.setText("\n".join(lines))
        self._skipped.show_skipped(answer.dataset.skipped)
        self._offer(answer)
        self._tell(answer)

    def _offer(self, answer: Loaded) -> None:
        """Networks for just these classes; the open one stays chosen where it can learn them."""
        offers = [(PRESETS[name].title, name, "") for name in answer.presets]
        if answer.mismatch is None:
            outputs = len(answer.dataset.class_names)
            keep = f"the open one, {outputs} outputs"
            offers.insert(0, (keep, "", ""))
        self._presets.set_choices(offers)
        self._presets.set_value("" if answer.mismatch is None else None)
        self._preset_row.setVisible(bool(answer.presets))
        self._preset_words.setText(f"Network for {answer.reading.classes} classes")

    def _tell(self, answer: Loaded) -> None:
        """The sentence at the top, and whether this can be used."""
        is_fitting = answer.mismatch is None or bool(self._presets.value)
        self._use.setEnabled(is_fitting)
        self.say(answer.dataset.title if is_fitting else str(answer.mismatch))

    def _follow_preset(self) -> None:
        if self._loaded is not None:
            self._tell(self._loaded)

    def _draw_counts(self) -> None:
        if self._loaded is None:
            return
        counts = counts_of(self._loaded.dataset)
        width = self._counts.viewport().width()
        self._counts.show_scene(class_counts_scene(counts, width, self._colors), self._colors)

    def _refuse(self, error: BaseException) -> None:
        if not isinstance(error, ReadingStoppedError):
            self._stand_still(sentence(error))

    def _stand_still(self, words: str) -> None:
        """Nothing is read, so nothing that was read before is shown."""
        self._loaded = None
        self._samples.clear()
        self._counts.show_scene(Scene(1, 1, self._colors.panel), self._colors)
        self._skipped.show_skipped(())
        self._preset_row.hide()
        self._balance.hide()
        self._steps.clear()
        self._bar.hide()
        self._use.setEnabled(False)
        self.say(words)

    def _accept(self) -> None:
        try:
            self._augmentation.typed()
        except UserError as error:
            self.say(str(error))
            return
        if self._loaded is not None:
            self.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.read_source(files[0])

    def done(self, result: int) -> None:
        """Close, once the worker is free."""
        self._stop.set()
        self._worker.stop()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._stop.set()
        self._worker.stop()
        super().closeEvent(event)


def ask_data(
    parent: QWidget,
    model: Model,
    colors: Theme,
    wish: DataWish,
    augmentation: Augmentation | None = None,
) -> DataChoice | None:
    """What the person takes to train on; None where they dismiss the dialog."""
    dialog = DataDialog(parent, model, colors, wish, augmentation or Augmentation())
    return dialog.ask_for(lambda: dialog.choice)
