"""The passes of a dense layer against their sums."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.dense import Dense
from tests.engine.kernels.cases import draw_array


@pytest.mark.parametrize(("n", "inputs", "outputs"), [(1, 1, 1), (1, 7, 3), (5, 4, 1), (32, 40, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_passes_equal_their_sums_with_and_without_a_workspace(
    n: int, inputs: int, outputs: int, dtype: type[np.floating]
) -> None:
    values, weight = draw_array(0, (n, inputs)), draw_array(1, (outputs, inputs))
    bias, upstream = draw_array(2, (outputs,)), draw_array(3, (n, outputs))
    expected = [
        np.einsum("oi,ni->no", weight, values) + bias,
        np.einsum("no,ni->oi", upstream, values),
        np.einsum("no,oi->ni", upstream, weight),
        upstream.sum(axis=0),
    ]
    x, w, b, g = (array.astype(dtype) for array in (values, weight, bias, upstream))
    layer, parameters, workspace = Dense(outputs), {"weight": w, "bias": b}, Workspace()
    kept = []
    for space in (None, workspace, workspace):
        output, kept_for_vjp = layer.forward((x,), parameters, space)
        (by_input,), by_parameter = layer.vjp(g, kept_for_vjp, parameters, space)
        found = [output, by_parameter["weight"], by_input, by_parameter["bias"]]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, theirs, atol=1e-4 if dtype == np.float32 else 1e-12)
        kept.append([array.tobytes() for array in found])
    assert kept[0] == kept[1] == kept[2]


def test_the_bias_may_be_absent() -> None:
    values, parameters = np.array([[2.0, 3.0]]), {"weight": np.array([[1.0, 10.0]])}
    output, _ = Dense(1, bias=False).forward((values,), parameters)
    np.testing.assert_array_equal(output, [[32]])
