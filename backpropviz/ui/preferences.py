"""What a person prefers, kept between sessions."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QByteArray, QSettings

from backpropviz.frozen import frozen
from backpropviz.number_text import whole_number

INTERVALS_MS: Final = (2000, 1000, 500, 250, 125, 62, 31)
"""Time from step to step while playing."""
COLOR_MAPS: Final = (("", "as the theme"), ("vik", "vik"), ("PuOr", "PuOr"))


@frozen
class Preferences:
    """`diverging` is a color map's name, or empty for the theme's own."""

    interval_ms: int = 250
    diverging: str = ""
    reduces_motion: bool = False


def read_preferences() -> Preferences:
    """What was chosen; what is damaged counts as not chosen."""
    settings = QSettings()
    standard = Preferences()
    interval = whole_number(str(settings.value("play/interval_ms", standard.interval_ms)))
    return Preferences(
        interval if interval in INTERVALS_MS else standard.interval_ms,
        _known_map(str(settings.value("view/diverging", standard.diverging))),
        str(settings.value("view/reduces_motion", standard.reduces_motion)).lower() == "true",
    )


def saved_state(key: str) -> QByteArray | None:
    """What Qt has saved of a window; None where there is nothing, or something else."""
    found = QSettings().value(key)
    return found if isinstance(found, QByteArray) else None


def _known_map(name: str) -> str:
    return name if name in {known for known, _ in COLOR_MAPS} else ""


def write_preferences(preferences: Preferences) -> None:
    """Remember."""
    settings = QSettings()
    settings.setValue("play/interval_ms", preferences.interval_ms)
    settings.setValue("view/diverging", preferences.diverging)
    settings.setValue("view/reduces_motion", preferences.reduces_motion)


def speed_text(interval_ms: int) -> str:
    """An interval as a speed: `2 steps/s`."""
    rate = 1000 / interval_ms
    return f"{rate:.0f} steps/s" if rate > 1 else "1 step/s" if rate == 1 else "1 step/2 s"
