"""Dropout, padding, softmax, adaptive pooling, PReLU, GELU and SiLU by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.activation import GELU, SiLU
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.shape import Pad
from backpropviz.engine.kinds.softmax import Softmax
from tests.engine.layer_cases import Case, played


def test_dropout_keeps_the_share_and_the_mean() -> None:
    values = np.ones((4, 3, 50, 50), np.float32)
    output, kept = Dropout(0.2, "train", 5).forward((values,), {})
    assert set(np.unique(kept["mask"])) == {0, 1}
    assert kept["mask"].mean() == pytest.approx(0.8, abs=0.01)
    assert set(np.unique(output)) == {0, np.float32(1.25)}
    upstream = np.full_like(values, 2)
    (gradient,), _ = Dropout(0.2, "train", 5).vjp(upstream, kept, {})
    assert np.array_equal(gradient, 2 * output)


@pytest.mark.parametrize(("p", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_dropout_of_nothing_and_of_everything(p: float, kept: float) -> None:
    values = np.array([[3.0, -2.0]])
    output, _ = Dropout(p, "train", 1).forward((values,), {})
    assert np.array_equal(output, values * kept)


def test_a_dropout_s_mask_does_not_depend_on_the_dtype() -> None:
    layer = Dropout(0.5, "train", 9)
    masks = [layer.forward((np.ones((2, 40), t),), {})[1]["mask"] for t in (np.float32, np.float64)]
    assert np.array_equal(masks[0], masks[1])


def test_a_frame_of_a_constant() -> None:
    layer = Pad(((1, 0), (0, 2)), 7.0)
    output, kept = layer.forward((np.array([[[[1.0, 2.0]]]]),), {})
    assert output.tolist() == [[[[7, 7, 7, 7], [1, 2, 7, 7]]]]
    (gradient,), _ = layer.vjp(np.arange(8.0).reshape(1, 1, 2, 4), kept, {})
    assert gradient.tolist() == [[[[4, 5]]]]
    run = played(Case(layer, ((1, 1, 2),), 1, 1))
    nest = run.nests.forward[0]
    frame = derive(run.values, nest, nest.target.at((0, 0, 0, 1))).terms[0].operands[0]
    assert (frame.address, frame.label, frame.value) == (None, "7", 7.0)
    pixel = derive(run.values, nest, nest.target.at((0, 0, 1, 1))).terms[0].operands[0]
    assert str(pixel.address) == "layer.input[0,0,0,1]"


def test_softmax_shares_add_up_and_shifts_change_nothing() -> None:
    logits = np.array([[math.log(1), math.log(3)], [1000.0, 1000.0]])
    output, kept = Softmax().forward((logits,), {})
    assert output == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    (gradient,), told = Softmax().vjp(np.array([[4.0, 0.0], [1.0, 1.0]]), kept, {})
    assert told["dot"] == pytest.approx([1, 1])
    assert gradient == pytest.approx(np.array([[0.75, -0.75], [0, 0]]))


def test_windows_that_overlap() -> None:
    """Five pixels, three windows: 0–1, 1–3, 3–4."""
    image = np.array([0.0, 2.0, 4.0, 6.0, 8.0]).reshape(1, 1, 1, 5)
    layer = AdaptiveAvgPool2d((None, 3))
    output, kept = layer.forward((image,), {})
    assert output.ravel().tolist() == [1, 4, 7]
    (gradient,), _ = layer.vjp(np.array([2.0, 3.0, 4.0]).reshape(1, 1, 1, 3), kept, {})
    assert gradient.ravel().tolist() == [1, 2, 1, 3, 2]


@pytest.mark.parametrize(
    ("adaptive", "plain"),
    [(AdaptiveAvgPool2d(1), GlobalAvgPool2d()), (AdaptiveAvgPool2d((2, 3)), AvgPool2d((3, 2)))],
    ids=str,
)
def test_windows_of_one_size_are_a_plain_pooling(
    adaptive: AdaptiveAvgPool2d, plain: AvgPool2d | GlobalAvgPool2d
) -> None:
    image = np.random.default_rng(1).normal(size=(2, 3, 6, 6)).astype(np.float32)
    assert np.array_equal(adaptive.forward((image,), {})[0], plain.forward((image,), {})[0])


def test_prelu_s_slope_gathers_what_is_not_above_zero() -> None:
    image = np.array([[[[-2.0, 3.0]], [[0.0, -4.0]]]])
    upstream = np.array([[[[1.0, 10.0]], [[5.0, 2.0]]]])
    own = {"weight": np.array([0.5, 0.25])}
    output, kept = PReLU(shared=False).forward((image,), own)
    assert output.ravel().tolist() == [-1, 3, 0, -1]
    (gradient,), sums = PReLU(shared=False).vjp(upstream, kept, own)
    assert gradient.ravel().tolist() == [0.5, 10, 1.25, 0.5]
    assert sums["weight"].tolist() == [-2, -8]
    _, total = PReLU().vjp(upstream, kept, {"weight": np.array([0.5])})
    assert total["weight"].tolist() == [-10]


def test_smooth_activations_at_known_places() -> None:
    places = np.array([0.0, 1.0, -1.0])
    phi = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert GELU().apply(places) == pytest.approx([0, phi, phi - 1], rel=1e-15)
    assert GELU("tanh").apply(places) == pytest.approx([0, phi, phi - 1], abs=3e-4)
    s = 1 / (1 + math.exp(-1))
    assert SiLU().apply(places) == pytest.approx([0, s, s - 1], rel=1e-15)
    far = np.array([-800.0, 800.0])
    for layer in (GELU(), GELU("tanh"), SiLU()):
        assert layer.apply(far).tolist() == [0, 800]
        assert layer.pull_back(np.ones(2), far).tolist() == pytest.approx([0, 1])


def test_gelu_brings_scipy_in_at_its_first_use_only() -> None:
    code = (
        "import sys, numpy; from backpropviz.engine.kinds.registry import layer_kinds\n"
        "gelu = layer_kinds()['gelu'](); assert 'scipy' not in sys.modules\n"
        "gelu.apply(numpy.zeros(2)); assert 'scipy.special' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
