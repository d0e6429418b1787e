"""Open a picture: a file in any common format, or a bundled sample such as `mnist:17`."""

from __future__ import annotations

from pathlib import Path

from backpropviz.errors import UserError
from backpropviz.importers.bundled import bundled_picture, is_bundled, split_specification
from backpropviz.importers.decode import picture_from_bytes, picture_from_file
from backpropviz.importers.picture import Picture, picture_from_array
from backpropviz.named_file import is_there, named_path

__all__ = ["Picture", "open_picture", "picture_from_array", "picture_from_bytes"]


def open_picture(path_or_spec: str | Path) -> Picture:
    """
    The picture at a path, or the bundled one that `mnist:17`, `digits:3` or `photo:chelsea` names.

    Raises UserError, in one sentence, for whatever cannot be used.
    """
    if isinstance(path_or_spec, Path):
        return picture_from_file(path_or_spec)
    if not path_or_spec:
        raise UserError("No picture is named: give a file, or mnist:0.")
    path = named_path(path_or_spec)
    named = split_specification(str(path))
    if named is None or (not is_bundled(named[0]) and is_there(path)):
        return picture_from_file(path)
    return bundled_picture(*named)
