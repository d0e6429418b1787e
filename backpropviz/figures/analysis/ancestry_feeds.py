"""What does this value feed? Every array that reads it, with the values that it is a part of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.debugger.feeds import Feed, Use
from backpropviz.engine.address import Address
from backpropviz.engine.nest import Rule
from backpropviz.figures.analysis.ancestry_chips import LINE_HEIGHT, Chip, chip_lines, lines_needed
from backpropviz.figures.analysis.ancestry_words import phase_color
from backpropviz.figures.explanation.stack import Part, baseline, paragraph, space, stacked
from backpropviz.figures.number_groups import counted, group_texts, said
from backpropviz.figures.roles import role_color
from backpropviz.figures.symbols import role_of
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Group, Mark, Rect, Scene, Text
from backpropviz.scene.theme import Theme

_PADDING: Final = 16.0
_INDENT: Final = _PADDING + 14
_HEAD, _WORDS, _GAP = 24.0, 18.0, 16.0


def feeds_figure(
    address: Address, value: float, found: Sequence[Feed], width: float, theme: Theme
) -> Scene:
    """A block for each operation that reads a value, in execution order; keys are addresses."""
    inner = width - 2 * _PADDING
    title = _title(address, value, found)
    parts = [paragraph(title, styles.SENTENCE, 22, theme.text, inner, _PADDING), space(12)]
    parts += [_feed(feed, width, theme) for feed in found]
    column = stacked(parts, _PADDING)
    height = column.height + _PADDING - (_GAP if found else 12)
    return Scene(width, height, theme.panel, column.marks, f"what {address} feeds")


def _title(address: Address, value: float, found: Sequence[Feed]) -> str:
    start = f"{address} = {said(value)}"
    if not found:
        return f"{start} is read by nothing."
    uses = sum(feed.count for feed in found)
    often = "once" if uses == 1 else f"{uses:,} times"
    return f"{start} is read {often}, by {counted(len(found), 'array')}."


def _feed(feed: Feed, width: float, theme: Theme) -> Part:
    room = width - _INDENT - _PADDING
    color = phase_color(feed.phase, theme)
    name = elide(str(feed.target), styles.MONO_STRONG, room - 90)
    count = "once" if feed.count == 1 else f"{feed.count:,} times"
    y = baseline(0, _HEAD, styles.MONO_STRONG)
    marks: list[Mark] = [
        Text(_INDENT, y, name, styles.MONO_STRONG, color),
        Text(_INDENT + room, y, count, styles.ROW, theme.text_secondary, Anchor.END),
    ]
    words = elide(_words(feed), styles.LABEL, room)
    place = baseline(_HEAD, _WORDS, styles.LABEL)
    marks.append(Text(_INDENT, place, words, styles.LABEL, theme.text_secondary))
    uses = stacked(_uses(feed, room, theme))
    marks.append(Group(uses.marks, dy=_HEAD + _WORDS + 2))
    height = _HEAD + _WORDS + 2 + uses.height
    bar = Rect(_PADDING, 3, 3, height - 4, fill=color, radius=1.5)
    return Part((bar, *marks), height + _GAP)


def _words(feed: Feed) -> str:
    made = {
        Rule.SUM: "it is a part of these sums",
        Rule.MAX: "it competes for these maxima",
    }.get(feed.rule, "these are computed from it")
    return f"{feed.layer} · {feed.phase.value} · {made}"


def _uses(feed: Feed, room: float, theme: Theme) -> Iterator[Part]:
    texts = group_texts([use.term for use in feed.uses], 4, signed=True)
    for use, text in zip(feed.uses, texts, strict=True):
        yield _use(feed, use, text, room, theme)
    if feed.rest_count:
        words = f"the rest: {feed.rest_count:,} more"
        if feed.rest_sum is not None:
            words = f"the rest: {counted(feed.rest_count, 'term')}"
            words += f", together {said(feed.rest_sum, signed=True)}"
        shown = elide(words, styles.ROW, room)
        y = baseline(0, LINE_HEIGHT, styles.ROW)
        text_mark = Text(_INDENT, y, shown, styles.ROW, theme.text_secondary)
        yield Part((text_mark,), LINE_HEIGHT)


def _use(feed: Feed, use: Use, text: str, room: float, theme: Theme) -> Part:
    """`conv1.output[0,0,1,1] 7   +8 of it`; of a maximum whether it won."""
    key = str(use.target)
    color = role_color(role_of(use.target), theme)
    chip = Chip(key, said(use.value), color, key, is_lit=False)
    remark = _remark(feed, use, text)
    used = text_width(remark, styles.LABEL) + 10
    marks: list[Mark] = []
    lines = lines_needed([chip], room - used)
    marks.extend(chip_lines([chip], _INDENT, room - used, theme))
    x = _INDENT + min(chip.width, room - used) + 10
    y = baseline(0, LINE_HEIGHT, styles.LABEL)
    ink = theme.text_secondary if use.took_part else theme.text_tertiary
    if remark:
        marks.append(Text(x, y, remark, styles.LABEL, ink))
    return Part(tuple(marks), lines * LINE_HEIGHT)


def _remark(feed: Feed, use: Use, text: str) -> str:
    if feed.rule is Rule.MAX:
        return "won" if use.took_part else "lost"
    return f"{text} of it" if feed.rule is Rule.SUM else ""
