"""`python -m backpropviz`."""

from __future__ import annotations

import sys

from backpropviz.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
