"""The report on a machine: true here, and on machines that are made up."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from backpropviz.cli.commands import main
from backpropviz.cli.doctor import PACKAGES, QT_LIBRARIES, Machine, report, satisfies

ROOT = Path(__file__).parent.parent
VERSIONS = {
    "numpy": "2.4.1",
    "scipy": "1.16.0",
    "PySide6-Essentials": "6.11.3",
    "pillow": "12.0.0",
    "pyqtgraph": "0.14.0",
}
HEALTHY = Machine(
    version_of=VERSIONS.get,
    import_error=lambda module: "",
    loads=lambda library: True,
    display_problem=lambda: "",
    has_apt=True,
    is_linux=True,
)


def mends(machine: Machine) -> list[str]:
    """What it says to type."""
    lines, is_well = report(machine)
    assert not is_well
    return [line.strip() for line in lines[lines.index("To mend it:") + 1 :]]


def test_a_healthy_machine() -> None:
    lines, is_well = report(HEALTHY)
    assert is_well
    assert lines[-1] == "All that is needed is here."
    text = "\n".join(lines)
    assert all(f"{name}  " in text and version in text for name, version in VERSIONS.items())


def test_a_missing_package_and_one_that_is_too_new() -> None:
    missing = replace(HEALTHY, version_of=(VERSIONS | {"scipy": None}).get)
    assert mends(missing)[0].endswith('-m pip install "scipy>=1.14"')
    newer = replace(HEALTHY, version_of=(VERSIONS | {"PySide6-Essentials": "6.12.0"}).get)
    assert mends(newer)[0].endswith('-m pip install "PySide6-Essentials>=6.8,<6.12"')


def test_missing_libraries_are_named_by_package() -> None:
    lacking = {"libEGL.so.1", "libdbus-1.so.3"}
    bare = replace(
        HEALTHY,
        loads=lambda library: library not in lacking,
        import_error=lambda m: "libEGL.so.1: cannot open" if m == "PySide6.QtGui" else "",
    )
    assert mends(bare) == ["sudo apt-get install -y libegl1 libdbus-1-3"]
    elsewhere = mends(replace(bare, has_apt=False))
    assert elsewhere == [
        "install the packages of your system that hold libEGL.so.1, libdbus-1.so.3"
    ]
    assert report(replace(HEALTHY, is_linux=False, loads=lambda library: False))[1]


def test_a_broken_package_is_installed_anew() -> None:
    broken = replace(HEALTHY, import_error=lambda m: "bad bytes" if m == "numpy" else "")
    assert "--force-reinstall" in mends(broken)[0]


def test_no_display_is_told_once() -> None:
    blind = replace(HEALTHY, display_problem=lambda: "There is no display here: plug one in.")
    assert mends(blind) == ["There is no display here: plug one in."]


@pytest.mark.parametrize(
    ("version", "requirement", "expected"),
    [
        ("2.0", "numpy>=2", True),
        ("1.26.4", "numpy>=2", False),
        ("6.11.3", "PySide6-Essentials>=6.8,<6.12", True),
        ("6.12.0", "PySide6-Essentials>=6.8,<6.12", False),
        ("6.7.3", "PySide6-Essentials>=6.8,<6.12", False),
        ("11.3.0rc1", "pillow>=11.3", True),
    ],
)
def test_bounds_of_versions(version: str, requirement: str, expected: bool) -> None:
    assert satisfies(version, requirement) is expected


def test_it_asks_for_what_the_package_declares_and_the_set_up_installs() -> None:
    from machine import OFFSCREEN_LIBRARIES

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(PACKAGES.values()) <= set(project["dependencies"])
    assert QT_LIBRARIES == OFFSCREEN_LIBRARIES


def test_the_command_reports_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "PySide6-Essentials  6." in printed.out
    assert code == (0 if "All that is needed is here." in printed.out else 4)
