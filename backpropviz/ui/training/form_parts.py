"""What the forms of the training dialogs are made of."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import PANEL_TITLE


def form_rows() -> QFormLayout:
    """Rows of a label and a control, close to each other."""
    rows = QFormLayout()
    rows.setHorizontalSpacing(16)
    rows.setVerticalSpacing(6)
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return rows


def form_title(text: str) -> QLabel:
    """What a part of a form is about."""
    label = QLabel(text)
    label.setFont(qfont(PANEL_TITLE))
    return label
