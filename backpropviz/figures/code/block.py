"""Code lines as a block: numbers at the left, values at the right, the current line tinted."""

from __future__ import annotations

from typing import Final

from backpropviz.figures.code.code import CodeLine, CodeVersion
from backpropviz.figures.explanation.stack import Part, baseline, stacked
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Font, Mark, Path, Rect, Text
from backpropviz.scene.theme import LABEL, MONO, Theme

COPY_KEY: Final = "code:copy"
"""The mark that asks for the whole program on the clipboard."""
_COPY = "Copy"
_SWITCH_HEIGHT, _LINE_HEIGHT, _GUTTER, _GAP = 16.0, 22.0, 20.0, 12.0
_NOTE = Font(MONO.family, MONO.size, 400)


def version_key(version: CodeVersion) -> str:
    """The key of a version in the switch."""
    return f"code:{version.name.lower()}"


def version_switch(current: CodeVersion, width: float, x: float, theme: Theme) -> Part:
    """`As code: Loops · NumPy · PyTorch`, and at the right what copies the whole program."""
    y = baseline(0, _SWITCH_HEIGHT, LABEL)
    marks: list[Mark] = [Text(x, y, "As code", LABEL, theme.text_secondary)]
    place = x + text_width("As code", LABEL) + _GAP
    for version in CodeVersion:
        chosen = version is current
        font = Font(LABEL.family, LABEL.size, 600) if chosen else LABEL
        color = theme.text if chosen else theme.update
        marks.append(
            Text(place, y, version.value, font, color, key="" if chosen else version_key(version))
        )
        place += text_width(version.value, font) + _GAP
    if place + text_width(_COPY, LABEL) <= x + width:
        marks.append(Text(x + width, y, _COPY, LABEL, theme.update, Anchor.END, COPY_KEY))
    return Part(tuple(marks), _SWITCH_HEIGHT)


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
    rows = broken(line.text, room, width - _GUTTER)
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


def broken(text: str, width: float, further: float | None = None) -> tuple[str, ...]:
    """A line of code on as many rows as it needs, broken at spaces, further rows indented.

    The first row is `width` wide, the others `further`; a word that is too long is cut short.
    """
    indent = text[: len(text) - len(text.lstrip())]
    rows, room = [indent], width
    for word in _words(text):
        begun = rows[-1].strip()
        candidate = f"{rows[-1]} {word}" if begun else rows[-1] + word
        if begun and text_width(candidate, MONO) > room:
            room = width if further is None else further
            rows.append(elide(f"{indent}    {word}", MONO, room))
        else:
            rows[-1] = candidate if begun else elide(candidate, MONO, room)
    return tuple(rows)


def _words(text: str) -> list[str]:
    """What a line may be broken into: a tuple inside a call stays whole."""
    words, depth = [""], 0
    for character in text.strip():
        depth += (character in "([{") - (character in ")]}")
        if character == " " and depth <= 1:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]
