"""Where the operations of a pass lie: one block a layer, cut by what it computes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from math import floor, sqrt
from typing import Final

from backpropviz.debugger.breakpoints import Breakpoint, Seeker
from backpropviz.debugger.timeline import StepExtent, Timeline, operation_of
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address
from backpropviz.figures.network_map import bookmark_mark, breakpoint_mark
from backpropviz.figures.symbols import Notation, phase_colors
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Anchor, Box, Color, Font, Group, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.text import centered_baseline, text_width
from backpropviz.scene.theme import Theme

_ROUNDING: Final = 1e-6
"""Share of a step that floating point may take from a position on its own edge."""


@frozen(eq=False)
class Ruler:
    """Span i holds the positions `starts[i] … starts[i + 1]` and lies at `lefts[i] … rights[i]`."""

    starts: tuple[int, ...]
    lefts: tuple[float, ...]
    rights: tuple[float, ...]

    def x_of(self, position: int) -> float:
        """Where the step that begins at a position begins."""
        last = len(self.lefts) - 1
        return self._x(min(max(bisect_right(self.starts, position) - 1, 0), last), position)

    def x_after(self, position: int) -> float:
        """Where the step before a position ends: left of a gap where `x_of` is right of it."""
        last = len(self.lefts) - 1
        return self._x(min(max(bisect_left(self.starts, position) - 1, 0), last), position)

    def step_at(self, x: float) -> int:
        """The position whose step is drawn at x; beyond the ends the first or the last position."""
        span = max(bisect_right(self.lefts, x) - 1, 0)
        start, stop = self.starts[span], self.starts[span + 1]
        left, right = self.lefts[span], self.rights[span]
        share = (x - left) / (right - left) if right > left else 0.0
        return min(max(start + floor(share * (stop - start) + _ROUNDING), start), stop)

    def _x(self, span: int, position: int) -> float:
        start, stop = self.starts[span], self.starts[span + 1]
        share = min(max((position - start) / (stop - start), 0.0), 1.0)
        return self.lefts[span] + share * (self.rights[span] - self.lefts[span])


MARGIN: Final = 16
_MOST_GAPS: Final = 0.15
"""Share of the width that gaps may take together."""
_STEP: Final = 4.0
"""Pixels a step from which widths follow the number of steps, not its square root."""
_LEAST: Final = 4.0
"""Least width of an operation, where the width allows it."""


@frozen
class TrackPart:
    """Neighboring operations of a layer that make one tensor: its gradient, or its update."""

    first: int
    last: int
    left: float
    right: float


@frozen
class Block:
    """A layer in one phase, its parts from left to right."""

    extent: StepExtent
    parts: tuple[TrackPart, ...]

    @property
    def left(self) -> float:
        return self.parts[0].left

    @property
    def right(self) -> float:
        return self.parts[-1].right


@frozen(eq=False)
class Track:
    """The whole pass between two margins."""

    blocks: tuple[Block, ...]
    ruler: Ruler
    is_proportional: bool


@lru_cache(maxsize=8)
def track(timeline: Timeline, width: int) -> Track:
    """The pass in `width` px: widths by the number of steps, or by its root if there are many."""
    phases = {extent.first for extent in timeline.phases}
    layers = {extent.first for extent in timeline.layers}
    wished = [
        (8.0 if k in phases else 2.0 if k in layers else 0.0) if k else 0.0
        for k in range(len(timeline.operations))
    ]
    shrunk = min(1.0, _MOST_GAPS * width / max(sum(wished), 1.0))
    gaps = [gap * shrunk for gap in wished]
    room = max(1.0, width - 2 * MARGIN - sum(gaps))
    counts = [stop - start for start, stop in pairwise(timeline.starts)]
    is_proportional = room >= _STEP * timeline.steps
    weights = [float(count) if is_proportional else sqrt(count) for count in counts]
    least = 0.0 if is_proportional else min(_LEAST, room / (2 * len(counts)))
    share = (room - least * len(counts)) / sum(weights)
    lefts: list[float] = []
    rights: list[float] = []
    x = float(MARGIN)
    for weight, gap in zip(weights, gaps, strict=True):
        lefts.append(x + gap)
        x = lefts[-1] + least + weight * share
        rights.append(x)
    blocks = tuple(_block(timeline, extent, lefts, rights) for extent in timeline.layers)
    return Track(blocks, Ruler(timeline.starts, tuple(lefts), tuple(rights)), is_proportional)


def _block(
    timeline: Timeline, extent: StepExtent, lefts: list[float], rights: list[float]
) -> Block:
    cuts = [
        k
        for k in range(extent.first, extent.last)
        if k == extent.first or _tensor(timeline, k) != _tensor(timeline, k - 1)
    ]
    parts = (
        TrackPart(first, last, lefts[first], rights[last - 1])
        for first, last in pairwise([*cuts, extent.last])
    )
    return Block(extent, tuple(parts))


def _tensor(timeline: Timeline, operation: int) -> object:
    """What a part is named after: a parameter's velocity, step and next value belong together."""
    found = timeline.operations[operation]
    target = found.nest.target
    return target.quantity if found.phase is Phase.UPDATE else target


TRACK: Final = (20, 24)
"""Top and height of the track."""
_INSET: Final = 8
_TITLE: Final = Font("Inter", 11, 600)


@frozen(eq=False)
class _Label:
    """The names that a part may carry, longest first, and the one that fits its whole width."""

    part: TrackPart
    phase: Phase
    candidates: tuple[str, ...]
    text: str


@frozen(eq=False)
class _Drawn:
    """All of the track that is the same at every position."""

    track: Track
    titles: tuple[Mark, ...]
    ahead: tuple[Mark, ...]
    passed: tuple[Mark, ...]
    labels: tuple[_Label, ...]


def track_marks(
    timeline: Timeline, notation: Notation, width: int, theme: Theme, playhead: float
) -> tuple[Mark, ...]:
    """The track with all left of the playhead filled."""
    drawn = _drawn(timeline, notation, width, theme)
    top, height = TRACK
    passed = Group(drawn.passed, clip=Box(0, top, playhead, height))
    labels = (mark for label in drawn.labels for mark in _label_mark(label, playhead, theme))
    return (*drawn.titles, *drawn.ahead, passed, *labels)


@lru_cache(maxsize=4)
def _drawn(timeline: Timeline, notation: Notation, width: int, theme: Theme) -> _Drawn:
    found = track(timeline, width)
    labels = tuple(label for block in found.blocks for label in _labels(timeline, notation, block))
    titles = _phase_titles(timeline, found, width, theme)
    return _Drawn(
        found,
        (*titles, *_names_above(found, labels, titles, theme)),
        _fills(found, theme, passed=False),
        _fills(found, theme, passed=True),
        labels,
    )


def _fills(found: Track, theme: Theme, *, passed: bool) -> tuple[Mark, ...]:
    return tuple(
        mark for block in found.blocks for mark in _block_marks(found, block, theme, passed=passed)
    )


def _block_marks(found: Track, block: Block, theme: Theme, *, passed: bool) -> Iterator[Mark]:
    top, height = TRACK
    color, tint = phase_colors(block.extent.phase, theme)
    left, right = round(block.left), max(round(block.right), round(block.left) + 1)
    radius = min(3, (right - left) / 2)
    yield Rect(left, top, right - left, height, fill=color if passed else tint, radius=radius)
    line = Stroke(theme.panel)
    for part in block.parts[1:]:
        x = round(part.left) + 0.5
        yield Line(x, top + 2, x, top + height - 2, line)
    if found.is_proportional:
        cuts = {part.left for part in block.parts}
        for position in range(block.extent.start + 1, block.extent.stop):
            x = found.ruler.x_of(position)
            if x not in cuts:
                yield Line(round(x) + 0.5, top + height - 4, round(x) + 0.5, top + height, line)


def _labels(timeline: Timeline, notation: Notation, block: Block) -> Iterator[_Label]:
    phase = block.extent.phase
    for part in block.parts:
        candidates = _candidates(timeline, notation, block, part)
        room = part.right - part.left - 2 * _INSET
        fitting = (text for text in candidates if text_width(text, styles.LABEL_MEDIUM) <= room)
        yield _Label(part, phase, candidates, next(fitting, ""))


def _candidates(
    timeline: Timeline, notation: Notation, block: Block, part: TrackPart
) -> tuple[str, ...]:
    layer = block.extent.layer
    if block.extent.phase is Phase.LOSS:
        return ()
    if len(block.parts) == 1:
        return (layer,)
    target = timeline.nest(part.first).target
    if block.extent.phase is Phase.UPDATE:
        target = Address(target.layer, target.quantity)
    name = notation.short(target)
    return f"{layer} {name}", name


def _label_mark(label: _Label, playhead: float, theme: Theme) -> Iterator[Mark]:
    """The name on one color: where the playhead stands in the part, on the side that has room."""
    part = label.part
    color, _ = phase_colors(label.phase, theme)
    if not label.text:
        return
    if not part.left < playhead < part.right:
        yield _text(part.left, label.text, color if playhead <= part.left else theme.panel)
        return
    for text in label.candidates:
        width = text_width(text, styles.LABEL_MEDIUM) + 2 * _INSET
        if part.left + width <= playhead:
            yield _text(part.left, text, theme.panel)
            return
        if playhead + width <= part.right:
            yield _text(playhead, text, color)
            return


def _text(left: float, text: str, color: Color) -> Text:
    font = styles.LABEL_MEDIUM
    baseline = centered_baseline(TRACK[0] + TRACK[1] / 2, font)
    return Text(round(left) + _INSET, baseline, text, font, color)


def _phase_titles(timeline: Timeline, found: Track, width: int, theme: Theme) -> tuple[Text, ...]:
    """The phases above their first block; what would meet another is left out, the loss first."""
    baseline = centered_baseline(TRACK[0] / 2 - 1, _TITLE)
    titles: list[Text] = []
    extents = sorted(timeline.phases, key=lambda extent: extent.phase is Phase.LOSS)
    for extent in extents:
        blocks = [b for b in found.blocks if extent.first <= b.extent.first < extent.last]
        text = extent.phase.value.capitalize()
        length = text_width(text, _TITLE)
        x = blocks[-1].right - length if extent.phase is Phase.LOSS else blocks[0].left
        x = max(float(MARGIN), min(x, width - MARGIN - length))
        if all(x + length + 6 <= a or b + 6 <= x for a, b in map(_span, titles)):
            color = phase_colors(extent.phase, theme)[0]
            titles.append(Text(round(x), baseline, text, _TITLE, color))
    return tuple(titles)


def _span(text: Text) -> tuple[float, float]:
    return text.x, text.x + text_width(text.text, text.font)


def _names_above(
    found: Track, labels: tuple[_Label, ...], titles: tuple[Text, ...], theme: Theme
) -> Iterator[Text]:
    """The name of a wide block above it, where no part inside has room for the name."""
    font = styles.LABEL
    baseline = centered_baseline(TRACK[0] / 2 - 1, font)
    taken = [_span(title) for title in titles]
    named = {label.part.first: label.text for label in labels}
    for block, following in pairwise([*found.blocks, None]):
        if block is None or block.extent.phase is Phase.LOSS:
            continue
        name = block.extent.layer
        if any(named[part.first].startswith(name) for part in block.parts):
            continue
        left, length = round(block.left), text_width(name, font)
        limit = following.left if following else block.right
        clear = all(left + length + 6 <= a or b + 6 <= left for a, b in taken)
        if left + length <= limit and clear:
            taken.append((left, left + length))
            yield Text(left, baseline, name, font, theme.text_tertiary)


_MOST_PLACES: Final = 16
"""Dots that one breakpoint may have: a layer's has one a phase, a scattered value's one a term."""


@frozen
class TimelineSign:
    """A position with its sign; `found` is None for a bookmark."""

    position: int
    found: Breakpoint | None = None


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
            yield bookmark_mark(x, 14, theme, key)
        else:
            yield from breakpoint_mark(
                *(x, 48, theme),
                enabled=sign.found.enabled,
                conditional=bool(sign.found.condition),
                key=key,
            )


def legend(
    marked: tuple[TimelineSign, ...], right: float, middle: float, theme: Theme
) -> tuple[list[Mark], float]:
    """What the signs in sight mean, from the right, and where that begins."""
    marks: list[Mark] = []
    left, font = right, styles.LABEL
    for word, is_bookmark in (("bookmark", True), ("breakpoint", False)):
        if not any((sign.found is None) == is_bookmark for sign in marked):
            continue
        end = left - 16 if marks else right
        x = end - text_width(word, font) - 10
        if is_bookmark:
            marks.append(bookmark_mark(x, middle - 5, theme))
        else:
            marks.extend(breakpoint_mark(x, middle, theme, enabled=True, conditional=False))
        y = centered_baseline(middle, font)
        marks.append(Text(end, y, word, font, theme.text_secondary, Anchor.END))
        left = x - 6
    return marks, left
