"""How high the timeline is, in px: its widget knows it before the figure is imported."""

from __future__ import annotations

from typing import Final

HEIGHT: Final = 104
