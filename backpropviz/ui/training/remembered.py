"""A saved run as an entry of the list of recent sessions."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path

from backpropviz.export.png import png_bytes
from backpropviz.figures.network.thumbnails import photograph
from backpropviz.importers.fit import displayable
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT
from backpropviz.storage.run_file import SavedRun
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
