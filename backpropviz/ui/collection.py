"""When Python looks for garbage: rarely, and never among what stays.

A figure makes thousands of small objects that free themselves; looking through all modules for
cycles in the middle of it would cost a frame, and a sixth of the time until LeNet is ready.
"""

from __future__ import annotations

import gc

_NEW_OBJECTS, _YOUNG_PER_MIDDLE, _MIDDLE_PER_FULL = 50_000, 20, 100


def collect_rarely() -> None:
    """Look for cycles only after many new objects; meant for the start of the process."""
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_PER_MIDDLE, _MIDDLE_PER_FULL)


def set_aside_what_stays() -> None:
    """Collect once, then never look again at modules, classes and all else that is alive now."""
    gc.collect()
    gc.freeze()
