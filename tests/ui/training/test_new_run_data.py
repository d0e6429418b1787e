"""Data that were looked at go into the run as they were chosen, with the network that fits them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.model import Model
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Augmentation
from backpropviz.files.data.load import ONE_IMAGE, Choices
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.training import new_run as new_run_dialog
from backpropviz.ui.training.data import DataChoice, DataWish, loaded
from backpropviz.ui.training.new_run import NewRunDialog
from tests.importers.datasets.data_files import write_folder

LONG_MS = 30_000


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[NewRunDialog]:
    """The dialog of a new run, with LeNet in it."""
    parent = QWidget()
    made = NewRunDialog(parent, LIGHT, None)
    yield made
    made.done(0)
    made.deleteLater()
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def answer(
    monkeypatch: pytest.MonkeyPatch, source: Path, choices: Choices, preset: str
) -> list[DataWish]:
    """Let the person take these data; what the dialog was opened with is listed."""
    asked = []

    def ask(
        parent: QWidget, model: Model, colors: Theme, wish: DataWish, changes: Augmentation
    ) -> DataChoice:
        asked.append(wish)
        found = loaded(DataWish(str(source), choices), model, lambda _: None, lambda: False)
        turned = Augmentation(rotation_deg=10)
        return DataChoice(
            found.wish, found.dataset_for(preset), turned, found.reading.steps, preset
        )

    monkeypatch.setattr(new_run_dialog, "ask_data", ask)
    return asked


def made_by(dialog: NewRunDialog, qtbot: QtBot) -> Run:
    """The run that follows from what is chosen."""
    with qtbot.waitSignal(dialog._worker.answered, timeout=LONG_MS):
        dialog._prepare.click()
    assert dialog.run is not None
    return dialog.run


def test_split_and_changes_are_the_run_s(
    dialog: NewRunDialog, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path / "pets", each=10)
    asked = answer(monkeypatch, root, Choices(held_out=0.5, normalize=True), "")
    dialog._look.click()
    assert asked == [DataWish("mnist")]
    run = made_by(dialog, qtbot)
    assert run.dataset.title == "pets"
    assert len(run.dataset.training) == 10
    assert run.augmentation == Augmentation(rotation_deg=10)
    assert run.model.preprocessing.std == run.dataset.preprocessing.std != ()
    assert run.model.class_names[:2] == ("cats", "dogs")


def test_a_preset_for_the_data_is_what_learns(
    dialog: NewRunDialog, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = tuple(f"kind {number}" for number in range(12))
    answer(monkeypatch, write_folder(tmp_path / "kinds", classes), Choices(), "mlp")
    dialog._look.click()
    run = made_by(dialog, qtbot)
    assert run.network.name == "mlp"
    assert run.network.shapes[run.network.output] == (12,)
    assert (
        run.model.class_names
        == run.dataset.class_names
        == tuple(f"kind {number}" for number in range(12))
    )


def test_one_image_is_nothing_to_look_at(dialog: NewRunDialog) -> None:
    dialog._use_source(ONE_IMAGE)
    assert not dialog._look.isEnabled()
    dialog._use_source("mnist")
    assert dialog._look.isEnabled()
