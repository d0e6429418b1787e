"""Windows that slide over an input, in NumPy: pad, and view as windows."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.kernels.geometry import Pair, Window
from backpropviz.engine.nest import Nest
from backpropviz.engine.tape import Tape
from backpropviz.figures.code.program import CodeLine, with_shape
from backpropviz.frozen import frozen

NO_PADDING: tuple[Pair, Pair] = ((0, 0), (0, 0))


@frozen
class Slid:
    """A window over an input (N, C, H, W) with its `rows` × `columns` of places."""

    window: Window
    source: Shape
    places: Pair

    @property
    def shape(self) -> Shape:
        """That of the view as windows."""
        return (*self.source[:2], *self.places, *self.window.kernel)

    def needed(self) -> tuple[Pair, Pair]:
        """The padding that the windows really reach, before and after, per axis."""
        found = []
        for axis in (0, 1):
            before = self.window.padding[axis][0]
            last = (self.places[axis] - 1) * self.window.stride[axis] + self.window.extent[axis]
            found.append((before, max(0, last - self.source[2 + axis] - before)))
        return found[0], found[1]

    def padded_shape(self) -> Shape:
        """The input's shape with that padding."""
        (top, bottom), (left, right) = self.needed()
        height, width = self.source[2:]
        return (*self.source[:2], height + top + bottom, width + left + right)


def view(padded: str, slid: Slid) -> CodeLine:
    """`windows = sliding_window_view(padded, (5, 5), (2, 3))`, thinned by stride and dilation."""
    window = slid.window
    text = f"windows = sliding_window_view({padded}, {window.extent}, (2, 3))"
    (sy, sx), (dy, dx) = window.stride, window.dilation
    if (dy, dx) != (1, 1):
        text += f"[:, :, {every(sy)}, {every(sx)}, {every(dy)}, {every(dx)}]"
    elif (sy, sx) != (1, 1):
        text += f"[:, :, {every(sy)}, {every(sx)}]"
    return with_shape(text, slid.shape)


def every(step: int) -> str:
    """The slice that takes each `step`-th."""
    return ":" if step == 1 else f"::{step}"


def pad(name: str, slid: Slid, value: str = "") -> tuple[str, tuple[CodeLine, ...]]:
    """The padded array's name and the line that makes it; nothing where no padding is needed."""
    needed = slid.needed()
    if needed == NO_PADDING:
        return name, ()
    filled = f", constant_values={value}" if value else ""
    (top, bottom), (left, right) = needed
    sizes = f"((0, 0), (0, 0), ({top}, {bottom}), ({left}, {right}))"
    line = f"padded = np.pad({name}, {sizes}{filled})"
    return "padded", (with_shape(line, slid.padded_shape()),)


def slid_of(tape: Tape, nest: Nest, window: Window) -> Slid:
    """The window of the layer that a nest belongs to, on the layer's input."""
    layer = nest.target.layer
    source = tape[Address(layer, "input")].shape
    rows, columns = tape[Address(layer, "output")].shape[2:]
    return Slid(window, source, (rows, columns))
