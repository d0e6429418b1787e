"""What an action of the window is: data, without what it does."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from backpropviz.frozen import frozen

if TYPE_CHECKING:
    from backpropviz.engine.conventions import Convention, Option


class Needs(Enum):
    """What must be there before an action can be used."""

    NOTHING = "nothing"
    TAPE = "a recorded pass, in sight"
    COMMAND = "a pass in sight, and a command that is possible now"
    OPENED = "a recorded pass, in sight or behind the training"
    RUN = "a run in training"
    LAST_SESSION = "a session from an earlier time"


class Scope(Enum):
    """Where its keys work: letters, Space and the arrows belong to the stage alone."""

    WINDOW = "window"
    STAGE = "stage"


def is_function_key(key: str) -> bool:
    """Whether a key text names F1 to F12, with or without modifiers."""
    last = key.rpartition("+")[2]
    return last[:1] == "F" and last[1:].isdecimal()


@frozen
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
    works_beside: bool = False
    """In windows beside the main one too, where function keys work in any case."""

    @property
    def is_everywhere(self) -> bool:
        """Whether its keys work in every window of the program that is not modal."""
        is_called = any(map(is_function_key, self.keys))
        return self.scope is Scope.WINDOW and (self.works_beside or is_called)


_PASS, _COMMAND = Needs.TAPE, Needs.COMMAND


FILE_ACTIONS: Final[tuple[ActionSpec, ...]] = (
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
        "train_network",
        "File",
        "Train a network…",
        "Choose a network and its data, and watch its filters being learned.",
        ("Ctrl+3",),
        "chart-line",
    ),
    ActionSpec(
        "new_network",
        "File",
        "New network…",
        "Put a network together layer by layer, with its shapes and costs at each step.",
        ("Ctrl+N",),
        "layers",
        begins_section=True,
    ),
    ActionSpec(
        "edit_network",
        "File",
        "Edit network…",
        "Change the layers of the open network; trained weights that still fit can stay.",
        ("Ctrl+Shift+N",),
        "network",
        _PASS,
    ),
    ActionSpec(
        "resume",
        "File",
        "Resume the last session",
        "Go on where the program was closed the last time.",
        ("Ctrl+R",),
        "history",
        Needs.LAST_SESSION,
        begins_section=True,
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
        Needs.OPENED,
        begins_section=True,
    ),
    ActionSpec("quit", "File", "Quit", "Close the window.", ("Ctrl+Q",), "x"),
)


EDIT_ACTIONS: Final[tuple[ActionSpec, ...]] = (
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
        "own_example",
        "Edit",
        "The network's own example",
        "Use the image and the target that the network brings.",
        (),
        "image",
        _PASS,
    ),
    ActionSpec(
        "own_picture",
        "Edit",
        "Your image again",
        "Give the open network the image that you opened before.",
        (),
        "image",
        _PASS,
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


VIEW_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "palette",
        "View",
        "Command palette",
        "Find any action, layer or address by a few letters.",
        ("Ctrl+Shift+P",),
        "command",
        works_beside=True,
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
        "ledger_by_sample",
        "View",
        "Sum the ledger by sample",
        "Of a batch: a row for each sample, with all that it adds, instead of a row for each term.",
        ("Ctrl+Shift+A",),
        "layers",
        _PASS,
        is_checkable=True,
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
        "reset_layout",
        "View",
        "Reset the layout",
        "Show every panel at its first place and size.",
        (),
        "rotate-ccw",
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
    ),
    ActionSpec(
        "previous_panel",
        "View",
        "Previous panel",
        "Move the keyboard to the panel before.",
        ("Shift+F6",),
        "panel-left",
    ),
)


HELP_ACTIONS: Final[tuple[ActionSpec, ...]] = (
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


_STEPPING_ACTIONS_PASS, _STEPPING_ACTIONS_COMMAND = Needs.TAPE, Needs.COMMAND


STEPPING_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "step_over",
        "Debug",
        "Step over",
        "Run the block in focus and go to the next of its depth.",
        ("F10",),
        "redo-dot",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "step_into",
        "Debug",
        "Step into",
        "Go one depth deeper.",
        ("F11",),
        "corner-right-down",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "step_out",
        "Debug",
        "Step out",
        "Run to the end of the enclosing block and go one depth up.",
        ("Shift+F11",),
        "corner-right-up",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "continue",
        "Debug",
        "Continue",
        "Run to the next breakpoint or to the end.",
        ("F5",),
        "step-forward",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "back_over",
        "Debug",
        "Step back over",
        "Undo the block before, at the same depth.",
        ("Ctrl+F10",),
        "undo-dot",
        _STEPPING_ACTIONS_COMMAND,
        begins_section=True,
    ),
    ActionSpec(
        "back_into",
        "Debug",
        "Step back into",
        "Go one depth deeper and to the block before.",
        ("Ctrl+F11",),
        "corner-left-down",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "back_out",
        "Debug",
        "Step back out",
        "Go back to the start of the enclosing block, one depth up.",
        ("Ctrl+Shift+F11",),
        "corner-left-up",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "continue_back",
        "Debug",
        "Continue backwards",
        "Run back to the breakpoint before or to the start.",
        ("Ctrl+F5",),
        "step-back",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "next",
        "Debug",
        "Next",
        "The next block at this depth.",
        (".",),
        "chevron-right",
        _STEPPING_ACTIONS_COMMAND,
        begins_section=True,
        works_beside=True,
    ),
    ActionSpec(
        "previous",
        "Debug",
        "Previous",
        "The block before at this depth.",
        (",",),
        "chevron-left",
        _STEPPING_ACTIONS_COMMAND,
        works_beside=True,
    ),
    ActionSpec(
        "play",
        "Debug",
        "Play or pause",
        "Step on by itself, at the chosen speed.",
        ("Space",),
        "play",
        _STEPPING_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "stage_next",
        "Debug",
        "Next, on the stage",
        "The next block at this depth.",
        ("Right",),
        "arrow-right",
        _STEPPING_ACTIONS_COMMAND,
        Scope.STAGE,
    ),
    ActionSpec(
        "stage_previous",
        "Debug",
        "Previous, on the stage",
        "The block before at this depth.",
        ("Left",),
        "arrow-left",
        _STEPPING_ACTIONS_COMMAND,
        Scope.STAGE,
    ),
)


PLACE_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "go_to",
        "Debug",
        "Go to address or step…",
        "Jump to a value such as conv1.weight.grad[0,0,0,1], or to a step by its number.",
        ("Ctrl+G",),
        "crosshair",
        _STEPPING_ACTIONS_PASS,
        begins_section=True,
        works_beside=True,
    ),
    ActionSpec(
        "to_start",
        "Debug",
        "Go to the start",
        "Go to the first step of the pass.",
        ("Ctrl+Home",),
        "skip-back",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "to_end",
        "Debug",
        "Go to the end",
        "Run the whole pass.",
        ("Ctrl+End",),
        "skip-forward",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "go_back",
        "Debug",
        "Back to where I was",
        "Return from a jump.",
        ("Alt+Left",),
        "undo-2",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "go_forward",
        "Debug",
        "Forward again",
        "Undo the return from a jump.",
        ("Alt+Right",),
        "redo-2",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "origin",
        "Debug",
        "Go to where it is computed",
        "Go to the step that computed the pinned or focused value.",
        ("Ctrl+Return",),
        "corner-left-up",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "previous_sample",
        "Debug",
        "Previous sample",
        "Go to the same step in the sample before, of a batch.",
        ("Alt+Up",),
        "chevron-up",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "next_sample",
        "Debug",
        "Next sample",
        "Go to the same step in the sample after, of a batch.",
        ("Alt+Down",),
        "chevron-down",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "toggle_breakpoint",
        "Debug",
        "Breakpoint here",
        "Set or remove a breakpoint at what is in focus.",
        ("F9",),
        "circle-dot",
        _STEPPING_ACTIONS_PASS,
        begins_section=True,
    ),
    ActionSpec(
        "add_breakpoint",
        "Debug",
        "Add a breakpoint…",
        "Stop at an address, or when a condition is met.",
        ("Ctrl+F9",),
        "plus",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "clear_breakpoints",
        "Debug",
        "Remove all breakpoints",
        "Remove every breakpoint of this pass.",
        ("Ctrl+Shift+F9",),
        "trash-2",
        _STEPPING_ACTIONS_COMMAND,
    ),
    ActionSpec(
        "add_watch",
        "Debug",
        "Add a watch…",
        "Follow the value at an address.",
        ("Ctrl+W",),
        "eye",
        _STEPPING_ACTIONS_PASS,
    ),
)


WAY_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "loop_order",
        "Debug",
        "Change the loop order",
        "Interchange the loops: by target, or by source.",
        ("Ctrl+Shift+O",),
        "repeat",
        _STEPPING_ACTIONS_PASS,
        begins_section=True,
    ),
    ActionSpec(
        "show_absent",
        "Debug",
        "Stop at absent terms",
        "Stop, by position, also where a window reaches no cell, which is passed otherwise.",
        (),
        "",
        _STEPPING_ACTIONS_PASS,
        is_checkable=True,
    ),
    ActionSpec(
        "faster",
        "Debug",
        "Faster",
        "Play faster.",
        ("Ctrl+Up",),
        "chevrons-up",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "slower",
        "Debug",
        "Slower",
        "Play slower.",
        ("Ctrl+Down",),
        "chevrons-down",
        _STEPPING_ACTIONS_PASS,
    ),
    ActionSpec(
        "float_width",
        "Debug",
        "Compute in float64",
        "Record the pass again in 64-bit floating point.",
        ("Ctrl+Shift+F",),
        "sigma",
        _STEPPING_ACTIONS_PASS,
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
        _STEPPING_ACTIONS_PASS,
        is_checkable=True,
    ),
    ActionSpec(
        "train_mode",
        "Debug",
        "Mode train: as in a training step",
        "Batch normalization takes the batch's own statistics, and dropout drops values.",
        (),
        "",
        _STEPPING_ACTIONS_PASS,
        is_checkable=True,
        begins_section=True,
    ),
    ActionSpec(
        "eval_mode",
        "Debug",
        "Mode eval: as in use",
        "Batch normalization takes its running statistics, and nothing is dropped.",
        (),
        "",
        _STEPPING_ACTIONS_PASS,
        is_checkable=True,
    ),
    ActionSpec(
        "dropout_seed",
        "Debug",
        "Dropout seed…",
        "Choose the seed that draws what dropout drops in the mode train.",
        (),
        "",
        _STEPPING_ACTIONS_PASS,
    ),
)


_MENU, _ANALYSIS_ACTIONS_PASS = "Analyze", Needs.TAPE

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
        _ANALYSIS_ACTIONS_PASS,
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
        _ANALYSIS_ACTIONS_PASS,
        begins_section=True,
    ),
    ActionSpec(
        "copy_latex",
        "Edit",
        "Copy the equations as LaTeX",
        "Put the equations of the explained value on the clipboard, for a paper.",
        ("Ctrl+Alt+X",),
        "sigma",
        _ANALYSIS_ACTIONS_PASS,
    ),
    ActionSpec(
        "nudge",
        _MENU,
        "Nudge this value",
        "Drag a weight, a bias or a pixel: the true loss against what its gradient predicts.",
        ("N",),
        "sliders-horizontal",
        _ANALYSIS_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "ancestry",
        _MENU,
        "Where did this come from?",
        "The way of a value back to the loss or down to the pixels, largest contributions first.",
        ("W",),
        "git-branch",
        _ANALYSIS_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "feeds",
        _MENU,
        "What does this feed?",
        "Every value that a pixel, a weight or any other value is a part of.",
        ("F",),
        "arrow-up-from-dot",
        _ANALYSIS_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "weight_view",
        _MENU,
        "Everything this weight meets",
        "All inputs that one weight meets, what comes back from there, and the sum that moves it.",
        ("M",),
        "crosshair",
        _ANALYSIS_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "edit_value",
        _MENU,
        "Change this value…",
        "Put another number into a pixel, a weight or a bias, and see everything follow.",
        ("E",),
        "grid-3x3",
        _ANALYSIS_ACTIONS_PASS,
        Scope.STAGE,
    ),
    ActionSpec(
        "edit_numbers",
        _MENU,
        "Edit the numbers of this example…",
        "Type over any pixel, weight or target of a small example, and see the whole pass follow.",
        ("Shift+E",),
        "grid-3x3",
        _ANALYSIS_ACTIONS_PASS,
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
        _ANALYSIS_ACTIONS_PASS,
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
        _ANALYSIS_ACTIONS_PASS,
    ),
    ActionSpec(
        "convention_proof",
        _MENU,
        "Which convention is right?",
        "See with which choice at a tie or a corner the finite difference agrees.",
        ("Ctrl+Shift+K",),
        "circle-question-mark",
        _ANALYSIS_ACTIONS_PASS,
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


_TRAINING_ACTIONS_MENU, _RUN = "Train", Needs.RUN


def _of_run(
    name: str,
    title: str,
    help_text: str,
    keys: tuple[str, ...] = (),
    icon: str = "",
    *,
    begins_section: bool = False,
) -> ActionSpec:
    return ActionSpec(
        name,
        _TRAINING_ACTIONS_MENU,
        title,
        help_text,
        keys,
        icon,
        _RUN,
        begins_section=begins_section,
    )


TRAINING_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "mode",
        _TRAINING_ACTIONS_MENU,
        "Change between Debug and Train",
        "Show the training, or the pass in the debugger; what trains goes on.",
        ("Ctrl+Shift+M",),
        "arrow-left-right",
    ),
    ActionSpec(
        "new_run",
        _TRAINING_ACTIONS_MENU,
        "New run…",
        "Choose network, data, optimizer and first weights of a run.",
        ("Ctrl+Alt+N",),
        "plus",
    ),
    _of_run(
        "train",
        "Start or pause training",
        "Train on without end, or stop after the update that is being made.",
        ("F8",),
        "play",
        begins_section=True,
    ),
    _of_run("one_update", "One update", "Make one update and pause.", ("F7",), "step-forward"),
    _of_run(
        "one_epoch",
        "To the end of the epoch",
        "Train until every sample was seen once more, and pause.",
        ("Shift+F7",),
        "skip-forward",
    ),
    _of_run(
        "stop_training",
        "Stop and validate",
        "Stop, measure the validation samples and keep a checkpoint.",
        ("Shift+F8",),
        "square",
    ),
    _of_run(
        "debug_update",
        "Debug this update",
        "Open the update that is shown in the debugger: its batch, weights, gradients and steps.",
        ("Ctrl+F8",),
        "bug",
        begins_section=True,
    ),
    _of_run(
        "debug_next_update",
        "Debug the next update",
        "Open the update that comes next in the debugger, before it is made.",
        ("Ctrl+Shift+F8",),
    ),
    _of_run(
        "rewind",
        "Rewind to the shown update",
        "Go on from the update that the slider shows, in a run of its own with the same settings.",
        ("Ctrl+Shift+F7",),
        "history",
        begins_section=True,
    ),
    _of_run(
        "fork",
        "Fork with other settings…",
        "Go on from the update that the slider shows, with other settings.",
        ("Ctrl+F7",),
        "git-branch",
    ),
    _of_run(
        "show_latest",
        "Show the latest update",
        "Leave the past: the filters follow the training again.",
        ("F4",),
        "chevrons-right",
    ),
    _of_run(
        "compare_runs",
        "Compare runs",
        "Curves of two runs, and the difference of their filters.",
        ("Ctrl+Shift+D",),
        "arrow-right-left",
    ),
    _of_run(
        "stops",
        "Stops in training…",
        "Choose what stops a run by itself: a rising loss, NaN, a ratio, an accuracy.",
        ("F2",),
        "circle-dot",
        begins_section=True,
    ),
    _of_run(
        "alert_rules",
        "Rules of the alerts…",
        "Change the thresholds from which the diagnosis speaks.",
        ("Shift+F2",),
        "sliders-horizontal",
    ),
    _of_run(
        "save_run",
        "Save run…",
        "Save network, data, settings, history and checkpoints in one file.",
        ("Ctrl+Alt+S",),
        "save",
        begins_section=True,
    ),
    _of_run(
        "save_history",
        "Save the curves as CSV…",
        "Write a row for each update: loss, learning rate, validation.",
        (),
        "download",
    ),
    _of_run(
        "save_picture",
        "Save the filters as a picture…",
        "Write the filters as they are shown to a PNG, SVG or PDF file.",
        (),
        "upload",
    ),
)
