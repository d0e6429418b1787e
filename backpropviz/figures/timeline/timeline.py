"""The whole pass as a line: what has run, and the current tensor under a lens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.debugger.steps import Depth
from backpropviz.engine.program import Phase
from backpropviz.figures.timeline.blocks import TRACK, phase_colors, track_marks
from backpropviz.figures.timeline.height import HEIGHT
from backpropviz.figures.timeline.lens import Lens, lens
from backpropviz.figures.timeline.lens_marks import (
    BELOW,
    LENS_TOP,
    Stand,
    caption,
    has_names_below,
    lens_marks,
)
from backpropviz.figures.timeline.ruler import Ruler
from backpropviz.figures.timeline.signs import TimelineSign, legend, sign_marks, signs
from backpropviz.figures.timeline.track import MARGIN, track
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide
from backpropviz.scene.marks import Line, Mark, Path, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

_BOUNDARY: Final = (TRACK[0] + TRACK[1] + LENS_TOP) / 2
"""Above it a point belongs to the track, below to the lens."""


@frozen(eq=False)
class TimelineFigure:
    """The picture, and what lies under its points."""

    scene: Scene
    track: Ruler
    lens: Ruler
    lens_depth: Depth

    def step_at(self, x: float, y: float) -> int:
        """The position (0 … N) whose step is drawn there; it never falls as x grows."""
        return (self.track if y < _BOUNDARY else self.lens).step_at(x)

    def depth_at(self, y: float) -> Depth:
        """How deep one looks there: the track shows tensors at most, the lens its cells."""
        return Depth.PASS if y < _BOUNDARY else self.lens_depth


def timeline(
    view: View, width: float, theme: Theme, bookmarks: tuple[int, ...] = ()
) -> TimelineFigure:
    """The timeline in `width` × 104 px, with bookmarked positions."""
    pixels = max(2 * MARGIN + 8, int(width))
    found = track(view.timeline, pixels)
    operation = view.timeline.operation_at(min(view.state.k, view.timeline.steps - 1))
    spread = lens(view.timeline, operation, pixels)
    playhead = found.ruler.x_after(view.position) if view.position else float(MARGIN)
    marked = signs(view, bookmarks)
    marks = (
        *track_marks(view.timeline, view.notation, pixels, theme, playhead),
        *_connection(found.ruler, spread, theme),
        *_lens(view, spread, theme),
        *sign_marks(marked, found.ruler, theme),
        *_playhead(playhead, theme),
        *_foot(view, spread, marked, pixels, theme),
    )
    title = f"step {view.position} of {view.timeline.steps}"
    return TimelineFigure(
        Scene(width, HEIGHT, theme.panel, marks, title), found.ruler, spread.ruler, spread.depth
    )


def _lens(view: View, spread: Lens, theme: Theme) -> tuple[Mark, ...]:
    phase = view.timeline.operations[spread.operation].phase
    start, stop = view.block
    first, last = spread.ruler.starts[0], spread.ruler.starts[-1]
    is_part = first <= start and stop <= last and stop - start < last - first
    done = min(max(view.position, first), last)
    stand = Stand(done, start, stop) if is_part else Stand(done, done, done)
    return lens_marks(spread, phase_colors(phase, theme), stand, theme)


def _connection(ruler: Ruler, spread: Lens, theme: Theme) -> Iterator[Line]:
    """Dotted lines from the tensor in the track to the lens's ends."""
    stroke = Stroke(theme.border_strong, 1.0, (2.0, 3.0))
    top = TRACK[0] + TRACK[1] + 1
    left, right = ruler.lefts[spread.operation], ruler.rights[spread.operation]
    yield Line(round(left), top, spread.ruler.lefts[0], LENS_TOP - 1, stroke)
    yield Line(round(right), top, spread.ruler.rights[-1], LENS_TOP - 1, stroke)


def _playhead(x: float, theme: Theme) -> tuple[Mark, ...]:
    middle, top = round(x), TRACK[0]
    outline = ((-5, -6), (5, -6), (5, -1), (1, 3), (-1, 3), (-5, -1))
    return (
        Rect(middle - 1, top - 4, 2, TRACK[1] + 8, fill=theme.here),
        Path(tuple((middle + dx, top + dy) for dx, dy in outline), None, theme.here, closed=True),
    )


def _foot(
    view: View, spread: Lens, marked: tuple[TimelineSign, ...], width: int, theme: Theme
) -> Iterator[Mark]:
    """The caption and the legend, unless the names of groups stand there."""
    if has_names_below(spread):
        return
    right = width - MARGIN
    explained = legend(marked, right, BELOW, theme)
    left = min((mark.left for mark in explained), default=right)
    yield from (mark for entry in explained for mark in entry.marks)
    font = styles.LABEL
    text = elide(_caption(view, spread), font, left - 16 - MARGIN)
    yield Text(MARGIN, centered_baseline(BELOW, font), text, font, theme.text_secondary)


def _caption(view: View, spread: Lens) -> str:
    operation = view.timeline.operations[spread.operation]
    target = operation.nest.target
    layer = "" if operation.phase is Phase.LOSS else operation.layer
    by_source = view.timeline.orders[spread.operation] > 0
    return caption(view.notation.short(target), layer, operation.nest, spread, by_source=by_source)
