"""From the start of the process to the first paint, and to where LeNet can be stepped through.

Run by `python -m tests.benchmarks.startup`. The yardstick is a bare Qt window of the same size;
each start is a process of its own, and the three take turns. Without a display it runs offscreen.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.timing import verdict

ROOT = Path(__file__).parents[2]
ROUNDS = 9
LONGEST_S = 60
FIRST_PAINT, READY = 1.5, 4.0

BARE = """
from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow

class Window(QMainWindow):
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        print("painted", flush=True)
        QTimer.singleShot(0, application.quit)

application = QApplication(["bare"])
window = Window()
window.resize(1440, 900)
window.show()
application.exec()
"""

OURS = """
import sys
import backpropviz.cli.commands
from PySide6.QtCore import QTimer
from backpropviz.ui.application import make_application
from backpropviz.ui.process import check_display

def told(old, new):
    if new is not None:
        QTimer.singleShot(0, shown)

def shown():
    window.workbench.stage.repaint()
    print("ready", flush=True)
    window.close()
    application.quit()

def made():
    window.workbench.controller.state_changed.connect(told)

check_display()
application = make_application()
from backpropviz.ui.main_window import MainWindow
window = MainWindow(None)
window.start_page.painted.connect(lambda: print("painted", flush=True))
window.ready.connect(made)
window.open_at_start((), "lenet")
window.show()
application.exec()
"""

NUMPY = "import numpy\nprint('painted', flush=True)"


def start(script: str, folder: str) -> dict[str, float]:
    """Seconds from the start of the process to each line that it prints."""
    chosen = {} if "DISPLAY" in os.environ else {"QT_QPA_PLATFORM": "offscreen"}
    # As on a person's machine: modules are compiled once, by the round that is not counted.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
    environment = {
        **os.environ,
        **chosen,
        **compiled,
        "XDG_CONFIG_HOME": folder,
        "OPENBLAS_NUM_THREADS": "1",
    }
    begin = time.perf_counter()
    times: dict[str, float] = {}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(LONGEST_S, process.kill)
        watchdog.start()
        for line in process.stdout:
            times.setdefault(line.strip(), time.perf_counter() - begin)
        watchdog.cancel()
    return times


def medians(rounds: int) -> dict[str, float]:
    """The median time of each moment; the first round warms the disk cache."""
    found: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            bare, ours, numpy = (start(script, folder) for script in (BARE, OURS, NUMPY))
            if number:
                found["bare"].append(bare["painted"])
                found["numpy"].append(numpy["painted"])
                found["painted"].append(ours["painted"])
                found["ready"].append(ours["ready"])
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Two ratios, and what NumPy alone costs of the second."""
    found = medians(ROUNDS)
    bare = found["bare"]
    for name, bound in (("painted", FIRST_PAINT), ("ready", READY)):
        ratio = found[name] / bare
        label = "first paint" if name == "painted" else "ready to step on lenet"
        print(
            f"{label:22} {ratio:.2f} of a bare Qt window, {verdict(ratio, bound)}   "
            f"({found[name] * 1e3:.0f} against {bare * 1e3:.0f} ms)"
        )
    print(f"{'importing NumPy alone':22} {found['numpy'] / bare:.2f}")


if __name__ == "__main__":
    main()
