"""Softmax step by step."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.kernels import elementwise as softmax
from tests.engine.kernels.cases import draw_array


def test_the_steps_give_the_whole() -> None:
    logits = draw_array(0, (4, 7)) * 5
    largest = softmax.maximum(logits)
    powers = softmax.exponentials(logits, largest)
    total = softmax.normalizer(powers)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax.probabilities(powers, total), expected, rtol=1e-13)
    np.testing.assert_array_equal(softmax.softmax(logits), softmax.probabilities(powers, total))


@pytest.mark.parametrize("shift", [-1e4, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(shift: float, dtype: type[np.floating]) -> None:
    logits = np.array([[0, 1, 2]], dtype)
    moved = softmax.softmax(logits + dtype(shift))
    assert moved.dtype == dtype
    np.testing.assert_allclose(moved, softmax.softmax(logits), rtol=1e-6)


def test_a_logit_of_minus_infinity_has_probability_zero() -> None:
    np.testing.assert_array_equal(softmax.softmax(np.array([[-np.inf, 0.0, 0.0]])), [[0, 0.5, 0.5]])


def test_gradient_is_the_transposed_jacobian() -> None:
    logits, upstream = draw_array(1, (1, 5)), draw_array(2, (1, 5))
    p = softmax.softmax(logits)
    jacobian = np.diag(p[0]) - np.outer(p[0], p[0])
    found = softmax.gradient(upstream, p, softmax.dot(upstream, p))
    np.testing.assert_allclose(found[0], jacobian.T @ upstream[0], atol=1e-15)
