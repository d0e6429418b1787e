"""The sentence says what the numbers say."""

from __future__ import annotations

from backpropviz.engine.address import parse
from backpropviz.engine.base_point import base_point_of
from backpropviz.engine.conventions import Convention
from backpropviz.engine.evidence import evidence
from backpropviz.engine.evidence_text import evidence_text
from backpropviz.engine.layers.activation import ReLU
from backpropviz.engine.layers.convolution import Conv2d
from backpropviz.engine.layers.pooling import MaxPool2d
from tests.engine.passes import branched, recorded
from tests.engine.test_evidence import point

PIXEL = parse("image[0,0,0,0]")


def test_a_corner_shows_both_slopes() -> None:
    tied = evidence(point({"pool1": MaxPool2d(2)}, [[3, 3], [1, 3]], 1), PIXEL, "ties")
    assert evidence_text(tied) == (
        "The loss has a corner at image[0,0,0,0]: its slope is 0 to the left and 2 to the right. "
        "“first” gives the right slope; “all” gives the right slope; "
        "“shared” gives 0.666667, none of them."
    )
    zero = evidence(point({"relu1": ReLU()}, [[0]], -2), PIXEL, "relu_at_zero")
    assert evidence_text(zero).endswith(
        "Slope 0 gives the left slope; slope ½ gives their mean; slope 1 gives the right slope."
    )


def test_a_wrong_choice_is_named() -> None:
    base = point({"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2)}, [[1, 1, 1]] * 3, 1)
    assert evidence_text(evidence(base, parse("conv1.bias[0]"), "ties")) == (
        "The finite difference at conv1.bias[0] is 1: “first” and “shared” agree with it, "
        "“all” not."
    )


def test_where_all_agree() -> None:
    base = base_point_of(recorded(branched(), [1, 3]))
    alike: tuple[Convention, ...] = ("ties", "relu_at_zero")
    scales: tuple[Convention, ...] = ("reduction", "flip")
    for convention in alike:
        text = evidence_text(evidence(base, parse("dense.bias[2]"), convention))
        assert text.endswith(", and every choice agrees with it.")
    for convention in scales:
        text = evidence_text(evidence(base, parse("dense.bias[2]"), convention))
        assert text.startswith("Both choices agree with the finite difference of their own loss")


def test_a_corner_nearby_proves_nothing() -> None:
    base = point({"pool1": MaxPool2d(2)}, [[3, 3 - 1.5e-5], [0, 0]], 1)
    text = evidence_text(evidence(base, PIXEL, "ties"))
    assert text.startswith("Another corner lies within 2e-05 of image[0,0,0,0]")
