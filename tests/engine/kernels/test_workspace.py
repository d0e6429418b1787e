"""What a workspace keeps, and what it keeps apart."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.kernels import convolution
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from tests.engine.kernels.cases import draw_array, padded

SINGLE = np.dtype(np.float32)


def test_a_result_is_handed_out_again_for_the_same_request_only() -> None:
    workspace = Workspace()
    first = workspace.result("output", (2, 3), SINGLE)
    assert workspace.result("output", (2, 3), SINGLE) is first
    assert workspace.result("output", (3, 2), SINGLE) is not first
    assert workspace.result("output", (2, 3), np.dtype(np.float64)) is not first
    assert FRESH.result("output", (2, 3), SINGLE) is not FRESH.result("output", (2, 3), SINGLE)


def test_scopes_keep_results_apart_and_share_scratch() -> None:
    workspace = Workspace()
    one, two = workspace.scope("one"), workspace.scope("two")
    assert workspace.scope("one") is one
    assert one.result("output", (4,), SINGLE) is not two.result("output", (4,), SINGLE)
    large = one.scratch("columns", (4, 5), SINGLE)
    assert np.shares_memory(large, two.scratch("columns", (2, 3), SINGLE))


def test_scratch_grows() -> None:
    workspace = Workspace()
    assert workspace.scratch("columns", (2,), SINGLE).shape == (2,)
    assert workspace.scratch("columns", (3, 5), SINGLE).shape == (3, 5)


def test_the_second_call_writes_where_the_first_wrote() -> None:
    workspace = Workspace()
    image, weight = draw_array(0, (1, 2, 6, 6)), draw_array(1, (3, 2, 3, 3))
    window = Window((3, 3), padding=padded(1))
    first = convolution.cross_correlate(image, weight, None, window, 1, workspace)
    before = first.copy()
    second = convolution.cross_correlate(2 * image, weight, None, window, 1, workspace)
    assert second is first
    np.testing.assert_allclose(second, 2 * before, rtol=1e-12)


def test_the_zeros_around_an_image_stay_zero_when_sizes_alternate() -> None:
    workspace = Workspace()
    weight = np.ones((1, 1, 3, 3))
    for padding in (((1, 1), (1, 1)), ((2, 0), (0, 2)), ((1, 1), (1, 1)), ((0, 2), (2, 0))):
        window = Window((3, 3), padding=padding)
        kept = convolution.cross_correlate(
            np.ones((1, 1, 4, 4)), weight, None, window, 1, workspace
        )
        fresh = convolution.cross_correlate(np.ones((1, 1, 4, 4)), weight, None, window)
        np.testing.assert_array_equal(kept, fresh)
