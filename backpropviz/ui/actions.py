"""Every action of the window, once: menus, toolbar, palette and shortcut sheet come from here.

An action is data. What it does is bound by the window under its `name`; when it can be used follows
from `needs`, and for the debugger's commands from the command itself.
"""

from __future__ import annotations

from typing import Final

from backpropviz.ui.action_spec import ActionSpec, Needs, Scope
from backpropviz.ui.analysis_actions import ANALYSIS_ACTIONS
from backpropviz.ui.general_actions import (
    EDIT_ACTIONS,
    FILE_ACTIONS,
    HELP_ACTIONS,
    VIEW_ACTIONS,
)
from backpropviz.ui.stepping_actions import PLACE_ACTIONS, STEPPING_ACTIONS, WAY_ACTIONS
from backpropviz.ui.training_actions import TRAINING_ACTIONS

__all__ = ["ACTIONS", "ActionSpec", "Needs", "Scope", "action_spec"]

ACTIONS: Final[tuple[ActionSpec, ...]] = (
    *FILE_ACTIONS,
    *EDIT_ACTIONS,
    *VIEW_ACTIONS,
    *STEPPING_ACTIONS,
    *PLACE_ACTIONS,
    *WAY_ACTIONS,
    *ANALYSIS_ACTIONS,
    *TRAINING_ACTIONS,
    *HELP_ACTIONS,
)


def action_spec(name: str) -> ActionSpec:
    """The action of that name."""
    return next(spec for spec in ACTIONS if spec.name == name)
