"""All that can be pressed in the window, in any order: no error, no warning, nothing left behind.

Errors in slots, Qt's warnings, and leaked widgets and threads fail any test of a window.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QDialog

from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.room import TrainingRoom
from tests.ui.training.conftest import small_run

PRESSES = 120
ACTIONS = (
    *("mode", "train", "one_update", "one_epoch", "stop_training"),
    *("debug_update", "debug_next_update", "rewind", "show_latest", "compare_runs"),
    *("step_over", "step_into", "step_out", "continue", "back_over", "to_end", "to_start", "play"),
    *("nudge", "ancestry", "weight_view", "check_value", "gradient_check", "edit_numbers"),
    *("relu_half", "float_width", "ledger_by_size", "loop_order", "start_page", "toggle_theme"),
)


def others(
    window: MainWindow, room: TrainingRoom, random: Random
) -> tuple[Callable[[], object], ...]:
    """What is done without an action."""
    controller = room.controller

    def visit() -> None:
        if controller.state.run is not None:
            controller.visit(random.randint(-1, controller.state.run.now.iteration + 1))

    return (
        visit,
        lambda: controller.select(random.choice(controller.state.runs).number),
        lambda: window.open(OpenRequest(network=random.choice(("tiny-max", "mlp")))),
        lambda: window.resize(*random.choice(((960, 640), (1280, 800)))),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_random_presses_in_the_window(window: MainWindow, seed: int) -> None:
    assert window.workbench is not None
    room, random = window.workbench.training.room, Random(seed)
    room.begin(small_run(), starts=True)
    without_action = others(window, room, random)
    for _ in range(PRESSES):
        if random.random() < 0.3:
            random.choice(without_action)()
        else:
            action = window.actions_by_name[random.choice(ACTIONS)]
            if action.isEnabled():
                action.trigger()
        for _ in range(random.randint(0, 4)):
            QCoreApplication.processEvents()
    for dialog in window.findChildren(QDialog):
        dialog.close()
    assert all(run.error is None for run in room.controller.state.runs)
