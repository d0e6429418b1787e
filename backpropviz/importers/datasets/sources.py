"""Which kind of source a name or path is."""

from __future__ import annotations

from pathlib import Path

from backpropviz.errors import UserError
from backpropviz.importers.datasets.bundled_digits import DIGIT_TITLES, digits_catalog
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.folder_catalog import folder_catalog
from backpropviz.importers.datasets.folder_walk import SUFFIXES
from backpropviz.importers.datasets.idx_file import is_idx
from backpropviz.importers.datasets.idx_pair import idx_catalog, idx_folder
from backpropviz.importers.datasets.npz_catalog import npz_catalog
from backpropviz.importers.datasets.photo_crops import photos_catalog
from backpropviz.importers.datasets.watch import Watch
from backpropviz.named_file import kind_at, named_path

PHOTO_CROPS = "photos"
BUNDLED = (*DIGIT_TITLES, PHOTO_CROPS)
_KINDS = f"{', '.join(BUNDLED)}, a folder of pictures by class, IDX files or an .npz file"


def catalog_of(
    source: str | Path, wanted: Wanted, seed: int, held_out: float, watch: Watch
) -> Catalog:
    """What a source holds, before any picture is decoded.

    Raises:
        UserError: it does not exist, is of no known kind, or cannot be used.
    """
    if isinstance(source, str) and source in DIGIT_TITLES:
        return digits_catalog(source)
    if source == PHOTO_CROPS:
        return photos_catalog(seed, held_out)
    return _own(str(source), wanted, watch)


def _own(source: str, wanted: Wanted, watch: Watch) -> Catalog:
    if not source or "\0" in source:
        raise UserError(f"No data set is named: give {_KINDS}.")
    path = named_path(source)
    try:
        if path.is_dir():
            if idx_folder(path):
                return idx_catalog(source, path, wanted)
            return folder_catalog(source, path, watch)
        if not path.exists():
            raise UserError(f"There is no data set “{source}”: give {_KINDS}.")
        if not path.is_file():
            raise UserError(f"{path.name} is no regular file: give {_KINDS}.")
        return _file(source, path, wanted)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{path.name} cannot be read ({reason}): check it.") from error


def _file(source: str, path: Path, wanted: Wanted) -> Catalog:
    suffix = path.suffix.casefold()
    if suffix == ".npz":
        return npz_catalog(source, path, wanted)
    if is_idx(path) or "idx" in path.name.casefold():
        return idx_catalog(source, path, wanted)
    if suffix in SUFFIXES:
        raise UserError(
            f"{path.name} is a single picture: open it and train on one image, or give the folder "
            "that holds a folder for each class."
        )
    if suffix in (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"):
        raise UserError(f"{path.name} is packed: unpack it and give the folder.")
    kind = kind_at(path)
    if kind is not None:
        raise UserError(f"{path.name} is {kind.title}, no data set: give {_KINDS}.")
    raise UserError(f"{path.name} is no data set that can be read: give {_KINDS}.")
