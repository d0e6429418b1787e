"""What is written after an option, as a value; what cannot be one is told in words."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

MOST = 10**12
_MOST_SEED = 10**15


def path_value(text: str) -> Path:
    """A file or a folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the name of a file is missing")
    return Path(text).expanduser()


def count_value(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1, MOST)


def seed_value(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0, _MOST_SEED)


def share_value(text: str) -> float:
    """A share of samples: from 0 to 0.9."""
    return _number(text, 0.0, 0.9, "share from 0 to 0.9, such as 0.2")


def amount_value(text: str) -> float:
    """A number of at least 0."""
    return _number(text, 0.0, math.inf, "number of at least 0")


def scale_value(text: str, most: float) -> float:
    """A number above 0, and not above the largest."""
    found = _number(text, 0.0, most, f"number above 0 and up to {most:g}")
    if found == 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no number above 0 and up to {most:g}")
    return found


def _whole(text: str, least: int, limit: int) -> int:
    wanted = f"“{text}” is no whole number of at least {least}"
    try:
        found = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(wanted) from None
    if found >= limit:
        raise argparse.ArgumentTypeError(f"“{text}” is too large: stay below {limit:,}")
    if found < least:
        raise argparse.ArgumentTypeError(wanted)
    return found


def _number(text: str, least: float, most: float, words: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and least <= found <= most):
        raise argparse.ArgumentTypeError(f"“{text}” is no {words}")
    return found
