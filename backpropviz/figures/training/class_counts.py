"""How many samples each class has: a bar a class, those held out at its end."""

from __future__ import annotations

from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

_ROW: Final = 20
_BAR: Final = 12
_GAP: Final = 8
_LEAST_BAR: Final = 8.0
_WIDEST_NAME: Final = 0.35
"""Of the room."""
_UNEVEN: Final = 1.5


@frozen
class ClassCount:
    """A class and its samples."""

    name: str
    training: int
    held_out: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.training + self.held_out

    @property
    def text(self) -> str:
        """As it stands at the bar's end."""
        return f"{self.training:,} + {self.held_out:,}" if self.held_out else f"{self.training:,}"


def class_counts_scene(counts: tuple[ClassCount, ...], width: float, theme: Theme) -> Scene:
    """A row a class, as tall as they need; a class without a sample says 0."""
    names = max((text_width(c.name, styles.LABEL_MEDIUM) for c in counts), default=0.0)
    numbers = max((text_width(c.text, styles.INDEX) for c in counts), default=0.0)
    names = max(0.0, min(names, width * _WIDEST_NAME, width - numbers - 3 * _GAP - _LEAST_BAR))
    left = names + _GAP
    room = max(_LEAST_BAR, width - left - numbers - 2 * _GAP)
    most = max((count.total for count in counts), default=0) or 1
    marks: list[Mark] = []
    for number, count in enumerate(counts):
        marks += _row(count, number * _ROW, (names, left, room), room / most, theme)
    height = max(_ROW, _ROW * len(counts))
    return Scene(width, height, theme.panel, tuple(marks), "Samples of each class")


def _row(
    count: ClassCount, top: float, places: tuple[float, float, float], scale: float, theme: Theme
) -> list[Mark]:
    names, left, _ = places
    middle, bar_top = top + _ROW / 2, top + (_ROW - _BAR) / 2
    trained, held = count.training * scale, count.held_out * scale
    name = elide(count.name, styles.LABEL_MEDIUM, names)
    marks: list[Mark] = [
        Text(
            names,
            centered_baseline(middle, styles.LABEL_MEDIUM),
            name,
            styles.LABEL_MEDIUM,
            theme.text,
            Anchor.END,
        )
    ]
    if count.training:
        marks.append(Rect(left, bar_top, trained, _BAR, theme.forward, key=count.name))
    if count.held_out:
        edge = Stroke(theme.forward)
        marks.append(Rect(left + trained, bar_top + 0.5, held, _BAR - 1, theme.forward_tint, edge))
    end = left + trained + held + _GAP
    baseline = centered_baseline(middle, styles.INDEX)
    marks.append(Text(end, baseline, count.text, styles.INDEX, theme.text_secondary))
    return marks


def balance_words(counts: tuple[ClassCount, ...]) -> str:
    """How uneven the classes are, in words; nothing where they are about alike.

    Classes without a sample are not counted: they belong to the network, not to the data.
    """
    present = [count for count in counts if count.total]
    if len(present) < 2:
        return ""
    least, most = (choose(present, key=lambda c: c.total) for choose in (min, max))
    if most.total < _UNEVEN * least.total:
        return ""
    return (
        f"Uneven: {most.total:,} of “{most.name}”, but {least.total:,} of “{least.name}”; a "
        "network can seem good by answering the first."
    )
