"""The sheet of cell states in both themes: the picture that the goldens and the eye compare."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.scene.cells import Cell, CellState, cell
from backpropviz.scene.color import color_at
from backpropviz.scene.marks import Box, Group, Mark, Rect, Scene, Text
from backpropviz.scene.theme import BODY_STRONG, CARD_TITLE, DARK, LIGHT, ROW, Theme

_LIMITS = (-8.0, 8.0)


def cell_sheet() -> Scene:
    """Both themes side by side, 1600×520."""
    halves = tuple(
        Group(tuple(_half(theme)), dx=800.0 * index, clip=Box(800.0 * index, 0, 800, 520))
        for index, theme in enumerate((LIGHT, DARK))
    )
    return Scene(1600, 520, LIGHT.stage, halves, "Cell states")


def sheet_of(theme: Theme) -> Scene:
    """One theme alone, 800×520."""
    return Scene(800, 520, theme.stage, tuple(_half(theme)), f"Cell states, {theme.name} theme")


def _half(theme: Theme) -> Iterator[Mark]:
    yield Rect(0, 0, 800, 520, fill=theme.stage)
    yield Text(40, 48, f"Cell states, {theme.name} theme", CARD_TITLE, theme.text)
    for index, (name, caption, state) in enumerate(_states(theme)):
        x = 40 + 124 * (index % 6)
        y = 104 + 200 * (index // 6)
        below = 12 if state.state is CellState.TIE else 0
        yield Text(x, y - 12, name, BODY_STRONG, theme.text)
        yield Text(x, y + 94 + below, caption, ROW, theme.text_secondary)
        yield from cell(_at(state, x, y), theme)
    yield from _legend(theme)


def _at(state: Cell, x: float, y: float) -> Cell:
    return Cell(
        Box(x, y, 72, 72),
        *(state.state, state.text, state.fill, state.word, state.note),
        key=f"sheet.{state.state.value.replace(' ', '_')}[0]",
    )


def _states(theme: Theme) -> Iterator[tuple[str, str, Cell]]:
    def fill(value: float) -> str:
        return color_at(theme.diverging, value, _LIMITS)

    def one(
        state: CellState, text: str = "", fill: str | None = None, word: str = "", note: str = ""
    ) -> Cell:
        return Cell(Box(0, 0, 0, 0), state, text, fill, word, note)

    met = color_at(theme.sequential, 4, (0, 8))
    yield "final", "value, color", one(CellState.FINAL, "6", fill(6))
    yield "in progress", "dashed, sum so far", one(CellState.IN_PROGRESS, "4", fill(4))
    yield "current", "solid 3 px, done", one(CellState.CURRENT, "4", fill(4))
    yield "not computed", "dot, never 0", one(CellState.NOT_COMPUTED)
    yield "padding", "hatch, quiet 0", one(CellState.PADDING, "0")
    yield "absent", "cross, no value", one(CellState.ABSENT)
    yield "winner", "ring and label", one(CellState.WINNER, "2", fill(2), "winner")
    yield "loser", "hatch, real 0", one(CellState.LOSER, "0", None, "loser")
    yield "tie", "dashed ochre", one(CellState.TIE, "2", fill(2))
    yield "overridden", "corner, old value", one(CellState.OVERRIDDEN, "3", fill(3), note="was 1")
    yield "NaN, Inf", "hatch, word", one(CellState.NOT_FINITE, "NaN")
    yield "met, operand", "2 px / 4 px", one(CellState.OPERAND, "4", met)


def _legend(theme: Theme) -> Iterator[Mark]:
    colors = {
        "here": theme.here,
        "forward": theme.forward,
        "backward": theme.backward,
        "loss, tie": theme.loss,
        "update": theme.update,
        "breakpoint": theme.breakpoint,
        "NaN": theme.not_finite,
    }
    for index, (name, color) in enumerate(colors.items()):
        yield Rect(40 + 104 * index, 458, 16, 16, fill=color, radius=4)
        yield Text(64 + 104 * index, 470.5, name, ROW, theme.text_secondary)
