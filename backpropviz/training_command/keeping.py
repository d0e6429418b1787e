"""What `train` has learned, in its file: now and then on the way, and at the end."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backpropviz.engine.training.checkpoints import size_bytes
from backpropviz.errors import UserError
from backpropviz.importers.datasets.shipped import shipped_dataset
from backpropviz.importers.datasets.sources import BUNDLED
from backpropviz.storage.atomic import check_writable
from backpropviz.storage.run_data import data_size_bytes, data_to_json, refuse_large_data
from backpropviz.storage.run_file import SavedRun, save_run

EVERY_S = 30.0
_MOST_SHARE = 0.1
"""Of the time that saving on the way may take."""
_STATES = 3
"""At least in a file: the first, the newest, and the newest as a model."""


class Keeper:
    """Writes a run to its file every so many seconds, whole or not at all."""

    def __init__(self, path: Path, every_s: float = EVERY_S) -> None:
        self._path = path
        self._every_s = every_s
        self._due_s = time.monotonic() + every_s
        self._data: Mapping[str, object] | None = None
        self._has_failed = False

    def keep(self, saved: SavedRun) -> None:
        """Write it, if it is time; a full disk is told once, and the training goes on."""
        began_s = time.monotonic()
        if began_s < self._due_s:
            return
        try:
            self._save(saved, is_quick=True)
            self._has_failed = False
        except UserError as error:
            self._tell(error)
        now_s = time.monotonic()
        self._due_s = now_s + max(self._every_s, (now_s - began_s) / _MOST_SHARE)

    def finish(self, saved: SavedRun, *, is_hurried: bool) -> Path:
        """Write it at the end; where the file refuses, to the folder for temporary files.

        Raises:
            UserError: neither can be written.
        """
        try:
            self._save(saved, is_quick=is_hurried)
        except UserError as error:
            spare = Path(tempfile.mkdtemp(prefix="backpropviz-kept-")) / self._path.name
            try:
                save_run(spare, saved, shipped_dataset, data=self._data, is_quick=True)
            except (UserError, OSError):
                with suppress(OSError):
                    spare.parent.rmdir()
                raise error from None
            error.add_note(f"What was learned is in {spare} instead.")
            raise
        return self._path

    def _save(self, saved: SavedRun, *, is_quick: bool) -> None:
        if self._data is None:
            run = saved.run
            self._data = data_to_json(run.dataset, run.network, shipped_dataset)
        save_run(self._path, saved, shipped_dataset, data=self._data, is_quick=is_quick)

    def _tell(self, error: UserError) -> None:
        if not self._has_failed and sys.stderr is not None:
            self._has_failed = True
            with suppress(OSError):
                print(f"backpropviz: {error} The training goes on.", file=sys.stderr, flush=True)


def check_room(path: Path, saved: SavedRun) -> None:
    """Refuse a file that could not be written, before hours of training end at it.

    Raises:
        UserError: the place refuses, is too small, or the data are too large for any file.
    """
    size, dataset = _STATES * size_bytes(saved.now), saved.run.dataset
    if dataset.source not in BUNDLED:
        refuse_large_data(dataset)
        size += data_size_bytes(dataset)
    check_writable(path, size)
