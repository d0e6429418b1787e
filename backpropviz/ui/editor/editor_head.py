"""The first row of the editor: title, what to start from, undo and redo."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from backpropviz.engine.architecture import ends
from backpropviz.engine.presets import PRESETS
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE, Theme
from backpropviz.ui.appearance import faint
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.form import text_line
from backpropviz.ui.icons import icon
from backpropviz.ui.plain_text import plain_tip

EMPTY = "empty"


class EditorHead(QFrame):
    """Shows title and history of a controller."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Chrome")
        self.setFixedHeight(52)
        self._controller = controller
        self.title = text_line(self.tr("Title of the network"))
        self.title.setObjectName("EditorTitle")
        self.title.setFont(qfont(CARD_TITLE))
        self.title.setFixedWidth(320)
        self.title.editingFinished.connect(self._change_title)
        self.presets = ChoiceChip(self.tr("Start from"))
        self.presets.show_value(self.tr("Start from a preset"))
        self.presets.set_choices(_presets(self.tr("Empty"), self.tr("No layer yet.")))
        self.undo = self._button(self.tr("Undo"), "Ctrl+Z")
        self.redo = self._button(self.tr("Redo"), "Ctrl+Shift+Z", "Ctrl+Y")
        self.undo.clicked.connect(controller.undo)
        self.redo.clicked.connect(controller.redo)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.title)
        row.addWidget(self.presets)
        row.addStretch(1)
        row.addWidget(self.undo)
        row.addWidget(self.redo)

    def show_history(self) -> None:
        """Follow the controller."""
        history = self._controller.history
        self.title.setText(history.present.title)
        self._offer(self.undo, self.tr("Undo"), history.undo_label, "Ctrl+Z")
        self._offer(self.redo, self.tr("Redo"), history.redo_label, "Ctrl+Shift+Z")

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.presets.use_theme(colors)
        for button, name in ((self.undo, "undo-2"), (self.redo, "redo-2")):
            button.setIcon(icon(name, colors.text, faint(colors)))

    def _button(self, name: str, *keys: str) -> QToolButton:
        button = QToolButton()
        button.setFixedSize(32, 32)
        button.setIconSize(QSize(18, 18))
        button.setAccessibleName(name)
        for key in keys:
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.activated.connect(button.click)
        return button

    @staticmethod
    def _offer(button: QToolButton, word: str, label: str, keys: str) -> None:
        button.setEnabled(bool(label))
        button.setToolTip(plain_tip(f"{word}: {label}  {keys}" if label else word))

    def _change_title(self) -> None:
        if self.title.isModified():
            self.title.setModified(False)
            text = self.title.text()
            refusal = self._controller.edit(
                self.tr("title"), lambda draft: ends.change_title(draft, text)
            )
            if refusal:
                self.title.setText(self._controller.draft.title)


def _presets(empty: str, empty_help: str) -> list[tuple[str, str, str] | None]:
    entries: list[tuple[str, str, str] | None] = [
        (name, f"{preset.title}:  {preset.description}", preset.description)
        for name, preset in PRESETS.items()
    ]
    return [*entries, None, (EMPTY, empty, empty_help)]
