"""`python -m backpropviz`, and what the installed command calls."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> int:
    """Run the command line; Ctrl+C while it is still being loaded ends it without a word."""
    try:
        from backpropviz.cli import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
