"""Exporting from the dialog: one frame, a range, a cancel, and a place that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoToAddress
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.ui.export.dialog import ExportDialog
from backpropviz.ui.kept_work import saved_in
from backpropviz.ui.main_window import MainWindow
from tests.ui.conftest import LONG_MS, Open


@pytest.fixture
def dialog(window: MainWindow, open_in: Open) -> Iterator[ExportDialog]:
    open_in(network="tiny-max")
    assert window.workbench is not None
    controller = window.workbench.controller
    controller.dispatch(GoToAddress(parse("conv1.weight.grad[0,0,0,0]"), Depth.TERM))
    assert controller.opened is not None
    made = ExportDialog(window, controller.opened, (900, 600), window.theme)
    yield made
    made.close()
    made.deleteLater()


def choose(dialog: ExportDialog, what: str, kind: str) -> None:
    dialog._what.button(what).click()
    dialog._format.button(kind).click()


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_one_frame(
    dialog: ExportDialog, qtbot: QtBot, tmp_path: Path, kind: str, start: bytes
) -> None:
    choose(dialog, "one", kind)
    path = tmp_path / f"frame.{kind}"
    with qtbot.waitSignal(dialog.accepted, timeout=LONG_MS):
        dialog.start(path)
    content = path.read_bytes()
    assert content.startswith(start) or (kind == "svg" and content.startswith(b"<svg"))
    assert dialog.written == str(path)


def test_a_range_is_a_page_a_frame(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    choose(dialog, "range", "pdf")
    first = dialog._opened.state.k + 1
    dialog._first.setText(str(first))
    dialog._last.setText(str(first + 9))
    assert dialog.frame_range().count == 10
    assert "10 frames" in dialog.remark.text()
    path = tmp_path / "ten.pdf"
    with qtbot.waitSignal(dialog.accepted, timeout=LONG_MS):
        dialog.start(path)
    assert path.read_bytes().count(b"/Type /Page\n") == 10


def test_a_range_by_address(dialog: ExportDialog) -> None:
    choose(dialog, "range", "pdf")
    dialog._depth.set_value(Depth.ELEMENT)
    dialog._first.setText("conv1.weight.grad[0,0,0,0]")
    dialog._last.setText("conv1.weight.grad[0,0,1,1]")
    assert dialog.frame_range().count == 4
    assert "4 frames" in dialog.remark.text()
    assert dialog._export.isEnabled()
    dialog._last.setText("no.such[0,0]")
    assert "no.such" in dialog.remark.text()


@pytest.mark.parametrize(
    ("part", "count"), [("value", 4), ("filter", 4), ("tensor", 4), ("layer", 3)]
)
def test_what_lies_around_is_offered(dialog: ExportDialog, part: str, count: int) -> None:
    choose(dialog, "range", "pdf")
    dialog._part.button(part).click()
    assert dialog.frame_range().count == count
    assert f"{count} frames" in dialog.remark.text()
    dialog._last.textEdited.emit("")
    assert dialog._part.value == "from here"


def test_the_count_follows_where_only_the_depth_changes(dialog: ExportDialog) -> None:
    choose(dialog, "range", "pdf")
    dialog._part.button("value").click()
    dialog._part.set_value("from here")
    dialog._depth.set_value(Depth.ELEMENT)
    dialog._refresh()
    assert "1 frame" in dialog.remark.text()
    dialog._part.button("value").click()
    assert "4 frames" in dialog.remark.text()


def test_from_here_asks_to_where(dialog: ExportDialog) -> None:
    choose(dialog, "range", "pdf")
    dialog._part.button("from here").click()
    assert dialog._first.text() == str(dialog._opened.state.k + 1)
    assert not dialog._export.isEnabled()
    assert "To where?" in dialog.remark.text()
    dialog._last.setText("end")
    assert dialog._export.isEnabled()
    assert dialog.frame_range().positions[-1] == dialog._opened.timeline.steps


def test_a_range_fills_a_folder(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    choose(dialog, "range", "svg")
    first = dialog._opened.state.k + 1
    dialog._first.setText(str(first))
    dialog._last.setText(str(first + 2))
    folder = tmp_path / "frames"
    with qtbot.waitSignal(dialog.accepted, timeout=LONG_MS):
        dialog.start(folder)
    assert len(list(folder.glob("frame-*.svg"))) == 3


def test_a_cancel_leaves_nothing(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    choose(dialog, "range", "pdf")
    dialog._first.setText("1")
    dialog._last.setText("60")
    path = tmp_path / "many.pdf"
    with qtbot.waitSignal(dialog._worker.answered, timeout=LONG_MS):
        dialog.start(path)
        dialog.reject()
    assert not any(path.name != "data" for path in tmp_path.iterdir())
    assert "nothing was written" in dialog.remark.text()


def test_a_place_that_cannot_be_written_is_told(
    dialog: ExportDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    choose(dialog, "one", "png")
    (tmp_path / "file").write_text("")
    with qtbot.waitSignal(dialog._worker.failed, timeout=LONG_MS):
        dialog.start(tmp_path / "file" / "frame.png")
    assert dialog.remark.text()
    assert dialog._export.isEnabled()


def test_a_range_that_runs_backwards_is_refused(dialog: ExportDialog) -> None:
    choose(dialog, "range", "pdf")
    dialog._first.setText("20")
    dialog._last.setText("3")
    assert not dialog._export.isEnabled()
    dialog._last.setText("no.such[1]")
    assert not dialog._export.isEnabled()


def test_the_frame_can_go_to_the_clipboard(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    QApplication.clipboard().clear()
    window.actions_by_name["copy_frame"].trigger()
    assert not QApplication.clipboard().image().isNull()


def test_its_size_does_not_depend_on_what_is_chosen(dialog: ExportDialog) -> None:
    dialog.show()
    size = dialog.size()
    body = dialog.body.parentWidget()
    assert body is not None
    for what in ("range", "one", "range"):
        dialog._what.button(what).click()
        for kind in ("pdf", "png", "svg"):
            dialog._format.button(kind).click()
            QCoreApplication.sendPostedEvents()
            assert dialog.size() == size
            assert body.sizeHint().width() <= body.width()
            assert body.sizeHint().height() <= body.height()
    assert not dialog._pixels.controls["scale"].isEnabled()
    dialog._what.button("one").click()
    assert not dialog._first.isEnabled()


def test_the_preview_shows_the_whole_slide(dialog: ExportDialog) -> None:
    choose(dialog, "one", "pptx")
    dialog._fields.choice("page").button("slide").click()
    dialog.resize(1000, 560)
    dialog._beside.show()
    dialog.show()
    QCoreApplication.processEvents()
    preview = dialog.preview
    shown = preview.grab().toImage()
    height = (preview.width() - 16) * 9 / 16
    lower = round((preview.height() + height) / 2 - height * 0.2)
    assert _dark_rows(shown.copy(0, lower, preview.width(), round(height * 0.2))) > 3


def _dark_rows(image: QImage) -> int:
    """Rows with something dark in their inner part."""
    columns = range(24, image.width() - 24)
    rows = range(image.height() - 4)
    return sum(any(image.pixelColor(x, y).lightness() < 140 for x in columns) for y in rows)


def test_the_strip_leads_from_slide_to_slide(dialog: ExportDialog, qtbot: QtBot) -> None:
    choose(dialog, "range", "pptx")
    dialog._part.button("value").click()
    film = dialog.strip.film
    assert film.rowCount() == 4
    assert dialog.caption.text().startswith("1 of 4: 13.33 × 7.5 in, smallest text 18 pt")
    dialog.strip.setCurrentIndex(film.index(2))
    assert dialog.caption.text().startswith("3 of 4")
    assert "term 3 of 4" in dialog.preview.accessibleDescription()
    with qtbot.waitSignal(film.dataChanged, timeout=LONG_MS):
        film.data(film.index(3), Qt.ItemDataRole.DecorationRole)


def test_a_deck_leads_back_to_its_moments(
    window: MainWindow, dialog: ExportDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    choose(dialog, "range", "pptx")
    dialog._part.button("value").click()
    path = tmp_path / "talk.pptx"
    with qtbot.waitSignal(dialog.accepted, timeout=LONG_MS):
        dialog.start(path)
    assert saved_in(f"{path}#2") is not None
    again = ExportDialog(window, dialog._opened, (900, 600), window.theme)
    assert again._format.value == "pptx"
    again.deleteLater()


def test_options_belong_to_what_has_them(dialog: ExportDialog) -> None:
    choose(dialog, "range", "gif")
    assert not any(box.isEnabled() for box in dialog._of_deck.controls.values())
    assert all(box.isEnabled() for box in dialog._panels.controls.values())
    dialog._fields.choice("theme").button("transparent").click()
    assert dialog.slide_range().slide(0).background == ""
    dialog._fields.choice("page").button("stage").click()
    assert not any(box.isEnabled() for box in dialog._panels.controls.values())
    assert not dialog._fields.choice("theme").button("transparent").isEnabled()
    assert dialog.slide_range().look is None
    dialog._what.button("one").click()
    assert not dialog._format.button("gif").isEnabled()
    assert dialog._format.value == "pptx"


def test_panels_can_be_left_out(dialog: ExportDialog) -> None:
    choose(dialog, "one", "pptx")
    dialog._fields.choice("page").button("slide").click()
    box = dialog._panels.controls["sentence"]
    assert isinstance(box, QCheckBox)
    box.click()
    names = {part.name for part in dialog.slide_range().slide(0).parts}
    assert "sentence" not in names
    assert {"formula", "footer-step"} <= names
