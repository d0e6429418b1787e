"""What is written after an option, as a value; what cannot be one is told in words."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from backpropviz.errors import UserError
from backpropviz.named_file import named_path
from backpropviz.number_text import is_whole_number, real_number, whole_number

MOST = 10**12
_MOST_SEED = 10**15


def path_value(text: str) -> Path:
    """A file or a folder."""
    try:
        return named_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None


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
    found = whole_number(text, least, limit - 1)
    if found is not None:
        return found
    if is_whole_number(text) and whole_number(text, 0, least - 1) is None:
        raise argparse.ArgumentTypeError(f"“{text:.40}” is too large: stay below {limit:,}")
    raise argparse.ArgumentTypeError(f"“{text:.40}” is no whole number of at least {least}")


def _number(text: str, least: float, most: float, words: str) -> float:
    found = real_number(text)
    if found is None or not least <= found <= most:
        raise argparse.ArgumentTypeError(f"“{text:.40}” is no {words}")
    return found
