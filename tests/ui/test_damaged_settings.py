"""What is remembered between sessions may be damaged: the window starts all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from pytestqt.qtbot import QtBot

from backpropviz.engine.architecture.draft import doubled
from backpropviz.errors import UserError
from backpropviz.ui.controller import command_for
from backpropviz.ui.controls import Notice
from backpropviz.ui.lessons.coach import read_progress
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.recent import INTERVALS_MS, read_preferences, read_recent
from tests.engine.architecture.test_doubled import softmax_file
from tests.ui.conftest import LONG_MS, Open

KEYS = ("play/interval_ms", "view/diverging", "view/reduces_motion", "theme", "window/geometry")


@pytest.mark.parametrize("value", ["²", "9" * 5000, "-1", "", "250.5", ["a"], b"\xff\0", 7, "[]"])
def test_the_window_starts_with_damaged_settings(qtbot: QtBot, value: object) -> None:
    settings = QSettings()
    settings.clear()
    made = MainWindow("light")
    made.close()
    saved = settings.allKeys()
    for key in {*saved, *KEYS}:
        settings.setValue(key, value)
    made.deleteLater()
    again = MainWindow("light")
    with qtbot.waitSignal(again.ready, timeout=LONG_MS):
        again.show()
    assert read_preferences().interval_ms in INTERVALS_MS
    again.close()
    again.deleteLater()
    settings.clear()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, "{}", "[3]", '[{"title": 1}]', '[{"title": "a"}]', "\0", "[NaN]"]
)
def test_a_damaged_list_of_recent_sessions_counts_as_empty(data_folder: Path, content: str) -> None:
    data_folder.mkdir(parents=True, exist_ok=True)
    (data_folder / "recent.json").write_text(content, "utf-8")
    (data_folder / "lessons").mkdir()
    (data_folder / "lessons" / "a.json").write_text(content, "utf-8")
    assert read_recent() == ()
    assert read_progress("a") is None


def test_digits_that_only_look_like_a_step(window: MainWindow, open_in: Open) -> None:
    opened = open_in(network="tiny-max")
    for text in ("²", "step ²", "9" * 5000, "٣"):
        with pytest.raises(UserError) as told:
            command_for(text, opened)
        assert len(str(told.value)) < 300
    with pytest.raises(UserError, match="There is no step 9999999999999999999…: give a number"):
        command_for("9" * 5000, opened)
    palette = window.command_palette()
    for text in ("²", "9" * 5000):
        palette.line.setText(text)
    palette.deleteLater()


def test_a_doubled_activation_is_said_when_it_is_opened(
    window: MainWindow, open_in: Open, tmp_path: Path
) -> None:
    opened = open_in(network=str(softmax_file(tmp_path)))
    network = opened.subject.model.network
    found = doubled(network.nodes, network.loss)
    assert found is not None
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.text == found.sentence
