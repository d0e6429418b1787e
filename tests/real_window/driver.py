"""A real window on an X server of its own with a window manager, moved by true keys and clicks.

On the offscreen platform every window is active and handlers are called by name; here keys go where
a person's keys go. Nothing waits for a time: a key has been pressed when the program has seen it,
and a condition is asked of the program until it holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from machine import REAL_WINDOW_PROGRAMS, X11_LIBRARIES, RealActions

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 40.0
START_S: Final = 90.0


def missing_programs() -> str:
    """What a real window needs and this machine lacks, as one sentence; empty where it can be."""
    if not sys.platform.startswith("linux"):
        return "A real window is driven on Linux only."
    machine = RealActions()
    wanted = {name: pack for name, pack in REAL_WINDOW_PROGRAMS.items() if name != "import"}
    lacking = [pack for name, pack in wanted.items() if not machine.has_program(name)]
    lacking += [pack for name, pack in X11_LIBRARIES.items() if not machine.can_load(name)]
    return f"A real window needs {' '.join(lacking)}: apt-get install them." if lacking else ""


class Screen:
    """An X server without hardware and its window manager."""

    def __init__(self, size: tuple[int, int], folder: Path) -> None:
        read, write = os.pipe()
        area = f"{size[0]}x{size[1]}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", area, "-nolisten", "tcp"]
        quiet: Mapping[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._server = subprocess.Popen(command, pass_fds=[write], **quiet)
        os.close(write)
        with os.fdopen(read) as told:
            self.display = f":{told.readline().strip()}"
        self.environment = {**os.environ, "DISPLAY": self.display}
        ready = folder / f"managed{self.display}"
        os.mkfifo(ready)
        # It opens the pipe once it manages windows.
        startup = ["--sm-disable", "--startup", f"sh -c 'echo > {ready}'"]
        command = ["openbox", *startup]
        self._manager = subprocess.Popen(command, env=self.environment, **quiet)
        ready.read_bytes()

    def close(self) -> None:
        """End both."""
        for process in (self._manager, self._server):
            end(process)


class RealWindow:
    """The program, started with arguments; a context manager."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (1440, 900),
        scale: str = "1",
        home: Path | None = None,
    ) -> None:
        self._arguments, self.size, self.scale = arguments, size, scale
        self._folder = Path(tempfile.mkdtemp(prefix="bpv"))
        self.home = home or self._folder / "home"
        self.home.mkdir(exist_ok=True)
        self._socket = str(self._folder / "socket")
        self._pressed = 0

    def __enter__(self) -> Self:
        self.screen = Screen(self.size, self._folder)
        try:
            self.start(*self._arguments)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if hasattr(self, "program"):
            end(self.program)
        self.screen.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, *arguments: str) -> None:
        """Start the program on the screen and wait for its window; after an end, once more."""
        Path(self._socket).unlink(missing_ok=True)
        home = str(self.home)
        environment = {
            **self.screen.environment,
            "QT_QPA_PLATFORM": "xcb",
            "QT_SCALE_FACTOR": self.scale,
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "tests.real_window.inside", self._socket, *arguments]
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self.program = subprocess.Popen(
                command, cwd=self._folder, env=environment, stdout=log, stderr=log
            )
        self._pressed = 0
        self.until("window.isVisible() and window.workbench is not None", START_S)
        self.until("app.focusWindow() is not None")

    @property
    def output(self) -> str:
        """What the program printed."""
        return self._log.read_text("utf-8", errors="replace")

    def keys(self, *names: str) -> None:
        """Press keys one after another (`ctrl+g`, `F10`, `e`) until the program has seen them."""
        for name in names:
            self._xdotool("key", "--clearmodifiers", name)
            self._pressed += 1
            self.until(f"len(pressed) >= {self._pressed}")

    def type(self, text: str) -> None:
        """Type letters until the program has seen them."""
        self._xdotool("type", "--delay", "8", "--", text)
        self._pressed += len(text)
        self.until(f"len(pressed) >= {self._pressed}")

    def click(self, widget: str, button: int = 1) -> None:
        """Click on the middle of the widget that an expression names."""
        x, y = self.ask(f"center({widget})")
        self.click_at(x, y, button)

    def click_at(self, x: int, y: int, button: int = 1) -> None:
        """Click on a pixel of the screen."""
        self._xdotool("mousemove", str(x), str(y), "click", str(button))

    def until(self, expression: str, patience: float = PATIENCE_S) -> Any:
        """Wait until an expression is true in the program; returns its value."""
        answer = self._answer(expression, patience)
        if not answer.get("value"):
            raise AssertionError(f"never true: {expression} ({answer})\n{self.output[-2000:]}")
        return answer["value"]

    def ask(self, expression: str) -> Any:
        """The value of an expression now."""
        answer = self._answer(f"[{expression}]", PATIENCE_S)
        if "error" in answer:
            raise AssertionError(f"{expression}: {answer['error']}")
        return answer["value"][0]

    def close_all(self) -> None:
        """Leave what is open: menus, dialogs, windows beside the main one, the training."""
        self.until("calm()")

    def fired(self) -> list[str]:
        """The actions that were triggered since this was asked the last time."""
        found: list[str] = self.ask("list(fired)")
        self.ask("fired.clear()")
        return found

    def shot(self, path: Path) -> None:
        """A picture of the screen, where ImageMagick is there to take it."""
        subprocess.run(
            ["import", "-window", "root", str(path)], env=self.screen.environment, check=True
        )

    def _xdotool(self, *words: str) -> None:
        subprocess.run(
            ["xdotool", *words],
            env=self.screen.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )

    def _answer(self, expression: str, patience: float) -> dict[str, Any]:
        """Ask; before the program listens, ask again."""
        question = json.dumps({"expression": expression, "patience": patience})
        with self._connected(patience) as line, line.makefile("rw", encoding="utf-8") as stream:
            line.settimeout(patience + 30)
            stream.write(question + "\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline() or '{"error": "it ended"}')
        return answer

    def _connected(self, patience: float) -> socket.socket:
        end_at = time.monotonic() + patience
        while time.monotonic() < end_at and self.program.poll() is None:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(self._socket)
            except OSError:
                line.close()
                self._wait_for_file()
            else:
                return line
        raise AssertionError(f"the program does not answer:\n{self.output[-2000:]}")

    def _wait_for_file(self) -> None:
        """A moment, or until the program has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.program.wait(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, then make it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
