"""From the window to the editor and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.model import Model
from backpropviz.ui import dialog
from backpropviz.ui.editor import end_forms as picture_dialog
from backpropviz.ui.editor.desk import EditorDesk
from backpropviz.ui.editor.end_forms import AskedPicture, PictureDialog
from backpropviz.ui.editor.window import NetworkEditor
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.recent import read_recent
from backpropviz.ui.training.new_run import NewRunDialog
from backpropviz.ui.training.settings import RunChoices
from tests.ui.conftest import Open

LONG_MS = 30_000


def desk_of(window: MainWindow) -> EditorDesk:
    assert window.workbench is not None
    return window.workbench.editor


def editor_of(window: MainWindow) -> NetworkEditor:
    editor = desk_of(window).editor
    assert editor is not None
    return editor


def test_a_new_network_begins_without_anything_open(window: MainWindow) -> None:
    window.actions_by_name["new_network"].trigger()
    editor = editor_of(window)
    assert editor.isVisible()
    assert editor.controller.draft.input_shape == (1, 28, 28)
    editor.layers.add_layer("relu")
    editor.close()
    assert desk_of(window).editor is None
    window.actions_by_name["new_network"].trigger()
    assert "relu5" in editor_of(window).controller.draft.names


def test_an_edited_network_is_opened_on_the_same_picture(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    subject = open_in("lenet").subject
    window.actions_by_name["edit_network"].trigger()
    editor = editor_of(window)
    editor.layers.remove_layer("relu4")
    assert window.workbench is not None
    controller = window.workbench.controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        editor.foot.open.click()
    assert controller.opened is not None
    opened = controller.opened
    assert "relu4" not in opened.view.tape.network.by_name
    assert opened.subject.image_name == subject.image_name
    assert opened.subject.network_title == "LeNet on handwritten digits, edited"
    assert desk_of(window).editor is None
    window.actions_by_name["edit_network"].trigger()
    assert editor_of(window).controller.history.undo_label == "remove relu4"
    editor_of(window).close()
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        window.actions_by_name["start_page"].trigger()
    assert read_recent() == ()


def test_a_network_without_an_example_asks_for_a_picture(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(_parent: object, _model: Model) -> AskedPicture:
        return AskedPicture("mnist:3", "")

    monkeypatch.setattr(picture_dialog, "ask_picture", ask)
    window.actions_by_name["new_network"].trigger()
    assert window.workbench is not None
    controller = window.workbench.controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        editor_of(window).foot.open.click()
    assert controller.opened is not None
    assert controller.opened.subject.image_name == "mnist:3"
    assert controller.opened.subject.network_title == "My network"


def test_training_begins_with_the_weights_that_were_drafted(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RunChoices] = []

    def look(dialog: NewRunDialog) -> int:
        asked.append(dialog.choices())
        return 0

    monkeypatch.setattr(NewRunDialog, "exec", look)
    window.actions_by_name["new_network"].trigger()
    with qtbot.waitSignal(desk_of(window).train_wanted, timeout=LONG_MS) as caught:
        editor_of(window).foot.train.click()
    (model,) = caught.args
    assert isinstance(model, Model)
    assert desk_of(window).editor is None
    (choices,) = asked
    assert choices.model is model
    assert choices.initial.from_weights


def test_the_editor_follows_the_theme(window: MainWindow) -> None:
    window.actions_by_name["new_network"].trigger()
    window.use_theme("dark")
    assert editor_of(window).colors.name == "dark"
    window.use_theme("light")


def test_wanted_numbers_are_checked(window: MainWindow, tmp_path: Path) -> None:
    window.actions_by_name["new_network"].trigger()
    controller = editor_of(window).controller
    editor_of(window).loss_form._change_kind("squared_error")
    model = controller.model(editor_of(window).foot.weights.start)
    dialog = PictureDialog(window, model)
    dialog.take("mnist:0")
    assert dialog.result() == 0
    assert "numbers" in dialog.remark.text()
    dialog.target.setText(",".join("0" * 10))
    dialog.take("mnist:0")
    assert dialog.asked == AskedPicture("mnist:0", "0,0,0,0,0,0,0,0,0,0")
    dialog.deleteLater()


@pytest.mark.parametrize("may_go", [False, True])
def test_another_network_does_not_replace_a_draft_unasked(
    window: MainWindow, open_in: Open, monkeypatch: pytest.MonkeyPatch, may_go: bool
) -> None:
    window.actions_by_name["new_network"].trigger()
    editor_of(window).layers.add_layer("relu")
    editor_of(window).close()
    draft = desk_of(window).unsaved
    assert draft is not None
    open_in("lenet")
    asked: list[str] = []

    def answer(_parent: QWidget, _heading: str, remark: str, _verbs: object) -> bool:
        asked.append(remark)
        return may_go

    monkeypatch.setattr(dialog, "ask_sure", answer)
    window.actions_by_name["edit_network"].trigger()
    assert len(asked) == 1
    assert f"“{draft.title}” is in no file" in asked[0]
    shown = editor_of(window).controller.draft
    assert (shown == draft) is not may_go
    window.actions_by_name["edit_network"].trigger()
    assert len(asked) == (1 if may_go else 2)
    editor_of(window).close()


def test_enter_and_esc_keep_the_draft(window: MainWindow) -> None:
    sure = dialog.SureDialog(window, "Replace?", "“small” is in no file.", ("Replace", "Keep"))
    assert "small" in sure.remark.text()
    assert sure.keep.isDefault()
    sure.lose.click()
    assert sure.result() == sure.DialogCode.Accepted
    sure.deleteLater()
