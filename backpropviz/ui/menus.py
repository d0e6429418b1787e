"""The titles of the menus: all of them that the first paint needs."""

from __future__ import annotations

from typing import Final

MENUS: Final = ("File", "Edit", "View", "Debug", "Analyze", "Train", "Lessons", "Help")
