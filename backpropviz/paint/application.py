"""The application object that painting text needs, where no window has made one."""

from __future__ import annotations

import os

from PySide6.QtGui import QGuiApplication


def painting_application() -> QGuiApplication:
    """The running application, or a new one that needs no display."""
    running = QGuiApplication.instance()
    if isinstance(running, QGuiApplication):
        return running
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QGuiApplication(["backpropviz"])
