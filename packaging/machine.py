"""What the set-up knows about a machine, and the few things it does to one."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

OFFSCREEN_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
}
X11_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
REAL_WINDOW_PROGRAMS = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "xdotool": "xdotool",
    "import": "imagemagick",
}
"""What a window is driven with in tests, and the Debian packages that have it."""
WAYLAND_LIBRARIES = {
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}


@dataclass(frozen=True, slots=True)
class Platform:
    """A machine as the set-up sees it; tests make up their own."""

    system: str
    """`Linux`, `Darwin` or `Windows`."""
    distributions: frozenset[str]
    """The distribution and those it is like, as in /etc/os-release; empty elsewhere."""
    is_root: bool
    python: str
    python_version: tuple[int, int]
    environment: Mapping[str, str]

    @property
    def has_apt(self) -> bool:
        return self.system == "Linux" and bool(self.distributions & {"debian", "ubuntu"})

    @property
    def has_display(self) -> bool:
        """Whether a window can be opened, or the person has chosen Qt's platform already."""
        chosen = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        return self.system != "Linux" or any(self.environment.get(name) for name in chosen)

    def venv_python(self, venv: Path) -> Path:
        """Return where the Python of a virtual environment lies."""
        return venv / ("Scripts/python.exe" if self.system == "Windows" else "bin/python")

    def qt_libraries(self, *, window: bool) -> dict[str, str]:
        """Map each shared library that Qt will load to the Debian package that has it."""
        if self.system != "Linux":
            return {}
        libraries = dict(OFFSCREEN_LIBRARIES)
        chosen = self.environment.get("QT_QPA_PLATFORM", "")
        if not window or (chosen and not chosen.startswith(("xcb", "wayland"))):
            return libraries
        on_x11 = chosen.startswith("xcb") if chosen else bool(self.environment.get("DISPLAY"))
        return libraries | (X11_LIBRARIES if on_x11 else WAYLAND_LIBRARIES)


class Actions(Protocol):
    """All that the set-up does outside its own process."""

    def run(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        """Run a command in a folder with more environment variables; return its exit code."""

    def set_up(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        """Run it with its output on stderr, since stdout is the program's alone."""

    def can_load(self, library: str) -> bool:
        """Return whether the dynamic linker finds a shared library."""

    def has_program(self, name: str) -> bool:
        """Return whether a program is on the path."""

    def has_module(self, name: str) -> bool:
        """Return whether this Python has a module."""

    def say(self, text: str) -> None:
        """Tell the person something, on stderr."""


class RealActions:
    """The actions on this very machine."""

    def run(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        return self._exit_code(command, variables, folder, None)

    def set_up(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        return self._exit_code(command, variables, folder, sys.stderr.fileno())

    def _exit_code(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        stdout: int | None,
    ) -> int:
        environment = {**os.environ, **variables}
        try:
            return subprocess.run(
                command, cwd=folder, env=environment, stdout=stdout, check=False
            ).returncode
        except OSError:
            return 127

    def can_load(self, library: str) -> bool:
        try:
            ctypes.CDLL(library)
        except OSError:
            return False
        return True

    def has_program(self, name: str) -> bool:
        return shutil.which(name) is not None

    def has_module(self, name: str) -> bool:
        importlib.invalidate_caches()
        return importlib.util.find_spec(name) is not None

    def say(self, text: str) -> None:
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)


def this_platform() -> Platform:
    """Describe the machine that this runs on."""
    system = platform.system()
    return Platform(
        system=system,
        distributions=_distributions() if system == "Linux" else frozenset(),
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        python=sys.executable,
        python_version=(sys.version_info.major, sys.version_info.minor),
        environment=dict(os.environ),
    )


def _distributions() -> frozenset[str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return frozenset()
    return frozenset([release.get("ID", ""), *release.get("ID_LIKE", "").split()])
