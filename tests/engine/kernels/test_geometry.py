"""Window: how many places it has, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from backpropviz.engine.kernels.convolution import Window
from backpropviz.errors import UserError
from tests.engine.kernels.cases import padded


@pytest.mark.parametrize(
    ("window", "size", "expected"),
    [
        (Window((2, 2)), (3, 3), (2, 2)),
        (Window((5, 5), padding=padded(2)), (28, 28), (28, 28)),
        (Window((2, 2), (2, 2)), (5, 7), (2, 3)),
        (Window((2, 2), (2, 2), ceil_mode=True), (5, 7), (3, 4)),
        (Window((3, 3), (2, 2), padded(1), ceil_mode=True), (4, 4), (3, 3)),
        (Window((2, 2), (2, 2), padded(1), ceil_mode=True), (1, 1), (1, 1)),
        (Window((1, 1), (3, 3), ceil_mode=True), (5, 5), (2, 2)),
        (Window((2, 3), dilation=(3, 2)), (4, 5), (1, 1)),
        (Window((2, 3), padding=((0, 1), (2, 0))), (4, 4), (4, 4)),
        (Window((3, 3), (2, 2), ceil_mode=True), (2, 2), (1, 1)),
    ],
)
def test_output_size(window: Window, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert window.output_size(*size) == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kernel": (0, 2)}, "kernel is 0×2"),
        ({"kernel": (2, 2), "stride": (1, 0)}, "stride is 1×0"),
        ({"kernel": (2, 2), "dilation": (-1, 1)}, "dilation is -1×1"),
        ({"kernel": (2, 2), "padding": ((0, -1), (0, 0))}, "bottom -1"),
    ],
)
def test_refuses_nonsense_in_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Window(**fields)


def test_a_kernel_larger_than_the_padded_input_names_both_sizes() -> None:
    with pytest.raises(UserError, match=r"5×3 cells \(with its dilation\).* 4×6"):
        Window((3, 3), padding=((1, 0), (0, 0)), dilation=(2, 1)).output_size(3, 6)


def test_disjoint_means_no_shared_cell() -> None:
    assert Window((2, 2), (2, 3)).disjoint
    assert not Window((2, 2), (2, 1)).disjoint
    assert not Window((2, 2), (2, 2), dilation=(2, 1)).disjoint
