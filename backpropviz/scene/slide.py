"""A slide: a picture whose pieces are known, so that a format can keep them as what they are.

A painter draws `Slide.scene`. A format that has tables, equations or charts of its own takes the
parts one by one. The same piece has the same name on every slide of a range, and, where nothing
about it has changed, the same box: that is what lets a presentation move one into the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import Final, TypeAlias

from backpropviz.frozen import frozen
from backpropviz.scene.cells import Cell, cells
from backpropviz.scene.equation import Node
from backpropviz.scene.marks import Anchor, Box, Color, Font, Group, Mark, Scene, Text
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import Theme

LOWERED: Final = 0.7
"""The size of an index in a line of text, as a share of the text's size."""


@frozen
class Drawing:
    """Marks that are nothing else: outlines, wires, rings, a map of pixels."""

    marks: tuple[Mark, ...]


@frozen
class CellGrid:
    """A matrix whose numbers are written out; `cells` go row by row, each with its own box.

    A cell's box lies in the grid's own coordinates: a point p of it is drawn at the part's upper
    left corner + `scale` · p, so that outlines and numbers grow with the cells.
    """

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    scale: float = 1.0


@frozen
class TextRun:
    """A piece of a line of text; `is_lowered`: an index."""

    text: str
    font: Font
    color: Color
    is_lowered: bool = False

    @property
    def drawn_font(self) -> Font:
        """The font in which it is drawn."""
        return self.font._replace(size=self.font.size * LOWERED) if self.is_lowered else self.font


@frozen
class TextLine:
    """A line of text of several pieces on one baseline; `anchor` is the part of it at `x`."""

    x: float
    baseline: float
    runs: tuple[TextRun, ...]
    anchor: Anchor = Anchor.START

    @property
    def width(self) -> float:
        """From the first letter to the last."""
        return sum(text_width(run.text, run.drawn_font) for run in self.runs)

    @property
    def left(self) -> float:
        """Where the first letter begins."""
        share = {Anchor.START: 0.0, Anchor.MIDDLE: 0.5, Anchor.END: 1.0}[self.anchor]
        return self.x - share * self.width

    @property
    def text(self) -> str:
        """All of it, an index in brackets."""
        return "".join(f"[{run.text}]" if run.is_lowered else run.text for run in self.runs)

    @property
    def marks(self) -> Iterator[Mark]:
        """A text for each piece."""
        x = self.left
        for run in self.runs:
            font = run.drawn_font
            drop = 0.22 * run.font.size if run.is_lowered else 0.0
            yield Text(x, self.baseline + drop, run.text, font, run.color)
            x += text_width(run.text, font)


@frozen
class Equation:
    """A formula as a tree, and as it is laid out: `marks` from the box's upper left corner on."""

    tree: Node
    marks: tuple[Mark, ...]
    font_size: float


@frozen
class ChartSeries:
    """A named curve; a y of None is a gap."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float | None, ...]
    color: Color


@frozen
class LineChart:
    """Curves over one axis, and how they are drawn where a format has no charts."""

    series: tuple[ChartSeries, ...]
    x_title: str
    y_title: str
    is_log: bool
    marks: tuple[Mark, ...]


Content: TypeAlias = Drawing | CellGrid | TextLine | Equation | LineChart


@frozen
class SlidePart:
    """A piece of a slide: its name from slide to slide, where it stands, and what it says aloud."""

    name: str
    box: Box
    content: Content
    about: str = ""

    def marks(self, theme: Theme) -> Iterator[Mark]:
        """The piece as a painter draws it."""
        match self.content:
            case Drawing(marks):
                yield from marks
            case CellGrid(cells=many, scale=scale):
                yield Group(cells(many, theme), self.box.x, self.box.y, scale)
            case TextLine():
                yield from self.content.marks
            case Equation(_, marks) | LineChart(marks=marks):
                yield Group(marks, self.box.x, self.box.y)


TITLE: Final = "title"
"""The name of the part that is the slide's heading."""


@frozen(eq=False, slots=False)
class Slide:
    """One frame: its size in pixels, its parts from back to front, and what is said to it.

    `background` is empty for a transparent one. `points_per_pixel` is the size of a pixel on paper
    or in a presentation. `title` and `notes` are text; `address` and `step` name the moment,
    `place` is what leads back to it, `seconds` how long it stands in an animation.
    """

    width: float
    height: float
    background: Color
    theme: Theme
    parts: tuple[SlidePart, ...]
    title: str
    notes: str = ""
    address: str = ""
    step: str = ""
    place: Mapping[str, object] = field(default_factory=dict)
    points_per_pixel: float = 0.5
    seconds: float = 1.0
    left_out: tuple[str, ...] = ()
    """The panels that were asked for and have no room."""

    @cached_property
    def scene(self) -> Scene:
        """The whole as one picture."""
        marks = tuple(mark for part in self.parts for mark in part.marks(self.theme))
        background = self.background or f"{self.theme.panel}00"
        return Scene(self.width, self.height, background, marks, self.title)

    @property
    def smallest_points(self) -> float:
        """The size of the smallest text, in points; 0 where there is none."""
        sizes = [size for part in self.parts for size in _sizes(part.marks(self.theme), 1.0)]
        return min(sizes, default=0.0) * self.points_per_pixel


def as_slide(scene: Scene, theme: Theme, **about: object) -> Slide:
    """A picture whose pieces are not known, as a slide of one part."""
    part = SlidePart(
        "picture", Box(0, 0, scene.width, scene.height), Drawing(scene.marks), scene.title
    )
    known: dict[str, object] = {"title": scene.title, **about}
    return Slide(scene.width, scene.height, scene.background, theme, (part,), **known)  # type: ignore[arg-type]


def _sizes(marks: Iterator[Mark] | tuple[Mark, ...], scale: float) -> Iterator[float]:
    for mark in marks:
        if isinstance(mark, Text) and mark.text.strip():
            yield mark.font.size * scale
        elif isinstance(mark, Group):
            yield from _sizes(mark.marks, scale * mark.scale)
