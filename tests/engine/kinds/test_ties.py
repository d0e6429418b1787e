"""Tied windows of a max-pooling under each rule, by hand, by conservation and against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Site
from backpropviz.engine.operands import TieRule
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from tests.engine.layer_cases import Case, poolings, site_of, whole

ONE_WINDOW = [[3, 3], [1, 3]]
OVERLAPPING = [[1, 5, 5], [0, 5, 2]]


def gradient(layer: MaxPool2d, image: Any, upstream: Any) -> Array:
    batch: Array = np.array([[image]], dtype=np.float64)
    _, residuals = layer.forward((batch,), {})
    (found,), _ = layer.vjp(np.array([[upstream]], dtype=np.float64), residuals, {})
    return found.reshape(found.shape[2:])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", [[6, 0], [0, 0]]),
        ("all", [[6, 6], [0, 6]]),
        ("shared", [[2, 2], [0, 2]]),
    ],
)
def test_one_window_of_three_winners(rule: TieRule, expected: list[list[float]]) -> None:
    assert gradient(MaxPool2d(2, ties=rule), ONE_WINDOW, [[6]]).tolist() == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # The left window ties twice, the right one three times; upstream 6 and 12.
        ("first", [[0, 6 + 12, 0], [0, 0, 0]]),
        ("all", [[0, 6 + 12, 12], [0, 6 + 12, 0]]),
        ("shared", [[0, 3 + 4, 4], [0, 3 + 4, 0]]),
    ],
)
def test_overlapping_windows_that_tie(rule: TieRule, expected: list[list[float]]) -> None:
    assert gradient(MaxPool2d(2, 1, ties=rule), OVERLAPPING, [[6, 12]]).tolist() == expected


def test_padding_never_ties_with_a_zero() -> None:
    layer = MaxPool2d(2, 1, 1, ties="all")
    _, residuals = layer.forward((np.zeros((1, 1, 1, 1)),), {})
    assert residuals["tied"].tolist() == [[[[1, 1], [1, 1]]]]
    assert gradient(layer, [[0]], [[1, 2], [3, 4]]).tolist() == [[10]]


def test_nan_wins_its_window_and_ties_with_nan() -> None:
    image = [[np.nan, 1], [np.nan, 2]]
    assert gradient(MaxPool2d(2, ties="first"), image, [[4]]).tolist() == [[4, 0], [0, 0]]
    assert gradient(MaxPool2d(2, ties="all"), image, [[4]]).tolist() == [[4, 0], [4, 0]]
    assert gradient(MaxPool2d(2, ties="shared"), image, [[4]]).tolist() == [[2, 0], [2, 0]]


def test_losers_take_nothing_of_an_infinite_upstream() -> None:
    found = gradient(MaxPool2d(2, ties="shared"), ONE_WINDOW, [[np.inf]])
    assert found.tolist() == [[np.inf, np.inf], [0, np.inf]]


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        ("first", [("won", 18)]),
        ("all", [("tied", 18)]),
        ("shared", [("tied · 1/2", 3), ("tied · 1/3", 4)]),
    ],
)
def test_the_terms_say_who_tied(rule: TieRule, labels: list[tuple[str, float]]) -> None:
    layer = MaxPool2d(2, 1, ties=rule)
    image: Array = np.array([[OVERLAPPING]], dtype=np.float64)
    output, residuals = layer.forward((image,), {})
    upstream = np.array([[[[6.0, 12.0]]]])
    (downstream,), _ = layer.vjp(upstream, residuals, {})
    site = Site("pool1", (image.shape,), output.shape, {})
    values = {site.quantity(name): array for name, array in residuals.items()} | {
        site.output: output,
        site.output.grad: upstream,
        site.input().grad: downstream,
    }
    (nest,) = layer.nests(site).backward
    found = derive(values, nest, nest.target.at((0, 0, 0, 1)))
    told: dict[str, float] = {}
    for term in found.terms:
        label = " · ".join(operand.label for operand in term.operands[1:])
        told[label] = told.get(label, 0) + term.value
    assert sorted(told.items()) == labels
    assert found.residue == 0
    lost = derive(values, nest, nest.target.at((0, 0, 1, 2)))
    assert [term.operands[1].label for term in lost.terms] == ["lost"]
    alone = derive(values, nest, nest.target.at((0, 0, 0, 2)))
    assert alone.value == {"first": 0, "all": 12, "shared": 4}[rule]


def test_a_window_without_a_tie_is_won_under_every_rule() -> None:
    rules: tuple[TieRule, ...] = ("first", "all", "shared")
    found = [gradient(MaxPool2d(2, ties=r), [[1, 2], [4, 3]], [[5]]).tolist() for r in rules]
    assert found == [[[0, 0], [5, 0]]] * 3


@given(case=poolings(), seed=st.integers(0, 2**16))
def test_first_and_shared_hand_on_what_arrives_and_all_repeats_it(case: Any, seed: int) -> None:
    layer, shapes = case
    if not isinstance(layer, MaxPool2d):
        return
    try:
        site = site_of(Case(layer, shapes, 1, 0))
    except UserError:
        return
    random = np.random.default_rng(seed)
    image, upstream = whole(random, site.inputs[0]), whole(random, site.output_shape)
    _, residuals = layer.forward((image,), {})
    (found,), _ = layer.vjp(upstream, residuals, {})
    weights = residuals["tied"] if layer.ties == "all" else 1
    assert found.sum() == pytest.approx((upstream * weights).sum(), abs=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (2, 1), (3, 2), (3, 1)])
def test_shared_is_the_gradient_of_pytorch_s_amax(kernel: int, stride: int) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(kernel * 10 + stride)
    image = random.integers(0, 3, (2, 3, 9, 8)).astype(np.float64)
    layer = MaxPool2d(kernel, stride, ties="shared")
    output, residuals = layer.forward((image,), {})
    upstream = random.normal(size=output.shape)
    (ours,), _ = layer.vjp(upstream, residuals, {})
    theirs = torch.tensor(image, requires_grad=True)
    windows = theirs.unfold(2, kernel, stride).unfold(3, kernel, stride)
    largest = windows.amax((-1, -2))
    largest.backward(torch.tensor(upstream))
    assert np.array_equal(largest.detach().numpy(), output)
    assert (residuals["tied"] > 1).mean() > 0.3
    np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-13, atol=1e-13)


def test_another_rule_is_refused() -> None:
    with pytest.raises(UserError, match="ties = “last” must be “first”, “all” or “shared”"):
        MaxPool2d(2, ties="last")  # type: ignore[arg-type]
