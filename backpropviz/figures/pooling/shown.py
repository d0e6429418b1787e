"""What is to be seen of a pooling at a step: which windows are decided, what each cell holds."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.partial import Partial
from backpropviz.figures.pooling.pooled_plane import (
    Pixel,
    PooledPlane,
    counts_padding,
    is_pooling,
    pooled_plane,
)
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene.numbers import fixed, group_decimals


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
        """Whether the loops finish one cell after the other."""
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
        """The cell in focus."""
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
        steps = self.plane.winning_steps(self._sizes, by_cell=self.by_cell)
        if steps is None:
            return np.zeros(self.plane.count, bool)
        return np.asarray(steps < self.focus.steps_done)

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return self.focus.loops.sizes

    @cached_property
    def visited(self) -> tuple[tuple[range, range], ...]:
        """The part of the plane that the loops have passed, as at most two blocks."""
        sizes = self._sizes
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
