"""What the window shows is true of now: mood, loss, layout, notices, scroll bars, places."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoTo, GoToAddress, SetDepth
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.figures.stage.stage import import_all_stages
from backpropviz.figures.timeline import timeline
from backpropviz.scene.marks import Text
from backpropviz.ui.controls import Notice
from backpropviz.ui.export.dialog import ExportDialog
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened
from tests.ui.bench import bench_of
from tests.ui.conftest import Open
from tests.ui.lessons.test_lessons import SIGN, open_lesson
from tests.ui.training.conftest import small_run


def opened_in(window: MainWindow) -> Opened:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return opened


def status_words(window: MainWindow) -> str:
    return " ".join(label.text() for label in window.status.findChildren(QLabel))


def test_it_says_playing_while_it_plays(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    assert "Paused" in status_words(window)
    window.actions_by_name["play"].trigger()
    assert "Playing" in status_words(window)
    assert "Paused" not in status_words(window)
    window.actions_by_name["play"].trigger()
    assert "Paused" in status_words(window)


def test_the_loss_is_told_once_it_is_computed(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="lenet")
    for telling in ("loss", "p("):
        assert telling not in status_words(window)
    controller = bench_of(window).controller
    controller.dispatch(GoToAddress(parse("loss"), Depth.TENSOR))
    assert f"loss {opened.view.tape.loss:.4f}" in status_words(window)
    assert "p(4) = " in status_words(window)
    window.actions_by_name["to_start"].trigger()
    assert "loss" not in status_words(window)


def test_no_scroll_bars_are_left_by_a_zoom(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    stage = bench_of(window).stage
    for _ in range(4):
        window.actions_by_name["zoom_in"].trigger()
    QApplication.processEvents()
    assert stage.horizontalScrollBar().isVisible()
    assert stage.horizontalScrollBar().maximum() > 0
    assert stage.verticalScrollBar().maximum() > 0
    for _ in range(4):
        window.actions_by_name["zoom_out"].trigger()
    QApplication.processEvents()
    assert stage.horizontalScrollBar().maximum() == stage.verticalScrollBar().maximum() == 0


def test_the_layout_can_be_reset(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    docks = bench_of(window).docks
    first = {name: dock.geometry() for name, dock in docks.by_name.items()}
    docks.by_name["explanation"].hide()
    docks.by_name["stack"].hide()
    window.resizeDocks([docks.by_name["network"]], [420], Qt.Orientation.Horizontal)
    window.actions_by_name["reset_layout"].trigger()
    assert all(dock.isVisible() for dock in docks.by_name.values())
    QApplication.sendPostedEvents()
    for name, dock in docks.by_name.items():
        assert abs(dock.width() - first[name].width()) <= 2, name
        assert abs(dock.height() - first[name].height()) <= 2, name


def test_a_low_window_has_room_for_every_dock(window: MainWindow, open_in: Open) -> None:
    window.resize(960, 500)
    open_in(network="tiny-max")
    window.actions_by_name["reset_layout"].trigger()
    assert all(dock.height() > 0 for dock in bench_of(window).docks.by_name.values())


def test_a_lesson_ends_with_its_panel(window: MainWindow, qtbot: QtBot) -> None:
    open_lesson(window, qtbot, SIGN)
    desk = bench_of(window).lessons
    assert desk.dock.isVisible()
    bench_of(window).training.room.begin(small_run(), starts=False)
    assert not desk.dock.isVisible()
    window.actions_by_name["mode"].trigger()
    assert desk.dock.isVisible()
    assert not bench_of(window).docks.by_name["network"].isVisible()
    window.actions_by_name["mode"].trigger()
    window.actions_by_name["start_page"].trigger()
    assert window.pages.currentWidget() is window.start_page
    shown = [dock for dock in bench_of(window).docks.by_name.values() if dock.isVisible()]
    assert shown == []
    assert not desk.dock.isVisible()


def test_a_guest_leaves_no_trace_in_the_layout(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    open_lesson(window, qtbot, SIGN)
    docks, desk = bench_of(window).docks, bench_of(window).lessons
    window.actions_by_name["start_page"].trigger()
    open_in(network="tiny-max")
    assert not desk.dock.isVisible()
    assert all(dock.isVisible() for dock in docks.by_name.values())
    assert QSettings().contains("window/docks")


def test_a_notice_goes_in_time(window: MainWindow) -> None:
    window.tell("Nothing of this kind.")
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.isVisible()
    assert notice.is_running_out
    notice.run_out()
    assert not notice.isVisible()
    assert not notice.is_running_out


def test_a_notice_stays_on_its_page(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    window.tell("Nothing of this kind.")
    notice = window.findChild(Notice)
    assert notice is not None
    window.actions_by_name["start_page"].trigger()
    assert not notice.isVisible()


def test_no_dialog_outlives_the_window(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="tiny-max")
    dialog = ExportDialog(window, opened, (640, 480), window.theme)
    dialog.show()
    window.close()
    assert not dialog.isVisible()


@pytest.mark.parametrize("depth", [Depth.LAYER, Depth.TENSOR, Depth.ELEMENT, Depth.TERM])
def test_into_goes_where_the_timeline_was_clicked(
    window: MainWindow, open_in: Open, depth: Depth
) -> None:
    open_in(network="tiny-max")
    bench = bench_of(window)
    area = bench.timeline.viewport()
    for share, y in ((0.1, 20), (0.3, 20), (0.55, 20), (0.8, 20), (0.3, 80), (0.55, 80)):
        bench.controller.dispatch(SetDepth(depth))
        bench.controller.dispatch(GoTo(40))
        view = opened_in(window).view
        bench.timeline.show_view(view, window.theme)
        point = QPoint(round(share * area.width()), y)
        clicked = timeline(view, area.width(), window.theme).step_at(point.x(), y)
        QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=point)
        there = opened_in(window)
        start, stop = there.view.block
        assert start <= clicked < stop
        if there.view.depth is Depth.TERM:
            continue
        assert there.state.k == start
        window.actions_by_name["step_into"].trigger()
        first, _ = opened_in(window).view.block
        # The first term of a value may be padding.
        assert first == start or (there.view.depth is Depth.ELEMENT and start < first < stop)


def test_no_restored_layout_brings_back_the_panel_of_a_lesson(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_lesson(window, qtbot, SIGN)
    desk = bench_of(window).lessons
    layout = window.saveState(1)
    window.actions_by_name["start_page"].trigger()
    open_in(network="tiny-max")
    window.restoreState(layout, 1)
    assert not desk.dock.isVisible()
    open_lesson(window, qtbot, SIGN)
    assert desk.dock.isVisible()


def test_a_pass_begins_before_its_first_step(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="tiny-max")
    bench = bench_of(window)
    scene = bench.stage.scene
    assert opened.step is None
    assert scene is not None
    words = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
    assert "Nothing has run yet" in words
    for name in ("step_over", "step_into", "continue"):
        key = window.actions_by_name[name].shortcut().toString()
        assert any(key in text for text in words), key
    assert (
        window.status.message == f"Before step 1 of {opened.timeline.steps}: nothing has run yet."
    )
    transport = bench.transport
    assert (transport._before.text(), transport.step.text()) == ("before step", "1")
    window.actions_by_name["step_over"].trigger()
    assert bench.controller.opened is not None
    assert bench.controller.opened.step is not None
    assert transport._before.text() == "step"
    window.actions_by_name["back_over"].trigger()
    assert bench.controller.opened.state == opened.state


def test_what_is_loaded_when_nobody_waits_exists() -> None:
    import_all_stages()


def test_a_notice_covers_nothing(window: MainWindow, open_in: Open) -> None:
    window.resize(900, 620)
    open_in(network="tiny-max")
    stage = bench_of(window).stage
    whole = stage.height()
    window.tell("One sentence that must be read before it goes.")
    notice = window.findChild(Notice)
    assert notice is not None
    QCoreApplication.sendPostedEvents()
    bottom = stage.mapTo(window, QPoint(0, stage.height())).y()
    assert bottom <= notice.y()
    assert stage.height() < whole
    notice.run_out()
    QCoreApplication.sendPostedEvents()
    assert stage.height() == whole
