"""A window with the engine loaded, closed again after each test."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from pytestqt.qtbot import QtBot

from backpropviz.ui import recent
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened
from backpropviz.ui.requests import OpenRequest

LONG_MS = 30_000


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads what another, or a person, has left behind."""
    folder = tmp_path / "data"
    monkeypatch.setattr(recent, "data_folder", lambda: folder)
    return folder


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    """The window, ready to open something."""
    QSettings().clear()
    made = MainWindow("light")
    with qtbot.waitSignal(made.ready, timeout=LONG_MS):
        made.resize(1280, 800)
        made.show()
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.enable()


Open = Callable[..., Opened]


@pytest.fixture
def open_in(window: MainWindow, qtbot: QtBot) -> Open:
    """Open something and wait until it is shown."""

    def opening(
        network: str = "",
        image: str = "",
        target: str = "",
        mode: str = "",
        dropout_seed: int | None = None,
    ) -> Opened:
        assert window.workbench is not None
        controller = window.workbench.controller
        with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
            request = OpenRequest(network, image, target, mode=mode, dropout_seed=dropout_seed)
            window.open(request)
        assert controller.opened is not None
        return controller.opened

    return opening
