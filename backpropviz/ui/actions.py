"""Every action of the window, once: menus, toolbar, palette and shortcut sheet come from here.

An action is data. What it does is bound by the window under its `name`; when it can be used follows
from `needs`, and for the debugger's commands from the command itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Needs(Enum):
    """What must be there before an action can be used."""

    NOTHING = "nothing"
    TAPE = "a recorded pass"
    COMMAND = "a pass and a command that is possible now"
    LAST_SESSION = "a session from an earlier time"


class Scope(Enum):
    """Where its keys work: buttons and lists need Space and the arrows for themselves."""

    WINDOW = "window"
    STAGE = "stage"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action; `name` is its identity, `help` one sentence, `keys` portable key texts."""

    name: str
    menu: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    needs: Needs = Needs.NOTHING
    scope: Scope = Scope.WINDOW
    is_checkable: bool = False
    begins_section: bool = False


_PASS, _COMMAND = Needs.TAPE, Needs.COMMAND


def _file() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "open",
            "File",
            "Open…",
            "Open an image, a network or a session.",
            ("Ctrl+O",),
            "folder-open",
        ),
        ActionSpec(
            "open_example",
            "File",
            "Open the 3×3 example",
            "Open the example whose numbers can be checked by head.",
            ("Ctrl+1",),
            "grid-3x3",
        ),
        ActionSpec(
            "open_lenet",
            "File",
            "Open LeNet on a digit",
            "Open a trained network that reads a handwritten digit.",
            ("Ctrl+2",),
            "network",
        ),
        ActionSpec(
            "resume",
            "File",
            "Resume the last session",
            "Go on where the program was closed the last time.",
            ("Ctrl+R",),
            "history",
            Needs.LAST_SESSION,
        ),
        ActionSpec(
            "save",
            "File",
            "Save session…",
            "Save network, image, place, breakpoints and watches in one file.",
            ("Ctrl+S",),
            "save",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "export",
            "File",
            "Export…",
            "Write this frame, or a frame for each step of a range, to files.",
            ("Ctrl+E",),
            "upload",
            _PASS,
        ),
        ActionSpec(
            "copy_frame",
            "File",
            "Copy frame as image",
            "Put the stage on the clipboard as an image.",
            ("Ctrl+Shift+C",),
            "copy",
            _PASS,
        ),
        ActionSpec(
            "start_page",
            "File",
            "Start page",
            "Leave the pass and show the start page.",
            ("Ctrl+Shift+H",),
            "corner-up-left",
            _PASS,
            begins_section=True,
        ),
        ActionSpec("quit", "File", "Quit", "Close the window.", ("Ctrl+Q",), "x"),
    )


def _edit() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "copy_value",
            "Edit",
            "Copy value",
            "Copy address and value of the focused or pinned cell.",
            ("Ctrl+C",),
            "copy",
            _PASS,
            Scope.STAGE,
        ),
        ActionSpec(
            "paste",
            "Edit",
            "Paste an image",
            "Use the picture or file on the clipboard.",
            ("Ctrl+V",),
            "clipboard-paste",
        ),
        ActionSpec(
            "fit_image",
            "Edit",
            "Fit the image…",
            "See and change how the image was brought to the network's input.",
            ("Ctrl+I",),
            "crop",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "learning_rate",
            "Edit",
            "Learning rate…",
            "Record the pass again with another learning rate.",
            ("Ctrl+L",),
            "gauge",
            _PASS,
        ),
        ActionSpec(
            "target",
            "Edit",
            "Target…",
            "Record the pass again with another target.",
            ("Ctrl+T",),
            "target",
            _PASS,
        ),
        ActionSpec(
            "preferences",
            "Edit",
            "Preferences…",
            "Choose theme, speed, color map and motion.",
            ("Ctrl+,",),
            "settings",
            begins_section=True,
        ),
    )


def _view() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "palette",
            "View",
            "Command palette",
            "Find any action, layer or address by a few letters.",
            ("Ctrl+Shift+P",),
            "command",
        ),
        ActionSpec(
            "zoom_in",
            "View",
            "Zoom in",
            "Show the stage larger.",
            ("Ctrl++", "Ctrl+="),
            "zoom-in",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "zoom_out",
            "View",
            "Zoom out",
            "Show the stage smaller.",
            ("Ctrl+-",),
            "zoom-out",
            _PASS,
        ),
        ActionSpec(
            "zoom_reset",
            "View",
            "Zoom to 100 %",
            "Show the stage at its own size.",
            ("Ctrl+0",),
            "maximize",
            _PASS,
        ),
        ActionSpec(
            "ledger_by_size",
            "View",
            "Sort the ledger by size",
            "Largest terms first, instead of the order of the loops.",
            ("Ctrl+Shift+L",),
            "arrow-up-down",
            _PASS,
            is_checkable=True,
            begins_section=True,
        ),
        ActionSpec(
            "network_details",
            "View",
            "Network details…",
            "Layers, shapes and parameters of the network.",
            ("Ctrl+Shift+I",),
            "info",
            _PASS,
        ),
        ActionSpec(
            "toggle_theme",
            "View",
            "Switch light and dark",
            "Change between the light and the dark theme.",
            ("Ctrl+Shift+T",),
            "moon",
            begins_section=True,
        ),
        ActionSpec(
            "next_panel",
            "View",
            "Next panel",
            "Move the keyboard to the next panel.",
            ("F6",),
            "panel-right",
            _PASS,
        ),
        ActionSpec(
            "previous_panel",
            "View",
            "Previous panel",
            "Move the keyboard to the panel before.",
            ("Shift+F6",),
            "panel-left",
            _PASS,
        ),
    )


def _debug() -> tuple[ActionSpec, ...]:
    return (*_stepping(), *_places(), *_ways())


def _stepping() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "step_over",
            "Debug",
            "Step over",
            "Run the block in focus and go to the next of its depth.",
            ("F10",),
            "redo-dot",
            _COMMAND,
        ),
        ActionSpec(
            "step_into",
            "Debug",
            "Step into",
            "Go one depth deeper.",
            ("F11",),
            "corner-right-down",
            _COMMAND,
        ),
        ActionSpec(
            "step_out",
            "Debug",
            "Step out",
            "Run to the end of the enclosing block and go one depth up.",
            ("Shift+F11",),
            "corner-right-up",
            _COMMAND,
        ),
        ActionSpec(
            "continue",
            "Debug",
            "Continue",
            "Run to the next breakpoint or to the end.",
            ("F5",),
            "step-forward",
            _COMMAND,
        ),
        ActionSpec(
            "back_over",
            "Debug",
            "Step back over",
            "Undo the block before, at the same depth.",
            ("Ctrl+F10",),
            "undo-dot",
            _COMMAND,
            begins_section=True,
        ),
        ActionSpec(
            "back_into",
            "Debug",
            "Step back into",
            "Go one depth deeper and to the block before.",
            ("Ctrl+F11",),
            "corner-left-down",
            _COMMAND,
        ),
        ActionSpec(
            "back_out",
            "Debug",
            "Step back out",
            "Go back to the start of the enclosing block, one depth up.",
            ("Ctrl+Shift+F11",),
            "corner-left-up",
            _COMMAND,
        ),
        ActionSpec(
            "continue_back",
            "Debug",
            "Continue backwards",
            "Run back to the breakpoint before or to the start.",
            ("Ctrl+F5",),
            "step-back",
            _COMMAND,
        ),
        ActionSpec(
            "next",
            "Debug",
            "Next",
            "The next block at this depth.",
            (".",),
            "chevron-right",
            _COMMAND,
            begins_section=True,
        ),
        ActionSpec(
            "previous",
            "Debug",
            "Previous",
            "The block before at this depth.",
            (",",),
            "chevron-left",
            _COMMAND,
        ),
        ActionSpec(
            "play",
            "Debug",
            "Play or pause",
            "Step on by itself, at the chosen speed.",
            ("Space",),
            "play",
            _PASS,
            Scope.STAGE,
        ),
        ActionSpec(
            "stage_next",
            "Debug",
            "Next, on the stage",
            "The next block at this depth.",
            ("Right",),
            "arrow-right",
            _COMMAND,
            Scope.STAGE,
        ),
        ActionSpec(
            "stage_previous",
            "Debug",
            "Previous, on the stage",
            "The block before at this depth.",
            ("Left",),
            "arrow-left",
            _COMMAND,
            Scope.STAGE,
        ),
    )


def _places() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "go_to",
            "Debug",
            "Go to address or step…",
            "Jump to a value such as conv1.weight.grad[0,0,0,1], or to a step by its number.",
            ("Ctrl+G",),
            "crosshair",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "to_start",
            "Debug",
            "Go to the start",
            "Go to the first step of the pass.",
            ("Ctrl+Home",),
            "skip-back",
            _COMMAND,
        ),
        ActionSpec(
            "to_end",
            "Debug",
            "Go to the end",
            "Run the whole pass.",
            ("Ctrl+End",),
            "skip-forward",
            _COMMAND,
        ),
        ActionSpec(
            "go_back",
            "Debug",
            "Back to where I was",
            "Return from a jump.",
            ("Alt+Left",),
            "undo-2",
            _PASS,
        ),
        ActionSpec(
            "go_forward",
            "Debug",
            "Forward again",
            "Undo the return from a jump.",
            ("Alt+Right",),
            "redo-2",
            _PASS,
        ),
        ActionSpec(
            "origin",
            "Debug",
            "Where did this come from?",
            "Go to the step that computed the pinned or focused value.",
            ("Ctrl+Return",),
            "git-branch",
            _PASS,
        ),
        ActionSpec(
            "toggle_breakpoint",
            "Debug",
            "Breakpoint here",
            "Set or remove a breakpoint at what is in focus.",
            ("F9",),
            "circle-dot",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "add_breakpoint",
            "Debug",
            "Add a breakpoint…",
            "Stop at an address, or when a condition is met.",
            ("Ctrl+F9",),
            "plus",
            _PASS,
        ),
        ActionSpec(
            "add_watch",
            "Debug",
            "Add a watch…",
            "Follow the value at an address.",
            ("Ctrl+W",),
            "eye",
            _PASS,
        ),
    )


def _ways() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "loop_order",
            "Debug",
            "Change the loop order",
            "Interchange the loops: by target, or by source.",
            ("Ctrl+Shift+O",),
            "repeat",
            _PASS,
            begins_section=True,
        ),
        ActionSpec(
            "faster",
            "Debug",
            "Faster",
            "Play faster.",
            ("Ctrl+Up",),
            "chevrons-up",
            _PASS,
        ),
        ActionSpec(
            "slower",
            "Debug",
            "Slower",
            "Play slower.",
            ("Ctrl+Down",),
            "chevrons-down",
            _PASS,
        ),
        ActionSpec(
            "float_width",
            "Debug",
            "Compute in float64",
            "Record the pass again in 64-bit floating point.",
            ("Ctrl+Shift+F",),
            "sigma",
            _PASS,
            is_checkable=True,
            begins_section=True,
        ),
        ActionSpec(
            "sum_reduction",
            "Debug",
            "Sum over the batch",
            "Record the pass again with the sum of the losses instead of their mean.",
            ("Ctrl+Shift+B",),
            "sigma",
            _PASS,
            is_checkable=True,
        ),
    )


def _help() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            "shortcuts",
            "Help",
            "Keyboard shortcuts",
            "Show all keys on one sheet.",
            ("F1", "?"),
            "keyboard",
        ),
        ActionSpec(
            "about",
            "Help",
            "About BackpropViz",
            "Version, licenses and libraries.",
            (),
            "info",
        ),
    )


ACTIONS: Final[tuple[ActionSpec, ...]] = (*_file(), *_edit(), *_view(), *_debug(), *_help())


def action_spec(name: str) -> ActionSpec:
    """The action of that name."""
    return next(spec for spec in ACTIONS if spec.name == name)
