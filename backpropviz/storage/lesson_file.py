"""Lesson files: the text of a bundled lesson by its name, or of any file by its path."""

from __future__ import annotations

from pathlib import Path

from backpropviz.assets import resource, resource_names
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import is_there, kind_of_file, named_path, opened_file, refuse_other

FOLDER, SUFFIX = "lessons", ".toml"
LARGEST_BYTES = 1_000_000
LARGEST_FILE = 10**12
_FIRST = (
    "one-filter-many-positions",
    "which-way-to-go",
    "dense-and-filter-weights",
    "derivative-of-max-pooling",
    "average-pooling",
    "why-not-nudge-everything",
    "turned-by-180-degrees",
    "from-gradient-to-update",
)


@frozen
class LessonText:
    """A lesson as it is written; `file` is what its errors begin with."""

    file: str
    text: str


def bundled_lesson_names() -> tuple[str, ...]:
    """Those that ship, in the order in which they build on one another."""
    found = [Path(name).stem for name in resource_names(FOLDER, SUFFIX)]
    return (*(n for n in _FIRST if n in found), *(n for n in found if n not in _FIRST))


def lesson_text(name_or_path: str | Path) -> LessonText:
    """The text of a bundled lesson, or of a file.

    Raises:
        UserError: there is no such lesson, or the file cannot be read.
    """
    name = str(name_or_path)
    if name in bundled_lesson_names():
        path = resource(FOLDER, f"{name}{SUFFIX}")
        return LessonText(path.name, _read(path, path.name))
    path = named_path(name_or_path)
    if not is_there(path):
        raise UserError(
            f"{name}: there is no such lesson or file; the bundled lessons are "
            f"{', '.join(bundled_lesson_names())}; or give the path of a {SUFFIX} file."
        )
    return LessonText(name, _read(path, name))


def _read(path: Path, name: str) -> str:
    try:
        with opened_file(path, LARGEST_FILE) as file:
            refuse_other(kind_of_file(file, path.name), "lesson")
            data = file.read(LARGEST_BYTES + 1)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{name} cannot be read: {reason}; choose another file.") from None
    if len(data) > LARGEST_BYTES:
        raise UserError(f"{name} is larger than a lesson may be (1 MB): choose another file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}, line {line}: this is not UTF-8 text: save it as UTF-8.") from None
