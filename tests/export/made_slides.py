"""Slides made by hand, with a part of each kind of content."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backpropviz.scene.cells import Cell, CellState
from backpropviz.scene.color import color_at
from backpropviz.scene.marks import Anchor, Box, Font, Mark, Path, Pixels, Rect, Stroke, Text
from backpropviz.scene.slide import TITLE, CellGrid, Drawing, Slide, SlidePart, TextLine, TextRun
from backpropviz.scene.theme import LIGHT, Theme

WIDTH, HEIGHT = 960.0, 540.0
_SIDE = 72.0


def made_slide(step: int = 0, theme: Theme = LIGHT, title: str = "", notes: str = "") -> Slide:
    """The step of a sum over four cells: the current cell and the sum change, the rest stays."""
    heading = title or f"∂L/∂W gathers term {step + 1} of 4"
    line = TextLine(48, 72, (TextRun(heading, Font("Inter", 28, 600), theme.text),))
    parts = (
        SlidePart(TITLE, Box(48, 40, 600, 40), line, heading),
        SlidePart("grid image", Box(96, 140, 2 * _SIDE, 2 * _SIDE), _grid(step, theme), "X: image"),
        SlidePart("map", Box(420, 140, 168, 168), Drawing(tuple(_map())), "a map of values"),
        SlidePart("wires", Box(0, 0, WIDTH, HEIGHT), Drawing(tuple(_wires(step, theme)))),
        SlidePart("sum", Box(48, 430, 600, 40), _sum(step, theme), f"the sum is {2 * step} so far"),
    )
    address = f"conv1.weight.grad[0,0,{step // 2},{step % 2}]"
    return Slide(
        WIDTH,
        HEIGHT,
        theme.panel,
        theme,
        parts,
        heading,
        notes or f"Term {step + 1} adds 2.",
        address,
        f"step {step + 1} of 4",
    )


def made_slides(count: int = 4, theme: Theme = LIGHT) -> list[Slide]:
    """The steps of the sum."""
    return [made_slide(step, theme) for step in range(count)]


def _grid(step: int, theme: Theme) -> CellGrid:
    def cell(k: int) -> Cell:
        box = Box(k % 2 * _SIDE, k // 2 * _SIDE, _SIDE, _SIDE)
        state = CellState.OPERAND if k == step % 4 else CellState.FINAL
        fill = color_at(theme.diverging, (k + 1) / 4, (-1, 1))
        return Cell(box, state, f"{k + 1}", fill=fill, key=f"x[0,0,{k // 2},{k % 2}]")

    return CellGrid(2, 2, tuple(map(cell, range(4))))


def _map() -> Iterator[Mark]:
    values = np.linspace(-1, 1, 49, dtype=np.float32).reshape(7, 7)
    yield Pixels(420, 140, 168, 168, values, "diverging-light", (-1, 1), key_pattern="y[{index}]")
    yield Rect(420, 140, 168, 168, stroke=Stroke("#C6CBD2"))


def _wires(step: int, theme: Theme) -> Iterator[Mark]:
    x = 96 + (step % 2 + 0.5) * _SIDE
    points = ((x, 284.0), (x, 360.0), (700.0, 360.0), (700.0, 240.0))
    yield Path(points, Stroke(theme.backward, 3), corner_radius=8, arrow=True)
    label = Font("JetBrains Mono", 20)
    yield Text(500, 350, f"adds {step}", label, theme.here, Anchor.MIDDLE)


def _sum(step: int, theme: Theme) -> TextLine:
    formula, number = Font("STIX Two Text", 32, italic=True), Font("JetBrains Mono", 28, 500)
    runs = (
        TextRun("∂L/∂W", formula, theme.text),
        TextRun("0,1", Font("STIX Two Text", 32), theme.text, is_lowered=True),
        TextRun(f" = {2 * step}", number, theme.here),
    )
    return TextLine(48, 460, runs)
