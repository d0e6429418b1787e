"""The picture files of a folder, by class: what is there, without opening any."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from backpropviz.engine.training.samples import Skipped
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.number_labels import natural_order

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif")
)
MOST_FILES = 200_000
_DEEPEST = 16
_NOT_MEANT = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


@frozen
class Found:
    """A picture file of a class; its name is the path below the data set's folder, with “/”."""

    name: str
    path: Path


@frozen
class _Entry:
    """A visible entry of a folder; a link to a folder is a folder too."""

    path: Path
    is_folder: bool
    is_link: bool


class FolderWalk:
    """Collects pictures and what had to be passed over.

    A folder is entered once, so links end; no link takes what belongs to another class.
    """

    def __init__(self, root: Path, stop: Callable[[], None]) -> None:
        self._root, self._stop = root, stop
        self._entered: set[tuple[int, int]] = set()
        self._listed: dict[Path, list[_Entry]] = {}
        self._claimed: set[Path] = set()
        self._around: set[Path] = set()
        self._count = 0
        self.skipped: list[Skipped] = []

    def folders(self, folder: Path) -> list[Path]:
        """The visible folders in a folder, in natural order."""
        return [entry.path for entry in self._entries(folder) if entry.is_folder]

    def loose(self, folder: Path) -> list[Path]:
        """The visible files that lie in a folder itself."""
        return [entry.path for entry in self._entries(folder) if not entry.is_folder]

    def loose_pictures(self, folder: Path) -> list[Path]:
        """The picture files that lie in a folder itself."""
        return [path for path in self.loose(folder) if is_picture(path)]

    def holds_pictures(self, folder: Path) -> bool:
        """Whether a picture file lies in a folder or deeper."""
        seen: set[Path] = set()
        waiting = [(folder, 0)]
        while waiting:
            self._stop()
            at, depth = waiting.pop()
            real = _real(at)
            if real in seen or depth > _DEEPEST:
                continue
            seen.add(real)
            if any(is_picture(path) for path in self.loose(at)):
                return True
            waiting += [(entry, depth + 1) for entry in self.folders(at)]
        return False

    def claimed(self, folders: Iterable[Path]) -> list[Path]:
        """The class folders that share nothing with another; links give way to real folders."""
        listed = list(folders)
        for folder in sorted(listed, key=Path.is_symlink):
            real = _real(folder)
            if self._is_taken(real):
                self.skip(folder, "leads to pictures of another class")
                listed.remove(folder)
                continue
            self._claimed.add(real)
            self._around.update(real.parents)
        return listed

    def pictures(self, folder: Path) -> Iterator[Found]:
        """Every picture file in a class folder and the folders in it."""
        yield from self._inside(folder, _real(folder), 0)

    def _inside(self, folder: Path, own: Path, depth: int) -> Iterator[Found]:
        if not self._enter(folder, depth):
            return
        for entry in self._entries(folder):
            self._stop()
            if entry.is_link and self._is_foreign(_real(entry.path), own):
                self.skip(entry.path, "leads to pictures of another class")
            elif entry.is_folder:
                yield from self._inside(entry.path, own, depth + 1)
            elif self._is_counted(entry.path):
                yield Found(self.name(entry.path), entry.path)

    def name(self, path: Path) -> str:
        """A path as the person is told it."""
        return path.relative_to(self._root).as_posix()

    def skip(self, path: Path, reason: str) -> None:
        """Note what is passed over."""
        self.skipped.append(Skipped(self.name(path), reason))

    def _is_taken(self, real: Path) -> bool:
        """Whether a folder is, holds, or lies in one of the claimed ones."""
        return (
            real in self._claimed
            or real in self._around
            or any(parent in self._claimed for parent in real.parents)
        )

    def _is_foreign(self, real: Path, own: Path) -> bool:
        return real != own and own not in real.parents and self._is_taken(real)

    def _is_counted(self, path: Path) -> bool:
        self._count += 1
        if self._count > MOST_FILES:
            raise UserError(
                f"{self._root.name} holds more than {MOST_FILES:,} files: choose a smaller folder."
            )
        if not is_picture(path):
            self.skip(path, "is no picture file")
            return False
        return True

    def _enter(self, folder: Path, depth: int) -> bool:
        try:
            status = folder.stat()
        except OSError as error:
            self.skip(folder, f"cannot be read ({error.strerror})")
            return False
        identity = (status.st_dev, status.st_ino)
        if identity in self._entered or depth > _DEEPEST:
            reason = (
                "leads to a folder that is read already" if depth <= _DEEPEST else "is too deep"
            )
            self.skip(folder, reason)
            return False
        self._entered.add(identity)
        return True

    def _entries(self, folder: Path) -> list[_Entry]:
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        return self._listed[folder]

    def _list(self, folder: Path) -> list[_Entry]:
        try:
            names = os.listdir(folder)  # noqa: PTH208  (`iterdir` makes a path of hidden ones too)
        except OSError as error:
            self.skip(folder, f"cannot be read ({error.strerror})")
            return []
        shown = (n for n in names if not n.startswith(".") and n.casefold() not in _NOT_MEANT)
        ordered = sorted(shown, key=lambda name: (natural_order(name), name))
        return [_entry(folder / name) for name in ordered]


def _entry(path: Path) -> _Entry:
    """Asked once an entry: a set may have 200,000."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # gone since it was listed; opening it will say so
        return _Entry(path, is_folder=False, is_link=False)
    is_link = stat.S_ISLNK(mode)
    return _Entry(path, path.is_dir() if is_link else stat.S_ISDIR(mode), is_link)


def is_picture(path: Path) -> bool:
    """Whether a file's name ends as a picture's."""
    return path.suffix.casefold() in SUFFIXES


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
