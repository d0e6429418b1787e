"""A range of the pass as pictures: one for each block of a depth, both ends included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import prod
from typing import Final

from backpropviz.debugger.session import StopReason
from backpropviz.debugger.timeline import Depth, completed_at, find, next_present, step_number
from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import Options, View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Anchor, Scene, Text
from backpropviz.scene.theme import Theme

MOST_FRAMES: Final = 20_000
START, END = "start", "end"


@frozen(eq=False)
class FrameRange:
    """Positions whose blocks are shown; each picture is drawn when it is asked for."""

    view: View
    positions: tuple[int, ...]
    depth: Depth
    size: tuple[float, float]
    theme: Theme

    @property
    def count(self) -> int:
        return len(self.positions)

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[Scene]:
        return (self.scene(position) for position in self.positions)

    def view_at(self, position: int) -> View:
        """The block that begins at a position."""
        view = self.view
        # The moment of the view itself where that is meant, since it may be the start.
        if (position, self.depth) == (view.state.k, view.depth):
            return view
        return replace(view, state=view.state.at(position, StopReason.JUMP, self.depth))

    def scene(self, position: int) -> Scene:
        """The picture of the block that begins at a position, with the numbers of its steps."""
        view, (width, height) = self.view_at(position), self.size
        drawn, ink = stage(view, width, height, self.theme), self.theme.text_tertiary
        steps = Text(width - 32, height - 6, steps_text(view), styles.INDEX, ink, Anchor.END)
        return replace(drawn, marks=(*drawn.marks, steps))


def steps_text(view: View) -> str:
    """`step 41 of 105`, `steps 1–16 of 105`: what is in focus, counted from 1."""
    (start, stop), total = view.block, view.timeline.steps
    if not view.has_begun:
        return f"before step 1 of {total:,}"
    if start == stop:
        return f"all {total:,} steps"
    if stop - start == 1:
        return f"step {stop:,} of {total:,}"
    return f"steps {start + 1:,}–{stop:,} of {total:,}"


@frozen
class Offered:
    """A part of the pass: steps `start … stop − 1`, a frame for each block of a depth."""

    name: str
    title: str
    start: int
    stop: int
    depth: Depth


def offered_ranges(view: View) -> tuple[Offered, ...]:
    """The value, filter, tensor and layer that the current step belongs to, the smallest first."""
    k, timeline = view.state.k, view.timeline
    if view.has_no_focus:
        return ()
    found = [Offered("layer", "this layer", *timeline.block(k, Depth.LAYER), Depth.TENSOR)]
    depths = timeline.depths_at(k)
    inside = next((d for d in (Depth.ELEMENT, Depth.CHANNEL) if d in depths), Depth.TENSOR)
    found.append(Offered("tensor", "this tensor", *timeline.block(k, Depth.TENSOR), inside))
    plane = _plane(view)
    if plane is not None:
        found.append(plane)
    if Depth.ELEMENT in depths:
        found.append(Offered("value", "this value", *timeline.block(k, Depth.ELEMENT), depths[-1]))
    return tuple(reversed(found))


def _plane(view: View) -> Offered | None:
    """All of a filter, or else of a channel: the loops around its number stand still."""
    k, timeline = view.state.k, view.timeline
    operation = timeline.operation_at(k)
    nest = timeline.nest(operation)
    if nest.rule is NestRule.COPY:
        return None
    loops, start = timeline.loops(operation), timeline.starts[operation]
    names = [axis.name for axis in loops.axes[: loops.channel_axes]]
    for name, word in (("f", "filter"), ("c", "channel")):
        if name in names:
            size = prod(loops.sizes[names.index(name) + 1 :])
            first = start + (k - start) // size * size
            return Offered(word, f"this {word}", first, first + size, Depth.ELEMENT)
    return None


def frames(
    view: View,
    first: int | Address | str,
    last: int | Address | str,
    depth: Depth,
    size: tuple[float, float],
    theme: Theme,
    options: Options | None = None,
) -> FrameRange:
    """The blocks of a depth from that of `first` to that of `last`, which stands complete then.

    A place is a position, an address, or a text: an address, a step counted from 1, `start`, `end`.

    Raises:
        UserError: an end does not exist, the range runs backwards or has over 20,000 frames.
    """
    start, end = _position(view, first, depth), _position(view, last, depth, completes=True)
    if start > end:
        raise UserError(
            f"“{last}” (step {end + 1:,}) lies before “{first}” (step {start + 1:,}): "
            "exchange the two ends."
        )
    shown = view if options is None else replace(view, options=options)
    positions = tuple(islice(_blocks(shown, start, end, depth), MOST_FRAMES + 1))
    if len(positions) > MOST_FRAMES:
        count = blocks_between(shown, start, end, depth)
        raise UserError(
            f"from “{first}” to “{last}” there are {count:,} frames at depth {depth.title}, "
            f"more than {MOST_FRAMES:,}: choose a shorter range or a coarser depth."
        )
    return FrameRange(shown, positions, depth, size, theme)


def blocks_between(view: View, start: int, end: int, depth: Depth) -> int:
    """How many blocks of a depth touch the steps `start … end`, terms without a source included."""
    timeline = view.timeline
    count, k = 0, timeline.block(start, depth)[0]
    while k <= end and k < timeline.steps:
        if depth < Depth.TENSOR:
            k, inside = timeline.block(k, depth)[1], 1
        else:
            operation = timeline.operation_at(k)
            size = timeline.block_size(operation, timeline.effective_depth(k, depth))
            stop = timeline.starts[operation + 1]
            inside = -(-(min(end + 1, stop) - k) // size)
            k = stop
        count += inside
    return count + (1 if end == timeline.steps else 0)


def _position(
    view: View, place: int | Address | str, depth: Depth, *, completes: bool = False
) -> int:
    timeline = view.timeline
    if isinstance(place, str):
        place = _read(place, timeline.steps)
    if isinstance(place, int):
        if 0 <= place <= timeline.steps:
            return place
        raise UserError(f"There is no position {place}: give 0 to {timeline.steps}.")
    found = find(timeline, view.tape, place, depth)
    return max(found, completed_at(timeline, view.tape, place)) if completes else found


def _read(text: str, steps: int) -> int | Address:
    words = text.strip()
    if words in {START, END}:
        return 0 if words == START else steps
    number = step_number(words, steps)
    return parse(words) if number is None else number


def _blocks(view: View, start: int, end: int, depth: Depth) -> Iterator[int]:
    """Where each block begins; of terms, those that exist unless the state asks for all."""
    timeline = view.timeline
    k = _existing(view, timeline.block(start, depth)[0], depth)
    while k <= end:
        yield k
        if k == timeline.steps:
            return
        k = _existing(view, timeline.block(k, depth)[1], depth)


def _existing(view: View, k: int, depth: Depth) -> int:
    timeline = view.timeline
    if k == timeline.steps or view.state.show_absent:
        return k
    if timeline.effective_depth(k, depth) is not Depth.TERM:
        return k
    return next_present(timeline, view.tape, k)
