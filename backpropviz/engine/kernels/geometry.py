"""Geometry of a window: kernel, stride, padding, dilation, and the output size that follows."""

from __future__ import annotations

from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Pair = tuple[int, int]


@frozen
class Window:
    """The geometry that convolution and pooling share; every pair is (vertical, horizontal).

    Tap (i, j) of window (y, x) reads the input at (y·sy + i·dy − top, x·sx + j·dx − left).

    Raises:
        UserError: a kernel, stride or dilation below 1, or a negative padding.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        for name, pair in (
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ):
            if min(pair) < 1:
                raise UserError(
                    f"The {name} is {pair[0]}×{pair[1]}; both numbers must be 1 or more."
                )
        if min(*self.padding[0], *self.padding[1]) < 0:
            (top, bottom), (left, right) = self.padding
            raise UserError(
                f"The padding is top {top}, bottom {bottom}, left {left}, right {right}; "
                "none may be negative."
            )

    @property
    def extent(self) -> Pair:
        """Rows and columns from the first tap to the last: (k − 1)·d + 1."""
        (kh, kw), (dy, dx) = self.kernel, self.dilation
        return (kh - 1) * dy + 1, (kw - 1) * dx + 1

    @property
    def padded(self) -> bool:
        """Whether any side has padding."""
        return self.padding != ((0, 0), (0, 0))

    @property
    def disjoint(self) -> bool:
        """Whether no input cell lies in two windows, whatever the input's size."""
        (kh, kw), (sy, sx) = self.extent, self.stride
        return sy >= kh and sx >= kw

    def output_size(self, height: int, width: int) -> Pair:
        """Count the windows: ⌊(size + padding − extent) / stride⌋ + 1 for each axis.

        With `ceil_mode` the division rounds up, but the last window must start inside the input
        or its left (top) padding, as in PyTorch.

        Raises:
            UserError: the kernel does not fit into the padded input.
        """
        rows = self.count(height, 0)
        columns = self.count(width, 1)
        if rows < 1 or columns < 1:
            raise UserError(self._misfit(height, width))
        return rows, columns

    def count(self, size: int, axis: int) -> int:
        """Count the windows along one axis: 0 is vertical, 1 horizontal."""
        before, after = self.padding[axis]
        stride = self.stride[axis]
        room = size + before + after - (self.kernel[axis] - 1) * self.dilation[axis] - 1
        if not self.ceil_mode:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= size + before else count

    def _misfit(self, height: int, width: int) -> str:
        (top, bottom), (left, right) = self.padding
        kh, kw = self.extent
        dilated = "" if self.dilation == (1, 1) else " (with its dilation)"
        return (
            f"The kernel covers {kh}×{kw} cells{dilated}, but the input with its padding has only "
            f"{height + top + bottom}×{width + left + right}: "
            "use a smaller kernel, more padding or a larger input."
        )
