"""Code lines as a block: numbers at the left, values at the right, the current line tinted."""

from __future__ import annotations

from backpropviz.figures.code import CodeLine
from backpropviz.figures.stack import Part, baseline, stacked
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Font, Mark, Path, Rect, Text
from backpropviz.scene.theme import MONO, Theme

_LINE_HEIGHT, _GUTTER, _GAP = 22.0, 20.0, 12.0
_NOTE = Font(MONO.family, MONO.size, 400)


def code_block(
    lines: tuple[CodeLine, ...], width: float, x: float, panel_width: float, theme: Theme
) -> Part:
    """The lines between x and x + width; the tint reaches across the panel."""
    parts = (
        _line(number, line, width, x, panel_width, theme)
        for number, line in enumerate(lines, start=1)
    )
    return stacked(parts)


def _line(
    number: int, line: CodeLine, width: float, x: float, panel_width: float, theme: Theme
) -> Part:
    note = elide(line.note, _NOTE, width / 2)
    room = width - _GUTTER - (text_width(note, _NOTE) + _GAP if note else 0.0)
    rows = broken(line.text, room)
    height = len(rows) * _LINE_HEIGHT
    marks: list[Mark] = []
    if line.is_current:
        marks.append(Rect(0.0, 0.0, panel_width, height, fill=theme.here_tint))
        marks.append(_pointer(x, theme))
    else:
        marks.append(Text(x, _baseline(0), str(number), MONO, theme.text_tertiary))
    for k, row in enumerate(rows):
        marks.append(Text(x + _GUTTER, _baseline(k), row, MONO, theme.text))
    if note:
        color = theme.here if line.is_current else theme.text_secondary
        marks.append(Text(x + width, _baseline(0), note, _NOTE, color, Anchor.END))
    return Part(tuple(marks), height)


def _baseline(row: int) -> float:
    return baseline(row * _LINE_HEIGHT, _LINE_HEIGHT, MONO)


def _pointer(x: float, theme: Theme) -> Path:
    """The mark of where the program stands."""
    middle = _LINE_HEIGHT / 2
    points = (
        (x, middle - 5),
        (x + 6, middle - 5),
        (x + 11, middle),
        (x + 6, middle + 5),
        (x, middle + 5),
    )
    return Path(points, fill=theme.here, closed=True)


def broken(text: str, width: float) -> tuple[str, ...]:
    """A line of code on as many rows as it needs, broken at spaces, further rows indented."""
    indent = text[: len(text) - len(text.lstrip())]
    rows = [indent]
    for word in text.split():
        begun = rows[-1].strip()
        candidate = f"{rows[-1]} {word}" if begun else rows[-1] + word
        if begun and text_width(candidate, MONO) > width:
            rows.append(elide(f"{indent}        {word}", MONO, width))
        else:
            rows[-1] = candidate if begun else elide(candidate, MONO, width)
    return tuple(rows)
