"""Dialogs that tell: about the program, all keys, the network; and the preferences."""

from __future__ import annotations

import math
import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, Signal, qVersion
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QScrollArea,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from backpropviz.assets import __version__, resource, resource_names
from backpropviz.engine.network import Network, Node
from backpropviz.engine.value import shape_text
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, MONO, ROW
from backpropviz.ui.action_table import ACTIONS, ActionSpec, Scope
from backpropviz.ui.actions import key_text
from backpropviz.ui.appearance import THEME_CHOICES, chosen_theme_name
from backpropviz.ui.controls import PlainLabel, Segmented, plain_tip
from backpropviz.ui.dialog import FramedDialog, form
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import (
    COLOR_MAPS,
    INTERVALS_MS,
    read_preferences,
    speed_text,
    write_preferences,
)

_LIBRARIES = ("PySide6-Essentials", "numpy", "scipy", "pillow", "pyqtgraph")


class AboutDialog(FramedDialog):
    """What this is, what it stands on, and under which terms."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(
            parent,
            f"BackpropViz {__version__}",
            "A debugger whose program is one training step of a convolutional network.",
        )
        tabs = QTabWidget()
        tabs.addTab(_versions(), "Versions")
        tabs.addTab(_licenses(), "Licenses")
        self.body.addWidget(tabs)
        close = self.add_button("Close", is_primary=True)
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


class ShortcutSheet(FramedDialog):
    """Every action that has keys, by menu; F1 or Esc closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Keyboard shortcuts")
        self.say(
            "On the stage, Enter puts the keyboard on a cell, the arrows move it, Enter pins "
            "it, Esc leaves. Shift+F10 opens the menu of a cell. Shift with an arrow scrolls a "
            "matrix that is too large for the stage. In the network editor, Esc leaves a field "
            "as it was before, and Ctrl+W closes the window."
        )
        columns = QHBoxLayout()
        columns.setSpacing(40)
        for names in (("Debug",), ("File", "Edit", "Analyze"), ("View", "Help")):
            columns.addLayout(_column(names))
        sheet = QWidget()
        sheet.setObjectName("Panel")
        sheet.setLayout(columns)
        area = QScrollArea()
        area.setWidget(sheet)
        area.setWidgetResizable(True)
        self.body.addWidget(area)
        close = self.add_button("Close", is_primary=True)
        close.clicked.connect(self.accept)
        available = parent.window().size()
        self.resize(min(1120, available.width() - 60), min(760, available.height() - 60))


def _column(menus: tuple[str, ...]) -> QVBoxLayout:
    result = QVBoxLayout()
    result.setSpacing(6)
    for menu in menus:
        heading = PlainLabel(menu)
        heading.setFont(qfont(BODY_STRONG))
        result.addWidget(heading)
        result.addLayout(_rows(menu))
        result.addSpacing(14)
    result.addStretch(1)
    return result


def _rows(menu: str) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(0, 1)
    specs = [spec for spec in ACTIONS if spec.menu == menu and spec.keys]
    for row, spec in enumerate(specs):
        title = PlainLabel(_title(spec))
        title.setFont(qfont(ROW))
        title.setToolTip(plain_tip(spec.help))
        keys = PlainLabel("   ".join(key_text(key) for key in spec.keys))
        keys.setFont(qfont(MONO))
        keys.setAlignment(Qt.AlignmentFlag.AlignRight)
        grid.addWidget(title, row, 0)
        grid.addWidget(keys, row, 1)
    return grid


def _title(spec: ActionSpec) -> str:
    title = spec.title.removesuffix("…")
    on_stage = spec.scope is Scope.STAGE and "stage" not in title
    return f"{title} (on the stage)" if on_stage else title


class NetworkDialog(FramedDialog):
    """A table of the layers."""

    def __init__(self, parent: QWidget, opened: Opened) -> None:
        model = opened.subject.model
        super().__init__(parent, model.title, model.remark)
        table = QTreeWidget()
        table.setAccessibleName("Layers")
        table.setFont(qfont(MONO))
        table.setRootIsDecorated(False)
        table.setHeaderLabels(["Layer", "Kind", "Inputs", "Output", "Parameters"])
        network = opened.view.tape.network
        table.addTopLevelItem(
            QTreeWidgetItem(["image", "", "", shape_text(network.input_shape), ""])
        )
        for node in network.nodes:
            table.addTopLevelItem(_row(network, node))
        table.addTopLevelItem(QTreeWidgetItem(["loss", network.loss.kind, network.output, "", ""]))
        header = table.header()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.body.addWidget(table)
        count = "{n} parameters".format(n=f"{model.parameter_count:,}")
        self.say(f"{model.remark} {count}." if model.remark else count)
        close = self.add_button("Close", is_primary=True)
        close.clicked.connect(self.accept)
        self.resize(720, 520)


def _row(network: Network, node: Node) -> QTreeWidgetItem:
    shapes = network.parameter_shapes(node)
    count = sum(math.prod(shape) for shape in shapes.values())
    named = ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())
    return QTreeWidgetItem(
        [
            node.name,
            node.layer.kind,
            ", ".join(node.inputs),
            shape_text(network.shapes[node.name]),
            f"{count:,}: {named}" if count else "",
        ]
    )


class PreferencesDialog(FramedDialog):
    """Each choice holds at once and is remembered."""

    theme_chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Preferences")
        chosen = read_preferences()
        self._theme = Segmented("Theme")
        self._theme.set_choices([(name, name, "") for name in THEME_CHOICES])
        self._theme.set_value(chosen_theme_name())
        self._theme.chosen.connect(self.theme_chosen)
        self._speed = Segmented("Speed")
        self._speed.set_choices(
            [(speed_text(ms).removesuffix(" steps/s"), ms, speed_text(ms)) for ms in INTERVALS_MS]
        )
        self._speed.set_value(chosen.interval_ms)
        self._speed.chosen.connect(self._set_speed)
        self._map = Segmented("Color map of signed values")
        self._map.set_choices([(title, name, "") for name, title in COLOR_MAPS])
        self._map.set_value(chosen.diverging)
        self._map.chosen.connect(self._set_map)
        self._motion = QCheckBox("Reduce motion")
        self._motion.setToolTip("Jump from picture to picture without transitions.")
        self._motion.setChecked(chosen.reduces_motion)
        self._motion.toggled.connect(self._set_motion)
        rows = form()
        rows.addRow("Theme", self._theme)
        rows.addRow("Steps a second", self._speed)
        rows.addRow("Signed values", self._map)
        rows.addRow("", self._motion)
        self.body.addLayout(rows)
        close = self.add_button("Close", is_primary=True)
        close.clicked.connect(self.accept)

    def _set_speed(self, interval_ms: int) -> None:
        write_preferences(replace(read_preferences(), interval_ms=interval_ms))

    def _set_map(self, name: str) -> None:
        write_preferences(replace(read_preferences(), diverging=name))

    def _set_motion(self, reduces: bool) -> None:
        write_preferences(replace(read_preferences(), reduces_motion=reduces))
