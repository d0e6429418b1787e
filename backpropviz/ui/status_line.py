"""The line at the bottom: orange while the pass is paused, and what it says."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QSizePolicy, QStatusBar, QWidget

from backpropviz.ui.plain_text import PlainLabel, plain_tip
from backpropviz.version import __version__


class StatusLine(QStatusBar):
    """State and message at the left, facts of the pass at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setFixedHeight(24)
        self._state, self._message, self._facts = PlainLabel(), PlainLabel(), PlainLabel()
        self._unusual = PlainLabel()
        self._unusual.setContentsMargins(0, 0, 10, 0)
        font = QFont(self._state.font())
        font.setWeight(QFont.Weight.DemiBold)
        self._state.setFont(font)
        self._state.setContentsMargins(10, 0, 6, 0)
        self._facts.setContentsMargins(0, 0, 10, 0)
        ignored = QSizePolicy.Policy.Ignored
        self._message.setSizePolicy(ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self._state)
        self.addWidget(self._message, 1)
        self.addPermanentWidget(self._unusual)
        self.addPermanentWidget(self._facts)
        self.show_idle()

    def show_idle(self) -> None:
        """Nothing is open."""
        self._set_mood("idle")
        self.show_unusual("", "")
        self._state.setText(self.tr("Ready"))
        self._message.setText("")
        self._facts.setText(f"BackpropViz {__version__}")

    def show_pass(self, state: str, message: str, facts: str, *, is_paused: bool) -> None:
        """A pass is open: where it stands and what it is."""
        self._set_mood("paused" if is_paused else "idle")
        self._state.setText(state)
        self.say(message)
        self._facts.setText(facts)

    def show_training(self, state: str, message: str, facts: str, *, mood: str) -> None:
        """A run is shown: `mood` is training, paused or idle."""
        self._set_mood(mood)
        self.show_unusual("", "")
        self._state.setText(state)
        self.say(message)
        self._facts.setText(facts)

    def show_unusual(self, words: str, explanation: str) -> None:
        """What a pass has that others have not, before its facts; hovering tells more."""
        self._unusual.setVisible(bool(words))
        self._unusual.setText(words)
        self._unusual.setToolTip(plain_tip(explanation))

    def say(self, message: str) -> None:
        """A sentence beside the state."""
        self._message.setText(message)
        self._message.setToolTip(plain_tip(message))

    @property
    def message(self) -> str:
        """What it says now."""
        return self._message.text()

    def _set_mood(self, mood: str) -> None:
        before = self.property("mood")
        self.setProperty("mood", mood)
        if before in {None, mood}:
            # Not polished yet, or as it was.
            return
        for widget in (self, self._state, self._message, self._unusual, self._facts):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
