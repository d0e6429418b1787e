"""Start-up: what is loaded before the first paint, and machines that cannot show a window."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backpropviz.errors import MachineError
from backpropviz.ui.process import check_display

ROOT = Path(__file__).parents[2]

FIRST_PAINT = """
import sys
from backpropviz.ui.application import make_application
from backpropviz.ui.main_window import MainWindow
application = make_application()
window = MainWindow("light")
def painted():
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
    application.quit()
window.start_page.painted.connect(painted)
window.show()
application.exec()
window.close()
"""

FIRST_PASS = """
import sys
from backpropviz.ui.application import make_application
from backpropviz.ui.main_window import MainWindow
application = make_application()
window = MainWindow("light")
def shown(_old, opened):
    if opened is not None:
        window.workbench.stage.repaint()
        print(*sorted(sys.modules))
        window.close()
        application.quit()
window.ready.connect(lambda: window.workbench.controller.state_changed.connect(shown))
window.open_at_start((), "tiny-max")
window.show()
application.exec()
"""
OTHER_ROOMS = ("backpropviz.ui.training.", "backpropviz.ui.editor.", "backpropviz.ui.lessons.")
"""Each has a desk that stands ready; the rest of it comes when it is entered."""


def loaded_by(script: str, home: Path) -> set[str]:
    """What a start of its own prints: names of modules."""
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def test_a_pass_is_shown_before_other_rooms_are_loaded(tmp_path: Path) -> None:
    loaded = loaded_by(FIRST_PASS, tmp_path)
    assert "backpropviz.figures.stage.stage" in loaded
    assert loaded.isdisjoint({"scipy", "PIL", "pyqtgraph"})
    assert [m for m in loaded if m.startswith(OTHER_ROOMS) and not m.endswith(".desk")] == []


def test_the_window_paints_before_numpy_is_loaded(tmp_path: Path) -> None:
    loaded = loaded_by(FIRST_PAINT, tmp_path)
    assert "PySide6" in loaded
    assert loaded.isdisjoint({"numpy", "scipy", "PIL", "pyqtgraph"})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for an X display")
def test_without_a_display_one_sentence_says_what_to_type() -> None:
    with pytest.raises(MachineError, match="xvfb-run") as caught:
        check_display({})
    assert caught.value.exit_code == 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for an X display")
def test_a_display_that_does_not_answer_is_told() -> None:
    with pytest.raises(MachineError):
        check_display({"DISPLAY": ":7777"})


def test_a_chosen_platform_is_taken_as_it_is() -> None:
    check_display({"QT_QPA_PLATFORM": "offscreen"})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for an X display")
def test_the_command_ends_with_code_4_and_no_traceback() -> None:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-m", "backpropviz"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
