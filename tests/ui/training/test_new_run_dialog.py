"""What a person chooses in the dialog of a new run is what the run is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.update import Cosine
from backpropviz.errors import UserError
from backpropviz.scene.theme import DARK, LIGHT
from backpropviz.ui.controls import Segmented
from backpropviz.ui.training.new_run import NewRunDialog
from backpropviz.ui.training.settings import HyperparameterForm
from tests.ui.training.conftest import LONG_MS


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[NewRunDialog]:
    parent = QWidget()
    made = NewRunDialog(parent, LIGHT, None)
    yield made
    made.done(0)
    made.deleteLater()
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def made_by(dialog: NewRunDialog, qtbot: QtBot) -> Run:
    """The run, once its data are read."""
    with qtbot.waitSignal(dialog.accepted, timeout=LONG_MS):
        dialog._make_and_start()
    assert dialog.run is not None
    return dialog.run


def field(dialog: NewRunDialog, name: str) -> QLineEdit:
    """A field by its accessible name."""
    return next(f for f in dialog.findChildren(QLineEdit) if f.accessibleName() == name)


def type_into(edited: QLineEdit, text: str) -> None:
    """As a person types: the field is left afterwards."""
    edited.setText(text)
    edited.setModified(True)
    edited.editingFinished.emit()


def test_the_dialog_opens_with_lenet_on_the_digits(dialog: NewRunDialog, qtbot: QtBot) -> None:
    run = made_by(dialog, qtbot)
    assert dialog.starts
    assert run.network.name == "lenet"
    assert (len(run.dataset.training), run.dataset.validation is not None) == (1600, True)
    settings = run.course.at(1)
    assert (settings.optimizer, settings.batch_size) == (Sgd(0.02, 0.9), 32)
    assert "fresh weights" in run.origin


def test_numbers_and_seed_are_taken_as_typed(dialog: NewRunDialog, qtbot: QtBot) -> None:
    type_into(field(dialog, "Seed"), "17")
    type_into(field(dialog, "Learning rate"), "0.5")
    type_into(field(dialog, "Batch size"), "8")
    width = dialog._first.fields.controls["float_bits"]
    assert isinstance(width, Segmented)
    width.button(64).click()
    run = made_by(dialog, qtbot)
    assert (run.seed, run.dtype) == (17, np.dtype(np.float64))
    assert run.course.at(1).optimizer.learning_rate == 0.5
    assert run.course.at(1).batch_size == 8


@pytest.mark.parametrize("name", ["all_equal", "too_large", "too_small"])
def test_a_beginning_wrong_on_purpose_says_what_is_to_be_seen(
    dialog: NewRunDialog, qtbot: QtBot, name: str
) -> None:
    dialog._first.use_scheme(name)
    assert dialog._first._note.text()
    run = made_by(dialog, qtbot)
    weight = run.start.parameters["conv1"]["weight"]
    assert (np.unique(weight).size == 1) == (name == "all_equal")


def test_the_tiny_example_is_trained_to_its_target(dialog: NewRunDialog, qtbot: QtBot) -> None:
    dialog._use_example()
    run = made_by(dialog, qtbot)
    assert run.network.name == "tiny-max"
    assert len(run.dataset.training) == 1
    np.testing.assert_array_equal(
        run.start.parameters["conv1"]["weight"], dialog._model.parameters["conv1"]["weight"]
    )


def test_one_image_is_overfitted(dialog: NewRunDialog, qtbot: QtBot) -> None:
    dialog._use_one_image()
    run = made_by(dialog, qtbot)
    assert run.dataset.training.names == ("mnist:848",)
    assert run.course.at(1).batch_size == 1


def test_a_field_that_cannot_be_used_is_named_and_nothing_is_made(dialog: NewRunDialog) -> None:
    field(dialog, "Seed").setText("-1")
    dialog._make_and_start()
    assert "Seed = -1" in dialog.remark.text()
    field(dialog, "Seed").setText("0")
    type_into(field(dialog, "Batch size"), "many")
    assert "Batch size" in dialog.remark.text()
    dialog._make_and_start()
    assert dialog.run is None


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("Learning rate", "0,5", "Learning rate = 0,5 must be one number; its decimals stand"),
        ("Learning rate", "1e400", "must be a number"),
        ("Batch size", "9" * 25, "must be a whole number of samples"),
        ("Batch size", "0", "at least 1"),
        ("Seed", "9" * 25, "must be a whole number from 0 on"),
        ("Seed", "-1", "Seed = -1 must be a whole number from 0 on"),
        ("Seed", "x" * 9000, f"Seed = “{'x' * 30}…” is no number"),
    ],
)
def test_what_cannot_be_a_setting_is_told_in_short(
    dialog: NewRunDialog, name: str, text: str, sentence: str
) -> None:
    field(dialog, name).setText(text)
    with pytest.raises(UserError) as told:
        dialog.choices()
    assert sentence in str(told.value)
    assert len(str(told.value)) < 200


def test_another_optimizer_brings_its_own_fields(qtbot: QtBot) -> None:
    form = HyperparameterForm()
    qtbot.addWidget(form)
    form.use_theme(DARK)
    from backpropviz.ui.training.settings import suggested_settings

    form.show_settings(suggested_settings("mnist"))
    assert form.typed() == suggested_settings("mnist")
    form.show_settings(suggested_settings("photos"))
    assert isinstance(form.typed().optimizer, Adam)
    names = {f.accessibleName() for f in form.findChildren(QLineEdit) if not f.isHidden()}
    assert {"β₁, β₂", "ε"} <= names
    assert "Momentum" not in names


def test_a_schedule_is_typed_with_its_numbers(qtbot: QtBot) -> None:
    from dataclasses import replace

    from backpropviz.ui.training.settings import suggested_settings

    form, chosen = HyperparameterForm(), list[object]()
    qtbot.addWidget(form)
    form.chosen.connect(chosen.append)
    form.show_settings(replace(suggested_settings("mnist"), curve=Cosine(500)))
    updates = next(f for f in form.findChildren(QLineEdit) if f.accessibleName() == "over updates")
    type_into(updates, "80")
    assert form.typed().curve == Cosine(80)
    assert chosen == [form.shown]
