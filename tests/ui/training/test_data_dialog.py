"""The data dialog: reads beside the window, shows what it read, offers what fits, says what not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.training.samples import Augmentation
from backpropviz.files.data.load import Choices
from backpropviz.scene.marks import Pixels, Rect
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.training.data import DataChoice, DataDialog, DataWish
from tests.importers.datasets.data_files import COLOR, network, write_folder, write_picture

LONG_MS = 20_000
Shown = Callable[..., DataDialog]


def model(classes: int) -> Model:
    """A small network for color images of 8×8."""
    net = network(classes, 3)
    return Model("small", net, initialize(net), COLOR, (), Sgd(0.1))


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[Shown]:
    """A dialog that has read what it was given."""
    parent = QWidget()
    made: list[DataDialog] = []

    def show(
        source: str | Path,
        classes: int = 2,
        *,
        fails: bool = False,
    ) -> DataDialog:
        dialog = DataDialog(parent, model(classes), LIGHT, DataWish(str(source)), Augmentation())
        made.append(dialog)
        worker = dialog._worker
        with qtbot.waitSignal(worker.failed if fails else worker.answered, timeout=LONG_MS):
            dialog.show()
        return dialog

    yield show
    for dialog in made:
        dialog.done(0)
        dialog.deleteLater()
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def chosen(dialog: DataDialog) -> DataChoice:
    """What it would answer."""
    assert dialog.choice is not None
    return dialog.choice


def type_into(dialog: DataDialog, name: str, text: str) -> None:
    """A person fills a field and leaves it."""
    field = next(f for f in dialog.findChildren(QLineEdit) if f.accessibleName().startswith(name))
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    field.editingFinished.emit()


def test_what_was_read_is_shown(shown: Shown, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", each=5)
    (root / "cats" / "broken.png").write_bytes(b"x")
    dialog = shown(root)
    assert dialog.remark.text() == "pets"
    assert dialog._use.isEnabled()
    assert "8 to train on, 2 held out" in dialog._steps.text()
    assert dialog._skipped.isVisible()
    dialog._skipped.copy.click()
    assert QGuiApplication.clipboard().text().startswith("cats/broken.png  is not a picture")
    assert dialog._counts.scene is not None
    assert sum(isinstance(m, Rect) for m in dialog._counts.scene.walk()) == 4
    choice = chosen(dialog)
    assert choice.dataset.class_names == ("cats", "dogs")
    assert (choice.preset, choice.augmentation) == ("", Augmentation())


def test_what_was_assumed_is_said_as_plain_text(shown: Shown, tmp_path: Path) -> None:
    """A folder's name is no markup, and the outputs that the classes take are told."""
    root = write_folder(tmp_path / "train", ("<b>3", "cats"))
    (tmp_path / "train" / "none").mkdir()
    dialog = shown(root.parent)
    lines = [line.partition(". ")[2] for line in dialog._steps.text().splitlines()]
    assert (
        "the classes take its outputs in order: output 0 is “<b>3” and output 1 is “cats”" in lines
    )
    assert "no pictures in train/none/: no class" in lines
    assert dialog._steps.textFormat() == Qt.TextFormat.PlainText


def test_nothing_skipped_shows_no_list(shown: Shown, tmp_path: Path) -> None:
    assert not shown(write_folder(tmp_path))._skipped.isVisible()


def test_another_split_is_read_when_a_field_is_left(
    shown: Shown, tmp_path: Path, qtbot: QtBot
) -> None:
    dialog = shown(write_folder(tmp_path, each=10))
    with qtbot.waitSignal(dialog._worker.answered, timeout=LONG_MS):
        type_into(dialog, "Held out", "50")
        assert not dialog._use.isEnabled()
    choice = chosen(dialog)
    assert choice.wish.choices == Choices(held_out=0.5)
    assert len(choice.dataset.training) == 10


def test_a_field_that_says_nothing_is_told(shown: Shown, tmp_path: Path) -> None:
    dialog = shown(write_folder(tmp_path))
    type_into(dialog, "Seed", "many")
    assert dialog.remark.text() == "Seed of the split = “many” is no number: type one."
    assert not dialog._use.isEnabled()
    assert dialog.choice is None


def test_the_augmentation_is_seen_at_once_and_shuffled(shown: Shown, tmp_path: Path) -> None:
    dialog = shown(write_folder(tmp_path, each=6))

    def pictures() -> list[np.ndarray]:
        assert dialog._samples.canvas.scene is not None
        scene = dialog._samples.canvas.scene
        return [mark.values for mark in scene.walk() if isinstance(mark, Pixels)]

    plain = pictures()
    type_into(dialog, "Turn up to", "90")
    turned = pictures()
    assert chosen(dialog).augmentation == Augmentation(rotation_deg=90)
    assert len(turned) != len(plain)
    assert not np.array_equal(turned[0], turned[1])
    dialog._samples.again.click()
    assert not np.array_equal(pictures()[1], turned[1])
    dialog._samples._part.button("held out").click()
    assert len(pictures()) == 2


def test_more_classes_than_outputs_ask_for_a_network_that_fits(
    shown: Shown, tmp_path: Path
) -> None:
    dialog = shown(write_folder(tmp_path, ("a", "b", "c")), classes=2)
    assert "have 3 classes, but “mlp” has 2 outputs" in dialog.remark.text()
    assert not dialog._use.isEnabled()
    dialog._presets.button("lenet").click()
    assert dialog._use.isEnabled()
    choice = chosen(dialog)
    assert choice.preset == "lenet"
    assert choice.dataset.class_names == ("a", "b", "c")


def test_fewer_classes_may_keep_the_network_or_take_another(shown: Shown, tmp_path: Path) -> None:
    dialog = shown(write_folder(tmp_path), classes=4)
    assert dialog._use.isEnabled()
    assert chosen(dialog).dataset.class_names == ("cats", "dogs", "2", "3")
    dialog._presets.button("mlp").click()
    assert chosen(dialog).dataset.class_names == ("cats", "dogs")


def test_what_cannot_be_read_leaves_nothing_of_the_last_on_the_screen(
    shown: Shown, tmp_path: Path, qtbot: QtBot
) -> None:
    dialog = shown(write_folder(tmp_path / "good"))
    with qtbot.waitSignal(dialog._worker.failed, timeout=LONG_MS):
        dialog.read_source(str(tmp_path / "nowhere"))
    assert dialog.remark.text().startswith("There is no data set")
    assert dialog._steps.text() == ""
    assert dialog._samples.canvas.scene is not None
    assert dialog._samples.canvas.scene.marks == ()
    assert dialog.choice is None


def test_a_dropped_folder_is_read(shown: Shown, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = shown(tmp_path / "nowhere", fails=True)
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(write_folder(tmp_path / "pets")))])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        content,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(dialog._worker.answered, timeout=LONG_MS):
        dialog.dropEvent(drop)
    assert chosen(dialog).dataset.title == "pets"
    assert dialog._source.value == "folder"


def test_the_source_is_chosen_by_button(shown: Shown, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = shown(write_folder(tmp_path / "pets"), classes=10)
    with qtbot.waitSignal(dialog._worker.answered, timeout=LONG_MS):
        dialog._source.button("mnist").click()
    assert chosen(dialog).dataset.source == "mnist"


def test_a_dismissed_file_dialog_changes_nothing(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = shown(write_folder(tmp_path / "pets"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    dialog._source.button("file").click()
    assert dialog._source.value == "folder"
    assert chosen(dialog).dataset.title == "pets"


def test_closing_ends_the_reading(shown: Shown, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    dialog = shown(root)
    for k in range(200):
        write_picture(root / "cats" / f"more{k}.png", side=60)
    dialog.read_source(str(root))
    dialog.done(0)
    assert not dialog._worker.is_busy
