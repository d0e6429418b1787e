"""The theme's color for what a part of an equation means."""

from __future__ import annotations

from backpropviz.scene.equation import Role
from backpropviz.scene.equation_layout import EquationStyle
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme


def role_color(role: Role, theme: Theme) -> Color:
    """One color."""
    return role_colors(theme)[role]


def role_colors(theme: Theme) -> dict[Role, Color]:
    """All of them."""
    return {
        Role.INK: theme.text,
        Role.FORWARD: theme.forward,
        Role.BACKWARD: theme.backward,
        Role.HERE: theme.here,
        Role.UPDATE: theme.update,
        Role.LOSS: theme.loss,
        Role.MUTED: theme.text_tertiary,
    }


def equation_style(theme: Theme) -> EquationStyle:
    """Equations in the theme's colors, the current term on its tint."""
    return EquationStyle(role_colors(theme), theme.here_tint)
