"""The picture files of a folder, by class: what is there, without opening any."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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


class FolderWalk:
    """Collects pictures and what had to be passed over; a folder is entered once, so links end."""

    def __init__(self, root: Path, stop: Callable[[], None]) -> None:
        self._root, self._stop = root, stop
        self._entered: set[tuple[int, int]] = set()
        self._count = 0
        self.skipped: list[Skipped] = []

    def folders(self, folder: Path) -> list[Path]:
        """The visible folders in a folder, in natural order."""
        return [entry for entry in self._entries(folder) if entry.is_dir()]

    def loose(self, folder: Path) -> list[Path]:
        """The visible files that lie in a folder itself."""
        return [entry for entry in self._entries(folder) if not entry.is_dir()]

    def pictures(self, folder: Path, depth: int = 0) -> Iterator[Found]:
        """Every picture file in a folder and the folders in it."""
        if not self._enter(folder, depth):
            return
        for entry in self._entries(folder):
            self._stop()
            if entry.is_dir():
                yield from self.pictures(entry, depth + 1)
            elif self._is_picture(entry):
                yield Found(self.name(entry), entry)

    def name(self, path: Path) -> str:
        """A path as the person is told it."""
        return path.relative_to(self._root).as_posix()

    def skip(self, path: Path, reason: str) -> None:
        """Note what is passed over."""
        self.skipped.append(Skipped(self.name(path), reason))

    def _is_picture(self, path: Path) -> bool:
        self._count += 1
        if self._count > MOST_FILES:
            raise UserError(
                f"{self._root.name} holds more than {MOST_FILES:,} files: choose a smaller folder."
            )
        if path.suffix.casefold() not in SUFFIXES:
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

    def _entries(self, folder: Path) -> list[Path]:
        try:
            names = os.listdir(folder)  # noqa: PTH208  (`iterdir` makes a path of hidden ones too)
        except OSError as error:
            self.skip(folder, f"cannot be read ({error.strerror})")
            return []
        shown = (n for n in names if not n.startswith(".") and n.casefold() not in _NOT_MEANT)
        return [folder / name for name in sorted(shown, key=lambda n: (natural_order(n), n))]
