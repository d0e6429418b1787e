"""The actions of the menu Train: a run from its start to the update that is looked at."""

from __future__ import annotations

from typing import Final

from backpropviz.ui.action_spec import ActionSpec, Needs

_MENU, _RUN = "Train", Needs.RUN


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
        name, _MENU, title, help_text, keys, icon, _RUN, begins_section=begins_section
    )


TRAINING_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        "mode",
        _MENU,
        "Change between Debug and Train",
        "Show the training, or the pass in the debugger; what trains goes on.",
        ("Ctrl+Shift+M",),
        "arrow-left-right",
    ),
    ActionSpec(
        "new_run",
        _MENU,
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
