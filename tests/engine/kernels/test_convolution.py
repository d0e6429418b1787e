"""The fast convolution passes against SciPy, against PyTorch, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from backpropviz.engine.kernels import convolution, reference
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import Workspace
from tests.engine.kernels.cases import LARGE, Array, ConvolutionCase, convolutions


def passes(case: ConvolutionCase, workspace: Workspace | None = None) -> list[Array]:
    return [
        convolution.cross_correlate(
            case.image, case.weight, case.bias, case.window, case.groups, workspace
        ),
        convolution.weight_gradient(
            case.image, case.upstream, case.window, case.groups, case.weight.shape, workspace
        ),
        convolution.input_gradient(
            case.upstream, case.weight, case.window, case.groups, case.image.shape, workspace
        ),
        convolution.bias_gradient(case.upstream, workspace),
    ]


def reference_passes(case: ConvolutionCase) -> list[Array]:
    return [
        reference.cross_correlate(case.image, case.weight, case.bias, case.window, case.groups),
        reference.weight_gradient(
            case.image, case.upstream, case.window, case.groups, case.weight.shape
        ),
        reference.input_gradient(
            case.upstream, case.weight, case.window, case.groups, case.image.shape
        ),
        case.upstream.sum(axis=(0, 2, 3)),
    ]


def assert_close(found: list[Array], expected: list[Array], relative: float) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        bound = relative * max(1e-30, float(np.abs(theirs).max()))
        assert float(np.abs(ours - theirs).max()) <= bound


@given(convolutions())
def test_equals_the_reference_in_both_float_widths(case: ConvolutionCase) -> None:
    expected = reference_passes(case)
    assert_close(passes(case), expected, 1e-12)
    single = passes(case.astype(np.float32))
    assert {array.dtype for array in single} == {np.dtype(np.float32)}
    for ours, theirs in zip(single, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@given(convolutions())
def test_each_gradient_is_the_transpose_of_the_forward_pass(case: ConvolutionCase) -> None:
    rng = np.random.default_rng(0)
    v, m = rng.standard_normal(case.image.shape), rng.standard_normal(case.weight.shape)
    _, weight_gradient, input_gradient, _ = passes(case)
    for direction, gradient, moved in (
        (v, input_gradient, (v, case.weight)),
        (m, weight_gradient, (case.image, m)),
    ):
        image, weight = moved
        change = convolution.cross_correlate(image, weight, None, case.window, case.groups)
        forward = np.vdot(case.upstream, change)
        scale = np.linalg.norm(case.upstream) * np.linalg.norm(change) + 1
        assert abs(np.vdot(direction, gradient) - forward) <= 1e-12 * scale


@given(convolutions())
def test_equals_pytorch(case: ConvolutionCase) -> None:
    assert_close(passes(case), torch_passes(case), 1e-10)


@pytest.mark.parametrize("case", LARGE, ids=lambda case: str(case.image.shape))
def test_equals_pytorch_at_the_sizes_where_the_algorithm_changes(case: ConvolutionCase) -> None:
    assert_close(passes(case), torch_passes(case), 1e-10)


@pytest.mark.parametrize("case", LARGE, ids=lambda case: str(case.image.shape))
def test_a_workspace_changes_no_bit(case: ConvolutionCase) -> None:
    case = case.astype(np.float32)
    workspace = Workspace()
    expected = passes(case)
    for _ in range(2):
        for ours, theirs in zip(passes(case, workspace), expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()


@given(convolutions(), convolutions())
def test_a_workspace_shared_by_two_layers_changes_no_bit(
    one: ConvolutionCase, two: ConvolutionCase
) -> None:
    workspace = Workspace()
    expected = {"one": passes(one), "two": passes(two)}
    for _ in range(2):
        for name, case in (("one", one), ("two", two)):
            for ours, theirs in zip(
                passes(case, workspace.scope(name)), expected[name], strict=True
            ):
                assert ours.tobytes() == theirs.tobytes()


def test_the_forward_pass_does_not_turn_the_kernel() -> None:
    image = np.array([[[[0.0, 2, 1], [3, 4, 1], [2, 1, 0]]]])
    weight = np.array([[[[2.0, 1], [-1, 1]]]])
    window = Window((2, 2))
    output = convolution.cross_correlate(image, weight, np.array([-1.0]), window)
    np.testing.assert_array_equal(output[0, 0], [[2, 1], [8, 7]])


def test_only_the_input_gradient_turns_the_kernel() -> None:
    image = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    weight = np.array([[[[1.0, 2], [3, 4]]]])
    upstream = np.array([[[[1.0, 0], [0, 10]]]])
    window = Window((2, 2))
    gradient = convolution.weight_gradient(image, upstream, window, 1, weight.shape)
    np.testing.assert_array_equal(gradient[0, 0], [[51, 62], [84, 95]])
    gradient = convolution.input_gradient(upstream, weight, window, 1, image.shape)
    np.testing.assert_array_equal(gradient[0, 0], [[1, 2, 0], [3, 14, 20], [0, 30, 40]])


def test_cells_the_stride_never_reaches_get_zero() -> None:
    weight = np.ones((1, 1, 2, 2))
    gradient = convolution.input_gradient(
        np.ones((1, 1, 2, 2)), weight, Window((2, 2), (2, 2)), 1, (1, 1, 5, 5)
    )
    assert not gradient[0, 0, 4].any()
    assert not gradient[0, 0, :, 4].any()
    assert gradient[0, 0, :4, :4].all()


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (1, 2)])
def test_a_value_that_is_not_finite_stays_where_it_belongs(stride: tuple[int, int]) -> None:
    image = np.ones((1, 1, 5, 6))
    image[0, 0, 0, 0] = np.inf
    window = Window((2, 2), stride)
    weight = np.ones((1, 1, 2, 2))
    output = convolution.cross_correlate(image, weight, None, window)
    assert np.argwhere(~np.isfinite(output)).tolist() == [[0, 0, 0, 0]]
    gradient = convolution.weight_gradient(image, np.ones_like(output), window, 1, weight.shape)
    assert np.argwhere(~np.isfinite(gradient)).tolist() == [[0, 0, 0, 0]]


def test_views_that_are_not_contiguous_are_accepted() -> None:
    rng = np.random.default_rng(0)
    image, weight = rng.standard_normal((2, 9, 8, 4)), rng.standard_normal((3, 3, 5, 4))
    upstream = rng.standard_normal((2, 5, 6, 7))
    views = ConvolutionCase(
        image.transpose(0, 3, 1, 2),
        weight.transpose(2, 3, 0, 1),
        np.zeros(10)[::2],
        np.broadcast_to(upstream.swapaxes(2, 3)[:, :, :, :1], (2, 5, 7, 6)),
        Window((3, 3)),
        1,
    )
    solid = views.map(np.ascontiguousarray)
    assert_close(passes(views), passes(solid), 1e-13)


def torch_passes(case: ConvolutionCase) -> list[Array]:
    torch = pytest.importorskip("torch")
    (top, bottom), (left, right) = case.window.padding
    image, weight, bias = (
        torch.tensor(array, requires_grad=True) for array in (case.image, case.weight, case.bias)
    )
    output = torch.nn.functional.conv2d(
        torch.nn.functional.pad(image, (left, right, top, bottom)),
        weight,
        bias,
        case.window.stride,
        dilation=case.window.dilation,
        groups=case.groups,
    )
    output.backward(torch.tensor(case.upstream))
    return [output.detach().numpy(), *(a.grad.numpy() for a in (weight, image, bias))]
