"""Bring a machine to where BackpropViz runs: shared libraries, virtual environment, packages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from checks import run_checks
from machine import (
    REAL_WINDOW_PROGRAMS,
    X11_LIBRARIES,
    Actions,
    Platform,
    RealActions,
    this_platform,
)

Purpose = Literal["run", "test", "test,torch"]

ROOT = Path(__file__).resolve().parent.parent
USAGE = """usage: python3 packaging/bootstrap.py run  [ARGS…]   set up, then start BackpropViz
       python3 packaging/bootstrap.py test [--with-torch] [ARGS…]
                                                     set up, then check it (ARGS: pytest's);
                                                     with PyTorch, compare with it too"""
WITH_TORCH = "--with-torch"
WINDOWLESS = {
    "explain",
    "record",
    "export",
    "train",
    "check",
    "doctor",
    "-h",
    "--help",
    "--version",
}
VENV_CHECK = """
import importlib.util, sys
sys.exit(sys.version_info < (3, 11) or importlib.util.find_spec("pip") is None)
"""
MACHINE_LACKS_SOMETHING = 4


class CannotProvisionError(Exception):
    """What the machine lacks, as one sentence that ends with what to do."""


@dataclass(frozen=True, slots=True)
class Provisioner:
    """The set-up of one checkout on one machine."""

    platform: Platform
    actions: Actions
    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The Python of the checkout's virtual environment."""
        return self.platform.venv_python(self.venv)

    def require_display(self) -> None:
        """Raise CannotProvisionError where no window can be opened."""
        if not self.platform.has_display:
            raise CannotProvisionError(
                "There is no display to open the window on: start this in a desktop session, or "
                "set DISPLAY (over ssh: `ssh -X`)."
            )

    def require_system_packages(self, *, window: bool) -> None:
        """Install what Qt and venv need from the system, or raise with the line that does it."""
        packages = self._missing_packages(window=window)
        if not packages:
            return
        if not self.platform.has_apt:
            raise CannotProvisionError(self._missing_elsewhere(window=window))
        if not self.platform.is_root:
            raise CannotProvisionError(
                f"Some system packages are missing; type: {_apt_line(packages)}"
            )
        self.actions.say(f"Installing system packages: {' '.join(packages)}")
        self._run_apt("update")
        self._run_apt("install", "-y", "--no-install-recommends", *packages)
        if left := self._missing_packages(window=window):
            raise CannotProvisionError(
                f"apt-get did not install {' '.join(left)}; see its lines above."
            )

    def try_real_window(self) -> None:
        """Install what drives a real window, or say that its tests are skipped."""
        if self.platform.system != "Linux" or not (packages := self._real_window_packages()):
            return
        if self.platform.has_apt and self.platform.is_root:
            self.actions.say(f"Installing what drives a real window: {' '.join(packages)}")
            for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
                self._apt(*arguments)
            packages = self._real_window_packages()
        if packages:
            line = _apt_line(packages) if self.platform.has_apt else f"install {' '.join(packages)}"
            self.actions.say(f"The tests of the real window are skipped; for them, {line}.")

    def _real_window_packages(self) -> list[str]:
        able, loaded = self.actions.has_program, self.actions.can_load
        programs = [pack for name, pack in REAL_WINDOW_PROGRAMS.items() if not able(name)]
        return programs + [pack for name, pack in X11_LIBRARIES.items() if not loaded(name)]

    def require_environment(self, purpose: Purpose) -> None:
        """Make the virtual environment and install into it, unless that has been done."""
        if self._is_installed(purpose):
            return
        if not self._venv_works():
            self.actions.say(f"Making the virtual environment {self.venv.name} …")
            command = [self.platform.python, "-m", "venv", "--clear", str(self.venv)]
            self._must(command, f"The virtual environment {self.venv} could not be made")
        self.actions.say("Installing the Python packages (some 250 MB, once) …")
        project = "." if purpose == "run" else f".[{purpose}]"
        pip = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        self._must([*pip, "--editable", project], "The Python packages could not be installed")
        self._stamp_path.write_text(self._stamp(purpose), "utf-8")

    def _missing_packages(self, *, window: bool) -> list[str]:
        missing = self._missing_libraries(window=window)
        packages = list(missing.values())
        if not self.actions.has_module("ensurepip") and not self._venv_works():
            packages.append("python{}.{}-venv".format(*self.platform.python_version))
        return packages

    def _missing_libraries(self, *, window: bool) -> dict[str, str]:
        wanted = self.platform.qt_libraries(window=window)
        return {name: pack for name, pack in wanted.items() if not self.actions.can_load(name)}

    def _missing_elsewhere(self, *, window: bool) -> str:
        libraries = list(self._missing_libraries(window=window))
        if libraries:
            return (
                f"Qt needs {', '.join(libraries)}: install them with this system's package manager."
            )
        return (
            f"{self.platform.python} has no ensurepip: install Python from https://www.python.org."
        )

    def _run_apt(self, *arguments: str) -> None:
        if self._apt(*arguments) != 0:
            complaint = f"`apt-get {' '.join(arguments)}` failed"
            raise CannotProvisionError(f"{complaint}; the lines above say why.")

    def _apt(self, *arguments: str) -> int:
        variables = {"DEBIAN_FRONTEND": "noninteractive"}
        return self.actions.set_up(["apt-get", *arguments], variables, self.root)

    def _must(self, command: list[str], complaint: str) -> None:
        if self.actions.set_up(command, {}, self.root) != 0:
            raise CannotProvisionError(f"{complaint}; the lines above say why.")

    def _venv_works(self) -> bool:
        if not self.python.exists():
            return False
        return self.actions.set_up([str(self.python), "-c", VENV_CHECK], {}, self.root) == 0

    @property
    def _stamp_path(self) -> Path:
        return self.venv / "backpropviz-installed"

    def _stamp(self, purpose: Purpose) -> str:
        """Say what was installed: changed dependencies or a moved checkout make it another text."""
        digest = hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        return f"{purpose} {digest} {self.root}\n"

    def _is_installed(self, purpose: Purpose) -> bool:
        if not (self.python.exists() and self._stamp_path.exists()):
            return False
        done = self._stamp_path.read_text("utf-8")
        # Each purpose includes what the one before it needs.
        purposes: tuple[Purpose, ...] = ("run", "test", "test,torch")
        return done in {self._stamp(own) for own in purposes[purposes.index(purpose) :]}


def start(
    arguments: list[str],
    platform: Platform | None = None,
    actions: Actions | None = None,
    root: Path = ROOT,
) -> int:
    """Set up, then run or test; the exit code is the program's, the tests', or 4."""
    actions = actions or RealActions()
    match arguments:
        case ["run" | "test" as purpose, *rest]:
            provisioner = Provisioner(platform or this_platform(), actions, root)
        case ["-h" | "--help"]:
            print(USAGE)
            return 0
        case _:
            actions.say(USAGE)
            return 2
    try:
        return _run(provisioner, rest) if purpose == "run" else _test(provisioner, rest)
    except CannotProvisionError as lack:
        actions.say(str(lack))
        return MACHINE_LACKS_SOMETHING
    except KeyboardInterrupt:
        return 130


def _run(provisioner: Provisioner, arguments: list[str]) -> int:
    window = not WINDOWLESS.intersection(arguments[:1])
    if window:
        provisioner.require_display()
    provisioner.require_system_packages(window=window)
    provisioner.require_environment("run")
    # Files are named from where the person stands, and modules there (-P) are none of ours.
    command = [str(provisioner.python), "-P", "-m", "backpropviz", *arguments]
    return provisioner.actions.run(command, {}, Path.cwd())


def _test(provisioner: Provisioner, arguments: list[str]) -> int:
    provisioner.require_system_packages(window=False)
    provisioner.try_real_window()
    with_torch = WITH_TORCH in arguments
    provisioner.require_environment("test,torch" if with_torch else "test")
    wanted = [argument for argument in arguments if argument != WITH_TORCH]
    return run_checks(provisioner.python, provisioner.actions, provisioner.root, wanted)


def _apt_line(packages: list[str]) -> str:
    return f"sudo apt-get update && sudo apt-get install -y {' '.join(packages)}"
