"""Where did this come from? A path over the network, stop by stop, drawn on a line down the side.

Each stop tells how its value was made: its largest terms with the values behind them, the one that
the path goes on with lit, and what the others come to. Every chip's key is the address it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from backpropviz.debugger.ancestry import Contribution, Parentage, Stop
from backpropviz.engine.address import Address
from backpropviz.engine.nest import Factor
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.figures.analysis.ancestry_chips import LINE_HEIGHT, Chip, chip_lines, lines_needed
from backpropviz.figures.analysis.ancestry_route import Route
from backpropviz.figures.analysis.ancestry_words import (
    LOSER,
    WINNER,
    ending,
    path_title,
    percent,
    phase_words,
    place_name,
    share_text,
    stop_color,
    stop_words,
)
from backpropviz.figures.explanation.stack import Part, baseline, paragraph, space, stacked
from backpropviz.figures.network.rows import row_thumbnail
from backpropviz.figures.number_groups import counted, group_texts, said
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import (
    Anchor,
    Color,
    Ellipse,
    Group,
    Line,
    Mark,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.theme import Theme

_PADDING: Final = 16.0
_THUMBNAIL: Final = 28
_LINE_X: Final = _PADDING + _THUMBNAIL / 2
_TEXT_X: Final = _PADDING + _THUMBNAIL + 14
_HEAD, _WORDS, _GAP = 24.0, 18.0, 18.0
_SHARE: Final = 88.0
_BAR: Final = 36.0
_SMALL: Final = styles.CORNER_WORD_QUIET
_OF_A_MAXIMUM: Final = frozenset({WINNER, LOSER})
_SAME: Final = 1e-5
_Onward: TypeAlias = tuple[Contribution, Stop] | None
"""The contribution that a path goes on with, and the stop that it leads to."""


@frozen
class _Weight:
    """A term as text, its share in words and as a number, and the color of its bar."""

    text: str
    share_words: str
    share: float
    ink: Color


def ancestry_figure(view: View, shown: Route, width: float, theme: Theme) -> Scene:
    """A route from the value asked for to what was given; as high as it needs to be."""
    inner = width - 2 * _PADDING
    path = shown.path
    root = path.stops[0]
    parts = [
        paragraph(path_title(path), styles.SENTENCE, 22, theme.text, inner, _PADDING),
        space(12),
    ]
    onward = (*zip(path.steps, path.stops[1:], strict=True), None)
    for parentage, following in zip(shown.parentages, onward, strict=True):
        parts.append(_stop(view, parentage, following, width, theme))
    words = ending(path)
    room = width - _TEXT_X - _PADDING
    parts.append(paragraph(words, styles.LABEL, 16, theme.text_secondary, room, _TEXT_X))
    column = stacked(parts, _PADDING)
    height = column.height + _PADDING
    return Scene(width, height, theme.panel, column.marks, f"ancestry of {root.named}")


def _stop(view: View, found: Parentage, following: _Onward, width: float, theme: Theme) -> Part:
    """A stop: its name and value, how it was made, its terms; the line leads on to the next."""
    stop = found.stop
    room = width - _TEXT_X - _PADDING
    marks: list[Mark] = [*_head(stop, room, theme)]
    words = elide(_described(found), styles.LABEL, room)
    y = baseline(_HEAD, _WORDS, styles.LABEL)
    marks.append(Text(_TEXT_X, y, words, styles.LABEL, theme.text_secondary))
    terms = stacked(_terms(view, found, following, room, theme))
    marks.append(Group(terms.marks, dy=_HEAD + _WORDS + 2))
    height = _HEAD + _WORDS + 2 + terms.height + _GAP
    picture = _picture(view, stop, theme)
    line = _line(following[1] if following else None, height, theme)
    return Part((*line, *picture, *marks), height)


def _described(found: Parentage) -> str:
    words = (place_name(found.stop.address), phase_words(found.stop), stop_words(found))
    return " · ".join(word for word in words if word)


def _head(stop: Stop, room: float, theme: Theme) -> Iterator[Mark]:
    key = str(stop.address)
    value = said(stop.value)
    font = styles.NUMBER_SMALL_STRONG
    color = stop_color(stop, theme)
    name = elide(key, styles.MONO_STRONG, room - text_width(value, font) - 12)
    y = baseline(0, _HEAD, styles.MONO_STRONG)
    yield Rect(_TEXT_X, 0, room, _HEAD, fill=theme.panel + "00", key=key)
    yield Text(_TEXT_X, y, name, styles.MONO_STRONG, color, key=key)
    yield Text(_TEXT_X + room, y, value, font, theme.text, Anchor.END, key)


def _picture(view: View, stop: Stop, theme: Theme) -> Iterator[Mark]:
    """The layer's thumbnail; where a pass begins or a loss ends, its own."""
    name = place_name(stop.address)
    known = name in {IMAGE_NAME, "loss"} or name in view.tape.network.by_name
    color = stop_color(stop, theme)
    yield Rect(_PADDING - 2, 0, _THUMBNAIL + 4, _THUMBNAIL + 4, fill=theme.panel)
    if known:
        yield Group(row_thumbnail(view, name, _THUMBNAIL, theme), dx=_PADDING, dy=2)
    edge = Stroke(color, 2.0)
    yield Rect(_PADDING - 1, 1, _THUMBNAIL + 2, _THUMBNAIL + 2, stroke=edge, radius=3.0)


def _line(following: Stop | None, height: float, theme: Theme) -> Iterator[Mark]:
    if following is not None:
        stroke = Stroke(stop_color(following, theme), 2.0)
        yield Line(_LINE_X, _THUMBNAIL + 4, _LINE_X, height, stroke)
    else:
        yield Ellipse(_LINE_X, _THUMBNAIL + 10, 2.5, 2.5, fill=theme.text_tertiary)


def _terms(
    view: View, found: Parentage, following: _Onward, room: float, theme: Theme
) -> Iterator[Part]:
    texts = group_texts([part.term for part in found.contributions], 4, signed=True)
    for part, text in zip(found.contributions, texts, strict=True):
        is_on_path = following is not None and part.coordinates == following[0].coordinates
        lit = following[1].address if following is not None and is_on_path else None
        chips = tuple(_chips(view, part, lit, theme))
        if found.count == 1:
            marks = chip_lines(chips, _TEXT_X, room, theme)
            yield Part(marks, lines_needed(chips, room) * LINE_HEIGHT)
        else:
            ink = stop_color(found.stop, theme)
            yield _term(_Weight(text, share_text(part, found), part.share, ink), chips, room, theme)
    if found.rest_count:
        yield _rest(found, room, theme)


def _term(weight: _Weight, chips: Sequence[Chip], room: float, theme: Theme) -> Part:
    """A term and its share, then what it was made of."""
    width = room - _SHARE
    marks = (*_weight(weight, theme), *chip_lines(chips, _TEXT_X + _SHARE, width, theme))
    return Part(marks, lines_needed(chips, width) * LINE_HEIGHT)


def _weight(weight: _Weight, theme: Theme) -> Iterator[Mark]:
    """The term above a small bar with its share beside it; of a candidate whether it won."""
    if weight.share_words in _OF_A_MAXIMUM:
        y = baseline(0, LINE_HEIGHT, styles.ROW)
        yield Text(_TEXT_X, y, weight.share_words, styles.ROW, theme.text_secondary)
        return
    yield Text(_TEXT_X, 11, weight.text, styles.NUMBER_SMALL, theme.text)
    yield Rect(_TEXT_X, 18, _BAR, 4, fill=theme.hover, radius=2.0)
    if weight.share > 0:
        filled = max(2.0, _BAR * min(1.0, weight.share))
        yield Rect(_TEXT_X, 18, filled, 4, fill=weight.ink, radius=2.0)
    yield Text(_TEXT_X + _BAR + 6, 23.5, weight.share_words, _SMALL, theme.text_secondary)


def _chips(view: View, part: Contribution, lit: Address | None, theme: Theme) -> Iterator[Chip]:
    """The operands of a term, by the places where they were made."""
    sign = "×" if is_product(part) else "and"
    for number, factor in enumerate(part.operands):
        chip = _operand(view, part, factor, theme)
        is_lit = bool(chip.key) and lit is not None and chip.key == str(lit)
        yield replace(chip, sign=sign if number else "", is_lit=is_lit)


def _operand(view: View, part: Contribution, factor: Factor, theme: Theme) -> Chip:
    value = said(factor.value)
    if factor.address is None:
        name = "" if factor.label == value else factor.label
        return Chip(name, value, theme.text_secondary)
    made = next((stop for stop in part.sources if stop.named == factor.address), None)
    if made is None:
        return Chip(str(factor.address), value, theme.text, str(factor.address))
    color, key = stop_color(made, theme), str(made.address)
    short = view.notation.short(made.address)
    return Chip(key, value, color, key, tint=_tint(color, theme), short=short)


def _tint(color: Color, theme: Theme) -> Color:
    tints = {
        theme.backward: theme.backward_tint,
        theme.update: theme.update_tint,
        theme.loss: theme.loss_tint,
    }
    return tints.get(color, theme.forward_tint)


def is_product(part: Contribution) -> bool:
    """Whether the operands, multiplied, are the term."""
    product = math.prod(factor.value for factor in part.operands)
    return math.isclose(product, part.term, rel_tol=_SAME, abs_tol=1e-30)


def _rest(found: Parentage, room: float, theme: Theme) -> Part:
    """`−0.31  the rest: 23 terms`, as a term of its own."""
    marks: tuple[Mark, ...] = ()
    if found.rest_sum is None:
        text = f"{found.rest_count:,} more"
    else:
        text = f"the rest: {counted(found.rest_count, 'term')} together"
        subtotal = said(found.rest_sum, signed=True)
        share = percent(found.rest_share)
        weight = _Weight(subtotal, share, found.rest_share, theme.text_tertiary)
        marks = tuple(_weight(weight, theme))
    shown = elide(text, styles.ROW, room - _SHARE)
    y = baseline(0, LINE_HEIGHT, styles.ROW)
    rest = Text(_TEXT_X + _SHARE, y, shown, styles.ROW, theme.text_secondary)
    return Part((*marks, rest), LINE_HEIGHT)
