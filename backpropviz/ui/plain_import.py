"""Python's own import again, after PySide has put its own in front.

PySide's reads the source of every module that is imported after it, to see whether the module
could ask for PySide's switchable features (`from __feature__ import …`). Nothing here asks, and the
reading takes a tenth of the time until LeNet is ready.
"""

from __future__ import annotations

import builtins

_PYSIDE_IMPORT, _IMPORT_BEFORE = "__feature_import__", "__orig_import__"


def use_plain_import() -> None:
    """Import as before PySide was loaded; nothing happens where its import is not in front."""
    before = getattr(builtins, _IMPORT_BEFORE, None)
    if before is not None and builtins.__import__.__name__ == _PYSIDE_IMPORT:
        builtins.__import__ = before
