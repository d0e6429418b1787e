"""True convolution: the kernel is turned in the forward pass, ∂W comes out turned, ∂X is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.convolution import Conv2d, turned
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from tests.engine.layer_cases import Case, convolutions, played, site_of

IMAGE = [[0, 2, 1], [3, 4, 1], [2, 1, 0]]
KERNEL = [[2, 1], [-1, 1]]


def batch(plane: Any) -> Array:
    return np.array([[plane]], dtype=np.float64)


def passed(layer: Conv2d, image: Any, kernel: Any, upstream: Any) -> tuple[Array, Array, Array]:
    """Output, ∂W, ∂X of one plane."""
    output, residuals = layer.forward((batch(image),), {"weight": batch(kernel)})
    (downstream,), gradients = layer.vjp(batch(upstream), residuals, {"weight": batch(kernel)})
    return output[0, 0], gradients["weight"][0, 0], downstream[0, 0]


def test_by_hand() -> None:
    # The kernel lies on the image as 1 −1 / 1 2: 1·0 − 1·2 + 1·3 + 2·4 = 9 and so on.
    output, weight, downstream = passed(
        Conv2d(1, 2, bias=False, flip=True), IMAGE, KERNEL, [[0, 0], [2, 0]]
    )
    assert output.tolist() == [[9, 7], [3, 4]]
    # 2 times the winning window 3 4 / 2 1, turned
    assert weight.tolist() == [[2, 4], [8, 6]]
    # 2 times the kernel as it lies on the image
    assert downstream.tolist() == [[0, 0, 0], [2, -2, 0], [2, 4, 0]]


def test_it_is_scipy_s_convolution() -> None:
    from scipy.signal import convolve, correlate

    random = np.random.default_rng(1)
    image, kernel, upstream = (random.normal(size=s) for s in ((7, 6), (3, 2), (5, 5)))
    output, weight, downstream = passed(
        Conv2d(1, (3, 2), bias=False, flip=True), image, kernel, upstream
    )
    np.testing.assert_allclose(output, convolve(image, kernel, mode="valid", method="direct"))
    gathered = correlate(image, upstream, mode="valid", method="direct")
    np.testing.assert_allclose(weight, gathered[::-1, ::-1])
    unturned = correlate(upstream, kernel, mode="full", method="direct")
    np.testing.assert_allclose(downstream, unturned)


@given(case=convolutions(), count=st.integers(1, 2), seed=st.integers(0, 2**16))
def test_turned_weights_do_bit_for_bit_what_the_others_did(
    case: Any, count: int, seed: int
) -> None:
    layer, shapes = case
    other = Conv2d(
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.bias,
        not layer.flip,
    )
    try:
        site = site_of(Case(layer, shapes, count, seed))
    except UserError:
        return
    random = np.random.default_rng(seed)
    image = random.normal(size=site.inputs[0]).astype(np.float32)
    own = {n: random.normal(size=s).astype(np.float32) for n, s in site.parameters.items()}
    upstream = random.normal(size=site.output_shape).astype(np.float32)
    theirs = own | {"weight": turned(own["weight"])}
    here, kept = layer.forward((image,), own)
    there, also_kept = other.forward((image,), theirs)
    assert np.array_equal(here, there)
    (dx,), gradients = layer.vjp(upstream, kept, own)
    (dx_there,), gradients_there = other.vjp(upstream, also_kept, theirs)
    assert np.array_equal(dx, dx_there)
    assert np.array_equal(gradients["weight"], turned(gradients_there["weight"]))


def test_pytorch_agrees_with_a_turned_weight() -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(5)
    layer = Conv2d(4, (3, 2), (2, 1), (1, 1), (1, 2), groups=2, flip=True)
    image = random.normal(size=(2, 4, 7, 8))
    own = {"weight": random.normal(size=(4, 2, 3, 2)), "bias": random.normal(size=4)}
    output, residuals = layer.forward((image,), own)
    upstream = random.normal(size=output.shape)
    (dx,), gradients = layer.vjp(upstream, residuals, own)
    x, w, b = (torch.tensor(a, requires_grad=True) for a in (image, own["weight"], own["bias"]))
    theirs = torch.nn.functional.conv2d(x, w.flip(2, 3), b, (2, 1), (1, 1), (1, 2), 2)
    theirs.backward(torch.tensor(upstream))
    for ours, expected in (
        (output, theirs.detach()),
        (dx, x.grad),
        (gradients["weight"], w.grad),
        (gradients["bias"], b.grad),
    ):
        np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-12, atol=1e-12)


def test_the_terms_name_the_cells_that_meet() -> None:
    run = played(Case(Conv2d(1, (2, 3), bias=False, flip=True), ((1, 4, 5),), 1, 1))
    output, (weight, downstream) = run.nests.forward[0], run.nests.backward
    first = derive(run.values, output, output.target.at((0, 0, 1, 1))).terms[0]
    assert [str(f.address) for f in first.operands] == [
        "layer.input[0,0,2,3]",
        "layer.weight[0,0,0,0]",
    ]
    gathered = derive(run.values, weight, weight.target.at((0, 0, 0, 0))).terms[0]
    assert [str(f.address) for f in gathered.operands] == [
        "layer.output.grad[0,0,0,0]",
        "layer.input[0,0,1,2]",
    ]
    back = derive(run.values, downstream, downstream.target.at((0, 0, 2, 3))).terms[0]
    assert [str(f.address) for f in back.operands] == [
        "layer.output.grad[0,0,1,1]",
        "layer.weight[0,0,0,0]",
    ]
    assert "turned by 180°" in output.remark
    assert "not turned" in downstream.remark
