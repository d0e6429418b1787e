"""One channel of a pooling: its windows, who won them, and which of their steps have run."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kinds.kind import Pattern
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.network import Node
from backpropviz.engine.tape import Tape
from backpropviz.engine.ties import TieRule
from backpropviz.frozen import frozen

Pixel = tuple[int, int]
SWITCHES = "switches"
POOLINGS = frozenset({Pattern.LARGEST, Pattern.MEANS})


@frozen
class Tap:
    """A window's cell: its place (i, j) in the window, and its pixel, if it lies in the plane."""

    place: Pixel
    pixel: Pixel | None


@frozen(eq=False, slots=False)
class PooledPlane:
    """A sample's channel before and after a pooling; `switches` are the winners, none in a mean.

    Where a tie has several winners (`ties`), `tied` counts them for each window.
    """

    layer: str
    sample: int
    channel: int
    window: Window
    values: Array
    output: Array
    switches: Array | None
    ties: TieRule = "first"
    tied: Array | None = None

    @property
    def count(self) -> Pixel:
        """Rows and columns of windows."""
        return int(self.output.shape[0]), int(self.output.shape[1])

    @property
    def overlaps(self) -> bool:
        """Whether a cell may lie in several windows, so that they cannot be drawn apart."""
        return any(
            n > 1 and stride < extent
            for n, stride, extent in zip(
                self.count, self.window.stride, self.window.extent, strict=True
            )
        )

    def taps(self, y: int, x: int) -> list[Tap]:
        """The cells of a window in row-major order."""
        rows, columns = self.window.kernel
        places = ((i, j) for i in range(rows) for j in range(columns))
        return [Tap(place, self.pixel((y, x), place)) for place in places]

    def pixel(self, window: Pixel, place: Pixel) -> Pixel | None:
        """The cell of the plane under a window's place; None in the padding or beyond."""
        row, column = self._position(window, place)
        rows, columns = self.values.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    def corner(self, window: Pixel) -> Pixel:
        """Where a window starts; it may lie in the padding."""
        return self._position(window, (0, 0))

    def _position(self, window: Pixel, place: Pixel) -> Pixel:
        (sy, sx), (dy, dx) = self.window.stride, self.window.dilation
        (top, _), (left, _) = self.window.padding
        return window[0] * sy + place[0] * dy - top, window[1] * sx + place[1] * dx - left

    def winner(self, y: int, x: int) -> Pixel | None:
        """The cell that won a window: its switch. None in a mean."""
        if self.switches is None:
            return None
        row, column = divmod(int(self.switches[y, x]), int(self.values.shape[1]))
        return row, column

    def winners(self, y: int, x: int) -> list[Pixel]:
        """All cells that count as winners of a window: its switch, or by `ties` all that share it.

        None in a mean.
        """
        first = self.winner(y, x)
        if first is None or self.tied is None or self.tied[y, x] < 2:
            return [] if first is None else [first]
        largest = float(self.output[y, x])
        pixels = [tap.pixel for tap in self.taps(y, x) if tap.pixel is not None]
        return [p for p in pixels if _is_same(float(self.values[p]), largest)]

    def parts(self, y: int, x: int) -> int:
        """Into how many parts a window's upstream value is split among its winners."""
        return int(self.tied[y, x]) if self.tied is not None and self.ties == "shared" else 1

    def is_tie(self, y: int, x: int) -> bool:
        """Whether several cells of a window share its maximum."""
        if self.switches is None:
            return False
        largest = float(self.output[y, x])
        pixels = (tap.pixel for tap in self.taps(y, x))
        return sum(p is not None and float(self.values[p]) == largest for p in pixels) > 1

    def winning_places(self, y: int, x: int) -> list[Pixel]:
        """The winners' places (i, j) in their window."""
        won = set(self.winners(y, x))
        return [tap.place for tap in self.taps(y, x) if tap.pixel in won]

    @cached_property
    def won(self) -> dict[Pixel, list[Pixel]]:
        """The windows that each winner won, in row-major order."""
        found: dict[Pixel, list[Pixel]] = {}
        if self.switches is None:
            return found
        rows, columns = np.divmod(self.switches, self.values.shape[1])
        pixels = zip(rows.ravel().tolist(), columns.ravel().tolist(), strict=True)
        for number, pixel in enumerate(pixels):
            window = divmod(number, self.count[1])
            winners = [pixel] if self.tied is None else self.winners(*window)
            for winner in winners:
                found.setdefault(winner, []).append(window)
        return found

    def is_reached(self, u: int, v: int) -> bool:
        """Whether a cell lies in any window."""
        rows, columns = self._reached
        return u in rows and v in columns

    @cached_property
    def _reached(self) -> tuple[frozenset[int], frozenset[int]]:
        rows, columns = (
            frozenset(p for p in range(n) if self._reaching(p, axis))
            for axis, n in enumerate(self.values.shape)
        )
        return rows, columns

    def windows_of(self, u: int, v: int) -> list[Pixel]:
        """The windows that a cell lies in."""
        ranges = [self._reaching(position, axis) for axis, position in enumerate((u, v))]
        return [(y, x) for y in ranges[0] for x in ranges[1]]

    def _reaching(self, position: int, axis: int) -> list[int]:
        shape = self.window
        found = []
        for tap in range(shape.kernel[axis]):
            offset = position + shape.padding[axis][0] - tap * shape.dilation[axis]
            window, rest = divmod(offset, shape.stride[axis])
            if rest == 0 and 0 <= window < self.count[axis]:
                found.append(window)
        return sorted(found)

    def share(self, y: int, x: int, *, counts_padding: bool) -> int:
        """How many cells share a window's gradient in a mean, as the engine counts them."""
        shape = self.window
        sizes = []
        for axis, window in enumerate((y, x)):
            before, after = shape.padding[axis] if counts_padding else (0, 0)
            start = window * shape.stride[axis] - shape.padding[axis][0]
            positions = (start + k * shape.dilation[axis] for k in range(shape.kernel[axis]))
            limit = self.values.shape[axis] + after
            sizes.append(sum(-before <= p < limit for p in positions))
        return math.prod(sizes)

    def covered(self, axis: int, windows: range) -> range:
        """The rows (axis 0) or columns that some windows cover, padding included."""
        stride, (before, _) = self.window.stride[axis], self.window.padding[axis]
        last = (windows.stop - 1) * stride - before
        return range(windows.start * stride - before, last + self.window.extent[axis])

    def winning_steps(self, sizes: tuple[int, ...], *, by_cell: bool) -> Array | None:
        """For each window, the number of the step that hands its upstream value to its last winner.

        `sizes` are those of the loops n c | u v | i j (by cell) or n c | y x | i j.
        """
        if self.switches is None:
            return None
        last = self._last_winners(self.switches)
        winners = np.divmod(last.astype(np.int64), self.values.shape[1])
        windows = np.indices(self.count)
        shape = self.window
        places = [
            (w + before - n * stride) // dilation
            for w, n, stride, dilation, (before, _) in zip(
                winners, windows, shape.stride, shape.dilation, shape.padding, strict=True
            )
        ]
        number = np.int64(self.sample * sizes[1] + self.channel)
        for position, size in zip(
            (*(winners if by_cell else windows), *places), sizes[2:], strict=True
        ):
            number = number * size + position
        return np.asarray(number)

    def _last_winners(self, switches: Array) -> Array:
        """The flat index of each window's last winner in row-major order, as the steps go."""
        if self.tied is None:
            return switches
        found = np.array(switches)
        for y, x in np.argwhere(self.tied > 1):
            row, column = self.winners(int(y), int(x))[-1]
            found[y, x] = row * self.values.shape[1] + column
        return found


def _is_same(a: float, b: float) -> bool:
    """Equal, or both NaN: NaN wins its window."""
    return a == b or (math.isnan(a) and math.isnan(b))


def is_pooling(tape: Tape, layer: str) -> bool:
    """Whether a layer pools."""
    node = tape.network.by_name.get(layer)
    return node is not None and node.layer.about.pattern in POOLINGS


def counts_padding(node: Node) -> bool:
    """Whether a mean's divisor counts cells in the padding."""
    return not isinstance(node.layer, AvgPool2d) or node.layer.count_include_pad


def pooled_plane(tape: Tape, layer: str, sample: int, channel: int) -> PooledPlane:
    """The facts of one channel of one image."""
    switches, tied = Address(layer, SWITCHES), Address(layer, "tied")
    values = tape[Address(layer, "input")][sample, channel]
    own = tape.network.by_name[layer].layer
    whole = Window((values.shape[0], values.shape[1]))
    window = own.window if isinstance(own, MaxPool2d | AvgPool2d) else whole
    return PooledPlane(
        layer,
        sample,
        channel,
        window,
        np.asarray(values, dtype=np.float64),
        np.asarray(tape[Address(layer, "output")][sample, channel], dtype=np.float64),
        tape[switches][sample, channel] if switches in tape else None,
        own.ties if isinstance(own, MaxPool2d) else "first",
        tape[tied][sample, channel] if tied in tape else None,
    )
