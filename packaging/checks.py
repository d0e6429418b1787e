"""The checks of `bootstrap.py test`: lint, format, types, import contracts and the tests."""

from __future__ import annotations

from pathlib import Path

from machine import Actions

LINT_IMPORTS = "from importlinter.cli import lint_imports_command as check; check(['--no-logo'])"
CHECKS = {
    "ruff check": ["-m", "ruff", "check", "--quiet"],
    "ruff format": ["-m", "ruff", "format", "--check", "--quiet"],
    "mypy": ["-m", "mypy", "--no-error-summary"],
    "import contracts": ["-c", LINT_IMPORTS],
}
# A file's tests share a window or a pass, so they stay together.
PYTEST = ["-m", "pytest", "-n", "auto", "--dist", "loadfile"]
VARIABLES = {"QT_QPA_PLATFORM": "offscreen"}


def run_checks(python: Path, actions: Actions, root: Path, pytest_arguments: list[str]) -> int:
    """Run every check and return 0 or 1; pytest is last, so that its summary closes the output."""

    def passes(command: list[str]) -> bool:
        return actions.run([str(python), *command], VARIABLES, root) == 0

    failed = [name for name, command in CHECKS.items() if not passes(command)]
    if failed:
        actions.say(f"Failed before the tests: {', '.join(failed)}.")
    passed = passes([*PYTEST, *pytest_arguments])
    return 0 if passed and not failed else 1
