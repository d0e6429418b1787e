"""Version, libraries and the licenses of all that is bundled."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import qVersion
from PySide6.QtWidgets import QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from backpropviz.assets import resource, resource_names
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.version import __version__

_LIBRARIES = ("PySide6-Essentials", "numpy", "scipy", "pillow", "pyqtgraph")


class AboutDialog(FramedDialog):
    """What this is, what it stands on, and under which terms."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(
            parent,
            f"BackpropViz {__version__}",
            parent.tr("A debugger whose program is one training step of a convolutional network."),
        )
        tabs = QTabWidget()
        tabs.addTab(_versions(), self.tr("Versions"))
        tabs.addTab(_licenses(), self.tr("Licenses"))
        self.body.addWidget(tabs)
        close = self.add_button(self.tr("Close"), is_primary=True)
        close.clicked.connect(self.accept)
        self.resize(640, 480)


def _versions() -> QWidget:
    lines = [f"Python {platform.python_version()}", f"Qt {qVersion()}"]
    lines += [f"{name} {_version(name)}" for name in _LIBRARIES]
    label = PlainLabel("\n".join(lines))
    label.setFont(qfont(MONO))
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(4, 14, 4, 4)
    column.addWidget(label)
    column.addStretch(1)
    return page


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not found"


def _licenses() -> QWidget:
    text = QPlainTextEdit()
    text.setReadOnly(True)
    text.setFont(qfont(MONO))
    parts = []
    for name in resource_names("licenses"):
        content = resource("licenses", name).read_text(encoding="utf-8")
        parts.append(f"{name}\n{'─' * len(name)}\n\n{content.strip()}\n")
    text.setPlainText("\n\n".join(parts))
    text.setAccessibleName("Licenses")
    return text
