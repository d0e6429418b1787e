"""The line above a parameter: its name and count, its channel's choice, its color scales."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.figures.training.filter_marks import TileLook
from backpropviz.figures.training.filter_rows import Limits, limit_text
from backpropviz.figures.training.filter_tiles import Tiling
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Mark, Path, Pixels, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

HEADING: Final = 28
_RAMP: Final = (48, 8)
_LEGEND_GAP: Final = 20
_COLORS: Final = np.linspace(-1.0, 1.0, 49)[np.newaxis]


@frozen(eq=False)
class Heading:
    """What stands above a parameter; `scales` pairs each color scale with the row it serves."""

    weight: Address
    name: str
    told: str
    tiles: Tiling | None
    scales: tuple[tuple[str, str], ...]
    measured: Limits
    can_be_images: bool = False

    @property
    def has_choice(self) -> bool:
        """Whether one can choose what of the parameter is shown."""
        return self.can_be_images or (self.tiles is not None and self.tiles.channels > 1)

    @property
    def choice(self) -> tuple[str, str, str]:
        """The key, the label and the value of the choice."""
        layer = self.weight.layer
        if self.can_be_images:
            return f"images:{layer}", "seen as", "matrix" if self.tiles is None else "images"
        channel = None if self.tiles is None else self.tiles.channel
        return f"channel:{layer}", "input channel", "all" if channel is None else str(channel)


@frozen
class _Legend:
    title: str
    limit: str
    width: float


def heading_marks(heading: Heading, width: float, y: int, look: TileLook) -> tuple[list[Mark], int]:
    """Name at the left, scales at the right or below; and where they end."""
    marks = list(_title_marks(heading, y, look.theme, width))
    legends = _legends(heading, look.limits, width)
    if _left_width(heading) + 24 + _total(legends) <= width:
        marks.extend(_row(legends, width - _total(legends), y, look))
        return marks, y + HEADING
    for line in _wrapped(legends, width):
        y += HEADING
        marks.extend(_row(line, 0.0, y, look))
    return marks, y + HEADING


def _title_marks(heading: Heading, y: int, theme: Theme, width: float) -> Iterator[Mark]:
    font, quiet = styles.BODY_STRONG, styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    name = elide(heading.name, font, width)
    yield Text(0, baseline, name, font, theme.text, key=f"layer:{heading.weight.layer}")
    x = text_width(name, font) + 8
    told = elide(heading.told, quiet, width - x)
    if told:
        yield Text(x, baseline, told, quiet, theme.text_secondary)
    x += text_width(told, quiet) + 20
    if heading.has_choice and x + _choice_width(heading) <= width:
        yield from _choice(heading, x, y, theme)


def _choice_width(heading: Heading) -> float:
    return text_width(heading.choice[1], styles.ROW) + 8 + _field_width(heading)


def _field_width(heading: Heading) -> float:
    return text_width(heading.choice[2], styles.NUMBER_SMALL) + 34


def _choice(heading: Heading, x: float, y: int, theme: Theme) -> Iterator[Mark]:
    """A field with a chevron: its owner opens the list."""
    key, label, value = heading.choice
    font = styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    yield Text(x, baseline, label, font, theme.text_secondary)
    left = round(x + text_width(label, font) + 8)
    width = round(_field_width(heading))
    stroke = Stroke(theme.border_strong)
    yield Rect(left + 0.5, y + 1.5, width - 1, 21, theme.field, stroke, 6.0, key=key)
    yield Text(left + 9, baseline, value, styles.NUMBER_SMALL, theme.text, key=key)
    tip, middle = left + width - 13, y + 12
    chevron = ((tip - 4, middle - 2.0), (tip, middle + 2.0), (tip + 4, middle - 2.0))
    yield Path(chevron, Stroke(theme.text_secondary, 1.5))


def _left_width(heading: Heading) -> float:
    names = text_width(heading.name, styles.BODY_STRONG) + 8 + text_width(heading.told, styles.ROW)
    return names + (20 + _choice_width(heading) if heading.has_choice else 0)


def _legends(heading: Heading, limits: Limits, width: float) -> list[_Legend]:
    found = []
    for scale, title in heading.scales:
        text = limit_text((scale, heading.weight), limits, heading.measured)
        room = width - (text_width(title, styles.LABEL) + 8 + _RAMP[0] + 8)
        text = elide(text, styles.INDEX, room)
        own = width - room + text_width(text, styles.INDEX)
        found.append(_Legend(title, text, own))
    return found


def _total(legends: list[_Legend]) -> float:
    return sum(legend.width for legend in legends) + _LEGEND_GAP * max(0, len(legends) - 1)


def _wrapped(legends: list[_Legend], width: float) -> list[list[_Legend]]:
    lines: list[list[_Legend]] = []
    for legend in legends:
        if lines and _total([*lines[-1], legend]) <= width:
            lines[-1].append(legend)
        else:
            lines.append([legend])
    return lines


def _row(legends: list[_Legend], x: float, y: int, look: TileLook) -> Iterator[Mark]:
    theme, middle = look.theme, y + HEADING / 2 - 2
    for legend in legends:
        baseline = centered_baseline(middle, styles.LABEL)
        yield Text(x, baseline, legend.title, styles.LABEL, theme.text_secondary)
        left = round(x + text_width(legend.title, styles.LABEL) + 8)
        top = round(middle - _RAMP[1] / 2)
        yield Pixels(left, top, *_RAMP, _COLORS, look.colormap, (-1.0, 1.0))
        yield Text(left + _RAMP[0] + 8, baseline, legend.limit, styles.INDEX, theme.text_secondary)
        x += legend.width + _LEGEND_GAP
