"""The sessions of earlier times: what was open, where, and a small picture of it."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

from PySide6.QtCore import QStandardPaths

from backpropviz.frozen import frozen

MOST_RECENT: Final = 6
_FILE, _LAST = "recent.json", "last-session.bpv"


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
    import json

    try:
        entries = json.loads((data_folder() / _FILE).read_text(encoding="utf-8"))
        return tuple(_entry(entry) for entry in entries)[:MOST_RECENT]
    except (OSError, ValueError, TypeError):
        return ()


def remember(session: RecentSession) -> None:
    """Put a session first; an older one of the same network and image gives way."""
    import json

    from backpropviz.errors import UserError
    from backpropviz.storage.atomic import write_text

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


def _entry(values: object) -> RecentSession:
    if not isinstance(values, dict):
        raise TypeError("an entry is no object")
    known = {field.name for field in fields(RecentSession)}
    return RecentSession(**{k: str(v) for k, v in values.items() if k in known})
