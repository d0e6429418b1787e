"""Runs, their numbers and their pictures as files, written and read beside the window."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.training.samples import Dataset
from backpropviz.export.frames import check_path, frame_bytes, pdf, png_bytes
from backpropviz.figures.thumbnails import photograph
from backpropviz.files.atomic import write_bytes
from backpropviz.files.data.load import BUNDLED, Choices, read_dataset
from backpropviz.files.fit import displayable
from backpropviz.files.run import SavedRun, load_run, save_run
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.background import Background
from backpropviz.ui.recent import RecentSession, remember

_SIDE = 32


def remember_run(path: Path, saved: SavedRun) -> None:
    """Put a run that was saved or opened first in the list."""
    remember(
        RecentSession(
            title=f"{saved.run.title}, training",
            place=f"update {saved.now.iteration:,}",
            network=str(path.absolute()),
            when=datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="minutes"),
            thumbnail=base64.b64encode(_thumbnail(saved)).decode("ascii"),
        )
    )


def _thumbnail(saved: SavedRun) -> bytes:
    """The first image that it learns from."""
    dataset = saved.run.dataset
    image = displayable(dataset.training.images[:1], dataset.preprocessing)
    marks = photograph(image, _SIDE, LIGHT)
    return png_bytes(Scene(_SIDE, _SIDE, LIGHT.panel, marks), 2.0)


class RunFiles(QObject):
    """`opened` carries a `SavedRun`; `said` what was written; `kept` the run of a number."""

    opened = Signal(object)
    said = Signal(object)
    kept = Signal(int, object)
    failed = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._reader, self._writer = Background(self), Background(self)
        self._reader.answered.connect(self.opened)
        self._writer.answered.connect(self._tell)
        for worker in (self._reader, self._writer):
            worker.failed.connect(self.failed)

    def open(self, path: Path) -> None:
        """Read a saved run."""

        def job() -> SavedRun:
            saved = load_run(path, bundled_data)
            remember_run(path, saved)
            return saved

        self._reader.run(job)

    def ask_path(self, title: str, name: str, kinds: str) -> Path | None:
        """Where to write; None where the person dismisses the dialog.

        A name without a suffix gets that of the suggested `name`.
        """
        folder = Path(str(QSettings().value("folder/save", "")))
        found, _ = QFileDialog.getSaveFileName(self._window, title, str(folder / name), kinds)
        if not found:
            return None
        path = Path(found)
        QSettings().setValue("folder/save", str(path.parent))
        return path if path.suffix else path.with_suffix(Path(name).suffix)

    def save(self, path: Path, saved: SavedRun, number: int = 0) -> None:
        """Write a run, the one of a number here, and put it into the list of recent sessions."""

        def write() -> tuple[int, SavedRun]:
            save_run(path, saved, bundled_data)
            remember_run(path, saved)
            return number, saved

        self._write(path, write)

    def save_table(self, path: Path, rows: Iterable[tuple[str, ...]]) -> None:
        """Write rows as CSV."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._write(path, partial(write_bytes, path, text.getvalue().encode()))

    def save_picture(self, path: Path, scene: Scene) -> None:
        """Write a picture as PNG, SVG or PDF, by the file's name."""
        self._write(path, partial(_write_scene, path, scene))

    def stop(self) -> None:
        """Wait until no thread works for this."""
        self._reader.stop()
        self._writer.stop()

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        def job() -> tuple[str, object]:
            return f"{path.name} is written.", write()

        self._writer.run(job)

    def _tell(self, written: tuple[str, object]) -> None:
        text, run = written
        if isinstance(run, tuple):
            self.kept.emit(*run)
        self.said.emit(text)


def bundled_data(source: str, network: Network, preprocessing: Preprocessing) -> Dataset | None:
    """All samples of a set that ships, none held out; None for any other."""
    if source not in BUNDLED:
        return None
    return read_dataset(source, network, preprocessing, Choices(held_out=0.0)).dataset


def _write_scene(path: Path, scene: Scene) -> None:
    kind = check_path(path, 1)
    if kind == "pdf":
        pdf([scene], path)
    elif kind != "folder":
        write_bytes(path, frame_bytes(scene, kind, 2.0))
