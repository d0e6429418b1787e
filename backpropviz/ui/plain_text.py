"""Words of other people (names of classes, layers, pictures, lessons) as text, never as markup.

Qt takes a label or a tooltip that looks like HTML for HTML, images included, and `&` in a title for
the mark of a key. Every label of the interface is a `PlainLabel`; what else may show a name passes
through one of these functions.
"""

from __future__ import annotations

from html import escape

from PySide6.QtWidgets import QLabel, QWidget


class PlainLabel(QLabel):
    """A label that shows its text letter by letter."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text; only one that may be taken for markup needs Qt's enumerations."""
        if _may_be_markup(text):
            from PySide6.QtCore import Qt

            self.setTextFormat(Qt.TextFormat.PlainText)
        super().setText(text)


def plain_title(text: str) -> str:
    """A text for an action, a button or a menu, whose `&` is seen."""
    return text.replace("&", "&&")


def plain_tip(text: str) -> str:
    """A text for a tooltip; what Qt might take for markup is escaped."""
    if not _may_be_markup(text):
        return text
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'


def _may_be_markup(text: str) -> bool:
    return "<" in text or "&lt;" in text
