"""A range of the pass as pictures: one for each block of a depth, both ends included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from backpropviz.debugger.places import find
from backpropviz.debugger.presence import next_present
from backpropviz.debugger.state import StopReason
from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import Options, View
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme

MOST_FRAMES: Final = 20_000


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
        """Number of frames."""
        return len(self.positions)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.positions)

    def __iter__(self) -> Iterator[Scene]:
        """The pictures in order."""
        return (self.scene(position) for position in self.positions)

    def scene(self, position: int) -> Scene:
        """The picture of the block that begins at a position."""
        state = self.view.state.at(position, StopReason.JUMP, self.depth)
        return stage(replace(self.view, state=state), *self.size, self.theme)


def frames(
    view: View,
    first: int | Address | str,
    last: int | Address | str,
    depth: Depth,
    size: tuple[float, float],
    theme: Theme,
    options: Options | None = None,
) -> FrameRange:
    """The blocks of a depth from that of `first` to that of `last`: positions or addresses.

    Raises:
        UserError: an end does not exist, the range runs backwards or has over 20,000 frames.
    """
    start, end = (_position(view, place, depth) for place in (first, last))
    if start > end:
        raise UserError(
            f"“{last}” (step {end}) lies before “{first}” (step {start}): exchange the two ends."
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


def _position(view: View, place: int | Address | str, depth: Depth) -> int:
    if isinstance(place, int):
        if 0 <= place <= view.timeline.steps:
            return place
        raise UserError(f"there is no step {place}: give a number from 0 to {view.timeline.steps}.")
    address = parse(place) if isinstance(place, str) else place
    return find(view.timeline, view.tape, address, depth)


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
