"""Dialogs answer with data, check while one types, and find things by a few letters."""

from __future__ import annotations

from datetime import datetime

import pytest
from pytestqt.qtbot import QtBot

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.engine.value import parse
from backpropviz.scene.color import DIVERGING
from backpropviz.ui.dialog import AskDialog, BreakpointDialog
from backpropviz.ui.fitting_dialog import FittingDialog
from backpropviz.ui.information import NetworkDialog, PreferencesDialog, ShortcutSheet
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.palette import match
from backpropviz.ui.recent import COLOR_MAPS, INTERVALS_MS, read_preferences, speed_text, when_text
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open


def test_a_breakpoint_is_read_from_the_fields(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="tiny-max")
    dialog = BreakpointDialog(window, opened, None)
    assert not dialog._accept.isEnabled()
    dialog._place.setText("conv1.weight.grad[0,0,0,1]")
    dialog._condition.setText("abs(term) >")
    assert not dialog._accept.isEnabled()
    dialog._condition.setText("abs(term) > 5")
    assert dialog._accept.isEnabled()
    address = parse("conv1.weight.grad[0,0,0,1]")
    assert dialog.breakpoint() == Breakpoint(address=address, condition="abs(term) > 5")
    dialog._place.setText("backward")
    assert dialog.breakpoint().phase is not None
    dialog._place.setText("pool1")
    assert dialog.breakpoint().layer == "pool1"
    dialog.deleteLater()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("abs(te", "abs(term"),
        ("term > 2 * conv1.wei", "term > 2 * conv1.weight"),
        ("value > -mea", "value > -mean("),
        ("term > 5 ", None),
        ("", None),
    ],
)
def test_the_word_at_the_cursor_is_completed(
    window: MainWindow, open_in: Open, typed: str, completed: str | None
) -> None:
    dialog = BreakpointDialog(window, open_in(network="tiny-max"), None)
    dialog._condition.setText(typed)
    completer = dialog._condition.completer()
    assert completer is not None
    completer.setCompletionPrefix(typed)
    if completed is None:
        assert completer.completionCount() == 0
    else:
        assert completer.currentCompletion() == completed
    dialog.deleteLater()


def test_a_question_says_why_an_answer_cannot_be_used(window: MainWindow) -> None:
    dialog = AskDialog(window, "Number", "Any.", "", lambda t: "" if t.isdigit() else "No number.")
    dialog.line.setText("x")
    assert dialog.remark.text() == "No number."
    assert not dialog._accept.isEnabled()
    dialog.line.setText("5")
    assert dialog._accept.isEnabled()
    dialog.deleteLater()


def test_fitting_shows_every_change_in_words(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="lenet", image="photo:chelsea")
    dialog = FittingDialog(window, opened.subject, window.theme)
    dialog._controls["fit"].button("stretch").click()
    dialog._controls["invert"].button("yes").click()
    assert dialog.preprocessing.fit == "stretch"
    assert "resized" in dialog._steps.text()
    assert "inverted" in dialog._steps.text()
    dialog.deleteLater()


def test_every_other_dialog_opens_and_closes(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="lenet")
    for dialog in (NetworkDialog(window, opened), PreferencesDialog(window), ShortcutSheet(window)):
        dialog.show()
        assert dialog.width() <= window.width()
        dialog.close()
        dialog.deleteLater()


def test_the_speed_is_remembered(window: MainWindow) -> None:
    dialog = PreferencesDialog(window)
    dialog._speed.button(1000).click()
    assert read_preferences().interval_ms == 1000
    dialog.deleteLater()


def test_the_palette_finds_actions_layers_and_addresses(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    palette = window.command_palette()
    palette.line.setText("stepov")
    assert palette.rows.rows[0].left == "Step over"
    palette.line.setText("conv1 wei gr")
    assert palette.rows.rows[0].left == "conv1.weight.grad"
    palette.line.setText("pool1.output[0,0,0,0]")
    palette.take()
    assert palette.chosen is not None
    palette.chosen.run()
    assert window.workbench is not None
    opened = window.workbench.controller.opened
    assert opened is not None
    assert str(opened.focus_address) == "pool1.output[0,0,0,0]"
    palette.deleteLater()


@pytest.mark.parametrize(
    ("letters", "better", "worse"),
    [("so", "step over", "also so"), ("cont", "continue", "second"), ("", "a", "b")],
)
def test_starts_of_words_match_best(letters: str, better: str, worse: str) -> None:
    first, second = match(letters, better), match(letters, worse)
    assert first is not None
    assert second is None or first <= second or letters in worse


def test_letters_out_of_order_do_not_match() -> None:
    assert match("ovstep", "step over") is None


def test_moments_are_told_in_words() -> None:
    today = datetime(2026, 11, 22, 12).astimezone().isoformat()
    assert when_text("2026-11-22T10:42", today) == "today, 10:42"
    assert when_text("2026-11-21T10:42", today) == "yesterday"
    assert when_text("2026-11-12T10:42", today) == "12 November"
    assert when_text("damaged", today) == ""


def test_speeds_rise_and_the_standard_is_among_them() -> None:
    assert list(INTERVALS_MS) == sorted(INTERVALS_MS, reverse=True)
    assert 250 in INTERVALS_MS
    assert speed_text(250) == "4 steps/s"


def test_the_offered_color_maps_exist() -> None:
    assert {name for name, _ in COLOR_MAPS if name} <= set(DIVERGING)


def test_the_palette_opens_networks_and_images(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    palette = window.command_palette()
    for text, wanted in (("tiny-avg", "tiny-avg"), ("mnist:17", "mnist:17"), ("lenet", "lenet")):
        palette.line.setText(text)
        assert any(wanted in row.left for row in palette.rows.rows)
    found = next(e for e in palette._entries if e.words.startswith("Open lenet: "))
    palette.deleteLater()
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        found.run()
    assert controller.opened is not None
    assert controller.opened.subject.network == "lenet"
