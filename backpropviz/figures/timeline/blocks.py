"""The track of the timeline: every layer's block, ahead and passed, with its name if it fits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.program import Phase
from backpropviz.figures.symbols import Notation
from backpropviz.figures.timeline.track import MARGIN, Block, Part, Track, track
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import Box, Color, Font, Group, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

TRACK: Final = (20, 24)
"""Top and height of the track."""
_RADIUS: Final = 3
_INSET: Final = 8
_TITLE: Final = Font("Inter", 11, 600)


def phase_colors(phase: Phase, theme: Theme) -> tuple[Color, Color]:
    """A phase's color and its tint."""
    return {
        Phase.FORWARD: (theme.forward, theme.forward_tint),
        Phase.LOSS: (theme.loss, theme.loss_tint),
        Phase.BACKWARD: (theme.backward, theme.backward_tint),
        Phase.UPDATE: (theme.update, theme.update_tint),
    }[phase]


@frozen(eq=False)
class _Label:
    """The names that a part may carry, longest first, and the one that fits its whole width."""

    part: Part
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
    radius = min(_RADIUS, (right - left) / 2)
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
    timeline: Timeline, notation: Notation, block: Block, part: Part
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
