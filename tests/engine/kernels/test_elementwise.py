"""Activation functions: values, gradients, and the places where they are delicate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from backpropviz.engine.kernels import elementwise
from tests.engine.kernels.cases import Array, draw_array

VALUES = np.array([-np.inf, -800, -3, -1e-3, -0.0, 0, 1e-3, 3, 800, np.inf])


def by_difference(function: Callable[[Array], Array], values: Array) -> Array:
    return np.asarray((function(values + 1e-6) - function(values - 1e-6)) / 2e-6)


def leaky(values: Array) -> Array:
    return elementwise.leaky_relu(values, 0.1)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (elementwise.relu, lambda x, g: elementwise.relu_gradient(g, x)),
        (leaky, lambda x, g: elementwise.leaky_relu_gradient(g, x, 0.1)),
        (elementwise.sigmoid, lambda x, g: elementwise.sigmoid_gradient(g, elementwise.sigmoid(x))),
        (elementwise.tanh, lambda x, g: elementwise.tanh_gradient(g, elementwise.tanh(x))),
    ],
    ids=["relu", "leaky_relu", "sigmoid", "tanh"],
)
def test_gradients_equal_differences(
    function: Callable[[Array], Array], slope: Callable[[Array, Array], Array]
) -> None:
    values, upstream = draw_array(1, (3, 5, 4, 2)), draw_array(2, (3, 5, 4, 2))
    expected = upstream * by_difference(function, values)
    np.testing.assert_allclose(slope(values, upstream), expected, atol=1e-8)
    single = slope(values.astype(np.float32), upstream.astype(np.float32))
    assert single.dtype == function(values.astype(np.float32)).dtype == np.float32


def test_the_slope_of_relu_at_zero_is_zero() -> None:
    values = np.array([-1.0, -0.0, 0.0, 1e-300, 2.0])
    gradient = elementwise.relu_gradient(np.full(5, -3.0), values)
    np.testing.assert_array_equal(gradient, [0, 0, 0, -3, -3])
    assert not np.signbit(gradient[:3]).any()


def test_relu_gradient_stops_values_that_are_not_finite() -> None:
    upstream = np.array([np.inf, -np.inf, np.nan, np.nan])
    gradient = elementwise.relu_gradient(upstream, np.array([-1.0, 0.0, -2.0, 5.0]))
    np.testing.assert_array_equal(gradient, [0, 0, 0, np.nan])


@pytest.mark.parametrize("at_zero", [0.5, 1.0])
def test_rectifier_gradient_differs_at_zero_only(at_zero: float) -> None:
    upstream, values = np.array([3.0, -2.0, 7.0, np.inf]), np.array([-1.0, 0.0, 2.0, -0.0])
    expected = [0, -2 * at_zero, 7, np.inf]
    found = elementwise.rectifier_gradient(upstream, values, at_zero)
    np.testing.assert_array_equal(found, expected)
    again = elementwise.rectifier_gradient(upstream, values, at_zero, out=upstream)
    assert again is upstream
    np.testing.assert_array_equal(again, expected)


def test_relu_gradient_by_blocks_in_place_and_by_views() -> None:
    values = draw_array(3, (3, 50_000)).astype(np.float32)
    upstream = draw_array(4, (3, 50_000)).astype(np.float32)
    expected = upstream * (values > 0)
    np.testing.assert_array_equal(elementwise.relu_gradient(upstream, values), expected)
    turned = elementwise.relu_gradient(upstream.T, values.T)
    np.testing.assert_array_equal(turned, expected.T)
    assert elementwise.relu_gradient(upstream, values, out=upstream) is upstream
    np.testing.assert_array_equal(upstream, expected)


def test_sigmoid_neither_overflows_nor_loses_small_results() -> None:
    output = elementwise.sigmoid(VALUES)
    np.testing.assert_array_equal(output[[0, 1, -2, -1]], [0, 0, 1, 1])
    assert elementwise.sigmoid(np.array([-700.0]))[0] == pytest.approx(np.exp(-700.0), rel=1e-12)
    np.testing.assert_allclose(output + output[::-1], 1, atol=1e-15)


def test_nan_goes_through_every_function() -> None:
    values = np.array([np.nan, 1.0])
    for function in (elementwise.relu, leaky, elementwise.sigmoid, elementwise.tanh):
        np.testing.assert_array_equal(np.isnan(function(values)), [True, False])


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_equals_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    values = np.concatenate([VALUES, draw_array(5, (40,))])
    upstream = draw_array(6, values.shape)
    source = torch.tensor(values, requires_grad=True)
    expected = getattr(torch.nn.functional, name)(source)
    expected.backward(torch.tensor(upstream))
    extra = (0.01,) if name == "leaky_relu" else ()
    output = getattr(elementwise, name)(values, *extra)
    kept = values if "relu" in name else output
    gradient = getattr(elementwise, f"{name}_gradient")(upstream, kept, *extra)
    np.testing.assert_allclose(output, expected.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(gradient, source.grad.numpy(), rtol=1e-12, atol=1e-15)
