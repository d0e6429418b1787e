"""The import contracts, and what start-up must not load."""

from __future__ import annotations

import graphlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent
QT = {"PySide6", "shiboken6", "pyqtgraph"}
SLOW = {"scipy", "PIL", "pptx", "pyqtgraph"}


def _loaded_by(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_library_that_is_asked_for_is_imported() -> None:
    names = {"PySide6-Essentials": "PySide6", "pillow": "PIL", "python-pptx": "pptx"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split("[<>=]", line)[0] for line in project["dependencies"]}
    graph = grimp.build_graph("backpropviz", include_external_packages=True)
    assert {names.get(name, name) for name in wanted} <= graph.modules


def _public_modules(package: str) -> list[str]:
    folder = ROOT / "backpropviz" / package
    paths = (p.relative_to(ROOT).with_suffix("") for p in sorted(folder.rglob("*.py")))
    return [".".join(p.parts).removesuffix(".__init__") for p in paths]


def test_every_package_imports_only_from_those_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_importing_the_package_loads_no_qt_and_no_numerics() -> None:
    assert _loaded_by("import backpropviz").isdisjoint(QT | SLOW | {"numpy"})


@pytest.mark.parametrize(
    "package",
    ["engine", "expression", "debugger", "diagnosis", "lessons", "files", "scene", "figures"],
)
def test_below_paint_nothing_loads_qt_or_slow_libraries(package: str) -> None:
    imports = "\n".join(f"import {module}" for module in _public_modules(package))
    assert _loaded_by(imports).isdisjoint(QT | SLOW)


@pytest.mark.skipif(
    importlib.util.find_spec("backpropviz.__main__") is None, reason="no command line yet"
)
def test_starting_up_loads_no_qt_and_no_numerics() -> None:
    assert _loaded_by("import backpropviz.__main__").isdisjoint(QT | SLOW | {"numpy"})


def test_no_module_imports_itself_through_others() -> None:
    """Type-only imports and those inside functions count: a circle is one all the same."""
    graph = grimp.build_graph("backpropviz", cache_dir=None)
    imported = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    graphlib.TopologicalSorter(imported).prepare()
