"""Training in the window: the page, the way into the debugger and back, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoToAddress
from backpropviz.diagnosis.stops import NotFiniteStop, Reached
from backpropviz.diagnosis.thresholds import DEFAULTS
from backpropviz.engine.value import parse
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.recent import read_recent
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training import new_run as fork_dialog
from backpropviz.ui.training import room as room_module
from backpropviz.ui.training import stops as stops_dialog
from backpropviz.ui.training import stops as thresholds_dialog
from backpropviz.ui.training.controller import TrainingState
from backpropviz.ui.training.past import UpdateSubject
from backpropviz.ui.training.room import TrainingRoom
from tests.ui.training.conftest import LONG_MS, faster, small_run, stands_at


@pytest.fixture
def room(window: MainWindow, qtbot: QtBot) -> TrainingRoom:
    """The room of a window in which a run has made ten updates."""
    assert window.workbench is not None
    found = window.workbench.training.room
    found.begin(small_run(), starts=False)
    go_to(found, 10, qtbot)
    return found


def go_to(room: TrainingRoom, iteration: int, qtbot: QtBot) -> None:
    """Train up to an update and wait until it is told."""
    check = stands_at(iteration)
    with qtbot.waitSignal(
        room.controller.changed, timeout=LONG_MS, check_params_cb=lambda _, new: check(new)
    ):
        room.controller.go(iteration)


def test_a_run_is_shown_with_its_chips_and_its_menu(window: MainWindow, room: TrainingRoom) -> None:
    assert window.workbench is not None
    room.page.draw_now()
    assert window.pages.currentWidget() is room.page
    assert window.workbench.bar.mode.value == "train"
    assert [chip.isVisible() for chip in room.chips.widgets] == [True] * 3
    assert not window.workbench.bar.image.isVisible()
    assert window.actions_by_name["debug_update"].isEnabled()
    assert window.status.message.startswith("Update 10")
    scene = room.page.pictures.filters.scene
    assert scene is not None


def test_the_page_shows_what_the_run_is(room: TrainingRoom) -> None:
    room.page.draw_now()
    page = room.page
    assert page.controls.update_field.text() == "10"
    assert page.checkpoints.rows.rows[0].left == "10"
    assert page.slider.scene is not None
    assert page.slider.scene.title == "update 10 of 10"


def test_debug_this_update_and_back(window: MainWindow, room: TrainingRoom, qtbot: QtBot) -> None:
    assert window.workbench is not None
    bench = window.workbench
    with qtbot.waitSignal(bench.controller.state_changed, timeout=LONG_MS):
        window.actions_by_name["debug_update"].trigger()
    opened = bench.controller.opened
    assert opened is not None
    assert isinstance(opened.subject, UpdateSubject)
    assert window.pages.currentWidget() is bench.stage
    assert bench.bar.mode.value == "debug"
    assert bench.bar.back.isVisible()
    weights = room.controller.state.runs[0].now.parameters["conv1"]["weight"]
    np.testing.assert_array_equal(opened.view.tape["conv1.weight.next"], weights)
    assert opened.view.tape.batch == 8
    bench.bar.back.click()
    assert window.pages.currentWidget() is room.page
    go_to(room, 12, qtbot)


def test_an_update_is_shown_as_it_was_made(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot
) -> None:
    assert window.workbench is not None
    controller = window.workbench.controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        room.debug_update()
    before = controller.opened
    with qtbot.waitSignal(controller.failed, timeout=LONG_MS) as failed:
        controller.change(lambda subject: subject.with_learning_rate(0.5))
    assert "is shown as it was made" in str(failed.args[0])
    assert controller.opened is before


@pytest.mark.parametrize(
    ("chosen", "instead"),
    [
        ("relu_half", "relu_zero"),
        ("ties_all", "ties_first"),
        ("float_width", ""),
        ("sum_reduction", ""),
    ],
)
def test_what_an_update_refuses_does_not_stay_ticked(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot, chosen: str, instead: str
) -> None:
    assert window.workbench is not None
    controller, actions = window.workbench.controller, window.actions_by_name
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        room.debug_update()
    with qtbot.waitSignal(controller.failed, timeout=LONG_MS):
        actions[chosen].trigger()
    qtbot.waitUntil(lambda: not actions[chosen].isChecked(), timeout=LONG_MS)
    assert not instead or actions[instead].isChecked()


def test_a_value_of_an_update_is_checked_by_a_finite_difference(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot
) -> None:
    assert window.workbench is not None
    controller = window.workbench.controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        room.debug_update()
    controller.dispatch(GoToAddress(parse("conv1.weight.grad[2,0,1,3]")))
    window.actions_by_name["check_value"].trigger()
    assert window.status.message.startswith("Checking conv1.weight[2,0,1,3]…")
    qtbot.waitUntil(lambda: "they agree" in window.status.message, timeout=LONG_MS)


def test_answers_and_alerts_say_that_they_are_of_the_newest_update(
    room: TrainingRoom, qtbot: QtBot
) -> None:
    go_to(room, 20, qtbot)
    page, pictures = room.page, room.page.pictures
    pictures._choose_kind("answers")
    pictures._kind.set_value("answers")

    room.controller.visit(15)
    page.draw_now()
    assert pictures._moment.text() == "The newest answers; a click on a cell asks update 15."
    assert page.alerts.remark_text == "As of update 20, the newest; update 15 is shown."
    room.controller.show_latest()
    page.draw_now()
    assert pictures._moment.text() == ""
    assert page.alerts.remark_text == ""


def test_a_refused_setting_is_told_and_the_run_s_own_is_shown_again(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot
) -> None:
    room.page.draw_now()
    rate = next(
        field
        for field in room.page.settings.findChildren(QLineEdit)
        if field.accessibleName() == "Learning rate"
    )
    rate.setFocus()
    rate.selectAll()
    QTest.keyClicks(rate, "abc")
    with qtbot.waitSignal(room.page.settings.refused) as told:
        QTest.keyClick(rate, Qt.Key.Key_Return)
    assert "“abc” is no number" in str(told.args[0])
    assert rate.text() == "0.05"


@pytest.mark.parametrize("width", [960, 1280])
def test_no_button_is_cut_in_the_past(window: MainWindow, room: TrainingRoom, width: int) -> None:
    window.resize(width, 700)
    room.controller.visit(4)
    room.page.draw_now()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    buttons = [b for b in room.page.controls.findChildren(QPushButton) if b.isVisible()]
    assert len(buttons) >= 4
    for button in buttons:
        assert button.width() >= button.sizeHint().width(), button.text()
        assert button.geometry().right() < room.page.controls.width()


def test_training_goes_on_while_something_else_is_debugged(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot
) -> None:
    assert window.workbench is not None
    room.controller.go(40)
    with qtbot.waitSignal(window.workbench.controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network="tiny-max"))
    assert window.pages.currentWidget() is window.workbench.stage
    check = stands_at(40)
    if not check(room.controller.state):
        with qtbot.waitSignal(
            room.controller.changed, timeout=LONG_MS, check_params_cb=lambda _, new: check(new)
        ):
            pass
    window.actions_by_name["mode"].trigger()
    room.page.draw_now()
    assert room.page.controls.update_field.text() == "40"


def test_a_saved_run_is_opened_again_and_goes_on_bit_for_bit(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "digits.bpv"
    with qtbot.waitSignal(room.asked.files.said, timeout=LONG_MS):
        room.controller.saved(partial(room.asked.files.save, path))
    with qtbot.waitSignal(room.wanted, timeout=LONG_MS):
        window.open(OpenRequest(network=str(path)))
    assert [session.network for session in read_recent()] == [str(path)]
    state = room.controller.state
    assert state.run is not None
    assert (state.run.number, state.run.now.iteration, len(state.run.history)) == (2, 10, 10)
    go_to(room, 15, qtbot)
    reopened = room.controller.state.runs[1].now
    room.controller.select(1)
    go_to(room, 15, qtbot)
    original = room.controller.state.runs[0].now
    np.testing.assert_array_equal(
        reopened.parameters["conv2"]["weight"], original.parameters["conv2"]["weight"]
    )


def test_a_name_without_a_suffix_gets_the_suggested_one(
    room: TrainingRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = str(tmp_path / "mine")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen, ""))
    assert room.asked.files.ask_path("Save", "run.bpv", "") == tmp_path / "mine.bpv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    assert room.asked.files.ask_path("Save", "run.bpv", "") is None


def test_curves_and_filters_are_written(room: TrainingRoom, qtbot: QtBot, tmp_path: Path) -> None:
    run = room.controller.state.run
    assert run is not None
    room.page.draw_now()
    scene = room.page.pictures.figure(900.0)
    assert scene is not None
    writers: dict[str, Callable[[Path], None]] = {
        "h.csv": lambda path: room.asked.files.save_table(path, run.history.csv_rows()),
        "f.png": lambda path: room.asked.files.save_picture(path, scene),
        "f.svg": lambda path: room.asked.files.save_picture(path, scene),
    }
    for name, write in writers.items():
        with qtbot.waitSignal(room.asked.files.said, timeout=LONG_MS):
            write(tmp_path / name)
    lines = (tmp_path / "h.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "epoch,update,loss,learning_rate,val_loss,val_accuracy"
    assert len(lines) == 11
    assert lines[8].split(",")[-1] != ""
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_are_compared(window: MainWindow, room: TrainingRoom, qtbot: QtBot) -> None:
    room.controller.fork(title="another")
    go_to(room, 14, qtbot)
    room.asked.compare_runs()
    compared = room.asked.comparison
    assert compared is not None
    scene = compared.figure(900.0)
    assert scene is not None
    window.toggle_theme()
    compared.done(0)
    assert room.asked.comparison is None


def test_one_run_cannot_be_compared(window: MainWindow, room: TrainingRoom) -> None:
    room.asked.compare_runs()
    assert room.asked.comparison is None


def test_a_run_is_closed_once_a_person_is_sure(
    window: MainWindow, room: TrainingRoom, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = window.actions_by_name["close_run"].trigger
    close()
    assert [run.number for run in room.controller.state.runs] == [1]
    room.controller.fork(title="another")
    go_to(room, 14, qtbot)
    room.asked.compare_runs()
    asked: list[str] = []

    def is_sure_at_last(_parent: object, heading: str, *_words: object) -> bool:
        asked.append(heading)
        return len(asked) > 1

    monkeypatch.setattr(room_module, "ask_sure", is_sure_at_last)
    close()
    assert [run.number for run in room.controller.state.runs] == [1, 2]
    close()
    assert [run.number for run in room.controller.state.runs] == [1]
    assert asked == ["Close “another”?"] * 2
    assert room.asked.comparison is None
    go_to(room, 12, qtbot)


def test_the_keyboard_goes_from_panel_to_panel(window: MainWindow, room: TrainingRoom) -> None:
    window.activateWindow()
    visited = set()
    for _ in range(7):
        window.actions_by_name["next_panel"].trigger()
        focused = QApplication.focusWidget()
        assert focused is not None
        assert room.page.isAncestorOf(focused)
        visited.add(id(focused))
    assert len(visited) >= 5


def test_closing_the_window_ends_the_thread(window: MainWindow, room: TrainingRoom) -> None:
    room.controller.go()
    window.close()
    assert not room.controller._thread.isRunning()


def until(
    room: TrainingRoom, qtbot: QtBot, act: Callable[[], object], is_there: Callable[..., bool]
) -> TrainingState:
    """Do something and wait until the state is as asked."""
    with qtbot.waitSignal(
        room.controller.changed, timeout=LONG_MS, check_params_cb=lambda _, new: is_there(new)
    ):
        act()
    return room.controller.state


def test_a_chosen_stop_stops_the_run(
    room: TrainingRoom, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = (NotFiniteStop(), Reached(number=14))
    monkeypatch.setattr(stops_dialog, "ask_stops", lambda *_: stops)
    until(room, qtbot, room.asked.stops, lambda s: s.run.guard.watches.stops == stops)
    state = until(room, qtbot, room.controller.go, lambda s: s.run.stopped is not None)
    assert state.run is not None
    assert state.run.now.iteration == 14
    assert not state.is_running


def test_changed_thresholds_hold_at_once(
    room: TrainingRoom, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(DEFAULTS, exploding_norm=1e-6)
    monkeypatch.setattr(thresholds_dialog, "ask_thresholds", lambda *_: limits)
    until(room, qtbot, room.asked.alert_rules, lambda s: s.run.guard.diagnosis.limits == limits)
    room.controller.go(30)
    state = until(room, qtbot, lambda: None, stands_at(30))
    assert state.run is not None
    assert state.run.guard is not None
    titles = [alert.title for alert in state.run.guard.diagnosis.active]
    assert [title for title in titles if "explodes" in title], titles
    room.page.draw_now()
    assert room.page.alerts.cards


def test_a_fork_takes_the_settings_that_were_typed(
    room: TrainingRoom, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = room.controller.state.run
    assert run is not None
    settings = faster(run.run, 0.001)
    monkeypatch.setattr(fork_dialog, "ask_fork", lambda *_: ("slow", settings))
    room.asked.fork()
    state = room.controller.state
    assert state.run is not None
    assert (state.run.run.title, state.run.parent) == ("slow", 1)
    assert state.run.run.course.at(11) == settings
    assert state.run.run.course.at(10) != settings
