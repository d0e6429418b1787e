"""What a person has set: breakpoints below the track, bookmarks above it, and their legend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.debugger.breakpoints import Breakpoint, Seeker
from backpropviz.debugger.places import operation_of
from backpropviz.figures.network.breakpoint_marks import bookmark_mark, breakpoint_mark
from backpropviz.figures.timeline.ruler import Ruler
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import Anchor, Mark, Text
from backpropviz.scene.theme import Theme

_BREAKPOINT_Y: Final = 48
_BOOKMARK_TOP: Final = 14
_MOST_PLACES: Final = 16
"""Dots that one breakpoint may have: a layer's has one a phase, a scattered value's one a term."""


@frozen
class TimelineSign:
    """A position with its sign; `found` is None for a bookmark."""

    position: int
    found: Breakpoint | None = None


@frozen
class LegendEntry:
    """A sign with its word, and where they begin."""

    left: float
    marks: tuple[Mark, ...]


def signs(view: View, bookmarks: tuple[int, ...]) -> tuple[TimelineSign, ...]:
    """Bookmarks, then breakpoints, each where it stops."""
    breakpoints = (
        TimelineSign(position, found)
        for found in view.state.breakpoints
        for position in _places(view, found)
    )
    return (*map(TimelineSign, bookmarks), *breakpoints)


def _places(view: View, found: Breakpoint) -> Iterator[int]:
    """Where it may stop first in each part; a condition on everything has no place of its own."""
    timeline = view.timeline
    if found.condition and view.state.stopped.breakpoint == str(found):
        yield view.state.k
        return
    if found.condition and found.address is not None:
        operation = operation_of(timeline, view.tape, found.address)
        if operation is not None:
            yield timeline.starts[operation]
        return
    if found.condition:
        if found.layer is None and found.phase is None:
            return
        found = Breakpoint(found.phase, found.layer)
    seeker = Seeker(timeline, view.tape, forward=True)
    position = 0
    for _ in range(_MOST_PLACES):
        hit = seeker.nearest(found, position)
        if hit is None:
            return
        yield hit.k
        position = hit.k + 1


def sign_marks(marked: tuple[TimelineSign, ...], ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    """The signs at their positions."""
    for sign in marked:
        x = round(ruler.x_of(sign.position))
        key = f"step:{sign.position}"
        if sign.found is None:
            yield bookmark_mark(x, _BOOKMARK_TOP, theme, key)
        else:
            yield from breakpoint_mark(
                *(x, _BREAKPOINT_Y, theme),
                enabled=sign.found.enabled,
                conditional=bool(sign.found.condition),
                key=key,
            )


def legend(
    marked: tuple[TimelineSign, ...], right: float, middle: float, theme: Theme
) -> tuple[LegendEntry, ...]:
    """What the signs in sight mean, from the right."""
    entries: list[LegendEntry] = []
    if any(sign.found is None for sign in marked):
        entries.append(_entry("bookmark", right, middle, theme))
    if any(sign.found is not None for sign in marked):
        edge = entries[-1].left - 16 if entries else right
        entries.append(_entry("breakpoint", edge, middle, theme))
    return tuple(entries)


def _entry(word: str, right: float, middle: float, theme: Theme) -> LegendEntry:
    font = styles.LABEL
    text = Text(
        *(right, centered_baseline(middle, font), word, font, theme.text_secondary), Anchor.END
    )
    x = right - text_width(word, font) - 10
    sign: tuple[Mark, ...] = (bookmark_mark(x, middle - 5, theme),)
    if word == "breakpoint":
        sign = breakpoint_mark(x, middle, theme, enabled=True, conditional=False)
    return LegendEntry(x - 6, (*sign, text))
