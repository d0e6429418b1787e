"""Pooling against its definition in plain loops, against PyTorch, and at its known pitfalls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.kernels import pooling
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.errors import UserError
from tests.engine.kernels.cases import Array, frozen, padded, sizes, windows

HALVES = Window((2, 2), (2, 2))


@st.composite
def poolings(draw: st.DrawFn) -> tuple[Array, Window]:
    """Draw a geometry whose windows all cover some input, and small integers that often tie."""
    window = draw(windows(most_padding=2, ceil_mode=True))
    if draw(st.booleans()):
        kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        window = Window(kernel, (kernel[0], kernel[1] + draw(st.integers(0, 1))))
    height, width = draw(sizes(window))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 3)), height, width)
    return frozen(rng.integers(-4, 5, shape).astype(np.float64)), window


def cells(image: Array, window: Window, y: int, x: int) -> Iterator[tuple[int, int]]:
    """Go through the cells of window (y, x) that lie inside the input."""
    (kh, kw), (sy, sx), (dy, dx) = window.kernel, window.stride, window.dilation
    for i in range(kh):
        for j in range(kw):
            u = y * sy + i * dy - window.padding[0][0]
            v = x * sx + j * dx - window.padding[1][0]
            if 0 <= u < image.shape[2] and 0 <= v < image.shape[3]:
                yield u, v


def loops(image: Array, window: Window) -> tuple[Array, Array, Array] | None:
    """Return winners, switches and ties by the definition, or nothing if a window is empty."""
    n, c, _, w = image.shape
    oh, ow = window.output_size(*image.shape[2:])
    output, switches = np.zeros((n, c, oh, ow)), np.zeros((n, c, oh, ow), np.int64)
    tied = np.zeros((n, c, oh, ow), bool)
    for a, b, y, x in np.ndindex(n, c, oh, ow):
        inside = list(cells(image, window, y, x))
        if not inside:
            return None
        values = [image[a, b, u, v] for u, v in inside]
        u, v = inside[int(np.argmax(values))]
        output[a, b, y, x], switches[a, b, y, x] = max(values), u * w + v
        tied[a, b, y, x] = values.count(max(values)) > 1
    return output, switches, tied


@given(poolings())
def test_max_pool_equals_its_definition(case: tuple[Array, Window]) -> None:
    image, window = case
    expected = loops(image, window)
    if expected is None:
        with pytest.raises(UserError, match="use less padding"):
            pooling.max_pool(image, window)
        return
    output, switches = pooling.max_pool(image, window)
    np.testing.assert_array_equal(output, expected[0])
    np.testing.assert_array_equal(switches, expected[1])
    np.testing.assert_array_equal(pooling.ties(image, output, window), expected[2])
    upstream = np.random.default_rng(0).standard_normal(output.shape)
    gradient = pooling.max_pool_gradient(upstream, switches, image.shape)
    summed = np.zeros(image.shape)
    for a, b, y, x in np.ndindex(*output.shape):
        summed[a, b].flat[expected[1][a, b, y, x]] += upstream[a, b, y, x]
    np.testing.assert_allclose(gradient, summed, atol=1e-14)


@given(poolings(), st.booleans())
def test_average_pool_equals_its_definition(case: tuple[Array, Window], with_pad: bool) -> None:
    image, window = case
    if loops(image, window) is None:
        return
    (oh, ow), (_, _, h, w) = window.output_size(*image.shape[2:]), image.shape
    counts = pooling.window_counts(h, w, window, with_pad)
    output = pooling.average_pool(image, window, with_pad)
    upstream = np.random.default_rng(0).standard_normal(output.shape)
    gradient = pooling.average_pool_gradient(upstream, image.shape, window, with_pad)
    summed = np.zeros(image.shape)
    for y, x in np.ndindex(oh, ow):
        inside = list(cells(image, window, y, x))
        if not with_pad:
            assert counts[y, x] == len(inside)
        total = sum(image[:, :, u, v] for u, v in inside)
        np.testing.assert_allclose(output[:, :, y, x], total / counts[y, x], atol=1e-13)
        for u, v in inside:
            summed[:, :, u, v] += upstream[:, :, y, x] / counts[y, x]
    np.testing.assert_allclose(gradient, summed, atol=1e-13)
    forward = np.vdot(upstream, output)
    assert abs(np.vdot(gradient, image) - forward) <= 1e-11 * (1 + abs(forward))


TORCH_CASES = [
    (kernel, stride, padding, dilation, ceil_mode, size)
    for kernel, stride, padding, dilation in (
        ((2, 2), (2, 2), 0, (1, 1)),
        ((3, 3), (2, 2), 1, (1, 1)),
        ((3, 2), (1, 2), 1, (2, 1)),
        ((3, 3), (3, 1), 1, (1, 3)),
        ((2, 2), (3, 3), 1, (1, 1)),
    )
    for ceil_mode in (False, True)
    for size in ((7, 8), (8, 9), (10, 10))
]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "ceil_mode", "size"), TORCH_CASES
)
def test_equals_pytorch(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    dilation: tuple[int, int],
    ceil_mode: bool,
    size: tuple[int, int],
) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).integers(-3, 4, (2, 3, *size)).astype(np.float64)
    image = torch.tensor(values, requires_grad=True)
    window = Window(kernel, stride, padded(padding), dilation, ceil_mode)
    expected, indices = torch.nn.functional.max_pool2d(
        image, kernel, stride, padding, dilation, ceil_mode, return_indices=True
    )
    output, switches = pooling.max_pool(values, window)
    np.testing.assert_array_equal(output, expected.detach().numpy())
    np.testing.assert_array_equal(switches, indices.numpy())
    (gradient,) = torch.autograd.grad(expected.square().sum(), image)
    found = pooling.max_pool_gradient(2 * output, switches, values.shape)
    np.testing.assert_allclose(found, gradient.numpy(), atol=1e-12)
    if dilation != (1, 1):
        return
    for with_pad in (False, True):
        expected = torch.nn.functional.avg_pool2d(
            image, kernel, stride, padding, ceil_mode, count_include_pad=with_pad
        )
        output = pooling.average_pool(values, window, with_pad)
        np.testing.assert_allclose(output, expected.detach().numpy(), atol=1e-13)
        (gradient,) = torch.autograd.grad(expected.square().sum(), image)
        found = pooling.average_pool_gradient(2 * output, values.shape, window, with_pad)
        np.testing.assert_allclose(found, gradient.numpy(), atol=1e-13)


def test_overlapping_windows_add_to_the_cell_that_wins_both() -> None:
    image = np.array([[[[3.0, 4, 2], [1, 5, 0], [8, 6, 4]]]])
    output, switches = pooling.max_pool(image, Window((2, 2)))
    np.testing.assert_array_equal(output[0, 0], [[5, 5], [8, 6]])
    np.testing.assert_array_equal(switches[0, 0], [[4, 4], [6, 7]])
    upstream = np.array([[[[1.0, 10], [100, 1000]]]])
    gradient = pooling.max_pool_gradient(upstream, switches, image.shape)
    np.testing.assert_array_equal(gradient[0, 0], [[0, 0, 0], [0, 11, 0], [100, 1000, 0]])


@pytest.mark.parametrize("window", [HALVES, Window((2, 2), (2, 2), ceil_mode=True)])
def test_of_equal_values_the_first_in_row_major_order_wins(window: Window) -> None:
    image = np.array([[[[1.0, 2, 0, 0], [2, 2, 0, 0]]]])
    output, switches = pooling.max_pool(image, window)
    np.testing.assert_array_equal(switches[0, 0], [[1, 2]])
    assert pooling.ties(image, output, window).all()
    assert not pooling.ties(np.arange(4.0).reshape(1, 1, 2, 2), np.array([[[[3.0]]]]), window).any()


@pytest.mark.parametrize("window", [HALVES, Window((2, 2)), Window((2, 2), padding=padded(1))])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_nan_wins_over_every_number(window: Window, place: int) -> None:
    image = np.full((1, 1, 2, 2), np.inf)
    image.flat[place] = np.nan
    output, switches = pooling.max_pool(image, window)
    middle = tuple(size // 2 for size in output.shape[2:])
    assert np.isnan(output[0, 0][middle])
    assert switches[0, 0][middle] == place


@pytest.mark.parametrize("window", [HALVES, Window((3, 3), padding=padded(1))])
def test_padding_never_wins_over_minus_infinity(window: Window) -> None:
    image = np.full((1, 2, 4, 4), -np.inf, np.float32)
    output, switches = pooling.max_pool(image, window)
    assert np.isneginf(output).all()
    assert switches[0, 0, 0, 0] == 0
    assert ((switches >= 0) & (switches < 16)).all()


@pytest.mark.parametrize(
    ("window", "size", "with_pad", "expected"),
    [
        (Window((2, 2), (2, 2)), (5, 4), True, [[4, 4], [4, 4]]),
        (Window((2, 2), (2, 2), ceil_mode=True), (5, 4), True, [[4, 4], [4, 4], [2, 2]]),
        (Window((3, 3), (2, 2), padded(1)), (3, 3), True, [[9, 9], [9, 9]]),
        (Window((3, 3), (2, 2), padded(1)), (3, 3), False, [[4, 4], [4, 4]]),
        (Window((3, 3), (3, 3), padded(1), ceil_mode=True), (4, 3), True, [[9, 6], [9, 6]]),
        (Window((3, 3), (3, 3), padded(1), ceil_mode=True), (4, 3), False, [[4, 2], [4, 2]]),
    ],
)
def test_the_divisor_of_each_window(
    window: Window, size: tuple[int, int], with_pad: bool, expected: list[list[int]]
) -> None:
    np.testing.assert_array_equal(pooling.window_counts(*size, window, with_pad), expected)


def test_a_window_over_everything_is_the_mean() -> None:
    image = np.random.default_rng(0).standard_normal((2, 3, 17, 13))
    output = pooling.average_pool(image, Window((17, 13)))
    np.testing.assert_allclose(output[:, :, 0, 0], image.mean(axis=(2, 3)), atol=1e-15)
    gradient = pooling.average_pool_gradient(output, image.shape, Window((17, 13)))
    np.testing.assert_array_equal(gradient, np.broadcast_to(output / (17 * 13), image.shape))


def test_a_mean_over_padding_alone_is_zero_and_passes_nothing_back() -> None:
    window = Window((2, 2), (9, 9), padded(2))
    assert pooling.average_pool(np.ones((1, 1, 3, 3)), window).item() == 0
    gradient = pooling.average_pool_gradient(np.ones((1, 1, 1, 1)), (1, 1, 3, 3), window)
    assert not gradient.any()
    with pytest.raises(UserError, match="a window of 2 rows covers no cell"):
        pooling.average_pool(np.ones((1, 1, 3, 3)), window, count_include_pad=False)


@given(poolings())
def test_a_workspace_changes_no_bit_and_the_float_width_stays(case: tuple[Array, Window]) -> None:
    image, window = case[0].astype(np.float32), case[1]
    if loops(image, window) is None:
        return
    workspace = Workspace()
    for space in (None, workspace, workspace):
        output, switches = pooling.max_pool(image, window, space)
        found = [
            output,
            switches,
            pooling.max_pool_gradient(output / 3, switches, image.shape, space),
            pooling.average_pool(image, window, True, space and space.scope("mean")),
            pooling.average_pool_gradient(
                output / 3, image.shape, window, True, space and space.scope("mean")
            ),
        ]
        assert [a.dtype.name for a in found] == ["float32", "int64", *3 * ["float32"]]
        kept = [array.tobytes() for array in found]
        if space is None:
            expected = kept
        assert kept == expected


def test_large_batches_are_cut_without_a_seam() -> None:
    image = np.random.default_rng(0).standard_normal((9, 8, 64, 62)).astype(np.float32)
    blocks = image.reshape(9, 8, 32, 2, 31, 2).swapaxes(3, 4).reshape(9, 8, 32, 31, 4)
    output, switches = pooling.max_pool(image, HALVES)
    np.testing.assert_array_equal(output, blocks.max(axis=-1))
    found = np.take_along_axis(image.reshape(9, 8, -1), switches.reshape(9, 8, -1), axis=2)
    np.testing.assert_array_equal(found.reshape(output.shape), output)
