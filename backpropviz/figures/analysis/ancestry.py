"""Where did this come from? A path over the network, stop by stop, drawn on a line down the side.

Each stop tells how its value was made: its largest terms with the values behind them, the one that
the path goes on with lit, and what the others come to. Every chip's key is the address it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from backpropviz.debugger.ancestry import (
    Ancestry,
    AncestryPath,
    AncestryStop,
    Contribution,
    Feed,
    Origin,
    Parentage,
    Use,
)
from backpropviz.engine.nest import Factor, NestRule, Presence
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address
from backpropviz.figures.network_map import row_thumbnail
from backpropviz.figures.numbers import counted, group_texts, said
from backpropviz.figures.symbols import phase_colors, role_color, role_of
from backpropviz.figures.thumbnails import number as number_picture
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.flow import PanelPart, baseline, paragraph, space, stacked
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
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

CHIP_HEIGHT: Final = 22.0
LINE_HEIGHT: Final = 26.0
_INSET, _CHIP_GAP = 7.0, 8.0
_NAME, _NUMBER = styles.INDEX, styles.NUMBER_SMALL


@frozen
class AddressChip:
    """A value: what it is called and what it is; without a key it leads nowhere.

    `short` is its name where the whole one has no room. `sign` stands before it; `is_lit` is the
    one that the path goes on with.
    """

    name: str
    number: str
    color: Color
    key: str = ""
    sign: str = ""
    is_lit: bool = False
    tint: Color | None = None
    short: str = ""

    @property
    def width(self) -> float:
        """The frame's width with the whole name."""
        return 2 * _INSET + self._number_width + text_width(self.name, _NAME)

    @property
    def _number_width(self) -> float:
        gap = 8.0 if self.name else 0.0
        return text_width(self.number, _NUMBER) + gap if self.number else 0.0


def chip_lines(chips: Iterable[AddressChip], x: float, width: float, theme: Theme) -> PanelPart:
    """Chips from left to right behind their signs, on as many lines as they need."""
    marks: list[Mark] = []
    line, start = 0, 0.0
    for chip in chips:
        sign = text_width(chip.sign, _NUMBER) + 7.0 if chip.sign else 0.0
        if start > 0 and start + sign + chip.width > width:
            line, start = line + 1, 0.0
        middle = line * LINE_HEIGHT + LINE_HEIGHT / 2
        if chip.sign:
            y, ink = centered_baseline(middle, _NUMBER), theme.text_secondary
            marks.append(Text(x + start, y, chip.sign, _NUMBER, ink))
        room = min(chip.width, width - start - sign)
        marks.extend(_chip(chip, x + start + sign, middle, room, theme))
        start += sign + min(chip.width, width - sign) + _CHIP_GAP
    return PanelPart(tuple(marks), (line + 1) * LINE_HEIGHT)


def _chip(
    chip: AddressChip, x: float, middle: float, width: float, theme: Theme
) -> tuple[Mark, ...]:
    y = middle - CHIP_HEIGHT / 2
    stroke = Stroke(chip.color, 1.75) if chip.is_lit else Stroke(theme.border_strong)
    if not chip.key:
        stroke = Stroke(theme.border)
    fill = chip.tint if chip.is_lit and chip.tint else theme.field
    frame = Rect(x, y, width, CHIP_HEIGHT, fill=fill, stroke=stroke, radius=6.0, key=chip.key)
    number_width = text_width(chip.number, _NUMBER)
    # Half a pixel, since sums of the same widths in another order differ by a rounding.
    free = width - 2 * _INSET - number_width - (8.0 if chip.name else 0.0) + 0.5
    whole = text_width(chip.name, _NAME) <= free or not chip.short
    name = elide(chip.name if whole else chip.short, _NAME, free)
    ink = chip.color if chip.key else theme.text_secondary
    left = Text(x + _INSET, centered_baseline(middle, _NAME), name, _NAME, ink, key=chip.key)
    start = x + width - _INSET - number_width
    baseline = centered_baseline(middle, _NUMBER)
    right = Text(start, baseline, chip.number, _NUMBER, theme.text, key=chip.key)
    return frame, left, right


@frozen
class Route:
    """A path, and what each of its stops was made of."""

    path: AncestryPath
    parentages: tuple[Parentage, ...]


def route(ancestry: Ancestry, address: Address, top: int = 3) -> Route:
    """By the largest contribution each time, the `top` largest listed.

    Raises:
        UserError: there is no such value.
    """
    return _listed(ancestry, ancestry.main_path(address), top)


def rerouted(ancestry: Ancestry, shown: Route, chosen: Address, top: int = 3) -> Route:
    """The same route as far as the first stop that lists a value, from there on through it.

    A value that no stop lists begins a route of its own.
    """
    for number, parentage in enumerate(shown.parentages):
        carried = (
            c for c in parentage.contributions if any(s.address == chosen for s in c.sources)
        )
        through = next(carried, None)
        if through is not None:
            rest = ancestry.main_path(chosen)
            stops = (*shown.path.stops[: number + 1], *rest.stops)
            steps = (*shown.path.steps[:number], through, *rest.steps)
            return _listed(ancestry, AncestryPath(stops, steps), top)
    return route(ancestry, chosen, top)


def _listed(ancestry: Ancestry, path: AncestryPath, top: int) -> Route:
    return Route(path, tuple(ancestry.parentage(stop.address, top) for stop in path.stops))


WINNER: Final = "winner"
LOSER: Final = "loser"
_ORIGINS: Final[Mapping[Origin, str]] = MappingProxyType(
    {
        Origin.START: "where the way back starts",
        Origin.IMAGE: "a pixel of the image, as it was given",
        Origin.PARAMETER: "a parameter, as training has left it",
        Origin.TARGET: "the target, as it was given",
        Origin.BEFORE: "the optimizer's state from earlier updates",
        Origin.KEPT: "kept by the layer on the way forward",
    }
)


def place_name(address: Address) -> str:
    """The layer that a value belongs to: `conv1`, `image`, `loss`."""
    return address.layer or address.quantity


def stop_words(found: Parentage) -> str:
    """How a value was made: `sum of 26 terms, the largest first, …`."""
    stop = found.stop
    if stop.is_end:
        return _ORIGINS[stop.origin]
    count = found.count
    if stop.rule is NestRule.MAX:
        return f"the largest of {counted(count, 'value')}"
    if stop.rule is NestRule.SUM and count > 1:
        return f"sum of {count:,} terms, the largest first, with their shares of all |terms|"
    return "a single term" if stop.rule is NestRule.SUM else "computed from"


def stop_colors(stop: AncestryStop, theme: Theme) -> tuple[Color, Color]:
    """Ink and tint of the phase that made it, of what was given those of its kind."""
    phase = stop.phase
    if phase is None and stop.address.is_gradient:
        phase = Phase.BACKWARD
    given = {Origin.PARAMETER: Phase.UPDATE, Origin.BEFORE: Phase.UPDATE, Origin.TARGET: Phase.LOSS}
    return phase_colors(phase or given.get(stop.origin, Phase.FORWARD), theme)


def share_text(part: Contribution, found: Parentage) -> str:
    """A term's part of all: a percentage, of a maximum who won."""
    if found.stop.rule is NestRule.MAX:
        return WINNER if part.share else LOSER
    if part.presence is Presence.PADDING:
        return "padding"
    if found.count == 1 and found.stop.rule is not NestRule.SUM:
        return ""
    return percent(part.share)


def percent(share: float) -> str:
    """`8 %`; what is there, but less than 1 %, never as 0."""
    number = 100 * share
    return f"{number:.0f} %" if number >= 1 or not number else "<1 %"


def path_title(path: AncestryPath) -> str:
    """Where a path leads from a value."""
    root, last = path.stops[0], path.stops[-1]
    start = f"{root.named} = {said(root.value)}"
    if not path.steps:
        return f"{start}."
    goal = "∂L/∂L = 1" if last.origin is Origin.START else f"{last.address} = {said(last.value)}"
    return f"{start} leads back to {goal} in {counted(len(path.steps), 'step')}."


def ending(path: AncestryPath) -> str:
    """Why a path goes no farther."""
    last = path.stops[-1]
    if not last.is_end:
        return f"Nothing came through to {last.address}: all that it is made of is 0."
    if last.origin is Origin.START:
        return "Back at ∂L/∂L = 1, where every gradient starts."
    if last.address.quantity == IMAGE_NAME:
        return "Down to a pixel: nothing lies behind it."
    return f"Down to {last.address}: nothing lies behind it."


_PADDING: Final = 16.0
_THUMBNAIL: Final = 28
_LINE_X: Final = _PADDING + _THUMBNAIL / 2
_TEXT_X: Final = _PADDING + _THUMBNAIL + 14
_HEAD, _WORDS, _GAP = 24.0, 18.0, 18.0
_SHARE: Final = 88.0
_BAR: Final = 36.0
_Onward: TypeAlias = tuple[Contribution, AncestryStop] | None
"""The contribution that a path goes on with, and the stop that it leads to."""


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


def _stop(
    view: View, found: Parentage, following: _Onward, width: float, theme: Theme
) -> PanelPart:
    """A stop: its name and value, how it was made, its terms; the line leads on to the next."""
    stop = found.stop
    room = width - _TEXT_X - _PADDING
    marks: list[Mark] = [*_head(stop, room, theme)]
    phase = "" if stop.phase is None else stop.phase.value
    made = (place_name(stop.address), phase, stop_words(found))
    words = elide(" · ".join(word for word in made if word), styles.LABEL, room)
    y = baseline(_HEAD, _WORDS, styles.LABEL)
    marks.append(Text(_TEXT_X, y, words, styles.LABEL, theme.text_secondary))
    terms = stacked(_terms(view, found, following, room, theme))
    marks.append(Group(terms.marks, dy=_HEAD + _WORDS + 2))
    height = _HEAD + _WORDS + 2 + terms.height + _GAP
    picture = _picture(view, stop, theme)
    line = _line(following[1] if following else None, height, theme)
    return PanelPart((*line, *picture, *marks), height)


def _head(stop: AncestryStop, room: float, theme: Theme) -> Iterator[Mark]:
    key, value, font = str(stop.address), said(stop.value), styles.NUMBER_SMALL_STRONG
    color = stop_colors(stop, theme)[0]
    name = elide(key, styles.MONO_STRONG, room - text_width(value, font) - 12)
    y = baseline(0, _HEAD, styles.MONO_STRONG)
    yield Rect(_TEXT_X, 0, room, _HEAD, fill=theme.panel + "00", key=key)
    yield Text(_TEXT_X, y, name, styles.MONO_STRONG, color, key=key)
    yield Text(_TEXT_X + room, y, value, font, theme.text, Anchor.END, key)


def _picture(view: View, stop: AncestryStop, theme: Theme) -> Iterator[Mark]:
    """The layer's thumbnail; of what is one number, as ∂L/∂L is, that number itself."""
    name = place_name(stop.address)
    known = name in {IMAGE_NAME, "loss"} or name in view.tape.network.by_name
    edge = Stroke(stop_colors(stop, theme)[0], 2.0)
    yield Rect(_PADDING - 2, 0, _THUMBNAIL + 4, _THUMBNAIL + 4, fill=theme.panel)
    if known and view.tape[stop.address.array].ndim == 0:
        yield Group(number_picture(stop.value, _THUMBNAIL, theme), dx=_PADDING, dy=2)
    elif known:
        yield Group(row_thumbnail(view, name, _THUMBNAIL, theme), dx=_PADDING, dy=2)
    yield Rect(_PADDING - 1, 1, _THUMBNAIL + 2, _THUMBNAIL + 2, stroke=edge, radius=3.0)


def _line(following: AncestryStop | None, height: float, theme: Theme) -> Iterator[Mark]:
    if following is not None:
        stroke = Stroke(stop_colors(following, theme)[0], 2.0)
        yield Line(_LINE_X, _THUMBNAIL + 4, _LINE_X, height, stroke)
    else:
        yield Ellipse(_LINE_X, _THUMBNAIL + 10, 2.5, 2.5, fill=theme.text_tertiary)


def _terms(
    view: View, found: Parentage, following: _Onward, room: float, theme: Theme
) -> Iterator[PanelPart]:
    texts = group_texts([part.term for part in found.contributions], 4, signed=True)
    for part, text in zip(found.contributions, texts, strict=True):
        is_on_path = following is not None and part.coordinates == following[0].coordinates
        lit = following[1].address if following is not None and is_on_path else None
        chips = tuple(_chips(view, part, lit, theme))
        if found.count == 1:
            yield chip_lines(chips, _TEXT_X, room, theme)
        else:
            ink = stop_colors(found.stop, theme)[0]
            weight = _weight(text, share_text(part, found), part.share, ink, theme)
            made_of = chip_lines(chips, _TEXT_X + _SHARE, room - _SHARE, theme)
            yield PanelPart((*weight, *made_of.marks), made_of.height)
    if found.rest_count:
        yield _rest(found, room, theme)


def _weight(text: str, words: str, share: float, ink: Color, theme: Theme) -> Iterator[Mark]:
    """The term above a small bar with its share beside it; of a candidate whether it won."""
    if words in {WINNER, LOSER}:
        y = baseline(0, LINE_HEIGHT, styles.ROW)
        yield Text(_TEXT_X, y, words, styles.ROW, theme.text_secondary)
        return
    yield Text(_TEXT_X, 11, text, styles.NUMBER_SMALL, theme.text)
    yield Rect(_TEXT_X, 18, _BAR, 4, fill=theme.hover, radius=2.0)
    if share > 0:
        filled = max(2.0, _BAR * min(1.0, share))
        yield Rect(_TEXT_X, 18, filled, 4, fill=ink, radius=2.0)
    font = styles.CORNER_WORD_QUIET
    yield Text(_TEXT_X + _BAR + 6, 23.5, words, font, theme.text_secondary)


def _chips(
    view: View, part: Contribution, lit: Address | None, theme: Theme
) -> Iterator[AddressChip]:
    """The operands of a term, by the places where they were made."""
    sign = "×" if is_product(part) else "and"
    for number, factor in enumerate(part.operands):
        chip = _operand(view, part, factor, theme)
        is_lit = bool(chip.key) and lit is not None and chip.key == str(lit)
        yield replace(chip, sign=sign if number else "", is_lit=is_lit)


def _operand(view: View, part: Contribution, factor: Factor, theme: Theme) -> AddressChip:
    value = said(factor.value)
    if factor.address is None:
        name = "" if factor.label == value else factor.label
        return AddressChip(name, value, theme.text_secondary)
    made = next((stop for stop in part.sources if stop.named == factor.address), None)
    if made is None:
        return AddressChip(str(factor.address), value, theme.text, str(factor.address))
    (color, tint), key = stop_colors(made, theme), str(made.address)
    return AddressChip(key, value, color, key, tint=tint, short=view.notation.short(made.address))


def is_product(part: Contribution) -> bool:
    """Whether the operands, multiplied, are the term."""
    product = math.prod(factor.value for factor in part.operands)
    return math.isclose(product, part.term, rel_tol=1e-5, abs_tol=1e-30)


def _rest(found: Parentage, room: float, theme: Theme) -> PanelPart:
    """`−0.31  the rest: 23 terms`, as a term of its own."""
    marks: tuple[Mark, ...] = ()
    if found.rest_sum is None:
        text = f"{found.rest_count:,} more"
    else:
        text = f"the rest: {counted(found.rest_count, 'term')} together"
        subtotal = said(found.rest_sum, signed=True)
        share, ink = percent(found.rest_share), theme.text_tertiary
        marks = tuple(_weight(subtotal, share, found.rest_share, ink, theme))
    shown = elide(text, styles.ROW, room - _SHARE)
    y = baseline(0, LINE_HEIGHT, styles.ROW)
    rest = Text(_TEXT_X + _SHARE, y, shown, styles.ROW, theme.text_secondary)
    return PanelPart((*marks, rest), LINE_HEIGHT)


_INDENT: Final = _PADDING + 14
_FEED_GAP: Final = 16.0


def feeds_figure(
    address: Address, value: float, found: Sequence[Feed], width: float, theme: Theme
) -> Scene:
    """A block for each operation that reads a value, in execution order; keys are addresses."""
    inner = width - 2 * _PADDING
    title = _title(address, value, found)
    parts = [paragraph(title, styles.SENTENCE, 22, theme.text, inner, _PADDING), space(12)]
    parts += [_feed(feed, width, theme) for feed in found]
    column = stacked(parts, _PADDING)
    height = column.height + _PADDING - (_FEED_GAP if found else 12)
    return Scene(width, height, theme.panel, column.marks, f"what {address} feeds")


def _title(address: Address, value: float, found: Sequence[Feed]) -> str:
    start = f"{address} = {said(value)}"
    if not found:
        return f"{start} is read by nothing."
    uses = sum(feed.count for feed in found)
    often = "once" if uses == 1 else f"{uses:,} times"
    return f"{start} is read {often}, by {counted(len(found), 'array')}."


def _feed(feed: Feed, width: float, theme: Theme) -> PanelPart:
    room = width - _INDENT - _PADDING
    color = phase_colors(feed.phase, theme)[0]
    name = elide(str(feed.target), styles.MONO_STRONG, room - 90)
    count = "once" if feed.count == 1 else f"{feed.count:,} times"
    y = baseline(0, _HEAD, styles.MONO_STRONG)
    marks: list[Mark] = [
        Text(_INDENT, y, name, styles.MONO_STRONG, color),
        Text(_INDENT + room, y, count, styles.ROW, theme.text_secondary, Anchor.END),
    ]
    made = {
        NestRule.SUM: "it is a part of these sums",
        NestRule.MAX: "it competes for these maxima",
    }.get(feed.rule, "these are computed from it")
    words = elide(f"{feed.layer} · {feed.phase.value} · {made}", styles.LABEL, room)
    place = baseline(_HEAD, _WORDS, styles.LABEL)
    marks.append(Text(_INDENT, place, words, styles.LABEL, theme.text_secondary))
    uses = stacked(_uses(feed, room, theme))
    marks.append(Group(uses.marks, dy=_HEAD + _WORDS + 2))
    height = _HEAD + _WORDS + 2 + uses.height
    bar = Rect(_PADDING, 3, 3, height - 4, fill=color, radius=1.5)
    return PanelPart((bar, *marks), height + _FEED_GAP)


def _uses(feed: Feed, room: float, theme: Theme) -> Iterator[PanelPart]:
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
        yield PanelPart((text_mark,), LINE_HEIGHT)


def _use(feed: Feed, use: Use, text: str, room: float, theme: Theme) -> PanelPart:
    """`conv1.output[0,0,1,1] 7   +8 of it`; of a maximum whether it won."""
    key = str(use.target)
    color = role_color(role_of(use.target), theme)
    chip = AddressChip(key, said(use.value), color, key, is_lit=False)
    if feed.rule is NestRule.MAX:
        remark = "won" if use.took_part else "lost"
    else:
        remark = f"{text} of it" if feed.rule is NestRule.SUM else ""
    used = text_width(remark, styles.LABEL) + 10
    found = chip_lines([chip], _INDENT, room - used, theme)
    x = _INDENT + min(chip.width, room - used) + 10
    y = baseline(0, LINE_HEIGHT, styles.LABEL)
    ink = theme.text_secondary if use.took_part else theme.text_tertiary
    words = (Text(x, y, remark, styles.LABEL, ink),) if remark else ()
    return PanelPart((*found.marks, *words), found.height)
