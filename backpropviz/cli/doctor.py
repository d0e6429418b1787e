"""What this machine has and lacks for BackpropViz, and what to type to mend it."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from typing import Final

from backpropviz.assets import __version__, resource, resource_names
from backpropviz.errors import MachineError
from backpropviz.frozen import frozen
from backpropviz.ui.process import check_display

LOWEST_PYTHON: Final = (3, 11)
# 6.12.0 of PySide6 loses a reference to None with every void call and aborts Python 3.11.
PACKAGES: Final = {
    "numpy": "numpy>=2",
    "scipy": "scipy>=1.14",
    "PySide6.QtGui": "PySide6-Essentials>=6.8,<6.12",
    "PIL": "pillow>=11.3",
    "pyqtgraph": "pyqtgraph>=0.14",
}
"""What is imported, and the requirement it comes from, as in pyproject.toml."""

QT_LIBRARIES: Final = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
}
"""Shared libraries that Qt loads on Linux, display or not, and the Debian packages they are in."""

RESOURCES: Final = ("fonts", "icons", "networks", "datasets", "images", "web")
# These make windows when they are imported; that they are there must do.
_NOT_IMPORTED: Final = ("pyqtgraph",)


@frozen
class Finding:
    """One line of the report; `mend` is what to type or do where something is wrong."""

    subject: str
    state: str
    mend: str = ""


@frozen
class Machine:
    """The questions that are put to a machine; tests answer in its stead."""

    version_of: Callable[[str], str | None]
    import_error: Callable[[str], str]
    loads: Callable[[str], bool]
    display_problem: Callable[[], str]
    has_apt: bool
    is_linux: bool


def report(machine: Machine | None = None) -> tuple[tuple[str, ...], bool]:
    """Lines to print, and whether all that is needed is there."""
    found = tuple(findings(machine or this_machine()))
    width = max(len(finding.subject) for finding in found)
    lines = [f"{finding.subject:{width}}  {finding.state}" for finding in found]
    mends = list(dict.fromkeys(finding.mend for finding in found if finding.mend))
    if not mends:
        return (*lines, "", "All that is needed is here."), True
    return (*lines, "", "To mend it:", *(f"  {mend}" for mend in mends)), False


def findings(machine: Machine) -> Iterator[Finding]:
    """Every finding, from Python to the display."""
    yield Finding("BackpropViz", __version__)
    yield _python()
    for module, requirement in PACKAGES.items():
        yield _package(machine, module, requirement)
    if machine.is_linux:
        yield _qt_libraries(machine)
    yield _resources()
    problem = machine.display_problem()
    state = "no window can be shown" if problem else "a window can be shown"
    yield Finding("display", state, problem)


def _python() -> Finding:
    version = platform.python_version()
    lowest = ".".join(map(str, LOWEST_PYTHON))
    mend = "" if sys.version_info >= LOWEST_PYTHON else f"install Python {lowest} or newer"
    return Finding("Python", f"{version} ({sys.executable})", mend)


def _package(machine: Machine, module: str, requirement: str) -> Finding:
    name = re.split(r"[<>=]", requirement, maxsplit=1)[0]
    version = machine.version_of(name)
    command = f'"{sys.executable}" -m pip install "{requirement}"'
    if version is None:
        return Finding(name, "is missing", command)
    if not satisfies(version, requirement):
        return Finding(name, f"{version}, but {requirement} is needed", command)
    problem = "" if module in _NOT_IMPORTED else machine.import_error(module)
    if problem:
        again = command.replace("install", "install --force-reinstall")
        # A missing shared library has a line of its own.
        return Finding(name, f"{version}, but {problem}", "" if ".so" in problem else again)
    return Finding(name, version)


def satisfies(version: str, requirement: str) -> bool:
    """Whether a version is within the bounds of a requirement such as `a>=6.8,<6.12`."""
    bounds = re.findall(r"(>=|<)([\d.]+)", requirement)
    own = _numbers(version)
    return all(
        own >= _numbers(bound) if sign == ">=" else own < _numbers(bound) for sign, bound in bounds
    )


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()


def _qt_libraries(machine: Machine) -> Finding:
    missing = [library for library in QT_LIBRARIES if not machine.loads(library)]
    if not missing:
        return Finding("Qt's libraries", "all there")
    packages = " ".join(QT_LIBRARIES[library] for library in missing)
    mend = (
        f"sudo apt-get install -y {packages}"
        if machine.has_apt
        else f"install the packages of your system that hold {', '.join(missing)}"
    )
    return Finding("Qt's libraries", f"{', '.join(missing)} missing", mend)


def _resources() -> Finding:
    try:
        empty = [folder for folder in RESOURCES if not resource_names(folder)]
        place = str(resource("fonts").parent)
    except FileNotFoundError as error:
        return Finding("bundled files", str(error), _reinstall())
    if empty:
        return Finding("bundled files", f"{', '.join(empty)} missing in {place}", _reinstall())
    return Finding("bundled files", place)


def _reinstall() -> str:
    return f'"{sys.executable}" -m pip install --force-reinstall backpropviz'


def this_machine() -> Machine:
    """The machine that this runs on."""
    return Machine(
        _version_of,
        _import_error,
        _loads,
        _display_problem,
        shutil.which("apt-get") is not None,
        sys.platform.startswith("linux"),
    )


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _import_error(module: str) -> str:
    """Why a module cannot be imported; empty where it can."""
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001  (a broken library raises what it likes)
        return f"it cannot be loaded: {error}"
    return ""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _display_problem() -> str:
    """Why no window can be shown; empty where one can."""
    try:
        check_display()
    except MachineError as error:
        return str(error)
    return ""
