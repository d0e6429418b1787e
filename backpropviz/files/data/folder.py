"""A folder of pictures with a folder for each class, as a catalog."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from backpropviz.engine.training.samples import Skipped
from backpropviz.errors import UserError
from backpropviz.files.data.arrays import MOST_CLASSES, natural_order
from backpropviz.files.data.catalog import (
    HELD_OUT,
    Catalog,
    Part,
    ReadingWatch,
    held_out_part,
    kept_words,
    listed_names,
    matched_names,
    name_key,
    parts_of,
)
from backpropviz.files.pictures import picture_from_file
from backpropviz.frozen import frozen

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif")
)
MOST_FILES = 200_000
_DEEPEST = 16
_NOT_MEANT = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


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

    def pictures(self, folder: Path) -> Iterator[Path]:
        """Every picture file in a class folder and the folders in it."""
        yield from self._inside(folder, _real(folder), 0)

    def _inside(self, folder: Path, own: Path, depth: int) -> Iterator[Path]:
        if not self._enter(folder, depth):
            return
        for entry in self._entries(folder):
            self._stop()
            real = _real(entry.path) if entry.is_link else own
            if real != own and own not in real.parents and self._is_taken(real):
                self.skip(entry.path, "leads to pictures of another class")
            elif entry.is_folder:
                yield from self._inside(entry.path, own, depth + 1)
            elif self._is_counted(entry.path):
                yield entry.path

    def name(self, path: Path) -> str:
        """A path as the person is told it: below the data set's folder, with “/”."""
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
        if depth > _DEEPEST:
            self.skip(folder, "is too deep")
            return False
        if identity in self._entered:
            self.skip(folder, "leads to a folder that is read already")
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


_COPY = re.compile(r"(?:[\s_-]*(?:\(\d+\)|copy|copie|kopie))+$")
_MOST_STEMS = 20


@frozen
class FolderLayout:
    """The class folders to train on and to validate with, the names of the parts they lie in.

    `remarks` tell what was read and what was left.
    """

    training: tuple[Path, ...]
    held_out: tuple[Path, ...] = ()
    training_name: str = ""
    held_out_name: str = ""
    remarks: tuple[str, ...] = ()


def layout_of(root: Path, walk: FolderWalk) -> FolderLayout:
    """Find the class folders of a data set."""
    where = _unwrapped(root, walk)
    remarks = () if where == root else (f"read in {walk.name(where)}/",)
    folders, left = _without_copies(where, walk)
    full = [folder for folder in folders if walk.holds_pictures(folder)]
    left += _empty_words(walk, [folder for folder in folders if folder not in full])
    _say_loose(where, walk)
    parts = parts_of([folder.name for folder in full])
    if not parts:
        _refuse_copies(where, full, walk)
        left += _nested_words(full, walk)
        return FolderLayout(tuple(full), remarks=(*remarks, *left))
    if _is_one_class_called_train(full, parts, walk):
        name = next(iter(parts))
        left += (f"{name}/ is a class like the others, not a part to train on",)
        return FolderLayout(tuple(full), remarks=(*remarks, *left))
    found = _split_layout(where, full, parts, walk)
    return replace(found, remarks=(*remarks, *found.remarks, *left))


def _split_layout(
    where: Path, full: list[Path], parts: dict[str, Part], walk: FolderWalk
) -> FolderLayout:
    by_part: dict[Part, list[Path]] = {}
    for folder in full:
        if folder.name in parts:
            by_part.setdefault(parts[folder.name], []).append(folder)
    others = [folder for folder in full if folder.name not in parts]
    _refuse_unclear(where, by_part, others)
    train = by_part["train"][0]
    classes = _class_folders(train, walk)
    if not classes:
        raise UserError(_flat_words(where, train, walk))
    _say_loose(classes[0].parent, walk)
    remarks: list[str] = []
    usable: dict[Part, list[Path]] = {}
    for part in HELD_OUT:
        for folder in by_part.get(part, ()):
            own = _class_folders(folder, walk)
            if matched_names([f.name for f in own], [f.name for f in classes]):
                usable[part] = own
            else:
                held = "no folders of these classes" if own else "pictures without class folders"
                remarks.append(f"{folder.name}/ holds {held}: not read")
    used = held_out_part(usable)
    if used:
        _say_loose(usable[used][0].parent, walk)
    remarks += kept_words(used, f"{by_part['test'][0].name}/" if "test" in usable else "")
    if others:
        names = listed_names([f"{folder.name}/" for folder in others], "")
        be = "are" if len(others) > 1 else "is"
        remarks.append(f"{names} {be} no part to train on or to validate with: not read")
    return FolderLayout(
        tuple(classes),
        tuple(usable[used]) if used else (),
        f"{train.name}/",
        f"{by_part[used][0].name}/" if used else "",
        tuple(remarks),
    )


def _refuse_unclear(where: Path, by_part: dict[Part, list[Path]], others: list[Path]) -> None:
    for folders in by_part.values():
        if len(folders) > 1:
            names = listed_names([folder.name for folder in folders])
            raise UserError(
                f"{where.name} has several parts of one kind, {names}: choose the folder of one of "
                "them, or leave one here."
            )
    held = [folder.name for part in HELD_OUT for folder in by_part.get(part, ())]
    if "train" not in by_part:
        look = "look like parts" if len(held) > 1 else "looks like a part"
        raise UserError(
            f"{where.name} holds {listed_names(held)}, which {look} of a set, but no "
            "“train” with class folders: add it, or rename what is a class."
        )
    if others and not held:
        names = listed_names([folder.name for folder in others])
        raise UserError(
            f"{where.name} holds {names} beside “{by_part['train'][0].name}”, which looks like a "
            "part of a set: choose that folder itself, or rename it if it is a class."
        )


def _is_one_class_called_train(full: list[Path], parts: dict[str, Part], walk: FolderWalk) -> bool:
    """A set of vehicles may have a class “train”: pictures, beside classes with pictures."""
    if list(parts.values()) != ["train"] or len(full) < 2:
        return False
    folder = next(folder for folder in full if folder.name in parts)
    return bool(walk.loose_pictures(folder))


def _unwrapped(folder: Path, walk: FolderWalk) -> Path:
    """Class folders may lie below one folder, as unpacking leaves them."""
    folders = walk.folders(folder)
    full = [inner for inner in folders if walk.holds_pictures(inner)]
    if len(full) != 1 or walk.loose_pictures(folder):
        return folder
    is_train = parts_of([full[0].name]).get(full[0].name) == "train"
    inside = [inner for inner in walk.folders(full[0]) if walk.holds_pictures(inner)]
    if len(inside) > 1 and (len(folders) == 1 or is_train):
        return _unwrapped(full[0], walk)
    return folder


def _class_folders(part: Path, walk: FolderWalk) -> list[Path]:
    where = _unwrapped(part, walk)
    return [folder for folder in walk.folders(where) if walk.holds_pictures(folder)]


def _say_loose(folder: Path, walk: FolderWalk) -> None:
    for path in walk.loose(folder):
        if is_picture(path):
            walk.skip(path, "lies beside the class folders, so its class is unknown")
        else:
            walk.skip(path, "is no picture file")


def _without_copies(where: Path, walk: FolderWalk) -> tuple[list[Path], tuple[str, ...]]:
    """The folders, without one that holds those beside it once more, and words for that."""
    folders = walk.folders(where)
    names = {folder.name.casefold() for folder in folders}
    kept, words = [], []
    for folder in folders:
        inside = {inner.name.casefold() for inner in walk.folders(folder)}
        if len(inside & (names - {folder.name.casefold()})) > 1:
            words.append(f"{folder.name}/ holds folders of the same names once more: not read")
        else:
            kept.append(folder)
    return kept, tuple(words)


def _refuse_copies(where: Path, folders: list[Path], walk: FolderWalk) -> None:
    """Two unpacked copies side by side are no two classes."""
    seen: dict[str, Path] = {}
    for folder in folders:
        other = seen.setdefault(_COPY.sub("", folder.name.casefold()), folder)
        shared = {f.name for f in walk.folders(other)} & {f.name for f in walk.folders(folder)}
        if other != folder and shared:
            raise UserError(
                f"{where.name} holds “{other.name}” and “{folder.name}” with the same folders "
                f"inside ({listed_names(sorted(shared), '')}), as copies have: choose one of them."
            )


def _nested_words(folders: list[Path], walk: FolderWalk) -> tuple[str, ...]:
    """A folder in a class folder is no class: said, since it could have been meant as one."""
    inner = sorted({f.name for folder in folders for f in walk.folders(folder)})
    if not inner:
        return ()
    return (f"folders inside a class folder belong to its class: {listed_names(inner, '')}",)


def _empty_words(walk: FolderWalk, folders: list[Path]) -> tuple[str, ...]:
    if not folders:
        return ()
    names = listed_names([f"{walk.name(folder)}/" for folder in folders], "")
    return (f"no pictures in {names}: no {'class' if len(folders) == 1 else 'classes'}",)


def _flat_words(where: Path, train: Path, walk: FolderWalk) -> str:
    pictures = walk.loose_pictures(_unwrapped(train, walk))
    stems = sorted({re.split(r"[\W\d_]", path.stem, maxsplit=1)[0] for path in pictures})
    example = ("cats", "dogs")
    hint = ""
    if 1 < len(stems) <= _MOST_STEMS and all(stems):
        hint = f"; their names begin with {listed_names(stems)}"
        example = (stems[0], stems[1])
    return (
        f"{where.name}/{train.name} holds pictures but no class folders, so their classes are "
        f"unknown{hint}: sort them into {train.name}/{example[0]}/, {train.name}/{example[1]}/, …"
    )


def folder_catalog(source: str, root: Path, watch: ReadingWatch) -> Catalog:
    """The pictures by class; whatever else lies there is passed over and listed.

    Raises:
        UserError: there is no picture, or one class only; or it is unclear what is a class.
    """
    walk = FolderWalk(root, watch.check)
    layout = layout_of(root, walk)
    training = _by_class(walk, layout.training)
    test = _by_class(walk, layout.held_out)
    classes = tuple(training)
    _check_classes(root.name or str(root), classes, walk)
    joined = matched_names(tuple(test), classes)
    for unknown in sorted(set(test) - set(joined)):
        raise UserError(
            f"{root.name}: “{unknown}” is only among the pictures for validation: add some of it "
            "to train on."
        )
    found = [(path, classes.index(name)) for name, paths in training.items() for path in paths]
    apart = [(path, joined[name]) for name, paths in test.items() for path in paths]
    everything = found + apart
    paths = [path for path, _ in everything]
    names = tuple(map(walk.name, paths))
    trained = f"trained on {layout.training_name}"
    split_words = (
        f"{trained}, validated with {layout.held_out_name}",
        f"{trained}; {layout.held_out_name} is not used",
    )
    return Catalog(
        title=root.resolve().name or str(root),
        source=source,
        names=names,
        labels=np.array([label for _, label in everything], dtype=np.int64),
        class_names=classes,
        picture=lambda number: picture_from_file(paths[number], names[number]),
        held_out=np.arange(len(everything)) >= len(found) if apart else None,
        split_words=split_words if apart else ("", ""),
        skipped=tuple(walk.skipped),
        remarks=(
            *(() if apart or not layout.training_name else (trained,)),
            *layout.remarks,
            *_class_words(layout, training, test, joined),
        ),
    )


def _by_class(walk: FolderWalk, folders: Sequence[Path]) -> Mapping[str, list[Path]]:
    by_class = {folder.name: list(walk.pictures(folder)) for folder in walk.claimed(folders)}
    return {name: paths for name, paths in by_class.items() if paths}


def _class_words(
    layout: FolderLayout,
    training: Mapping[str, list[Path]],
    test: Mapping[str, list[Path]],
    joined: Mapping[str, int],
) -> tuple[str, ...]:
    """How the folders of both parts were joined, and which could be meant as one class."""
    classes, part = tuple(training), layout.held_out_name
    words = [
        f"{part}{name} is taken for the class “{classes[place]}”"
        for name, place in joined.items()
        if name != classes[place]
    ]
    without = [name for place, name in enumerate(classes) if place not in joined.values()]
    if test and without:
        words.append(f"{part} holds no pictures of {listed_names(without)}")
    keys = Counter(map(name_key, classes))
    alike = [name for name in classes if keys[name_key(name)] > 1]
    if alike:
        words.append(f"{listed_names(alike)} are different classes, though only capitals differ")
    return tuple(words)


def _check_classes(title: str, classes: tuple[str, ...], walk: FolderWalk) -> None:
    example = "a folder for each class, such as cats/001.png and dogs/001.png"
    if not classes:
        passed = f" ({len(walk.skipped)} files were passed over)" if walk.skipped else ""
        raise UserError(f"{title} holds no pictures in class folders{passed}: make {example}.")
    if len(classes) == 1:
        raise UserError(
            f"{title} holds one class only, “{classes[0]}”: there is nothing to tell apart; "
            f"make {example}."
        )
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{title} holds {len(classes):,} class folders, more than {MOST_CLASSES:,}: choose a "
            "folder with fewer."
        )
