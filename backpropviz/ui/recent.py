"""What the program remembers: earlier sessions with a small picture of each, and preferences."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

from backpropviz.document import whole_number
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import file_content

if TYPE_CHECKING:
    from backpropviz.document import Value


MOST_RECENT: Final = 6
_FILE, _LAST = "recent.json", "last-session.bpv"
_LARGEST_BYTES: Final = 10_000_000


@frozen
class RecentSession:
    """What is needed to open a session again; `thumbnail` is a PNG in base64."""

    title: str
    place: str
    network: str
    image: str = ""
    target: str = ""
    when: str = ""
    thumbnail: str = ""

    @property
    def picture(self) -> bytes:
        """The thumbnail as the content of a PNG file."""
        import base64

        try:
            return base64.b64decode(self.thumbnail, validate=True)
        except ValueError:
            return b""


def data_folder() -> Path:
    """Where the program keeps what it remembers beside settings."""
    place = QStandardPaths.StandardLocation.AppDataLocation
    return Path(QStandardPaths.writableLocation(place))


def last_session_file() -> Path:
    """The session that was open when the window was closed the last time."""
    return data_folder() / _LAST


def read_recent() -> tuple[RecentSession, ...]:
    """The newest first; a damaged list counts as empty."""
    if not (data_folder() / _FILE).exists():
        return ()
    from backpropviz.document import parse_json

    try:
        content = file_content(data_folder() / _FILE, _LARGEST_BYTES)
        entries = parse_json(content).items()[:MOST_RECENT]
        return tuple(_entry(entry) for entry in entries)
    except (OSError, UserError):
        return ()


def remember(session: RecentSession) -> None:
    """Put a session first; an older one of the same network and image gives way."""
    import json

    from backpropviz.errors import UserError
    from backpropviz.files.atomic import write_text

    same = session.network, session.image
    others = [entry for entry in read_recent() if (entry.network, entry.image) != same]
    entries = [asdict(entry) for entry in (session, *others)][:MOST_RECENT]
    try:
        write_text(data_folder() / _FILE, json.dumps(entries))
    except UserError:
        # A list of recent sessions is a comfort; a full or read-only disk must not disturb.
        return


def when_text(when: str, today: str = "") -> str:
    """A moment in words: `today, 10:42`, `yesterday`, `12 November`; `today` is the clock's."""
    from datetime import datetime

    now = datetime.fromisoformat(today) if today else datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return ""
    days = (now.date() - moment.date()).days
    if days == 0:
        return f"today, {moment:%H:%M}"
    if days == 1:
        return "yesterday"
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%B}{year}"


def _entry(value: Value) -> RecentSession:
    """What another version of the program wrote beside it is passed over."""
    known = {field.name for field in fields(RecentSession)}
    others = [name for name in value.members() if name not in known]
    return value.without(*others).record(RecentSession)


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
