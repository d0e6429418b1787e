"""What is open, as an entry of the list of recent sessions."""

from __future__ import annotations

import base64
from datetime import datetime

from backpropviz.export.png import png_bytes
from backpropviz.scene.theme import LIGHT
from backpropviz.storage.networks import is_known
from backpropviz.ui.image_thumbnail import image_thumbnail
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import RecentSession, remember
from backpropviz.ui.subject import target_text

_SIDE = 32


def remember_opened(opened: Opened) -> None:
    """Put what is open first in the list.

    A pasted picture or an edited network cannot be opened again by name.
    """
    subject = opened.subject
    if subject.save_refusal or subject.is_edited or not is_known(subject.network):
        return
    if subject.picture is not None and subject.picture.source == "pasted picture":
        return
    picture = png_bytes(image_thumbnail(opened, _SIDE, LIGHT), 2.0)
    target = target_text(subject)
    place = opened.focus_address
    remember(
        RecentSession(
            title=f"{subject.network_title}, {_file_name(subject.image_name)}, target {target}",
            place=str(place) if place is not None else f"step {min(opened.state.k + 1, 10**15)}",
            network=subject.network,
            image="" if subject.picture is None else subject.image_source,
            target=target,
            when=datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="minutes"),
            thumbnail=base64.b64encode(picture).decode("ascii"),
        )
    )


def _file_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
