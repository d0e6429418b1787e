"""The workbench of a window that is ready."""

from __future__ import annotations

from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.workbench import Workbench


def bench_of(window: MainWindow) -> Workbench:
    """It is there once the window is ready."""
    assert window.workbench is not None
    return window.workbench
