"""How far a learner has come, kept in a file for each lesson beside the recent sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from backpropviz.debugger.lessons.lesson_progress import LessonProgress, from_json, to_json
from backpropviz.document import parse_json
from backpropviz.errors import UserError
from backpropviz.named_file import file_content
from backpropviz.storage.atomic import write_text
from backpropviz.ui import recent

_FOLDER: Final = "lessons"
_LARGEST_BYTES: Final = 10_000_000


def progress_file(lesson_id: str) -> Path:
    """Where the progress of a lesson is kept."""
    return recent.data_folder() / _FOLDER / f"{lesson_id}.json"


def read_progress(lesson_id: str) -> LessonProgress | None:
    """What was kept; None where there is nothing, or nothing that can be used."""
    path = progress_file(lesson_id)
    try:
        found = from_json(parse_json(file_content(path, _LARGEST_BYTES)).value)
    except (OSError, UserError):
        return None
    return found if found.lesson == lesson_id else None


def write_progress(progress: LessonProgress) -> None:
    """Keep it, whole or not at all.

    Raises:
        UserError: the disk refuses.
    """
    path = progress_file(progress.lesson)
    write_text(path, json.dumps(to_json(progress), ensure_ascii=False, indent=1))
