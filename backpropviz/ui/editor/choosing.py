"""A chip whose menu chooses one of several values."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction

from backpropviz.ui.controls import Chip
from backpropviz.ui.plain_text import plain_tip, plain_title


class ChoiceChip(Chip):
    """`chosen` carries the value; None among the choices separates."""

    chosen = Signal(str)

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.hide_label()
        self._choices: tuple[tuple[str, str, str] | None, ...] = ()

    def set_choices(self, choices: Sequence[tuple[str, str, str] | None]) -> None:
        """Offer these (value, text, help)."""
        if tuple(choices) == self._choices:
            return
        self._choices = tuple(choices)
        self.fill([self._action(choice) for choice in choices])

    def choose(self, value: str) -> None:
        """As if its entry of the menu had been chosen."""
        self.chosen.emit(value)

    def _action(self, choice: tuple[str, str, str] | None) -> QAction | None:
        if choice is None:
            return None
        value, text, help_text = choice
        action = QAction(plain_title(text), self.menu())
        action.setData(value)
        action.setToolTip(plain_tip(help_text))
        action.triggered.connect(self._choose)
        return action

    def _choose(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.chosen.emit(str(action.data()))
