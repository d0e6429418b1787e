"""⟨v, Jᵀu⟩ = ⟨Jv, u⟩ in float64: vjp is the transpose of what forward does to small changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.value import Array
from tests.engine.layer_cases import Case, buffers_of, cases, distinct, site_of

H = 1e-6


def output_of(layer: Layer, inputs: tuple[Array, ...], parameters: dict[str, Array]) -> Array:
    return layer.forward(inputs, parameters)[0]


@given(case=cases())
@settings(max_examples=200)
def test_vjp_is_the_transpose_of_the_jacobian(case: Case) -> None:
    random = np.random.default_rng(case.seed)
    site = site_of(case)
    inputs = tuple(distinct(random, shape) for shape in site.inputs)
    parameters = {name: distinct(random, shape) for name, shape in site.parameters.items()}
    buffers = buffers_of(case)
    moves = tuple(random.uniform(-1, 1, shape) for shape in site.inputs)
    weight_moves = {n: random.uniform(-1, 1, shape) for n, shape in site.parameters.items()}
    upstream = random.uniform(-1, 1, site.output_shape)

    def moved(h: float) -> Array:
        return output_of(
            case.layer,
            tuple(x + h * v for x, v in zip(inputs, moves, strict=True)),
            {name: w + h * weight_moves[name] for name, w in parameters.items()} | buffers,
        )

    change = (moved(H) - moved(-H)) / (2 * H)
    _, residuals = case.layer.forward(inputs, parameters | buffers)
    downstream, gradients = case.layer.vjp(upstream, residuals, parameters | buffers)
    assert gradients.keys() >= parameters.keys()
    left = sum(float(np.vdot(v, g)) for v, g in zip(moves, downstream, strict=True))
    left += sum(float(np.vdot(move, gradients[name])) for name, move in weight_moves.items())
    right = float(np.vdot(change, upstream))
    scale = float(np.abs(change).sum()) + 1
    assert left == pytest.approx(right, abs=2e-8 * scale)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (CrossEntropy("mean"), [2, 0, 4]),
        (CrossEntropy("sum"), [1, 1, 3]),
        (CrossEntropy("mean", 0.2), [1, 1, 3]),
        (CrossEntropy("sum", 0.2, (1.0, 2.0, 0.0, 0.5, 3.0)), [1, 1, 3]),
        (CrossEntropy("mean", 0.2, (1.0, 2.0, 0.0, 0.5, 3.0)), [2, 1, 3]),
        (CrossEntropy("mean", 0.0, (1.0, 2.0, 0.0, 0.5, 3.0)), [2, 1, 3]),
        (BinaryCrossEntropy("mean"), np.arange(15.0).reshape(3, 5) / 14),
        (BinaryCrossEntropy("sum"), np.arange(15.0).reshape(3, 5) / 14),
        (SquaredError(False, "mean"), np.arange(15.0).reshape(3, 5)),
        (SquaredError(True, "mean"), np.arange(15.0).reshape(3, 5)),
        (SquaredError(False, "sum"), np.arange(15.0).reshape(3, 5)),
        (SquaredError(True, "sum"), np.arange(15.0).reshape(3, 5)),
    ],
)
def test_a_loss_s_gradient_is_its_slope(loss: Loss, target: object) -> None:
    random = np.random.default_rng(7)
    prediction, move = random.normal(size=(3, 5)), random.uniform(-1, 1, (3, 5))
    checked = loss.target(target, prediction.shape)
    up, down = (loss.forward(prediction + h * move, checked)[0] for h in (H, -H))
    gradient = loss.vjp(np.ones(()), loss.forward(prediction, checked)[1], checked)
    slope = float(up - down) / (2 * H)
    assert float(np.vdot(move, gradient)) == pytest.approx(slope, rel=1e-7)
