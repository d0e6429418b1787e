"""How often a dragged value is answered: forward pass, kinks and figure, from wish to wish.

Run by `python -m tests.benchmarks.drag`. The window's own nudge lab on LeNet, without a display;
the pointer moves as fast as it is answered. The aim is 30 updates a second.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
os.environ["QT_QPA_PLATFORM"] = "offscreen"

import sys
import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QStandardPaths

from backpropviz.debugger.commands import GoToAddress
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.ui.analysis.nudge import NudgeLab
from backpropviz.ui.application import make_application
from backpropviz.ui.main_window import MainWindow

WEIGHTS = ("conv1.weight.grad[2,0,3,1]", "conv2.weight.grad[3,1,2,2]", "dense1.weight.grad[5,7]")
UPDATES = 100
AIM_PER_S = 30.0
PATIENCE_S = 60.0


def main() -> int:
    """Print updates a second for a value near the image, in the middle, and near the loss."""
    QStandardPaths.setTestModeEnabled(True)
    _ = make_application()
    window = MainWindow("light")
    window.resize(1600, 1000)
    window.open_at_start((), "lenet")
    window.show()
    wait(lambda: window.workbench is not None and window.workbench.controller.opened is not None)
    rates = [updates_per_s(window, place) for place in WEIGHTS]
    for place, rate in zip(WEIGHTS, rates, strict=True):
        print(f"{place:28} {rate:6.0f} updates a second")
    worst = min(rates)
    print(
        f"worst {worst:.0f} a second, aim {AIM_PER_S:.0f}: {'ok' if worst >= AIM_PER_S else 'SLOW'}"
    )
    window.close()
    return 0 if worst >= AIM_PER_S else 1


def updates_per_s(window: MainWindow, place: str) -> float:
    """Open the lab for a weight and drag it over its whole reach."""
    assert window.workbench is not None
    window.workbench.controller.dispatch(GoToAddress(parse(place), Depth.ELEMENT))
    window.actions_by_name["nudge"].trigger()
    lab = window.workbench.analysis.windows["nudge"]
    assert isinstance(lab, NudgeLab)
    wait(lambda: not lab.worker.is_busy and lab.isVisible())
    start = time.perf_counter()
    for k in range(UPDATES):
        lab.move_to(lab.reach * (2 * k / UPDATES - 1))
        wait(lambda: not lab.worker.is_busy)
    seconds = time.perf_counter() - start
    lab.close()
    return UPDATES / seconds


def wait(is_done: Callable[[], bool]) -> None:
    """Run the event loop until something is so."""
    end = time.perf_counter() + PATIENCE_S
    while not is_done():
        QCoreApplication.processEvents()
        if time.perf_counter() > end:
            raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
