"""Samples with what they are and what the network takes them for; each can be chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backpropviz.engine.arrays import Array
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.figures.network.thumbnails import photograph
from backpropviz.figures.number_groups import counted
from backpropviz.importers.fit import displayable
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide
from backpropviz.scene.marks import Anchor, Group, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

MOST_SAMPLES: Final = 60
_SIDE: Final = 56
_GAP: Final = 12
_WORDS: Final = 30
_HEAD: Final = 26


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredSample:
    """A held-out sample by its number: its picture (C,H,W), its class and the answer, in words."""

    number: int
    image: Array
    name: str
    true: str
    answer: str

    @property
    def is_right(self) -> bool:
        """Whether the answer is the class."""
        return self.true == self.answer


def answer_sheet(
    title: str,
    samples: Sequence[AnsweredSample],
    chosen: int | None,
    preprocessing: Preprocessing,
    width: float,
    theme: Theme,
) -> Scene:
    """Pictures in rows; each answers to `sample:17`. Beyond 60 only their number is told."""
    shown = samples[:MOST_SAMPLES]
    per_line = max(1, int((width - 4 + _GAP) // (_SIDE + _GAP)))
    font = styles.PANEL_TITLE
    head = elide(title, font, width)
    marks: list[Mark] = [Text(0, centered_baseline(10, font), head, font, theme.text)]
    for place, sample in enumerate(shown):
        line, column = divmod(place, per_line)
        x, y = 2 + column * (_SIDE + _GAP), _HEAD + line * (_SIDE + _WORDS)
        is_chosen = sample.number == chosen
        marks.extend(_sample(sample, x, y, preprocessing, theme, is_chosen=is_chosen))
    bottom = float(_HEAD + -(-len(shown) // per_line) * (_SIDE + _WORDS))
    rest = len(samples) - len(shown)
    if rest or not samples:
        text = f"and {counted(rest, 'more sample')}" if rest else "none"
        baseline = centered_baseline(bottom + 8, styles.LABEL)
        marks.append(Text(0, baseline, text, styles.LABEL, theme.text_secondary))
        bottom += 20
    return Scene(width, bottom, theme.stage, tuple(marks), title)


def _sample(
    sample: AnsweredSample,
    x: int,
    y: int,
    preprocessing: Preprocessing,
    theme: Theme,
    *,
    is_chosen: bool,
) -> Iterator[Mark]:
    key = f"sample:{sample.number}"
    picture = photograph(displayable(sample.image, preprocessing), _SIDE, theme)
    yield Rect(x, y, _SIDE, _SIDE, key=key)
    yield Group(picture, x, y)
    if is_chosen:
        yield Rect(x - 1, y - 1, _SIDE + 2, _SIDE + 2, stroke=Stroke(theme.update, 2.0))
    told = sample.true if sample.is_right else f"{sample.true} → {sample.answer}"
    color = theme.text if sample.is_right else theme.breakpoint
    middle, font = x + _SIDE / 2, styles.LABEL_MEDIUM
    yield Text(middle, y + _SIDE + 13, elide(told, font, _SIDE), font, color, Anchor.MIDDLE)
    name = elide(sample.name.rpartition("/")[2], styles.NOTE, _SIDE + _GAP - 2)
    yield Text(middle, y + _SIDE + 24, name, styles.NOTE, theme.text_tertiary, Anchor.MIDDLE)
