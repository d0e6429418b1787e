"""Write docs/architecture.md from the docstrings of the packages and their modules.

`python packaging/architecture_page.py` writes it; a test holds the page to the code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "backpropviz"
PAGE = ROOT / "docs" / "architecture.md"
ORDER = (
    "training_command",
    "engine",
    "engine/kernels",
    "engine/kinds",
    "engine/optimizers",
    "engine/training",
    "engine/architecture",
    "expression",
    "debugger",
    "debugger/lessons",
    "diagnosis",
    "importers",
    "importers/datasets",
    "storage",
    "scene",
    "figures",
    "figures/stage",
    "figures/pooling",
    "figures/overview",
    "figures/ledger",
    "figures/equations",
    "figures/sentences",
    "figures/code",
    "figures/explanation",
    "figures/network",
    "figures/timeline",
    "figures/analysis",
    "figures/training",
    "paint",
    "export",
    "ui",
    "ui/dialogs",
    "ui/analysis",
    "ui/lessons",
    "ui/training",
    "ui/editor",
)
_INTRODUCTION = """# Architecture

This page is made of the code's own docstrings by `python packaging/architecture_page.py`.
Who may import whom (import-linter holds it):

```
__main__ | cli | api  →  ui  →  export  →  figures | paint
  →  debugger | diagnosis | importers | storage | scene  →  expression  →  engine  →  assets
```

scene, paint and export know pictures only; no Qt stands below paint.
"""


def page() -> str:
    """The page's text."""
    sections = [_INTRODUCTION, _section("backpropviz", PACKAGE)]
    sections += [_section(f"backpropviz/{name}", PACKAGE / name) for name in ORDER]
    return "\n".join(sections)


def _section(title: str, folder: Path) -> str:
    introduction = _docstring(folder / "__init__.py")
    return f"## {title}\n\n{introduction}\n\n" + "\n".join(_modules(folder)) + "\n"


def _modules(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            first = _docstring(path).split("\n\n")[0].replace("\n", " ")
            yield f"- `{path.stem}`: {first}"


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
