"""From the confusion matrix of the page to the samples behind a cell."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backpropviz.scene.theme import DARK, LIGHT
from backpropviz.ui.training.answers import AnswersDesk, AnswersWindow
from backpropviz.ui.training.controller import TrainingController
from tests.ui.training.conftest import LONG_MS, Wait, small_run, stands_at


def _opened(desk: AnswersDesk) -> AnswersWindow | None:
    return desk.window


def test_a_cell_opens_its_samples_and_the_window_follows_the_run(
    qtbot: QtBot, controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    run = wait_for(lambda: controller.go(8), stands_at(8)).run
    assert run is not None
    owner = QWidget()
    qtbot.addWidget(owner)
    desk = AnswersDesk(owner)
    desk.follow(run, LIGHT)
    desk.click("class:3")
    assert _opened(desk) is None
    desk.click("confusion:7,7")
    window = _opened(desk)
    assert window is not None
    qtbot.waitUntil(lambda: window.matrix.scene is not None, timeout=LONG_MS)
    sheet = window.sheet.scene
    assert sheet is not None
    assert sheet.title.endswith("answered 7")
    desk.follow(run, DARK)
    assert window.sheet.scene is not None
    assert window.sheet.scene.background == DARK.panel
    window.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert _opened(desk) is None
