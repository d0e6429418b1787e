"""A session as a `.bpv` file: the model, the image that was used, and where the debugger stood."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from backpropviz.debugger.session import Session, from_json, save, to_json
from backpropviz.engine.model import Model
from backpropviz.engine.record import Settings, read_target
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.export.frames import png_bytes
from backpropviz.figures.frames import START
from backpropviz.files import networks as model_file
from backpropviz.files.networks import is_known, load_file
from backpropviz.files.pictures import Picture, open_picture
from backpropviz.named_file import is_there, named_path
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.opened import Opened, Subject, record, restored, session_subject, target_text
from backpropviz.ui.recent import RecentSession, remember
from backpropviz.ui.top_bar import image_thumbnail

_IMAGE = "image"


def save_opened(path: Path, opened: Opened) -> None:
    """Write what is open; raises UserError where a session cannot hold it, or the disk refuses."""
    if opened.subject.save_refusal:
        raise UserError(opened.subject.save_refusal)
    image = {_IMAGE: opened.subject.image}
    model_file.save_session(path, opened.subject.model, place_to_json(opened), image)


def place_to_json(opened: Opened) -> dict[str, Any]:
    """Where the debugger stands, with its marks: what changes from step to step."""
    return to_json(save(session_subject(opened.subject), opened.timeline, opened.state))


def at_kept_place(opened: Opened, place: Mapping[str, object]) -> Opened:
    """A pass that was recorded again, where it stood; raises UserError for what is damaged."""
    return restored(opened, from_json(dict(place)))


def saved_in(name: str) -> model_file.SessionFile | None:
    """The session in a file; None where the name is no `.bpv` file or the file holds a model only.

    Raises:
        UserError: the file cannot be used.
    """
    if Path(name).suffix.lower() != ".bpv" or not is_there(path := named_path(name)):
        return None
    loaded = load_file(path)
    return loaded if isinstance(loaded, model_file.SessionFile) else None


def opened_session(found: model_file.SessionFile, name: str, diverging: str) -> Opened:
    """Record the session's pass again and stand where it stood.

    Raises:
        UserError: the session is damaged; the sentence names the file.
    """
    try:
        session = from_json(dict(found.state))
        subject = _subject(found.model, session, found.arrays.get(_IMAGE))
        return restored(record(subject, diverging), session)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def _subject(model: Model, session: Session, image: Array | None) -> Subject:
    if image is None:
        if model.example is None:
            raise UserError("the session holds no image: it is damaged.")
        image = model.example.image
    saved = session.subject
    optimizer: Any = model.optimizer
    rate = saved.settings.get("learning_rate")
    if isinstance(rate, int | float):
        optimizer = replace(optimizer, learning_rate=float(rate))
    reduction, seed = saved.settings.get("reduction"), saved.settings.get("dropout_seed")
    settings = Settings(
        float_bits=64 if saved.settings.get("float_bits") == 64 else 32,
        reduction=reduction if isinstance(reduction, str) else None,
        optimizer=optimizer,
        mode=_mode(saved.settings.get("mode")),
        dropout_seed=seed if isinstance(seed, int) else None,
    )
    name = saved.image or "image"
    subject = Subject(saved.network, model, name, name, image, _picture(name), (), settings)
    if saved.target is None:
        raise UserError("the session names no target: it is damaged.")
    return subject.with_target(read_target(saved.target, subject.model))


def _mode(saved: object) -> str:
    """Sessions from before there was a choice show a pass of use."""
    return "eval" if saved is None else str(saved)


def _picture(name: str) -> Picture | None:
    """A bundled picture can be fitted anew; any other is known by its array only."""
    if ":" not in name:
        return None
    try:
        return open_picture(name)
    except UserError:
        return None


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
    remember(
        RecentSession(
            title=f"{subject.network_title}, {_file_name(subject.image_name)}, target {target}",
            place=_place_text(opened),
            network=subject.network,
            image="" if subject.picture is None else subject.image_source,
            target=target,
            when=datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="minutes"),
            thumbnail=base64.b64encode(picture).decode("ascii"),
        )
    )


def _place_text(opened: Opened) -> str:
    """Where it stands, as `command_for` reads it."""
    if not opened.state.has_begun:
        return START
    place = opened.focus_address
    return str(place) if place is not None else f"step {min(opened.state.k + 1, 10**15)}"


def _file_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
