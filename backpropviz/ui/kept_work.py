"""What is open, as files: a session that is saved, and all of it in a folder of our own.

`state.json` is written last and names the files that belong to it, so that it is true at any
moment. Each window has a folder, and a lock in it that ends with its process.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QLockFile

from backpropviz.debugger.session import Session, from_json, save, to_json
from backpropviz.document import Value, parse_json
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.model import Model
from backpropviz.engine.record import Settings, read_target
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.export.frames import png_bytes
from backpropviz.figures.frames import START
from backpropviz.files import networks as model_file
from backpropviz.files.atomic import check_writable, own_mark, remove_leftovers, write_bytes
from backpropviz.files.data.load import shipped_dataset
from backpropviz.files.deck import deck_moment
from backpropviz.files.network_json import draft_from_json, draft_to_json
from backpropviz.files.networks import is_known, json_bytes, load_file
from backpropviz.files.pictures import Picture, open_picture
from backpropviz.files.run import SavedRun, data_to_json, keep_run, load_run
from backpropviz.frozen import frozen
from backpropviz.named_file import deck_named, is_there, named_path
from backpropviz.scene.theme import LIGHT
from backpropviz.ui import recent
from backpropviz.ui.opened import Opened, Subject, record, restored, session_subject, target_text
from backpropviz.ui.recent import RecentSession, remember
from backpropviz.ui.top_bar import image_thumbnail

if TYPE_CHECKING:
    from backpropviz.files.run import SavedRun


_IMAGE = "image"


def save_opened(path: Path, opened: Opened) -> None:
    """Write what is open; raises UserError where a session cannot hold it, or the disk refuses."""
    if opened.subject.save_refusal:
        raise UserError(opened.subject.save_refusal)
    image = {_IMAGE: opened.subject.image}
    model_file.save_session(path, opened.subject.model, place_to_json(opened), image)


def session_bytes(opened: Opened) -> bytes:
    """A session as its file holds it; empty where what is open cannot be a session."""
    if opened.subject.save_refusal:
        return b""
    with TemporaryDirectory() as folder:
        path = Path(folder, "session.bpv")
        save_opened(path, opened)
        return path.read_bytes()


def place_to_json(opened: Opened) -> dict[str, Any]:
    """Where the debugger stands, with its marks: what changes from step to step."""
    return to_json(save(session_subject(opened.subject), opened.timeline, opened.state))


def at_kept_place(opened: Opened, place: Mapping[str, object]) -> Opened:
    """A pass that was recorded again, where it stood; raises UserError for what is damaged."""
    return restored(opened, from_json(dict(place)))


def saved_in(name: str) -> model_file.SessionFile | None:
    """The session in a file, or the one that a slide of a deck shows a moment of.

    None where the name is no `.bpv` file and no deck, or the file holds a model only.

    Raises:
        UserError: the file cannot be used.
    """
    deck = deck_named(name)
    if deck is not None:
        path, slide = deck
        moment = deck_moment(path, slide)
        try:
            session = model_file.session_in(moment.session, path.stem)
        except UserError as error:
            raise UserError(f"{path.name}: the session in it is damaged: {error}") from None
        return replace(session, state={**session.state, **moment.place})
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


_FOLDER: Final = "open"
_STATE, _LOCK = "state.json", "lock"
_VERSION: Final = 1
_FIELDS: Final = ("version", "when", "is_closed", "titles", "page", "session", "runs", "draft")
_MOST: Final = 10**9
_ROOM_BYTES: Final = 50_000_000
_MANY: Final = 3


@frozen(eq=False)
class KeptRun:
    """A run by its number; `saved` is None where it stands as it was kept last."""

    number: int
    saved: SavedRun | None
    is_in_file: bool = False


@frozen(eq=False)
class KeptDraft:
    """A network that is being edited, the one that it began with, and whether the editor shows."""

    draft: Draft
    base: Model | None
    is_shown: bool


@frozen(eq=False)
class Work:
    """What is open in a window. `titles` tell it in words; `is_closed`: the window was closed.

    Of the `runs`, the `current` one is shown on the page Train; an `update` of it, made in the
    debugger, is a number and a place.
    """

    opened: Opened | None = None
    runs: tuple[KeptRun, ...] = ()
    current: int = 0
    update: tuple[int, Mapping[str, object]] | None = None
    draft: KeptDraft | None = None
    is_training_shown: bool = False
    is_closed: bool = False
    titles: tuple[str, ...] = ()


class WorkFolder:
    """The folder of one window; `write` and `load` may run on a worker's thread, one at a time."""

    def __init__(self, path: Path, lock: QLockFile) -> None:
        self.path, self._lock = path, lock
        self._subject: Subject | None = None
        self._session = 0
        self._base: Model | None = None
        self._bases = 0
        self._data: dict[int, Mapping[str, object]] = {}

    def write(self, work: Work) -> None:
        """Keep what has changed, and forget what is no longer open.

        Raises:
            UserError: the disk refuses; what was kept before stays.
        """
        names = {_STATE, _LOCK}
        document: dict[str, object] = {
            "version": _VERSION,
            "when": datetime.now().astimezone().isoformat(timespec="seconds"),
            "is_closed": work.is_closed,
            "titles": list(work.titles),
            "page": "train" if work.is_training_shown else "debug",
            "session": self._written_session(work.opened, names),
            "runs": self._written_runs(work, names),
            "draft": self._written_draft(work.draft, names),
        }
        write_bytes(self.path / _STATE, json_bytes(document))
        for path in self.path.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _written_session(self, opened: Opened | None, names: set[str]) -> object:
        """The pass goes to a file when it is another one; where it stands is small."""
        if opened is None or opened.subject.save_refusal:
            return None
        if opened.subject is not self._subject:
            save_opened(self.path / f"session-{self._session + 1}.bpv", opened)
            self._subject, self._session = opened.subject, self._session + 1
        name = f"session-{self._session}.bpv"
        names.add(name)
        return {"file": name, "place": place_to_json(opened)}

    def _written_runs(self, work: Work, names: set[str]) -> object:
        found: list[object] = []
        for run in work.runs:
            name = f"run-{run.number}.bpv"
            names |= {name, f"run-{run.number}.data.bpv"}
            if run.saved is not None:
                keep_run(self.path / name, run.saved, self._data_of(run.number, run.saved))
            is_current = run.number == work.current
            update = work.update if is_current and work.update is not None else (0, None)
            found.append(
                {
                    "file": name,
                    "is_in_file": run.is_in_file,
                    "is_current": is_current,
                    "update": update[0],
                    "place": update[1],
                }
            )
        return found

    def _data_of(self, number: int, saved: SavedRun) -> Mapping[str, object]:
        if number not in self._data:
            run = saved.run
            self._data[number] = data_to_json(run.dataset, run.network, shipped_dataset)
        return self._data[number]

    def _written_draft(self, kept: KeptDraft | None, names: set[str]) -> object:
        if kept is None:
            return None
        if kept.base is not None and kept.base is not self._base:
            model_file.save_model(self.path / f"base-{self._bases + 1}.bpv", kept.base)
            self._base, self._bases = kept.base, self._bases + 1
        base = None if kept.base is None else f"base-{self._bases}.bpv"
        names |= {base} if base else set()
        return {"draft": draft_to_json(kept.draft), "base": base, "is_shown": kept.is_shown}

    def summary(self) -> WorkSummary:
        """What is kept, in words.

        Raises:
            UserError, OSError: there is nothing that can be read.
        """
        return _summary(self._state())

    def _state(self) -> Mapping[str, Value]:
        return parse_json((self.path / _STATE).read_bytes()).members(_FIELDS, _FIELDS)

    def load(self, diverging: str = "") -> LoadedWork:
        """All that is kept, read and recorded again.

        Raises:
            UserError: a file is damaged; the sentence names it.
        """
        state = self._state()
        runs = [self._run(entry) for entry in state["runs"].items()]
        return LoadedWork(
            self._opened(state["session"], diverging),
            tuple(runs),
            self._draft(state["draft"]),
            state["page"].value == "train",
        )

    def _opened(self, entry: Value, diverging: str) -> Opened | None:
        if entry.value is None:
            return None
        members = entry.members(("file", "place"), ("file", "place"))
        path = self._file(members["file"])
        found = model_file.load(path)
        if not isinstance(found, model_file.SessionFile):
            raise UserError(f"{path} holds no session: it is damaged.")
        return at_kept_place(opened_session(found, str(path), diverging), _fields(members["place"]))

    def _run(self, entry: Value) -> LoadedRun:
        names = ("file", "is_in_file", "is_current", "update", "place")
        members = entry.members(names, names)
        place = members["place"]
        return LoadedRun(
            load_run(self._file(members["file"]), shipped_dataset),
            members["is_in_file"].value is True,
            members["is_current"].value is True,
            members["update"].integer(0, _MOST),
            None if place.value is None else _fields(place),
        )

    def _draft(self, entry: Value) -> KeptDraft | None:
        if entry.value is None:
            return None
        names = ("draft", "base", "is_shown")
        members = entry.members(names, names)
        base = members["base"]
        return KeptDraft(
            draft_from_json(members["draft"]),
            None if base.value is None else model_file.load_model(self._file(base)),
            members["is_shown"].value is True,
        )

    def _file(self, entry: Value) -> Path:
        """One of our own files, right in the folder."""
        name = entry.text()
        if Path(name).name != name:
            entry.refuse("name a file in the folder")
        return self.path / name

    def let_go(self) -> None:
        """Leave it for a later start."""
        self._lock.unlock()

    def remove(self) -> None:
        """Nothing in it is needed any more."""
        (self.path / _STATE).unlink(missing_ok=True)
        self._lock.unlock()
        shutil.rmtree(self.path, ignore_errors=True)


@frozen
class WorkSummary:
    """What is kept in a folder: in words, of when, and whether its window was closed in order.

    `whole` names all of it at once.
    """

    titles: tuple[str, ...]
    when: str
    is_closed: bool
    whole: str
    holds_session: bool


@frozen(eq=False)
class LoadedRun:
    """A run that was kept; its `update` with a place was open in the debugger."""

    saved: SavedRun
    is_in_file: bool
    is_current: bool
    update: int
    place: Mapping[str, object] | None


@frozen(eq=False)
class LoadedWork:
    """What was kept, ready to be shown."""

    opened: Opened | None
    runs: tuple[LoadedRun, ...]
    draft: KeptDraft | None
    is_training_shown: bool


def check_keepable() -> None:
    """Refuse to rely on the disk where it would not hold what is open.

    Raises:
        UserError: the folder cannot be written, or has little room.
    """
    check_writable(recent.data_folder() / _FOLDER / _STATE, _ROOM_BYTES)


def new_work_folder() -> WorkFolder:
    """A folder for this window alone.

    Raises:
        OSError: it cannot be made.
    """
    path = recent.data_folder() / _FOLDER / own_mark().removeprefix("backpropviz-")
    path.mkdir(parents=True)
    found = _locked(path)
    if found is None:
        raise OSError(f"{path} cannot be locked")
    return found


def left_work() -> tuple[WorkFolder, ...]:
    """What windows have left whose process is gone, the newest first; each is locked from here on.

    A folder in which nothing was kept yet goes.
    """
    found = sorted(_left_folders(), key=lambda one: one[0], reverse=True)
    return tuple(folder for _, folder in found)


def _left_folders() -> Iterator[tuple[str, WorkFolder]]:
    above = recent.data_folder() / _FOLDER
    for path in sorted(above.iterdir()) if above.is_dir() else ():
        folder = _locked(path) if path.is_dir() else None
        if folder is None:
            continue
        if not (path / _STATE).exists():
            folder.remove()
            continue
        remove_leftovers(path)
        try:
            when = folder.summary().when
        except (UserError, OSError):
            folder.let_go()  # of a newer version, perhaps
            continue
        yield when, folder


def _locked(path: Path) -> WorkFolder | None:
    """None where a living window has it."""
    lock = QLockFile(str(path / _LOCK))
    lock.setStaleLockTime(0)  # never by its age
    return WorkFolder(path, lock) if lock.tryLock(0) else None


def _summary(state: Mapping[str, Value]) -> WorkSummary:
    titles = tuple(item.text() for item in state["titles"].items())
    runs, holds_session = len(state["runs"].items()), state["session"].value is not None
    parts = [
        *(["the debugging session"] if holds_session else []),
        *(["the run" if runs == 1 else f"the {runs} runs"] if runs else []),
        *(["the network in the editor"] if state["draft"].value is not None else []),
    ]
    return WorkSummary(
        titles,
        state["when"].text(),
        state["is_closed"].value is True,
        " and ".join(parts) if len(parts) < _MANY else "all of it",
        holds_session,
    )


def _fields(entry: Value) -> Mapping[str, object]:
    return {name: member.value for name, member in entry.members().items()}
