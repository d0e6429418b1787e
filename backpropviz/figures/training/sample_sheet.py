"""Samples as the network gets them, and beside them what an augmentation makes of each."""

from __future__ import annotations

from typing import Final

from backpropviz.engine.arrays import Array
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.figures.network.thumbnails import photograph
from backpropviz.frozen import frozen
from backpropviz.importers.fit import displayable
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Group, Mark, Scene, Text
from backpropviz.scene.theme import Theme

_LEAST_SIDE: Final = 64
_GAP: Final = 12
_MARGIN: Final = 12
_LINES: Final = 32
"""Below a picture: its class, and its name."""
_HEAD: Final = 24
_MOST: Final = 40
"""Pictures at once: more take longer to draw than a person waits at a click."""
_ARROW_ROOM: Final = 20


@frozen(eq=False)
class SampleViews:
    """A sample: its class in words, its name, and its pictures (C,H,W), the unchanged one first."""

    label: str
    name: str
    pictures: tuple[Array, ...]


def sheet_capacity(width: float, height: float, *, versions: int) -> tuple[int, int]:
    """How many samples have room, and how many changed versions of each (0 where none wanted)."""
    if not versions:
        columns, rows, _ = _grid_shape(width, height)
        return columns * rows, 0
    columns = int((width - 2 * _MARGIN + _GAP) // (_LEAST_SIDE + _GAP))
    versions = min(versions, max(1, columns - 2))
    most = int((height - _MARGIN - _HEAD) // (_LEAST_SIDE + _LINES))
    choices = range(1, max(1, min(most, _MOST // (versions + 1))) + 1)
    return max(choices, key=lambda n: n * _row_side(n, versions, (width, height)) ** 2), versions


def sample_sheet(
    samples: tuple[SampleViews, ...],
    preprocessing: Preprocessing,
    size: tuple[float, float],
    theme: Theme,
) -> Scene:
    """A grid of samples, or, where they have changed versions, a row a sample."""
    width, height = size
    versions = max((len(sample.pictures) for sample in samples), default=1) - 1
    if versions:
        marks = _rows(samples, versions, preprocessing, size, theme)
    else:
        marks = _grid(samples, preprocessing, size, theme)
    return Scene(width, height, theme.stage, tuple(marks), "Samples")


def _grid(
    samples: tuple[SampleViews, ...],
    preprocessing: Preprocessing,
    size: tuple[float, float],
    theme: Theme,
) -> list[Mark]:
    columns, rows, side = _grid_shape(*size)
    marks: list[Mark] = []
    for number, sample in enumerate(samples[: columns * rows]):
        row, column = divmod(number, columns)
        x = _MARGIN + column * (side + _GAP)
        y = _MARGIN + row * (side + _LINES)
        marks += _picture(sample.pictures[0], preprocessing, (x, y, side), theme)
        marks += _words(sample, (x, y + side, side), theme)
    return marks


def _grid_shape(width: float, height: float) -> tuple[int, int, int]:
    """Columns, rows and a picture's side, such that pictures fill as much of the room as can be."""
    most = max(1, int((width - 2 * _MARGIN + _GAP) // (_LEAST_SIDE + _GAP)))
    shapes = []
    for columns in range(max(1, min(5, most), most // 2), most + 1):
        side = max(1, int((width - 2 * _MARGIN + _GAP) / columns - _GAP))
        rows = max(1, min(int((height - _MARGIN) // (side + _LINES)), _MOST // columns))
        shapes.append((columns * rows * side * side, columns, rows, side))
    return max(shapes)[1:]


def _rows(
    samples: tuple[SampleViews, ...],
    versions: int,
    preprocessing: Preprocessing,
    size: tuple[float, float],
    theme: Theme,
) -> list[Mark]:
    side = _row_side(len(samples), versions, size)
    first = _MARGIN + side + _ARROW_ROOM + _GAP
    marks: list[Mark] = [
        _title(_MARGIN, "as it is", theme),
        _title(first, "as the batches may show it", theme),
    ]
    for number, sample in enumerate(samples):
        y = _HEAD + number * (side + _LINES)
        marks += _picture(sample.pictures[0], preprocessing, (_MARGIN, y, side), theme)
        marks += _words(sample, (_MARGIN, y + side, side), theme)
        for place, picture in enumerate(sample.pictures[1:]):
            x = first + place * (side + _GAP)
            marks += _picture(picture, preprocessing, (x, y, side), theme)
    return marks


def _row_side(samples: int, versions: int, size: tuple[float, float]) -> int:
    """A picture's side where each sample has a row of versions."""
    across = size[0] - 2 * _MARGIN - _ARROW_ROOM - versions * _GAP
    down = (size[1] - _MARGIN - _HEAD) / samples - _LINES
    return int(max(24.0, min(across / (versions + 1), down)))


def _picture(
    picture: Array, preprocessing: Preprocessing, place: tuple[float, float, int], theme: Theme
) -> list[Mark]:
    x, y, side = place
    return [Group(photograph(displayable(picture, preprocessing), side, theme), x, y)]


def _words(sample: SampleViews, place: tuple[float, float, int], theme: Theme) -> list[Mark]:
    x, y, side = place
    label = elide(sample.label, styles.LABEL_MEDIUM, side)
    name = _end_of(sample.name, side)
    return [
        Text(x + side / 2, y + 13, label, styles.LABEL_MEDIUM, theme.text, Anchor.MIDDLE),
        Text(x + side / 2, y + 25, name, styles.NOTE, theme.text_tertiary, Anchor.MIDDLE),
    ]


def _end_of(name: str, width: float) -> str:
    """A file's own name, without its ending where that has no room."""
    own = name.rpartition("/")[2]
    if text_width(own, styles.NOTE) > width and "." in own[1:]:
        own = own.rpartition(".")[0]
    return elide(own, styles.NOTE, width)


def _title(x: float, text: str, theme: Theme) -> Text:
    return Text(x, 16, text, styles.LABEL, theme.text_secondary)
