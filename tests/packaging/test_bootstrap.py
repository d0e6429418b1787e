from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
import machine

PACKAGING = Path(bootstrap.__file__).parent
SCRIPTS = ["bootstrap", "machine", "provision", "checks"]


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 10, 14)])
def test_an_old_python_is_told_what_to_do(version: tuple[int, int, int]) -> None:
    complaint = bootstrap.too_old(version, "/usr/bin/python3")
    assert complaint.count("\n") == 0
    assert f"/usr/bin/python3 is 3.{version[1]}:" in complaint
    assert "3.11 or newer" in complaint


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_new_python_is_welcome(version: tuple[int, int, int]) -> None:
    assert bootstrap.too_old(version, "python3") == ""


def test_an_old_python_exits_with_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert bootstrap.main(["run"]) == 4
    assert "3.9" in capsys.readouterr().err


def test_old_pythons_can_read_the_first_file() -> None:
    ast.parse((PACKAGING / "bootstrap.py").read_text("utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_the_standard_library_is_used(name: str) -> None:
    tree = ast.parse((PACKAGING / f"{name}.py").read_text("utf-8"))
    plain = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    from_ = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {module.partition(".")[0] for module in plain | from_}
    assert roots <= sys.stdlib_module_names | set(SCRIPTS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux may lack a display")
def test_the_command_itself_says_that_there_is_no_display() -> None:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    environment = {name: text for name, text in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, PACKAGING / "bootstrap.py", "run"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_the_real_actions_ask_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = machine.RealActions()
    script = "import os, sys; sys.exit(int(os.environ['WANTED']))"
    assert actions.run([sys.executable, "-c", script], {"WANTED": "7"}, tmp_path) == 7
    assert actions.run([str(tmp_path / "none")], {}, tmp_path) == 127
    assert not actions.can_load("libnone-at-all.so.9")
    assert actions.has_module("json")
    assert not actions.has_module("none_at_all")
    actions.say("a sentence")
    assert capsys.readouterr().err == "a sentence\n"


def test_what_the_set_up_prints_stays_off_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    actions = machine.RealActions()
    assert actions.set_up([sys.executable, "-c", "print('installing')"], {}, tmp_path) == 0
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.strip() == "installing"


def test_this_platform_describes_this_python() -> None:
    platform = machine.this_platform()
    assert platform.python == sys.executable
    assert platform.python_version == sys.version_info[:2]
    assert platform.has_apt is Path("/etc/debian_version").exists()
