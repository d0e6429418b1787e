"""The actions of the menu Analyze: questions to a value, to the gradients, to the conventions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from backpropviz.ui.action_spec import ActionSpec, Needs, Scope

if TYPE_CHECKING:
    from backpropviz.engine.conventions import Convention, Option

_MENU, _PASS = "Analyze", Needs.TAPE

CONVENTION_CHOICES: Final[Mapping[str, tuple[Convention, Option]]] = MappingProxyType(
    {
        "ties_first": ("ties", "first"),
        "ties_all": ("ties", "all"),
        "ties_shared": ("ties", "shared"),
        "relu_zero": ("relu_at_zero", 0.0),
        "relu_half": ("relu_at_zero", 0.5),
        "relu_one": ("relu_at_zero", 1.0),
        "turned_kernels": ("flip", True),
    }
)
"""Which choice of which convention an action makes; unticked, `turned_kernels` is the standard."""


def _choice(
    name: str, title: str, help_text: str, *, begins_section: bool = False, icon: str = ""
) -> ActionSpec:
    return ActionSpec(
        name,
        _MENU,
        title,
        help_text,
        (),
        icon,
        _PASS,
        is_checkable=True,
        begins_section=begins_section,
    )


ANALYSIS_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "copy_derivation",
        "Edit",
        "Copy the derivation as text",
        "Put the equations and terms of the explained value on the clipboard.",
        ("Ctrl+Alt+C",),
        "copy",
        _PASS,
        begins_section=True,
    ),
    ActionSpec(
        "copy_latex",
        "Edit",
        "Copy the equations as LaTeX",
        "Put the equations of the explained value on the clipboard, for a paper.",
        ("Ctrl+Alt+X",),
        "sigma",
        _PASS,
    ),
    ActionSpec(
        "nudge",
        _MENU,
        "Nudge this value",
        "Drag a weight, a bias or a pixel: the true loss against what its gradient predicts.",
        ("N",),
        "sliders-horizontal",
        _PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "ancestry",
        _MENU,
        "Where did this come from?",
        "The way of a value back to the loss or down to the pixels, largest contributions first.",
        ("W",),
        "git-branch",
        _PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "feeds",
        _MENU,
        "What does this feed?",
        "Every value that a pixel, a weight or any other value is a part of.",
        ("F",),
        "arrow-up-from-dot",
        _PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "weight_view",
        _MENU,
        "Everything this weight meets",
        "All inputs that one weight meets, what comes back from there, and the sum that moves it.",
        ("M",),
        "crosshair",
        _PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "edit_value",
        _MENU,
        "Change this value…",
        "Put another number into a pixel, a weight or a bias, and see everything follow.",
        ("E",),
        "grid-3x3",
        _PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "edit_numbers",
        _MENU,
        "Edit the numbers of this example…",
        "Type over any pixel, weight or target of a small example, and see the whole pass follow.",
        ("Shift+E",),
        "grid-3x3",
        _PASS,
        Scope.STAGE,
    ),
    _choice(
        "whole_numbers",
        "Whole numbers only",
        "Take no fractions, and a learning rate of 1, so that a pass can be checked by head.",
    ),
    ActionSpec(
        "check_value",
        _MENU,
        "Check this gradient",
        "Hold the gradient of a value against its finite difference.",
        ("K",),
        "check",
        _PASS,
        Scope.STAGE,
        begins_section=True,
    ),
    ActionSpec(
        "gradient_check",
        _MENU,
        "Check all gradients…",
        "Hold the gradient of every weight and bias against its finite difference.",
        ("Ctrl+Shift+G",),
        "activity",
        _PASS,
    ),
    ActionSpec(
        "convention_proof",
        _MENU,
        "Which convention is right?",
        "See with which choice at a tie or a corner the finite difference agrees.",
        ("Ctrl+Shift+K",),
        "circle-question-mark",
        _PASS,
        begins_section=True,
    ),
    _choice(
        "ties_first",
        "At a tie the first takes the gradient",
        "Of equal largest values in a window the first one counts, as in PyTorch.",
        begins_section=True,
    ),
    _choice(
        "ties_all",
        "At a tie each takes the gradient",
        "Each of the equal largest values of a window takes the whole gradient.",
    ),
    _choice(
        "ties_shared",
        "At a tie all share the gradient",
        "The equal largest values of a window share the gradient evenly.",
    ),
    _choice(
        "relu_zero",
        "ReLU has slope 0 at 0",
        "The slope of a rectifier at exactly 0 is 0, as in PyTorch.",
        begins_section=True,
    ),
    _choice("relu_half", "ReLU has slope ½ at 0", "The slope of a rectifier at exactly 0 is ½."),
    _choice("relu_one", "ReLU has slope 1 at 0", "The slope of a rectifier at exactly 0 is 1."),
    _choice(
        "turned_kernels",
        "Turn kernels by 180°",
        "Compute true convolutions instead of the customary cross-correlations.",
        begins_section=True,
        icon="rotate-cw",
    ),
)
