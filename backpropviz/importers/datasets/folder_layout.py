"""Where the class folders of a data set lie: side by side, or in its parts to train and validate.

What looks like parts but cannot be read as such is refused, never taken for classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.folder_walk import FolderWalk, is_picture
from backpropviz.importers.datasets.splits import (
    HELD_OUT,
    Part,
    held_out_part,
    kept_words,
    parts_of,
)
from backpropviz.importers.datasets.wording import listed_names, matched_names

_COPY = re.compile(r"(?:[\s_-]*(?:\(\d+\)|copy|copie|kopie))+$")
_MOST_STEMS = 20


@frozen
class Layout:
    """The class folders to train on and to validate with, the names of the parts they lie in.

    `remarks` tell what was read and what was left.
    """

    training: tuple[Path, ...]
    held_out: tuple[Path, ...] = ()
    training_name: str = ""
    held_out_name: str = ""
    remarks: tuple[str, ...] = ()


def layout_of(root: Path, walk: FolderWalk) -> Layout:
    """Find the class folders of a data set.

    Raises:
        UserError: its folders look like parts of a set, but not like parts that can be read.
    """
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
        return Layout(tuple(full), remarks=(*remarks, *left))
    if _is_one_class_called_train(full, parts, walk):
        name = next(iter(parts))
        left += (f"{name}/ is a class like the others, not a part to train on",)
        return Layout(tuple(full), remarks=(*remarks, *left))
    found = _split_layout(where, full, parts, walk)
    return Layout(
        found.training,
        found.held_out,
        found.training_name,
        found.held_out_name,
        (*remarks, *found.remarks, *left),
    )


def _split_layout(
    where: Path, full: list[Path], parts: dict[str, Part], walk: FolderWalk
) -> Layout:
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
        remarks.append(f"{names} {_be(others)} no part to train on or to validate with: not read")
    return Layout(
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
        raise UserError(
            f"{where.name} holds {listed_names(held)}, which {_look(held)} of a set, but no "
            "“train” with class folders: add it, or rename what is a class."
        )
    if others and not held:
        names = listed_names([folder.name for folder in others])
        raise UserError(
            f"{where.name} holds {names} beside “{by_part['train'][0].name}”, which looks like a "
            "part of a set: choose that folder itself, or rename it if it is a class."
        )


def _look(names: Sequence[str]) -> str:
    return "look like parts" if len(names) > 1 else "looks like a part"


def _be(folders: Sequence[Path]) -> str:
    return "are" if len(folders) > 1 else "is"


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
