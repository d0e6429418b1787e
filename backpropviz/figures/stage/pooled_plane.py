"""One channel of a pooling: its windows, who won them, and which of their steps have run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Pattern
from backpropviz.engine.network import Node
from backpropviz.engine.operands import TieRule
from backpropviz.engine.partial import Partial
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from backpropviz.figures.stage.panel import Mood
from backpropviz.figures.stage.planes import Focus, Plane
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene.cells import CellState
from backpropviz.scene.text import fixed, group_decimals, shown_group

Pixel = tuple[int, int]
SWITCHES = "switches"
POOLINGS = frozenset({Pattern.LARGEST, Pattern.MEANS})


@frozen
class WindowTap:
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
        return int(self.output.shape[0]), int(self.output.shape[1])

    @property
    def overlaps(self) -> bool:
        """Whether a cell may lie in several windows, so that they cannot be drawn apart."""
        axes = zip(self.count, self.window.stride, self.window.extent, strict=True)
        return any(n > 1 and stride < extent for n, stride, extent in axes)

    def taps(self, y: int, x: int) -> list[WindowTap]:
        rows, columns = self.window.kernel
        places = ((i, j) for i in range(rows) for j in range(columns))
        return [WindowTap(place, self.pixel((y, x), place)) for place in places]

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


@frozen(eq=False, slots=False)
class PoolingShown:
    """One channel of a pooling, forward or backward; `known` is the result's plane so far."""

    view: View
    focus: Focus
    plane: PooledPlane
    known: Partial
    upstream: Array | None

    @property
    def is_backward(self) -> bool:
        """Whether the gradient is handed back."""
        return self.upstream is not None

    @property
    def is_mean(self) -> bool:
        """Whether nobody wins."""
        return self.plane.switches is None

    @property
    def by_cell(self) -> bool:
        return self.is_backward and not self.focus.is_by_source

    @cached_property
    def forward_address(self) -> Address:
        """The map that is pooled."""
        return Address(self.plane.layer, "input")

    @cached_property
    def window_address(self) -> Address:
        """What a pill shows: a window's upstream gradient, or its output."""
        output = Address(self.plane.layer, "output")
        return output.grad if self.is_backward else output

    @cached_property
    def cell_address(self) -> Address:
        """What a cell shows: the gradient it received, or its value."""
        return self.forward_address.grad if self.is_backward else self.forward_address

    def at(self, address: Address, pixel: Pixel) -> str:
        """A key in the shown channel."""
        return f"{address.name}[{self.plane.sample},{self.plane.channel},{pixel[0]},{pixel[1]}]"

    @cached_property
    def letter(self) -> str:
        """How the pooled map is written."""
        return self.view.notation.letter(self.forward_address).text

    @cached_property
    def middle(self) -> Pixel | None:
        """The element's own indices in the loop: a cell or a window; None for a whole channel."""
        if not self.focus.is_element:
            return None
        y, x = self.focus.coordinates[2:4]
        return y, x

    @cached_property
    def current_window(self) -> Pixel | None:
        """The window in focus, where the loops run over windows."""
        return None if self.by_cell else self.middle

    @cached_property
    def current_cell(self) -> Pixel | None:
        if self.by_cell:
            return self.middle
        if self.middle is None or self.focus.depth is not Depth.TERM:
            return None
        i, j = self.focus.coordinates[4:6]
        return self.plane.pixel(self.middle, (i, j))

    @cached_property
    def nearest_window(self) -> Pixel:
        """The window to show: the current one, else the one whose value is largest."""
        if self.middle is None:
            shown = self.plane.output if self.upstream is None else self.upstream
            largest = int(np.argmax(np.abs(np.nan_to_num(shown))))
            return divmod(largest, self.plane.count[1])
        if not self.by_cell:
            return self.middle
        windows = self.plane.windows_of(*self.middle)
        rows, columns = self.plane.count
        return windows[0] if windows else (min(self.middle[0], rows - 1), columns - 1)

    def is_applied(self, y: int, x: int) -> bool:
        """Whether a window's winner is settled: chosen (forward), or given its gradient."""
        return bool(self._applied[y, x])

    @cached_property
    def _applied(self) -> Array:
        if not self.is_backward:
            return self.known.complete
        steps = self.plane.winning_steps(self.focus.loops.sizes, by_cell=self.by_cell)
        if steps is None:
            return np.zeros(self.plane.count, bool)
        return np.asarray(steps < self.focus.steps_done)

    @cached_property
    def visited(self) -> tuple[tuple[range, range], ...]:
        """The part of the plane that the loops have passed, as at most two blocks."""
        sizes = self.focus.loops.sizes
        channel = self.plane.sample * sizes[1] + self.plane.channel
        done = self.focus.steps_done - channel * math.prod(sizes[2:])
        elements = min(max(0, done // math.prod(sizes[4:])), sizes[2] * sizes[3])
        rows, rest = divmod(elements, sizes[3])
        blocks = [(range(rows), range(sizes[3]))] if rows else []
        blocks += [(range(rows, rows + 1), range(rest))] if rest else []
        if self.by_cell:
            return tuple(blocks)
        return tuple((self.plane.covered(0, r), self.plane.covered(1, c)) for r, c in blocks)

    def share_label(self, y: int, x: int) -> str:
        """1/n of a mean."""
        node = self.view.tape.network.by_name[self.plane.layer]
        return f"1/{self.plane.share(y, x, counts_padding=counts_padding(node))}"

    def value_text(self, pixel: Pixel) -> str:
        """A value of the pooled map, with the decimals that all of them share."""
        return fixed(float(self.plane.values[pixel]), self._value_decimals)

    @cached_property
    def _value_decimals(self) -> int:
        return _shared_decimals(self.plane.values)

    def note(self, pixel: Pixel, *, large: bool) -> str:
        """`a 1.273`, with room `o = 8`."""
        return f"{self.letter}{' = ' if large else ' '}{self.value_text(pixel)}"

    @cached_property
    def decimals(self) -> int:
        """Decimals that the windows' values and the cells' gradients share."""
        shown = self.plane.output if self.upstream is None else self.upstream
        return _shared_decimals(shown)


def _shared_decimals(values: Array) -> int:
    """`group_decimals` of many values by two of them: the largest, and one that is no integer."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0
    broken = finite[finite != np.rint(finite)]
    return group_decimals([float(np.max(np.abs(finite))), *map(float, broken[:1])])


def pooling_shown(view: View, focus: Focus) -> PoolingShown | None:
    """What is to be seen where the focus is one channel of a pooling; else None."""
    layer, target = focus.operation.layer, focus.nest.target
    is_its_own = target.layer == layer and target.quantity in {"input", "output"}
    if not is_its_own or not is_pooling(view.tape, layer) or len(focus.loops.axes) != 6:
        return None
    if focus.depth is Depth.TENSOR and focus.loops.sizes[0] * focus.loops.sizes[1] > 1:
        return None
    sample, channel = focus.coordinates[:2]
    plane = pooled_plane(view.tape, layer, sample, channel)
    upstream = None
    if target.is_gradient:
        whole = view.tape[Address(layer, "output").grad]
        upstream = np.asarray(whole[sample, channel], dtype=np.float64)
    known = view.plane_status(target, (sample, channel, None, None))
    return PoolingShown(view, focus, plane, known, upstream)


_MOST_CELLS = 64


def pool_moods(view: View, address: Address, plane: Plane) -> Mapping[Pixel, Mood]:
    """The moods of a plane that shows ∂L/∂(a max-pooling's input), under whatever name.

    A cell has one as soon as its gradient is computed; its note is the forward value that competed.
    """
    origin = view.tape.resolve(address.array)
    is_pooled = origin.is_gradient and origin.quantity == "input"
    if not is_pooled or Address(origin.layer, SWITCHES) not in view.tape:
        return {}
    if plane.wrapped or len(plane.selection) != 4 or plane.values.size > _MOST_CELLS:
        return {}
    sample, channel = plane.selection[:2]
    if sample is None or channel is None:
        return {}
    pooled = pooled_plane(view.tape, origin.layer, sample, channel)
    letter = view.notation.letter(address.of("")).text
    texts = shown_group(pooled.values.ravel().tolist())
    moods: dict[Pixel, Mood] = {}
    for row in range(plane.rows):
        for column in range(plane.columns):
            pixel = (row + plane.first_row, column + plane.first_column)
            if not plane.complete[row, column] or not pooled.is_reached(*pixel):
                continue
            state = CellState.WINNER if pixel in pooled.won else CellState.LOSER
            text = texts[pixel[0] * pooled.values.shape[1] + pixel[1]]
            moods[row, column] = Mood(state, state.value, f"{letter} = {text}")
    return moods
