"""What ships with the program: its version, and where its files are once it is installed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

__version__ = "0.1.0"
"""The build reads it here, too."""
_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """Return the path of a bundled file or folder, such as `resource("icons", "play.svg")`.

    Raises FileNotFoundError where there is none, ValueError where the parts lead out of the folder.
    """
    root = resources_root()
    path = root.joinpath(*parts)
    if ".." in path.parts or not path.is_relative_to(root):
        raise ValueError(f"{'/'.join(parts)} is not inside the bundled resources.")
    if not path.exists():
        raise FileNotFoundError(
            f"The bundled file {'/'.join(parts)} is missing from {root}; reinstall BackpropViz."
        )
    return path


def resource_names(folder: str, suffix: str = "") -> tuple[str, ...]:
    """Return the sorted file names in a bundled folder, those that end in `suffix`."""
    return tuple(sorted(p.name for p in resource(folder).iterdir() if p.name.endswith(suffix)))


@cache
def resources_root() -> Path:
    """Return the folder of all bundled files."""
    for root in _candidate_roots():
        if root.is_dir():
            return root
    raise FileNotFoundError("The bundled resources are missing; reinstall BackpropViz.")


def _candidate_roots() -> tuple[Path, ...]:
    """List the places in the order of trust: a frozen app carries its own copy."""
    installed, checkout = _PACKAGE / "resources", _PACKAGE.parent / "resources"
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is None:
        return (installed, checkout)
    return (Path(frozen) / "backpropviz" / "resources", Path(frozen) / "resources", installed)
