"""The dialog of a new run: network and first weights, data, optimizer, augmentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.initialize import DEFAULT_SCHEME, INITIALIZATIONS, WRONG
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.training.run import INITIAL, Hyperparameters, Initial, Run
from backpropviz.engine.value import Array
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.files.data.load import BUNDLED, ONE_IMAGE, Choices
from backpropviz.files.networks import bundled_networks, load_network
from backpropviz.scene.theme import Theme
from backpropviz.ui import boxes
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, PlainLabel, plain_tip, plain_title
from backpropviz.ui.dialog import FramedDialog
from backpropviz.ui.forms import ChoiceChip, Fields, follow_rows
from backpropviz.ui.opened import Subject
from backpropviz.ui.training.controller import RunState
from backpropviz.ui.training.data import DataChoice, DataWish, ask_data, preset_model
from backpropviz.ui.training.settings import (
    UNCHANGED,
    HyperparameterForm,
    RunChoices,
    SettingsForm,
    form_rows,
    form_title,
    made_run,
    suggested_settings,
    suggested_source,
)

_FRESH, _OWN = "fresh", "own"
_FIELD_WIDTH, _NOTE_WIDTH = 104, 260


class FirstWeightsForm(QWidget):
    """What is chosen becomes an `Initial`; a beginning wrong on purpose says what it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields = Fields(INITIAL, ["from_weights", "seed", "float_bits"], width=_FIELD_WIDTH)
        self.fields.given.connect(self._follow)
        self._scheme, self._note = ChoiceChip("Initialization"), PlainLabel()
        self._scheme.set_choices(_schemes())
        self._scheme.chosen.connect(self.use_scheme)
        self._note.setObjectName("Note")
        self._note.setWordWrap(True)
        self._note.setFixedWidth(_NOTE_WIDTH)
        rows = form_rows()
        self.setLayout(rows)
        self.fields.add_to(rows)
        rows.insertRow(1, "Initialization", self._scheme)
        rows.insertRow(2, "", self._note)
        follow_rows(rows)
        self.use_scheme(DEFAULT_SCHEME)

    def use_own(self, is_own: bool) -> None:
        """Begin with the network's own weights, or with fresh ones."""
        self.fields.show_value("from_weights", is_own)
        self._follow()

    def _follow(self) -> None:
        self._scheme.setEnabled(not self.fields.value("from_weights"))

    def use_scheme(self, name: str) -> None:
        """Draw fresh weights in this way."""
        self._name = name
        self._scheme.show_value(_title(name))
        wrong = WRONG.get(name)
        self._note.setText("" if wrong is None else wrong.seen)
        self._note.setVisible(wrong is not None)

    def typed(self) -> Initial:
        """What is chosen now.

        Raises:
            UserError: the seed cannot be used.
        """
        return Initial(scheme=self._name, **self.fields.values())

    def use_theme(self, colors: Theme) -> None:
        self._scheme.use_theme(colors)


def _schemes() -> list[tuple[str, str, str] | None]:
    """All ways to draw weights, a line before those that are wrong on purpose."""
    known = list(INITIALIZATIONS)
    right = known.index(next(iter(WRONG)))
    entries = [(name, _title(name), "") for name in known]
    return [*entries[:right], None, *entries[right:]]


def _title(name: str) -> str:
    if name in WRONG:
        return f"Wrong on purpose: {WRONG[name].title.lower()}"
    return name.replace("_", " ").capitalize()


_DATA_TITLES: Final = {
    "mnist": "MNIST, 2,000 digits",
    "digits": "Digits of 8×8 pixels",
    "photos": "Crops of five photos",
    ONE_IMAGE: "One image, on purpose",
}


class NewRunDialog(FramedDialog):
    """`run` is made beside the window once the person agrees; `starts` says whether to begin."""

    def __init__(self, parent: QWidget, colors: Theme, subject: Subject | None) -> None:
        super().__init__(
            parent,
            "Train a network",
            "The same seed gives the same run, bit for bit on this machine.",
        )
        self.run: Run | None = None
        self.starts = False
        self._subject, self._colors = subject, colors
        self._data_choices = Choices()
        self._worker = Background(self)
        self._worker.answered.connect(self._take)
        self._worker.failed.connect(self._refuse)
        self._build(colors)
        if subject is not None:
            self._use_open()
        else:
            self._use_network("lenet")

    def _build(self, colors: Theme) -> None:
        self._network, self._data = Chip("Network"), Chip("Data")
        self._first = FirstWeightsForm()
        self._settings, self._augmentation = HyperparameterForm(), SettingsForm(UNCHANGED, 104)
        self._settings.refused.connect(self.say)
        for chip in (self._network, self._data):
            chip.hide_label()
            chip.use_theme(colors)
        self._settings.use_theme(colors)
        self._first.use_theme(colors)
        self._fill()
        network = form_rows()
        network.addRow("Network", self._network)
        grid = QGridLayout()
        grid.setHorizontalSpacing(40)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        left = boxes.column(
            form_title("What learns"),
            network,
            self._first,
            12,
            form_title("What it learns from"),
            self._data_rows(),
            12,
            form_title("Checks on purpose"),
            self._check_buttons(),
            None,
            gap=8,
        )
        right = boxes.column(
            form_title("How it learns"),
            self._settings,
            12,
            form_title("Images changed in every batch"),
            self._augmentation,
            None,
            gap=8,
        )
        grid.addLayout(left, 0, 0)
        grid.addLayout(right, 0, 1)
        self.body.addLayout(grid)
        self._buttons_below()

    def _buttons_below(self) -> None:
        self.add_button("Cancel").clicked.connect(self.reject)
        self._prepare = self.add_button("Prepare only")
        self._prepare.setToolTip("Make the run and wait with its first update.")
        self._prepare.clicked.connect(self._make_only)
        self._start = self.add_button("Start training", is_primary=True)
        self._start.clicked.connect(self._make_and_start)

    def _data_rows(self) -> QFormLayout:
        rows = form_rows()
        rows.addRow("Data", self._data)
        self._look = QPushButton("Look at the data…")
        self._look.setToolTip("Its classes, samples, split and changes.")
        self._look.setFixedHeight(CONTROL_HEIGHT)
        self._look.setAutoDefault(False)
        self._look.clicked.connect(self._look_at_data)
        rows.addRow("", self._look)
        return rows

    def _check_buttons(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        self._overfit = QPushButton("Overfit this image")
        self._overfit.setToolTip("A network that cannot learn even one image by heart has a fault.")
        self._overfit.clicked.connect(self._use_one_image)
        tiny = QPushButton("Train the 3×3 example to its target")
        tiny.setToolTip("Every number of every update can be checked in the head.")
        tiny.clicked.connect(self._use_example)
        for button in (self._overfit, tiny):
            button.setFixedHeight(CONTROL_HEIGHT)
            button.setAutoDefault(False)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return column

    def _fill(self) -> None:
        networks: list[QAction | None] = []
        if self._subject is not None:
            networks += [self._entry("The open network", self._use_open), None]
        for card in bundled_networks():
            title = f"{card.name}:  {card.title}"
            networks.append(boxes.entry(title, self, self._use_network, card.name))
        networks += [None, self._entry("Open a file…", self._open_network)]
        self._network.fill(networks)
        sources = (*BUNDLED, ONE_IMAGE)
        data: list[QAction | None] = [
            boxes.entry(_DATA_TITLES[name], self, self._use_source, name) for name in sources
        ]
        folder = self._entry("A folder with a folder for each class…", self._open_folder)
        file = self._entry("An IDX or .npz file…", self._open_data)
        self._data.fill([*data, None, folder, file])

    def _entry(self, title: str, pressed: Callable[[], object]) -> QAction:
        action = QAction(plain_title(title), self)
        action.triggered.connect(pressed)
        return action

    def use_model(self, model: Model) -> None:
        """Train a network that was never a file, from the weights that it brings."""
        self._model = model
        self._show_network(model.title)
        self._first.use_own(True)
        self._use_source(suggested_source(model))

    def _use_open(self) -> None:
        if self._subject is not None:
            self._show_network(self._subject.network)
            self._model = self._subject.model
            self._use_source(suggested_source(self._model))

    def _use_network(self, name: str) -> None:
        try:
            self._model = load_network(name, _read_example)
        except BackpropVizError as error:
            self.say(str(error))
            return
        self._show_network(name)
        self._use_source(suggested_source(self._model))

    def _show_network(self, name: str) -> None:
        self._network_name = name
        self._network.show_value(Path(name).stem)

    def _use_source(self, source: str) -> None:
        self._source = source
        self._data.show_value(_DATA_TITLES.get(source, Path(source).name))
        self._data.setToolTip(plain_tip(source))
        self._look.setEnabled(source != ONE_IMAGE)
        self._settings.show_settings(suggested_settings(source))

    def _use_one_image(self) -> None:
        self._use_source(ONE_IMAGE)

    def _use_example(self) -> None:
        self._use_network("tiny-max")
        self._first.use_own(True)

    def _open_network(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Open a network", _folder(), "Networks (*.json *.bpv)"
        )
        if name:
            self._use_network(name)

    def _open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open images by class", _folder())
        if name:
            self._use_source(name)

    def _open_data(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open data", _folder())
        if name:
            self._use_source(name)

    def _look_at_data(self) -> None:
        try:
            changes = self._augmentation.typed()
        except UserError as error:
            self.say(str(error))
            return
        wish = DataWish(self._source, self._data_choices)
        found = ask_data(self, self._model, self._colors, wish, changes)
        if found is not None:
            self._take_data(found)

    def _take_data(self, found: DataChoice) -> None:
        """Data that a preset learns better bring it along."""
        if found.preset:
            self._model = preset_model(found.preset, found.dataset)
            self._show_network(self._model.title)
            self._first.use_own(False)
        if found.wish.source != self._source:
            self._use_source(found.wish.source)
        self._data_choices = found.wish.choices
        self._augmentation.show_settings(found.augmentation)

    def choices(self) -> RunChoices:
        """What is chosen now.

        Raises:
            UserError: a field cannot be used; the sentence names it.
        """
        return RunChoices(
            self._network_name,
            self._model,
            self._source,
            self._settings.typed(),
            self._first.typed(),
            self._augmentation.typed(),
            self._data_choices,
            subject=self._subject,
        )

    def _make_only(self) -> None:
        self._make(starts=False)

    def _make_and_start(self) -> None:
        self._make(starts=True)

    def _make(self, *, starts: bool) -> None:
        try:
            choices = self.choices()
        except UserError as error:
            self.say(str(error))
            return
        self.starts = starts
        self._wait(is_busy=True)
        self.say("Reading the data…")
        self._worker.run(partial(made_run, choices))

    def _wait(self, *, is_busy: bool) -> None:
        for button in (self._start, self._prepare):
            button.setEnabled(not is_busy)

    def _take(self, run: Run) -> None:
        self.run = run
        self.accept()

    def _refuse(self, error: BaseException) -> None:
        self._wait(is_busy=False)
        self.say(sentence(error))

    def done(self, result: int) -> None:
        """Close, once the worker is free."""
        self._worker.stop()
        super().done(result)


def _read_example(name: str, preprocessing: Preprocessing) -> Array:
    from backpropviz.files.fit import prepare
    from backpropviz.files.pictures import open_picture

    return prepare(open_picture(name), preprocessing).array


def _folder() -> str:
    return str(QSettings().value("folder/open", ""))


_LONGEST_NAME = 200


class ForkDialog(FramedDialog):
    """Shows the settings that hold there, to be changed."""

    def __init__(self, parent: QWidget, run: RunState, colors: Theme) -> None:
        number = run.shown_iteration
        super().__init__(
            parent,
            f"Fork after update {number:,}",
            "The weights, the data and the seed stay; the other run stays as it is.",
        )
        self._name = QLineEdit(f"{run.run.title}, from {number:,}")
        self._name.setMinimumWidth(260)
        self._name.setMaxLength(_LONGEST_NAME)
        self._name.setAccessibleName("Name")
        self._form = HyperparameterForm()
        self._form.refused.connect(self.say)
        self._form.use_theme(colors)
        self._form.show_settings(run.run.course.at(number + 1))
        rows = QFormLayout()
        rows.addRow("Name", self._name)
        self.body.addLayout(rows)
        self.body.addWidget(self._form)
        self.add_button("Cancel").clicked.connect(self.reject)
        self.add_button("Fork", is_primary=True).clicked.connect(self._accept)

    @property
    def title(self) -> str:
        """The name of the new run."""
        return self._name.text().strip()

    @property
    def settings(self) -> Hyperparameters | None:
        return self._form.shown

    def _accept(self) -> None:
        try:
            self._form.show_settings(self._form.typed())
        except UserError as error:
            self.say(str(error))
            return
        self.accept()


def ask_fork(parent: QWidget, run: RunState, colors: Theme) -> tuple[str, Hyperparameters] | None:
    """Name and settings of the fork; None where the person dismisses the dialog."""
    dialog = ForkDialog(parent, run, colors)
    title, settings = dialog.ask_for(lambda: (dialog.title, dialog.settings)) or ("", None)
    return None if settings is None else (title, settings)
