"""The dialog of a new run: network and first weights, data, optimizer, augmentation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.arrays import Array
from backpropviz.engine.model import Model
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.run import Run
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.importers.datasets.load import Choices
from backpropviz.importers.datasets.one_image import ONE_IMAGE
from backpropviz.importers.datasets.sources import BUNDLED
from backpropviz.scene.theme import Theme
from backpropviz.storage.networks import bundled_networks, load_network
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.plain_text import plain_tip, plain_title
from backpropviz.ui.subject import Subject
from backpropviz.ui.training.augmentation_form import AugmentationForm
from backpropviz.ui.training.data_dialog import DataChoice, ask_data
from backpropviz.ui.training.data_loading import DataWish, preset_model
from backpropviz.ui.training.first_weights_form import FirstWeightsForm
from backpropviz.ui.training.form_parts import form_rows, form_title
from backpropviz.ui.training.hyperparameter_form import HyperparameterForm
from backpropviz.ui.training.new_run import (
    RunChoices,
    made_run,
    suggested_settings,
    suggested_source,
)

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
            parent.tr("Train a network"),
            parent.tr("The same seed gives the same run, bit for bit on this machine."),
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
        self._network, self._data = Chip(self.tr("Network")), Chip(self.tr("Data"))
        self._first = FirstWeightsForm()
        self._settings, self._augmentation = HyperparameterForm(), AugmentationForm()
        self._settings.refused.connect(self.say)
        for chip in (self._network, self._data):
            chip.hide_label()
            chip.use_theme(colors)
        self._settings.use_theme(colors)
        self._first.use_theme(colors)
        self._fill()
        grid = QGridLayout()
        grid.setHorizontalSpacing(40)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(form_title(self.tr("What learns")))
        left.addLayout(self._network_rows())
        left.addWidget(self._first)
        left.addSpacing(12)
        left.addWidget(form_title(self.tr("What it learns from")))
        left.addLayout(self._data_rows())
        left.addSpacing(12)
        left.addWidget(form_title(self.tr("Checks on purpose")))
        left.addLayout(self._check_buttons())
        left.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(form_title(self.tr("How it learns")))
        right.addWidget(self._settings)
        right.addSpacing(12)
        right.addWidget(form_title(self.tr("Images changed in every batch")))
        right.addWidget(self._augmentation)
        right.addStretch(1)
        grid.addLayout(left, 0, 0)
        grid.addLayout(right, 0, 1)
        self.body.addLayout(grid)
        self._buttons_below()

    def _buttons_below(self) -> None:
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._prepare = self.add_button(self.tr("Prepare only"))
        self._prepare.setToolTip(self.tr("Make the run and wait with its first update."))
        self._prepare.clicked.connect(self._make_only)
        self._start = self.add_button(self.tr("Start training"), is_primary=True)
        self._start.clicked.connect(self._make_and_start)

    def _network_rows(self) -> QFormLayout:
        rows = form_rows()
        rows.addRow(self.tr("Network"), self._network)
        return rows

    def _data_rows(self) -> QFormLayout:
        rows = form_rows()
        rows.addRow(self.tr("Data"), self._data)
        self._look = QPushButton(self.tr("Look at the data…"))
        self._look.setToolTip(self.tr("Its classes, samples, split and changes."))
        self._look.setFixedHeight(CONTROL_HEIGHT)
        self._look.setAutoDefault(False)
        self._look.clicked.connect(self._look_at_data)
        rows.addRow("", self._look)
        return rows

    def _check_buttons(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        self._overfit = QPushButton(self.tr("Overfit this image"))
        self._overfit.setToolTip(
            self.tr("A network that cannot learn even one image by heart has a fault.")
        )
        self._overfit.clicked.connect(self._use_one_image)
        tiny = QPushButton(self.tr("Train the 3×3 example to its target"))
        tiny.setToolTip(self.tr("Every number of every update can be checked in the head."))
        tiny.clicked.connect(self._use_example)
        for button in (self._overfit, tiny):
            button.setFixedHeight(CONTROL_HEIGHT)
            button.setAutoDefault(False)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return column

    def _fill(self) -> None:
        networks: list[QAction | None] = []
        if self._subject is not None:
            networks += [self._entry(self.tr("The open network"), "", self._use_open), None]
        for card in bundled_networks():
            title = f"{card.name}:  {card.title}"
            networks.append(self._entry(title, card.name, self._choose_network))
        networks += [None, self._entry(self.tr("Open a file…"), "", self._open_network)]
        self._network.fill(networks)
        sources = (*BUNDLED, ONE_IMAGE)
        data: list[QAction | None] = [
            self._entry(_DATA_TITLES[name], name, self._choose_source) for name in sources
        ]
        folder = self._entry(
            self.tr("A folder with a folder for each class…"), "", self._open_folder
        )
        file = self._entry(self.tr("An IDX or .npz file…"), "", self._open_data)
        self._data.fill([*data, None, folder, file])

    def _entry(self, title: str, value: str, slot: object) -> QAction:
        action = QAction(plain_title(title), self)
        action.setData(value)
        action.triggered.connect(slot)
        return action

    def _choose_network(self) -> None:
        self._use_network(_chosen(self.sender()))

    def _choose_source(self) -> None:
        self._use_source(_chosen(self.sender()))

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
            self, self.tr("Open a network"), _folder(), self.tr("Networks (*.json *.bpv)")
        )
        if name:
            self._use_network(name)

    def _open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Open images by class"), _folder())
        if name:
            self._use_source(name)

    def _open_data(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Open data"), _folder())
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
        self._augmentation.show_amounts(found.augmentation)

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
        self.say(self.tr("Reading the data…"))
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


def _chosen(sender: object) -> str:
    return str(sender.data()) if isinstance(sender, QAction) else ""


def _read_example(name: str, preprocessing: Preprocessing) -> Array:
    from backpropviz.importers.fit import prepare
    from backpropviz.importers.images import open_picture

    return prepare(open_picture(name), preprocessing).array


def _folder() -> str:
    return str(QSettings().value("folder/open", ""))
