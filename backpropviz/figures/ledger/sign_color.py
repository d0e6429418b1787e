"""The color of what raises or lowers a sum."""

from __future__ import annotations

import math

from backpropviz.scene.colormaps import color_at
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme


def sign_color(change: float, theme: Theme) -> Color:
    """The end of the diverging map on the change's side; gray for none."""
    if change == 0:
        return theme.text_tertiary
    return color_at(theme.diverging, math.copysign(1.0, change), (-1.0, 1.0))
