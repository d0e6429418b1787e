"""All keys on one sheet, from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, MONO, ROW
from backpropviz.ui.action_set import key_text, translated
from backpropviz.ui.actions import ACTIONS, ActionSpec, Scope
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.plain_text import PlainLabel


class ShortcutSheet(FramedDialog):
    """Every action that has keys, by menu; F1 or Esc closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, parent.tr("Keyboard shortcuts"))
        self.say(
            self.tr(
                "On the stage, Enter puts the keyboard on a cell, the arrows move it, Enter pins "
                "it, Esc leaves. Shift+F10 opens the menu of a cell. Shift with an arrow scrolls a "
                "matrix that is too large for the stage."
            )
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
        close = self.add_button(self.tr("Close"), is_primary=True)
        close.clicked.connect(self.accept)
        available = parent.window().size()
        self.resize(min(1120, available.width() - 60), min(760, available.height() - 60))


def _column(menus: tuple[str, ...]) -> QVBoxLayout:
    result = QVBoxLayout()
    result.setSpacing(6)
    for menu in menus:
        heading = PlainLabel(translated("Menus", menu))
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
        title.setToolTip(translated("Actions", spec.help))
        keys = PlainLabel("   ".join(key_text(key) for key in spec.keys))
        keys.setFont(qfont(MONO))
        keys.setAlignment(Qt.AlignmentFlag.AlignRight)
        grid.addWidget(title, row, 0)
        grid.addWidget(keys, row, 1)
    return grid


def _title(spec: ActionSpec) -> str:
    title = translated("Actions", spec.title).removesuffix("…")
    on_stage = spec.scope is Scope.STAGE and "stage" not in title
    return f"{title} (on the stage)" if on_stage else title
