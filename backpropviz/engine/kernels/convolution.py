"""The passes of a convolution layer: output, ∂W, ∂X and ∂b, for any geometry and groups.

Layout: image (N, C, H, W), weight (F, C/groups, KH, KW), output and upstream (N, F, OH, OW).
The forward pass is a cross-correlation and ∂W correlates the image with the upstream gradient, both
unflipped; only ∂X turns the kernel by 180°. Results keep the image's dtype.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.workspace import FRESH, Fresh, Workspace
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


Array = NDArray[Any]

SMALL_BLOCK_BYTES = 1 << 20
"""Unfolded values held at once where many small products read them: a core's own cache."""

BLOCK_BYTES = 1 << 22
"""The same for one large product, and for a single sample before it is cut by rows."""


@frozen
class PaddedFrame:
    """Where an image's cell (0, 0) comes to lie in a larger plane, and that plane's size.

    A negative corner, or a size too small for the image, crops.
    """

    corner: Pair
    size: Pair


def padded_blocks(
    image: Array, frame: PaddedFrame, rows: int, row_bytes: int, block_bytes: int, buffers: Fresh
) -> Iterator[tuple[Array, slice, slice]]:
    """Cut a batch into (padded samples, samples, output rows) whose rows unfold to a block.

    The cut depends on the shapes alone, so equal batches are always summed in equal order.
    """
    samples = image.shape[0]
    sample_bytes = rows * row_bytes
    band = rows if sample_bytes <= BLOCK_BYTES else max(1, BLOCK_BYTES // row_bytes)
    step = max(1, block_bytes // sample_bytes)
    for start in range(0, samples, step):
        some = slice(start, min(start + step, samples))
        padded = pad(image[some], frame, buffers)
        for top in range(0, rows, band):
            yield padded, some, slice(top, min(top + band, rows))


def pad(image: Array, frame: PaddedFrame, buffers: Fresh) -> Array:
    """Return (N, C, *size) with zeros around the image, or the image if it fills the frame."""
    n, c, h, w = image.shape
    (top, left), (height, width) = frame.corner, frame.size
    if frame.corner == (0, 0) and frame.size == (h, w):
        return np.ascontiguousarray(image)
    y0, y1, x0, x1 = max(top, 0), min(top + h, height), max(left, 0), min(left + w, width)
    padded = buffers.framed((n, c, height, width), (y0, y1, x0, x1), image.dtype)
    if y0 < y1 and x0 < x1:
        padded[:, :, y0:y1, x0:x1] = image[:, :, y0 - top : y1 - top, x0 - left : x1 - left]
    return padded


def windows(padded: Array, kernel: Pair, stride: Pair, dilation: Pair, output: Pair) -> Array:
    """View the padded image as (N, C, KH, KW, OH, OW) without copying."""
    (kh, kw), (sy, sx), (dy, dx), (oh, ow) = kernel, stride, dilation, output
    n, c, h, w = padded.shape
    item = padded.itemsize
    row = w * item
    strides = (c * h * row, h * row, dy * row, dx * item, sy * row, sx * item)
    return np.ndarray((n, c, kh, kw, oh, ow), padded.dtype, padded, 0, strides)


def unfold_windows(view: Array, groups: int, buffers: Fresh) -> Array:
    """Copy `windows` to matrices (G, C/G·KH·KW, N·OH·OW), one column for each output position."""
    n, c, kh, kw, oh, ow = view.shape
    held = buffers.scratch("windows", (c, kh, kw, n, oh, ow), view.dtype)
    held[...] = view.transpose(1, 2, 3, 0, 4, 5)
    return held.reshape(groups, c // groups * kh * kw, n * oh * ow)


def columns(padded: Array, kernel_width: int, stride: int, dilation: int, output: int) -> Array:
    """View the padded image as (N, C, KW, H, OW): unfolded along x only."""
    n, c, h, w = padded.shape
    item = padded.itemsize
    row = w * item
    strides = (c * h * row, h * row, dilation * item, row, stride * item)
    return np.ndarray((n, c, kernel_width, h, output), padded.dtype, padded, 0, strides)


@frozen(eq=False)
class KernelSlide:
    """What a kernel slides over, and how: the image in its frame, the groups, the steps."""

    image: Array
    frame: PaddedFrame
    groups: int
    stride: Pair
    dilation: Pair
    buffers: Fresh


MOST_TERMS_BY_ROW = 600
"""Terms of one output value above which the full unfolding was measured to be faster."""


def correlate(slide: KernelSlide, weight: Array, output: Array) -> None:
    """Write Σ_cij X[n,c,y·s+i·d,…] · W[f,c,i,j] to the C-contiguous `output`, X framed."""
    groups, stride, dilation = slide.groups, slide.stride, slide.dilation
    _, c, kh, kw = weight.shape
    if kh == kw == 1 and stride == (1, 1):
        n, f, oh, ow = output.shape
        matrix = weight.reshape(groups, f // groups, -1)
        cells = pad(slide.image, slide.frame, slide.buffers).reshape(n, groups, -1, oh * ow)
        np.matmul(matrix, cells, out=output.reshape(n, groups, f // groups, oh * ow))
    elif (dilation[0] == 1 or kh == 1) and c * kh * kw <= MOST_TERMS_BY_ROW:
        _by_row(slide, weight, output)
    else:
        _by_block(slide, weight, output)


def _by_row(slide: KernelSlide, weight: Array, output: Array) -> None:
    groups, stride, dilation, buffers = slide.groups, slide.stride, slide.dilation, slide.buffers
    f, c, kh, kw = weight.shape
    n, _, oh, ow = output.shape
    matrix = buffers.scratch("row_weight", (f, kh, c, kw), weight.dtype)
    matrix[...] = weight.transpose(0, 2, 1, 3)
    matrix = matrix.reshape(groups, 1, f // groups, kh * c * kw)
    by_group = output.reshape(n, groups, f // groups, oh, ow).swapaxes(2, 3)
    row_bytes = groups * c * kw * ow * stride[0] * slide.image.itemsize
    for padded, samples, rows in padded_blocks(
        slide.image, slide.frame, oh, row_bytes, SMALL_BLOCK_BYTES, buffers
    ):
        first, last = rows.start * stride[0], (rows.stop - 1) * stride[0] + kh
        part = columns(padded, kw, stride[1], dilation[1], ow)[..., first:last, :]
        part = part.reshape(-1, groups, c, kw, last - first, ow).transpose(0, 1, 4, 2, 3, 5)
        held = buffers.scratch("rows", part.shape, padded.dtype)
        held[...] = part
        stacked = _stack_rows(held, kh, stride[0], rows.stop - rows.start)
        np.matmul(matrix, stacked, out=by_group[samples, :, rows])


def _stack_rows(held: Array, kernel_height: int, stride: int, count: int) -> Array:
    """View rows (m, G, H, C, KW, OW) as `count` overlapping matrices (KH·C·KW, OW)."""
    m, groups, h, c, kw, ow = held.shape
    column = ow * held.itemsize
    row = c * kw * column
    shape = (m, groups, count, kernel_height * c * kw, ow)
    strides = (groups * h * row, h * row, stride * row, column, held.itemsize)
    return np.ndarray(shape, held.dtype, held, 0, strides)


def _by_block(slide: KernelSlide, weight: Array, output: Array) -> None:
    groups, stride, dilation, buffers = slide.groups, slide.stride, slide.dilation, slide.buffers
    f, c, kh, kw = weight.shape
    oh, ow = output.shape[2:]
    matrix = weight.reshape(groups, f // groups, c * kh * kw)
    row_bytes = groups * c * kh * kw * ow * slide.image.itemsize
    for padded, samples, rows in padded_blocks(
        slide.image, slide.frame, oh, row_bytes, BLOCK_BYTES, buffers
    ):
        part = windows(padded, (kh, kw), stride, dilation, (oh, ow))[..., rows, :]
        cells = unfold_windows(part, groups, buffers)
        values = buffers.scratch("values", (groups, f // groups, cells.shape[2]), output.dtype)
        np.matmul(matrix, cells, out=values)
        output[samples, :, rows] = values.reshape(f, -1, part.shape[4], ow).swapaxes(0, 1)


def gather(slide: KernelSlide, upstream: Array, gradient: Array) -> None:
    """Write Σ_nyx upstream[n,f,y,x] · X[n,c,y·s+i·d,…], X framed, to `gradient`[f,c,i,j].

    At vertical stride 1 the image is unfolded along x only, since kernel row i then meets one run
    of memory. Where that does not hold, or each sample's sums would outweigh its positions, it is
    unfolded along both axes and samples share a product. `cells @ upstream.T` is faster than the
    transpose of that product, so the sums come out as (…, F) and are turned at the end.
    """
    groups, stride = slide.groups, slide.stride
    f, c, kh, kw = gradient.shape
    if stride[0] == 1 and f // groups <= upstream.shape[2] * upstream.shape[3]:
        sums = _by_kernel_row(slide, upstream, gradient)
        ordered = sums.reshape(groups, kh, c, kw, f // groups).transpose(0, 4, 2, 1, 3)
    else:
        sums = _by_window(slide, upstream, gradient)
        ordered = sums.reshape(groups, c, kh, kw, f // groups).transpose(0, 4, 1, 2, 3)
    gradient.reshape(groups, f // groups, c, kh, kw)[...] = ordered


def _by_kernel_row(slide: KernelSlide, upstream: Array, gradient: Array) -> Array:
    groups, stride, dilation, buffers = slide.groups, slide.stride, slide.dilation, slide.buffers
    f, c, kh, kw = gradient.shape
    n, _, oh, ow = upstream.shape
    sources = upstream.reshape(n, groups, 1, f // groups, oh * ow)
    sums = buffers.scratch("sums", (groups, kh, c * kw, f // groups), slide.image.dtype)
    row_bytes = groups * c * kw * ow * slide.image.itemsize
    for padded, samples, rows in padded_blocks(
        slide.image, slide.frame, oh, row_bytes, SMALL_BLOCK_BYTES, buffers
    ):
        first, last = rows.start, rows.stop + (kh - 1) * dilation[0]
        part = columns(padded, kw, stride[1], dilation[1], ow)[..., first:last, :]
        held = buffers.scratch("columns", part.shape, padded.dtype)
        held[...] = part
        cells = _kernel_rows(held, groups, kh, dilation[0], rows.stop - rows.start)
        source = sources[samples, ..., rows.start * ow : rows.stop * ow].swapaxes(3, 4)
        _accumulate(sums, cells, source, samples.start == rows.start == 0, buffers)
    return sums


def _kernel_rows(held: Array, groups: int, kernel_height: int, dilation: int, rows: int) -> Array:
    """View columns (m, C, KW, H, OW) as the cells that each kernel row meets, per group."""
    m, c, kw, h, ow = held.shape
    item = held.itemsize
    column = h * ow * item
    shape = (m, groups, kernel_height, c // groups * kw, rows * ow)
    strides = (c * kw * column, c // groups * kw * column, dilation * ow * item, column, item)
    return np.ndarray(shape, held.dtype, held, 0, strides)


def _by_window(slide: KernelSlide, upstream: Array, gradient: Array) -> Array:
    groups, stride, dilation, buffers = slide.groups, slide.stride, slide.dilation, slide.buffers
    f, c, kh, kw = gradient.shape
    oh, ow = upstream.shape[2:]
    sums = buffers.scratch("sums", (groups, c * kh * kw, f // groups), slide.image.dtype)
    row_bytes = groups * c * kh * kw * ow * slide.image.itemsize
    for padded, samples, rows in padded_blocks(
        slide.image, slide.frame, oh, row_bytes, BLOCK_BYTES, buffers
    ):
        part = windows(padded, (kh, kw), stride, dilation, (oh, ow))[..., rows, :]
        cells = unfold_windows(part, groups, buffers)
        joined = upstream[samples, :, rows].swapaxes(0, 1)
        source = buffers.scratch("source", joined.shape, joined.dtype)
        source[...] = joined
        source = source.reshape(groups, f // groups, -1).swapaxes(1, 2)
        _accumulate(sums, cells[None], source[None], samples.start == rows.start == 0, buffers)
    return sums


def _accumulate(sums: Array, cells: Array, source: Array, first: bool, buffers: Fresh) -> None:
    """Add the products, one or one a sample, to the sums, or start the sums with them."""
    if first and len(cells) == 1:
        np.matmul(cells[0], source[0], out=sums)
        return
    products = buffers.scratch("products", (len(cells), *sums.shape), sums.dtype)
    np.matmul(cells, source, out=products)
    if first:
        np.add.reduce(products, axis=0, out=sums)
    else:
        for product in products:
            np.add(sums, product, out=sums)


def scatter(
    upstream: Array, weight: Array, groups: int, window: Window, gradient: Array, buffers: Fresh
) -> None:
    """Write Σ_fij upstream[n,f,y,x] · weight[f,c,i,j] to `gradient` at (y·s+i·d−p, …).

    One product gives the share of each kernel position; the shares are added, shifted, into a
    padded sum whose interior is the gradient.
    """
    f, c, kh, kw = weight.shape
    n, _, oh, ow = upstream.shape
    h, w = gradient.shape[2:]
    (top, bottom), (left, right) = window.padding
    (eh, ew), (sy, sx) = window.extent, window.stride
    height = max(h + top + bottom, (oh - 1) * sy + eh)
    width = max(w + left + right, (ow - 1) * sx + ew)
    total = buffers.scratch("total", (n, groups * c, height, width), gradient.dtype)
    total.fill(0)
    matrix = weight.reshape(groups, f // groups, c * kh * kw).swapaxes(1, 2)
    sources = upstream.reshape(n, groups, f // groups, oh * ow)
    whole = PaddedFrame((0, 0), (oh, ow))
    row_bytes = groups * c * kh * kw * ow * gradient.itemsize
    for _, samples, rows in padded_blocks(upstream, whole, oh, row_bytes, BLOCK_BYTES, buffers):
        source = sources[samples, ..., rows.start * ow : rows.stop * ow]
        shape = (source.shape[0], groups, c * kh * kw, source.shape[3])
        shares = buffers.scratch("shares", shape, gradient.dtype)
        np.matmul(matrix, source, out=shares)
        by_tap = shares.reshape(shape[0], groups * c, kh, kw, -1, ow)
        _add_shifted(total[samples], by_tap, rows.start, window)
    gradient[...] = total[:, :, top : top + h, left : left + w]


def _add_shifted(total: Array, shares: Array, first_row: int, window: Window) -> None:
    (sy, sx), (dy, dx) = window.stride, window.dilation
    kh, kw, rows, columns = shares.shape[2:]
    for i in range(kh):
        top = first_row * sy + i * dy
        for j in range(kw):
            target = total[
                :, :, top : top + (rows - 1) * sy + 1 : sy,
                j * dx : j * dx + (columns - 1) * sx + 1 : sx,
            ]  # fmt: skip
            np.add(target, shares[:, :, i, j], out=target)


def cross_correlate(
    image: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int = 1,
    workspace: Workspace | None = None,
) -> Array:
    """Y[n,f,y,x] = b[f] + Σ_cij X[n,c,y·s+i·d−p,…] · W[f,c,i,j]."""
    buffers = workspace or FRESH
    output_size = window.output_size(*image.shape[2:])
    frame = _frame(image.shape, window, output_size)
    shape = (image.shape[0], weight.shape[0], *output_size)
    output = buffers.result("output", shape, image.dtype)
    slide = KernelSlide(image, frame, groups, window.stride, window.dilation, buffers)
    correlate(slide, weight, output)
    if bias is not None:
        np.add(output, bias[:, None, None], out=output)
    return output


def weight_gradient(
    image: Array,
    upstream: Array,
    window: Window,
    groups: int,
    weight_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂W[f,c,i,j] = Σ_nyx upstream[n,f,y,x] · X[n,c,y·s+i·d−p,…], the image unflipped."""
    buffers = workspace or FRESH
    output_size = (upstream.shape[2], upstream.shape[3])
    frame = _frame(image.shape, window, output_size)
    gradient = buffers.result("weight_gradient", weight_shape, image.dtype)
    slide = KernelSlide(image, frame, groups, window.stride, window.dilation, buffers)
    gather(slide, np.ascontiguousarray(upstream), gradient)
    return gradient


def input_gradient(
    upstream: Array,
    weight: Array,
    window: Window,
    groups: int,
    input_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂X[n,c,u,v] = Σ_fij upstream[n,f,y,x] · W[f,c,i,j] where y·s+i·d−p = u, and so for v."""
    if window.stride == (1, 1):
        return convolve_full(upstream, weight, window, groups, input_shape, workspace)
    buffers = workspace or FRESH
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    scatter(np.ascontiguousarray(upstream), weight, groups, window, gradient, buffers)
    return gradient


def convolve_full(
    upstream: Array,
    weight: Array,
    window: Window,
    groups: int,
    input_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂X at stride 1: the upstream gradient in a wide frame meets the kernel turned by 180°.

    Filters and channels change places: each input channel sums over the filters of its group.
    """
    buffers = workspace or FRESH
    (top, _), (left, _) = window.padding
    eh, ew = window.extent
    f, c, kh, kw = weight.shape
    size = (input_shape[2] + eh - 1, input_shape[3] + ew - 1)
    frame = PaddedFrame((eh - 1 - top, ew - 1 - left), size)
    turned = weight.reshape(groups, f // groups, c, kh, kw)[:, :, :, ::-1, ::-1].swapaxes(1, 2)
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    turned = turned.reshape(groups * c, f // groups, kh, kw)
    slide = KernelSlide(upstream, frame, groups, (1, 1), window.dilation, buffers)
    correlate(slide, turned, gradient)
    return gradient


def bias_gradient(upstream: Array, workspace: Workspace | None = None) -> Array:
    """∂b[f] = Σ_nyx upstream[n,f,y,x]."""
    n, f, oh, ow = upstream.shape
    buffers = workspace or FRESH
    per_sample = buffers.scratch("bias_gradient", (n, f), upstream.dtype)
    np.add.reduce(upstream.reshape(n, f, oh * ow), axis=2, out=per_sample)
    gradient = buffers.result("bias_gradient", (f,), upstream.dtype)
    np.add.reduce(per_sample, axis=0, out=gradient)
    return gradient


def _frame(shape: tuple[int, ...], window: Window, output: Pair) -> PaddedFrame:
    (top, bottom), (left, right) = window.padding
    (eh, ew), (sy, sx) = window.extent, window.stride
    height = max(shape[2] + top + bottom, (output[0] - 1) * sy + eh)
    width = max(shape[3] + left + right, (output[1] - 1) * sx + ew)
    return PaddedFrame((top, left), (height, width))
