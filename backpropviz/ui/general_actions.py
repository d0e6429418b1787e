"""The actions of the menus File, Edit, View and Help."""

from __future__ import annotations

from typing import Final

from backpropviz.ui.action_spec import ActionSpec, Needs, Scope

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
