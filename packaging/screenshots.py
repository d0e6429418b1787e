"""Take the pictures of the README from the real window: python packaging/screenshots.py"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication  # noqa: TID251  (takes pictures of the window)

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1600, 1000)
SETTLED_MS = 1500
SHOTS = (
    ("tiny-max-light", "tiny-max", "light", "conv1.weight.grad[0,0,0,1]", "TERM", 2),
    ("lenet-dark", "lenet", "dark", "conv1.weight.grad[2,0,3,1]", "ELEMENT", 0),
    ("pooling-dark", "lenet", "dark", "pool1.input.grad[0,2,12,12]", "CHANNEL", 0),
)
"""Picture, network, theme, address, depth, steps over from there."""


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
        _take(application, *shot)


def _take(
    application: QApplication,
    name: str,
    network: str,
    theme: str,
    address: str,
    depth: str,
    steps: int,
) -> None:
    from backpropviz.debugger.going import GoToAddress
    from backpropviz.debugger.marks import AddWatch
    from backpropviz.debugger.stepping import Over
    from backpropviz.debugger.steps import Depth
    from backpropviz.engine.address import parse
    from backpropviz.ui.main_window import MainWindow

    window = MainWindow(theme)
    window.resize(*SIZE)
    window.open_at_start((), network)
    window.show()
    _wait(application, 2 * SETTLED_MS)
    if window.workbench is None:
        raise SystemExit(f"{network} did not open.")
    dispatch = window.workbench.controller.dispatch
    for watched in (address, "loss"):
        dispatch(AddWatch(parse(watched)))
    dispatch(GoToAddress(parse(address), Depth[depth]))
    for _ in range(steps):
        dispatch(Over())
    _wait(application, SETTLED_MS)
    window.grab().save(str(FOLDER / f"{name}.png"))
    window.close()
    print(FOLDER / f"{name}.png")


def _wait(application: QApplication, milliseconds: int) -> None:
    """Let the window load and draw."""
    from PySide6.QtCore import QElapsedTimer

    timer = QElapsedTimer()
    timer.start()
    while timer.elapsed() < milliseconds:
        application.processEvents()


if __name__ == "__main__":
    main()
