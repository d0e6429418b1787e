"""A deck that leads back to its moments: the session that it was made from, a place a slide.

The slides of a deck may have been moved or deleted since: a slide is known by the number that the
file gives it, not by where it stands.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from backpropviz.errors import UserError
from backpropviz.files.archive import DAMAGE
from backpropviz.frozen import frozen
from backpropviz.named_file import MOMENTS_NAMESPACE

_PRESENTATION, _CUSTOM = "ppt/presentation.xml", re.compile(r"customXml/item\d+\.xml")
_MOST_BYTES: Final = 400_000_000
_MOST_PARTS, _HEAD = 20, 500
_SLIDE_ID: Final = re.compile(rb'<p:sldId\b[^>]*?\bid="(\d{1,10})"')
_SESSION: Final = re.compile(rb"<session>([A-Za-z0-9+/=\s]*)</session>")
_SLIDE: Final = re.compile(rb'<slide id="(\d{1,10})">([^<]{0,10000})</slide>')


@frozen
class DeckMoment:
    """The session as a file holds it, and where in it a slide stands."""

    session: bytes
    place: Mapping[str, Any]


def deck_moment(path: Path, slide: int) -> DeckMoment:
    """The moment of a slide, counted from 1 as the deck shows them.

    Raises:
        UserError: it is no deck, no deck of ours, damaged, or it has no such slide.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shown = [int(found) for found in _SLIDE_ID.findall(_member(archive, _PRESENTATION))]
            names = [name for name in archive.namelist() if _CUSTOM.fullmatch(name)]
            ours = next((name for name in names[:_MOST_PARTS] if _is_ours(archive, name)), None)
            kept = None if ours is None else _member(archive, ours)
    except DAMAGE as error:
        raise UserError(f"{path.name} is no PowerPoint file that can be read.") from error
    if kept is None:
        raise UserError(
            f"{path.name} does not know the moments of its slides: it was not exported by "
            "BackpropViz, or another program has saved it without them."
        )
    if not 1 <= slide <= len(shown):
        count = f"{len(shown):,} slide{'s' if len(shown) != 1 else ''}"
        raise UserError(f"{path.name} has {count}: there is no slide {slide:,}.")
    return _moment(path, kept, shown[slide - 1], slide)


def _moment(path: Path, text: bytes, number: int, slide: int) -> DeckMoment:
    places = {int(key): found for key, found in _SLIDE.findall(text)}
    session = _SESSION.search(text)
    if number not in places:
        raise UserError(f"Slide {slide:,} of {path.name} was added later: it shows no moment.")
    try:
        content = base64.b64decode(session[1] if session else b"", validate=False)
        place = json.loads(_unescaped(places[number]))
    except (binascii.Error, ValueError, RecursionError):
        content, place = b"", None
    if not content or not isinstance(place, dict):
        raise UserError(f"{path.name} is damaged: its moments cannot be read.")
    return DeckMoment(content, place)


def _unescaped(text: bytes) -> str:
    plain = text.decode("utf-8", "replace")
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _is_ours(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a part begins as ours does; the others may be of any size."""
    with archive.open(name) as stream:
        return MOMENTS_NAMESPACE.encode() in stream.read(_HEAD)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member, as long as it does not promise or turn out to be more than fits."""
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise zipfile.BadZipFile(name)
    with archive.open(name) as stream:
        content = io.BytesIO(stream.read(_MOST_BYTES + 1)).getvalue()
    if len(content) > _MOST_BYTES:
        raise zipfile.BadZipFile(name)
    return content
