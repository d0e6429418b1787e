"""The network editor, used with mouse and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.architecture.draft import draft_of_model
from backpropviz.engine.architecture.presets import PRESETS
from backpropviz.engine.kinds.registry import catalog
from backpropviz.engine.model import Model
from backpropviz.files.networks import load_network
from backpropviz.scene.theme import DARK, LIGHT
from backpropviz.ui.editor.draft import DraftController, controller_for
from backpropviz.ui.editor.layer_list import KindChooser
from backpropviz.ui.editor.window import NetworkEditor, new_draft
from backpropviz.ui.forms import SettingLine

LONG_MS = 30_000


def opened_on(controller: DraftController, qtbot: QtBot) -> Iterator[NetworkEditor]:
    parent = QWidget()
    qtbot.addWidget(parent)
    controller.setParent(parent)
    made = NetworkEditor(parent, controller, LIGHT)
    made.show()
    yield made
    made.close()
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def editor(qtbot: QtBot) -> Iterator[NetworkEditor]:
    """The editor on the bundled LeNet."""
    yield from opened_on(controller_for(load_network("lenet")), qtbot)


def line(editor: NetworkEditor, field: str) -> SettingLine:
    assert editor.layer_form.fields is not None
    found = editor.layer_form.fields.controls[field]
    assert isinstance(found, SettingLine)
    return found


def type_into(qtbot: QtBot, where: SettingLine, text: str) -> None:
    where.setFocus()
    where.selectAll()
    QTest.keyClicks(where, text)
    QTest.keyClick(where, Qt.Key.Key_Return)


def test_it_shows_every_layer_with_its_shape(editor: NetworkEditor) -> None:
    rows = {row.name: row for row in editor.layers.list.rows}
    assert list(rows) == ["image", *editor.controller.draft.names, "loss"]
    assert (rows["conv1"].shape, rows["conv1"].count) == ("6×28×28", "156")
    assert editor.totals.parameters.text() == "61,706"
    assert editor.totals.multiply_adds.text() == "416,520"
    assert editor.foot.open.isEnabled()


def test_a_typed_setting_changes_all_shapes_and_is_undone(
    editor: NetworkEditor, qtbot: QtBot
) -> None:
    before = editor.controller.draft
    type_into(qtbot, line(editor, "out_channels"), "8")
    assert editor.controller.survey.facts("conv1").output == (8, 28, 28)
    assert editor.layer_form.facts.value("Parameters") == "208"
    QTest.keyClick(editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.controller.draft == before
    assert line(editor, "out_channels").text() == "6"
    QTest.keyClick(
        editor,
        Qt.Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert line(editor, "out_channels").text() == "8"


def test_undo_works_from_within_a_line_once_its_text_is_taken(
    editor: NetworkEditor, qtbot: QtBot
) -> None:
    field = line(editor, "out_channels")
    type_into(qtbot, field, "8")
    QTest.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert line(editor, "out_channels").text() == "6"


def test_what_cannot_be_is_said_below_the_field(editor: NetworkEditor, qtbot: QtBot) -> None:
    before = editor.controller.draft
    type_into(qtbot, line(editor, "kernel_size"), "many")
    assert editor.layer_form.fields is not None
    assert "must be" in editor.layer_form.fields.refusal("kernel_size")
    assert editor.controller.draft == before
    type_into(qtbot, line(editor, "kernel_size"), "3")
    assert editor.layer_form.fields.refusal("kernel_size") == ""


def test_arrow_keys_count(editor: NetworkEditor, qtbot: QtBot) -> None:
    QTest.keyClick(line(editor, "out_channels"), Qt.Key.Key_Up)
    assert editor.controller.survey.facts("conv1").output == (7, 28, 28)


def test_a_layer_is_added_after_the_chosen_one(editor: NetworkEditor) -> None:
    editor.controller.choose("pool1")
    editor.layers.add_layer("dropout")
    assert editor.controller.chosen == "dropout1"
    assert editor.controller.draft.names[3] == "dropout1"
    assert editor.controller.history.undo_label == "add Dropout"
    editor.controller.choose("loss")
    editor.layers.add_layer("tanh")
    assert editor.controller.draft.output == "tanh1"


def test_keys_move_double_and_remove(editor: NetworkEditor, qtbot: QtBot) -> None:
    editor.controller.choose("pool1")
    layers = editor.layers.list
    QTest.keyClick(layers, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert editor.controller.draft.names[:3] == ("conv1", "pool1", "relu1")
    assert layers.currentRow() == 2
    QTest.keyClick(layers, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert editor.controller.draft.names[:3] == ("conv1", "pool1", "pool3")
    QTest.keyClick(layers, Qt.Key.Key_Delete)
    assert editor.controller.draft.names[:3] == ("conv1", "pool1", "relu1")
    for _ in range(2):
        QTest.keyClick(editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.controller.draft.names[:3] == ("conv1", "pool1", "relu1")


def test_a_layer_is_dragged_to_another_place(editor: NetworkEditor) -> None:
    layers = editor.layers.list
    editor.controller.choose("pool1")
    below = layers.visualItemRect(layers.item(1)).topLeft() + QPoint(40, 4)
    drop = QDropEvent(
        QPointF(below),
        Qt.DropAction.MoveAction,
        layers.mimeData(layers.selectedItems()),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    layers.dropEvent(drop)
    assert editor.controller.draft.names[:3] == ("pool1", "conv1", "relu1")
    assert [row.name for row in layers.rows][1:4] == ["pool1", "conv1", "relu1"]
    assert editor.controller.chosen == "pool1"


def test_random_presses_leave_a_whole_window(editor: NetworkEditor) -> None:
    random = Random(5)
    controller, layers = editor.controller, editor.layers
    presses: list[Callable[[], object]] = [
        lambda: controller.choose(random.choice(controller.places)),
        lambda: layers.add_layer(random.choice(tuple(catalog()))),
        layers.up.click,
        layers.down.click,
        layers.trash.click,
        layers.double.click,
        controller.undo,
        controller.redo,
        lambda: editor.layer_form.kind.choose(random.choice(tuple(catalog()))),
        lambda: editor.start_from(random.choice(tuple(PRESETS))),
        editor.layer_form.inputs.more.click,
    ]
    for _ in range(400):
        press = random.choice(presses)
        if controller.is_end and presses.index(press) >= 8:
            continue
        press()
        assert [row.name for row in layers.list.rows] == list(controller.places)
        assert layers.list.currentRow() == controller.places.index(controller.chosen)
        assert editor.foot.open.isEnabled() == (controller.survey.problem is None)


def test_a_draft_that_does_not_fit_can_be_edited_but_not_opened(editor: NetworkEditor) -> None:
    editor.layers.remove_layer("flatten")
    rows = {row.name: row for row in editor.layers.list.rows}
    assert rows["dense1"].problem
    assert rows["dense2"].shape == "not known yet"
    assert editor.foot.note.text().startswith("dense1: ")
    for button in (editor.foot.open, editor.foot.train, editor.foot.save):
        assert not button.isEnabled()
        assert button.toolTip() == editor.foot.note.text()
    editor.controller.choose("dense1")
    assert not editor.layer_form.alert.isHidden()
    assert editor.totals.parameters.text() == "–"
    editor.controller.undo()
    assert editor.foot.open.isEnabled()


def test_why_a_layer_stays_is_said(editor: NetworkEditor) -> None:
    editor.start_from("resnet-tiny")
    editor.controller.choose("norm3")
    editor.layers.down.click()
    assert "cannot change places" in editor.foot.note.text()
    assert editor.foot.open.isEnabled()


def test_a_name_is_changed_in_its_line(editor: NetworkEditor, qtbot: QtBot) -> None:
    name = editor.layer_form.name_line
    name.setFocus()
    name.selectAll()
    QTest.keyClicks(name, "edges")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert editor.controller.chosen == "edges"
    assert editor.controller.draft.node("relu1").inputs == ("edges",)
    name.selectAll()
    QTest.keyClicks(name, "relu1")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert "used twice" in editor.layer_form.name_note.text()


def test_kind_and_inputs_are_chosen(editor: NetworkEditor) -> None:
    editor.controller.choose("pool2")
    editor.layer_form.kind.choose("avg_pool2d")
    assert editor.controller.draft.node("pool2").layer.kind == "avg_pool2d"
    editor.start_from("resnet-tiny")
    editor.controller.choose("add1")
    inputs = editor.layer_form.inputs
    assert [chip.value for chip in inputs.chips] == ["norm3", "relu1"]
    inputs.more.click()
    assert editor.controller.draft.node("add1").inputs == ("norm3", "relu1", "norm3")
    inputs.chips[2].choose("norm1")
    assert editor.controller.draft.node("add1").inputs == ("norm3", "relu1", "norm1")
    inputs._removers[1].click()
    assert editor.controller.draft.node("add1").inputs == ("norm3", "norm1")


@pytest.mark.parametrize("name", [*PRESETS, "empty"])
def test_every_preset_is_shown_and_undone(editor: NetworkEditor, name: str) -> None:
    before = editor.controller.draft
    editor.head.presets.choose(name)
    assert editor.foot.open.isEnabled() == (name != "empty")
    editor.use_theme(DARK)
    editor.controller.undo()
    assert editor.controller.draft == before


def test_image_loss_and_classes(editor: NetworkEditor, qtbot: QtBot) -> None:
    editor.controller.choose("image")
    fields = editor.image_form.fields
    assert fields is not None
    height = fields.controls["height"]
    assert isinstance(height, SettingLine)
    type_into(qtbot, height, "32")
    assert editor.controller.draft.input_shape == (1, 32, 28)
    type_into(qtbot, height, "tall")
    assert fields.refusal("height")
    editor.controller.choose("loss")
    classes = editor.loss_form.classes
    classes.setFocus()
    classes.selectAll()
    QTest.keyClicks(classes, "7")
    QTest.keyClick(classes, Qt.Key.Key_Return)
    assert editor.controller.draft.class_names == tuple("0123456")
    assert editor.foot.note.text().startswith("loss: dense3 gives 10, but there are 7 classes")
    editor.loss_form.kind.choose("squared_error")
    assert editor.controller.draft.loss.kind == "squared_error"


def test_a_click_in_the_diagram_chooses_the_layer(editor: NetworkEditor, qtbot: QtBot) -> None:
    from backpropviz.scene.hit import find

    scene = editor.canvas.scene
    assert scene is not None
    box = find(scene, "layer:conv2")
    assert box is not None
    place = editor.canvas.view_box(box).center().toPoint()
    QTest.mouseClick(
        editor.canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place
    )
    assert editor.controller.chosen == "conv2"
    assert editor.layers.list.currentRow() == 4


def test_kept_weights_are_named(editor: NetworkEditor) -> None:
    editor.controller.choose("dense2")
    editor.layer_form._change_setting("out_features", 50)
    editor.foot.weights.keeps.setChecked(True)
    assert (
        editor.foot.note.text() == "Keeps the weights of conv1, conv2, dense1; new: dense2, dense3."
    )


def test_a_seed_takes_digits_only(editor: NetworkEditor, qtbot: QtBot) -> None:
    seed = editor.foot.weights.seed
    seed.clear()
    QTest.keyClicks(seed, "-1,5 x7")
    assert seed.text() == "157"
    assert editor.foot.weights.start.seed == 157


@pytest.mark.parametrize("suffix", [".json", ".bpv"])
@pytest.mark.parametrize("keeps", [False, True])
def test_a_saved_draft_is_read_back_identical(
    editor: NetworkEditor, qtbot: QtBot, tmp_path: Path, suffix: str, keeps: bool
) -> None:
    editor.layers.remove_layer("relu4")
    editor.foot.weights.keeps.setChecked(keeps)
    editor.foot.weights.seed.setText("7")
    path = tmp_path / f"mine{suffix}"
    with qtbot.waitSignal(editor.saved, timeout=LONG_MS):
        editor.save(path)
    read = load_network(path)
    assert draft_of_model(read) == editor.controller.draft
    expected = editor.controller.model(editor.foot.weights.start)
    for layer, own in expected.parameters.items():
        for name, values in own.items():
            assert (read.parameters[layer][name] == values).all()


def test_what_cannot_be_written_is_said(
    editor: NetworkEditor, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("no folder")
    with qtbot.waitSignal(editor._builder.failed, timeout=LONG_MS):
        editor.save(tmp_path / "a file" / "x.json")
    assert "a file" in editor.foot.note.text()
    assert editor.foot.save.isEnabled()


def test_models_are_handed_on(editor: NetworkEditor, qtbot: QtBot) -> None:
    with qtbot.waitSignal(editor.open_wanted, timeout=LONG_MS) as caught:
        editor.foot.open.click()
    (model,) = caught.args
    assert isinstance(model, Model)
    assert model.parameter_count == 61_706
    with qtbot.waitSignal(editor.train_wanted, timeout=LONG_MS):
        editor.foot.train.click()


def test_a_kind_is_found_by_a_few_letters(editor: NetworkEditor, qtbot: QtBot) -> None:
    chooser = KindChooser(editor, LIGHT, QPoint(0, 0))
    assert len(chooser.rows.rows) == len(catalog()) >= 21
    QTest.keyClicks(chooser.line, "conv")
    assert chooser.rows.rows[0].key == "conv2d"
    chooser.line.clear()
    QTest.keyClicks(chooser.line, "join")
    assert [row.key for row in chooser.rows.rows][:2] == ["add", "concat"]
    QTest.keyClick(chooser.line, Qt.Key.Key_Down)
    QTest.keyClick(chooser.line, Qt.Key.Key_Return)
    assert chooser.chosen == "concat"
    chooser.deleteLater()


def test_escape_does_not_close_a_draft(editor: NetworkEditor, qtbot: QtBot) -> None:
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert editor.isVisible()


def test_a_new_network_fits_small_images_too() -> None:
    assert new_draft((1, 3, 3), ("a", "b")).nodes[0].layer.kind == "flatten"
    assert new_draft((3, 64, 64), ()).nodes[0].layer.kind == "conv2d"


def test_esc_leaves_a_field_as_it_was(editor: NetworkEditor) -> None:
    before = editor.controller.draft
    for field in (line(editor, "out_channels"), editor.head.title):
        text = field.text()
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, "17")
        QTest.keyClick(field, Qt.Key.Key_Escape)
        assert field.text() == text
        assert editor.focusWidget() is editor.layers.list
    QTest.keyClick(editor.layers.list, Qt.Key.Key_Escape)
    assert editor.isVisible()
    assert editor.controller.draft is before
