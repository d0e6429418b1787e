"""Take the pictures of the README from the real window: python packaging/screenshots.py"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from backpropviz.ui.training.room import TrainingRoom

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1600, 1000)
SETTLED_MS, LONGEST_MS = 1500, 60_000
SHOTS = (
    ("tiny-max-light", "tiny-max", "light", "conv1.weight.grad[0,0,0,1]", "TERM", 2),
    ("lenet-dark", "lenet", "dark", "conv1.weight.grad[2,0,3,1]", "ELEMENT", 0),
    ("pooling-dark", "lenet", "dark", "pool1.input.grad[0,2,12,12]", "CHANNEL", 0),
)
"""Picture, network, theme, address, depth, steps over from there."""
UPDATES, CHANGED_AT, CHANGED_RATE = 422, 300, 0.1
"""Of the picture of a training: where it stands, and where its learning rate was changed."""


def main() -> None:
    """One window a picture, so that none remembers another."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSettings, QStandardPaths

    from backpropviz.ui.application import make_application

    QStandardPaths.setTestModeEnabled(True)
    application = make_application()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        QSettings().clear()
        _take(*shot)
    QSettings().clear()
    _take_training("training-light", "light")
    application.quit()


def _take(
    name: str,
    network: str,
    theme: str,
    address: str,
    depth: str,
    steps: int,
) -> None:
    from backpropviz.debugger.commands import AddWatch, GoToAddress, Over
    from backpropviz.debugger.timeline import Depth
    from backpropviz.engine.value import parse
    from backpropviz.ui.main_window import MainWindow

    window = MainWindow(theme)
    window.resize(*SIZE)
    window.open_at_start((), network)
    window.show()
    _wait(2 * SETTLED_MS)
    if window.workbench is None:
        raise SystemExit(f"{network} did not open.")
    dispatch = window.workbench.controller.dispatch
    for watched in (address, "loss"):
        dispatch(AddWatch(parse(watched)))
    dispatch(GoToAddress(parse(address), Depth[depth]))
    for _ in range(steps):
        dispatch(Over())
    _wait(SETTLED_MS)
    window.grab().save(str(FOLDER / f"{name}.png"))
    window.close()
    print(FOLDER / f"{name}.png")


def _take_training(name: str, theme: str) -> None:
    from dataclasses import replace

    from backpropviz.engine.optimizers import Sgd
    from backpropviz.engine.training.run import Initial
    from backpropviz.files.networks import load_network
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.training.settings import RunChoices, made_run, suggested_settings

    window = MainWindow(theme)
    window.resize(*SIZE)
    window.show()
    _wait(SETTLED_MS)
    if window.workbench is None:
        raise SystemExit("the window was not ready.")
    settings = suggested_settings("mnist")
    run = made_run(RunChoices("lenet", load_network("lenet"), "mnist", settings, Initial(5)))
    room = window.workbench.training.room
    room.begin(run, starts=False)
    room.controller.go(CHANGED_AT)
    _wait(LONGEST_MS, lambda: _stands_at(room, CHANGED_AT))
    room.controller.change(replace(settings, optimizer=Sgd(CHANGED_RATE, momentum=0.9)))
    room.controller.go(UPDATES)
    _wait(LONGEST_MS, lambda: _stands_at(room, UPDATES))
    _wait(SETTLED_MS)
    window.grab().save(str(FOLDER / f"{name}.png"))
    window.close()
    print(FOLDER / f"{name}.png")


def _stands_at(room: TrainingRoom, iteration: int) -> bool:
    run = room.controller.state.run
    return run is not None and run.live.now.iteration >= iteration


def _wait(milliseconds: int, is_over: Callable[[], bool] | None = None) -> None:
    """Let the window load and draw, for so long or until it is over."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop, watch = QEventLoop(), QTimer()
    QTimer.singleShot(milliseconds, loop.quit)
    if is_over is not None:
        watch.timeout.connect(lambda: loop.quit() if is_over() else None)
        watch.start(5)
    loop.exec()


if __name__ == "__main__":
    main()
