"""What the forms of the training dialogs are made of."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QLabel

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import PANEL_TITLE
from backpropviz.ui.dialogs.frame import form
from backpropviz.ui.plain_text import PlainLabel


def form_rows() -> QFormLayout:
    """Rows of a label and a control, close to each other."""
    rows = form()
    rows.setVerticalSpacing(6)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def form_title(text: str) -> QLabel:
    """What a part of a form is about."""
    label = PlainLabel(text)
    label.setFont(qfont(PANEL_TITLE))
    return label
