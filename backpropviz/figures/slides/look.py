"""How slides look: the sizes of pages, the least size of text, the panels that are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from backpropviz.errors import UsageError
from backpropviz.frozen import frozen
from backpropviz.scene.equation_layout import EquationStyle, role_colors
from backpropviz.scene.theme import LIGHT, Color, Font, Theme


@frozen
class PagePreset:
    """A page: its size in pixels and in points, and the least size of its text in points."""

    name: str
    title: str
    width: int
    height: int
    points_per_pixel: float
    least_points: float
    help: str = ""

    @property
    def floor(self) -> float:
        """The least size of text in pixels."""
        return self.least_points / self.points_per_pixel

    @property
    def inches(self) -> tuple[float, float]:
        """Width and height."""
        return (
            self.width * self.points_per_pixel / 72,
            self.height * self.points_per_pixel / 72,
        )


PRESETS: Final = (
    PagePreset("slide", "Slide 16:9", 1920, 1080, 0.5, 18, "For a lecture hall: 18 pt and more."),
    PagePreset("slide-4x3", "Slide 4:3", 1440, 1080, 0.5, 18, "For an older projector."),
    PagePreset("paper", "Paper", 1600, 900, 0.2835, 8, "160 mm wide, in print: 8 pt and more."),
    PagePreset("poster", "Poster", 2400, 1350, 0.7, 24, "59 cm wide: 24 pt and more."),
    PagePreset("square", "Square", 1080, 1080, 0.5, 14, "For a feed or a page of two columns."),
)

PANELS: Final = {
    "stage": "Stage",
    "formula": "Formula with numbers",
    "sentence": "Sentence",
    "footer": "Address and step",
}
"""What a slide can hold, by name: the title stands on each."""


def preset(name: str) -> PagePreset:
    """The page of that name.

    Raises:
        UsageError: there is none.
    """
    found = next((one for one in PRESETS if one.name == name), None)
    if found is None:
        offered = ", ".join(one.name for one in PRESETS)
        raise UsageError(f"{name!r} is no preset of slides; use {offered}.")
    return found


@frozen
class SlideLook:
    """What a person chose for slides; `least_points` 0 is the preset's own."""

    page: PagePreset = PRESETS[0]
    theme: Theme = LIGHT
    is_transparent: bool = False
    panels: tuple[str, ...] = tuple(PANELS)
    least_points: float = 0.0

    @property
    def floor(self) -> float:
        """The least size of text in pixels, the measure of everything on a slide."""
        points = max(self.page.least_points, self.least_points)
        return points / self.page.points_per_pixel

    @property
    def background(self) -> Color:
        """Empty where the slide is transparent."""
        return "" if self.is_transparent else self.theme.panel

    @property
    def colors(self) -> Theme:
        """The theme, its stage as light as a slide."""
        return replace(self.theme, stage=self.theme.panel)

    def em(self, share: float) -> float:
        """So many times the least text size, in whole pixels."""
        return float(round(share * self.floor))

    def font(self, family: str, share: float = 1.0, weight: int = 400) -> Font:
        """A font of so many times the least size."""
        return Font(family, max(self.floor, self.em(share)), weight)

    @property
    def equations(self) -> EquationStyle:
        """How formulas are set: nothing in them is smaller than the least size."""
        em = self.em
        return EquationStyle(
            role_colors(self.theme),
            self.theme.here_tint,
            size=em(1.5),
            index_size=max(self.floor, em(1.0)),
            big_size=em(2.0),
            number_size=max(self.floor, em(1.1)),
            result_size=em(1.3),
            remark_size=max(self.floor, em(1.0)),
        )
