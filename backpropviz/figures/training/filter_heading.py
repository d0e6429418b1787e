"""The line above a parameter: its name and count, its channel's choice, its color scales."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.engine.address import Address
from backpropviz.figures.training.color_legend import (
    LEAST_RAMP,
    Legend,
    Slots,
    legend_line,
    line_width,
    slots,
)
from backpropviz.figures.training.filter_marks import TileLook
from backpropviz.figures.training.filter_rows import Limits, limit_texts
from backpropviz.figures.training.filter_tiles import Tiling
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Mark, Path, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

HEADING: Final = 26
_BESIDE: Final = 16


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


def heading_marks(heading: Heading, width: float, y: int, look: TileLook) -> tuple[list[Mark], int]:
    """Name at the left, scales at the right or below; and where they end."""
    colors, middle = (look.theme, look.colormap), y + HEADING / 2 - 2
    legends = [_legend(heading, scale, title, look.limits) for scale, title in heading.scales]
    for is_brief in (False, True):
        left = _left_width(heading, is_brief=is_brief) + _BESIDE
        fitted = slots(legends, width - left) if legends else None
        if not legends or fitted is not None:
            marks = list(_title_marks(heading, y, look.theme, width, is_brief=is_brief))
            if fitted is not None:
                x = width - line_width(legends, fitted)
                marks.extend(legend_line(legends, fitted, (x, middle), colors))
            return marks, y + HEADING
    marks = list(_title_marks(heading, y, look.theme, width, is_brief=False))
    for line in _lines(legends, width):
        y += HEADING
        fitted = slots(line, width) or Slots(LEAST_RAMP, 0.0)
        marks.extend(legend_line(line, fitted, (0.0, y + HEADING / 2 - 2), colors))
    return marks, y + HEADING


def _legend(heading: Heading, scale: str, title: str, limits: Limits) -> Legend:
    return Legend(title, limit_texts((scale, heading.weight), limits, heading.measured))


def _lines(legends: list[Legend], width: float) -> list[list[Legend]]:
    """As many on a line as fit."""
    lines: list[list[Legend]] = []
    for legend in legends:
        if lines and slots([*lines[-1], legend], width) is not None:
            lines[-1].append(legend)
        else:
            lines.append([legend])
    return lines


def _title_marks(
    heading: Heading, y: int, theme: Theme, width: float, *, is_brief: bool
) -> Iterator[Mark]:
    font, quiet = styles.BODY_STRONG, styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    name = elide(heading.name, font, width)
    yield Text(0, baseline, name, font, theme.text, key=f"layer:{heading.weight.layer}")
    x = text_width(name, font) + 8
    told = elide(heading.told, quiet, width - x)
    if told:
        yield Text(x, baseline, told, quiet, theme.text_secondary)
    x += text_width(told, quiet) + 20
    if heading.has_choice and x + _choice_width(heading, is_brief=is_brief) <= width:
        yield from _choice(heading, x, y, theme, is_brief=is_brief)


def _choice_label(heading: Heading, *, is_brief: bool) -> str:
    """Its last word says enough where there is little room."""
    label = heading.choice[1]
    return label.split()[-1] if is_brief else label


def _choice_width(heading: Heading, *, is_brief: bool) -> float:
    label = _choice_label(heading, is_brief=is_brief)
    return text_width(label, styles.ROW) + 8 + _field_width(heading)


def _field_width(heading: Heading) -> float:
    return text_width(heading.choice[2], styles.NUMBER_SMALL) + 34


def _choice(heading: Heading, x: float, y: int, theme: Theme, *, is_brief: bool) -> Iterator[Mark]:
    """A field with a chevron: its owner opens the list."""
    key, _, value = heading.choice
    label = _choice_label(heading, is_brief=is_brief)
    font = styles.ROW
    baseline = centered_baseline(y + HEADING / 2 - 2, font)
    yield Text(x, baseline, label, font, theme.text_secondary)
    left = round(x + text_width(label, font) + 8)
    width = round(_field_width(heading))
    stroke = Stroke(theme.border_strong)
    yield Rect(left + 0.5, y + 0.5, width - 1, 21, theme.field, stroke, 6.0, key=key)
    yield Text(left + 9, baseline, value, styles.NUMBER_SMALL, theme.text, key=key)
    tip, middle = left + width - 13, y + 11
    chevron = ((tip - 4, middle - 2.0), (tip, middle + 2.0), (tip + 4, middle - 2.0))
    yield Path(chevron, Stroke(theme.text_secondary, 1.5))


def _left_width(heading: Heading, *, is_brief: bool) -> float:
    names = text_width(heading.name, styles.BODY_STRONG) + 8 + text_width(heading.told, styles.ROW)
    return names + (20 + _choice_width(heading, is_brief=is_brief) if heading.has_choice else 0)
