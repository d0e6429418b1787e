"""The state after k steps equals what plain loops over those steps give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backpropviz.engine.contraction import join, runs, runs_backwards, split
from backpropviz.engine.kinds.activation import GELU
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer, Site
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.nest import Nest, Values
from backpropviz.engine.partial import Partial, contributions, element_progress, progress
from backpropviz.engine.value import Address, Array
from tests.engine.brute_force import BruteForce, convolution_site, convolution_tape, finish
from tests.engine.layer_cases import Case as LayerCase
from tests.engine.layer_cases import played

Case = tuple[dict[Address, Array], tuple[Nest, ...]]
SIZES = st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple)


@given(SIZES, st.data())
def test_runs_cover_an_interval_of_steps_once_and_in_order(
    sizes: tuple[int, ...], data: st.DataObject
) -> None:
    total = math.prod(sizes)
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    most = data.draw(st.none() | st.integers(1, 9))
    for way in (runs, runs_backwards):
        found = list(way(sizes, start, stop, most))
        found = found if way is runs else found[::-1]
        steps = []
        for run in found:
            assert most is None or run.stop - run.start <= most
            lengths = tuple(len(r) for r in run.region)
            own = [
                join(tuple(r[i] for r, i in zip(run.region, c, strict=True)), sizes)
                for c in np.ndindex(*lengths)
            ]
            assert own == list(range(run.start, run.stop))
            steps += own
        assert steps == list(range(start, stop))
        assert most is not None or len(found) <= 2 * len(sizes) + 1


@given(SIZES, st.data())
def test_split_and_join_are_inverse(sizes: tuple[int, ...], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, math.prod(sizes) - 1))
    assert join(split(number, sizes), sizes) == number


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, Site]:
    groups = draw(st.sampled_from((1, 1, 2)))
    layer = Conv2d(
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        padding=(
            (draw(st.integers(0, 2)), draw(st.integers(0, 1))),
            (draw(st.integers(0, 1)), draw(st.integers(0, 1))),
        ),
        dilation=(draw(st.integers(1, 2)), 1),
        groups=groups,
        bias=draw(st.booleans()),
        flip=draw(st.booleans()),
    )
    (kh, kw) = layer.window.extent
    channels = groups * draw(st.integers(1, 2))
    site = convolution_site(
        layer,
        "conv1",
        draw(st.integers(1, 2)),
        channels,
        draw(st.integers(kh, kh + 1)),
        draw(st.integers(kw, kw + 2)),
    )
    return layer, site


def check_all_steps(tape: Values, nest: Nest, order: int, stride: int = 1) -> None:
    """Compare after each `stride`-th step."""
    run = BruteForce(tape, nest, order)
    final = tape[nest.target]
    for k, coordinates in enumerate([*run.coordinates(), ()]):
        if k % stride == 0 or not coordinates:
            check_state(progress(tape, nest, order, k), run, final, finished=not coordinates)
        if coordinates:
            run.step(coordinates)


def check_state(state: Partial, run: BruteForce, final: Array, *, finished: bool) -> None:
    some = run.total > 0
    assert state.values.shape == state.computed.shape == state.complete.shape == run.nest.shape
    assert np.array_equal(state.computed[some], run.done[some] > 0)
    assert np.array_equal(state.complete[some], run.done[some] == run.total[some])
    assert finished <= bool(state.complete.all())
    assert np.array_equal(state.values[state.complete], final[state.complete])
    growing = state.computed & ~state.complete
    np.testing.assert_allclose(state.values[growing], run.sums[growing], rtol=1e-12, atol=1e-12)
    assert np.isnan(state.values[~state.computed & ~state.complete]).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(convolutions(), st.integers(0, 9), st.integers(1, 7))
def test_every_step_of_a_convolution(case: tuple[Conv2d, Site], seed: int, stride: int) -> None:
    layer, site = case
    tape = convolution_tape(layer, site, seed)
    nests = layer.nests(site)
    for nest in (*nests.forward, *nests.backward):
        for order in range(len(nest.orders)):
            check_all_steps(tape, nest, order, stride)


@pytest.mark.parametrize(
    "layer",
    [
        MaxPool2d(2, stride=1),
        MaxPool2d(3, stride=2, padding=1),
        MaxPool2d(3, stride=2, padding=1, ties="all"),
        MaxPool2d(2, stride=1, ties="shared"),
        AvgPool2d(2, stride=2),
        AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        AvgPool2d(2, stride=3),
    ],
    ids=repr,
)
def test_every_step_of_a_pooling(layer: Layer) -> None:
    site = convolution_site(layer, "pool1", 2, 2, 5, 4)
    random = np.random.default_rng(0)
    image = np.round(random.normal(size=site.inputs[0]))
    output, residuals = layer.forward((image,), {})
    tape: dict[Address, Array] = {
        site.input(): image,
        site.output.grad: random.normal(size=output.shape),
    }
    tape |= {site.quantity(name): array for name, array in residuals.items() if name != "input"}
    nests = layer.nests(site)
    for nest in (*nests.forward, *nests.backward):
        finish(tape, nest)
        for order in range(len(nest.orders)):
            check_all_steps(tape, nest, order)


def test_every_step_of_a_dense_layer() -> None:
    layer = Dense(3)
    site = Site("dense1", ((2, 4),), (2, 3), layer.parameter_shapes(((4,),)))
    random = np.random.default_rng(0)
    tape: dict[Address, Array] = {
        site.input(): random.normal(size=(2, 4)),
        site.output.grad: random.normal(size=(2, 3)),
        site.quantity("weight"): random.normal(size=(3, 4)),
        site.quantity("bias"): random.normal(size=3),
    }
    nests = layer.nests(site)
    for nest in (*nests.forward, *nests.backward):
        finish(tape, nest)
        for order in range(len(nest.orders)):
            check_all_steps(tape, nest, order)


@pytest.fixture(name="case")
def _case() -> Case:
    layer = Conv2d(4, kernel_size=3, padding=1)
    site = convolution_site(layer, "conv1", 1, 3, 5, 4)
    nests = layer.nests(site)
    return convolution_tape(layer, site, 3), (*nests.forward, *nests.backward)


def test_planes_and_extents_are_parts_of_the_whole(case: Case) -> None:
    tape, nests = case
    for nest in nests:
        if len(nest.shape) != 4:
            continue
        planes = [(0, 2), (0, 0), (0, 1), (nest.shape[0] - 1, 1)]
        extent = (range(1, nest.shape[2]), range(2))
        for order in range(len(nest.orders)):
            for k in range(0, nest.steps(order) + 1, 97):
                whole = progress(tape, nest, order, k)
                part = progress(tape, nest, order, k, planes, extent)
                for number, plane in enumerate(planes):
                    for name in ("values", "computed", "complete"):
                        expected = getattr(whole, name)[plane][1:, :2]
                        np.testing.assert_allclose(getattr(part, name)[number], expected, 1e-13)


def test_an_element_alone_is_as_in_its_map(case: Case) -> None:
    tape, nests = case
    for nest in nests:
        indices = tuple(size // 2 for size in nest.shape)
        for order in range(len(nest.orders)):
            steps = contributions(tape, nest, order, indices)
            for k in range(0, nest.steps(order) + 1, 31):
                whole = progress(tape, nest, order, k)
                alone = element_progress(tape, nest, order, k, indices)
                assert alone.done == np.count_nonzero(steps < k)
                assert (alone.value is not None) == bool(whole.computed[indices])
                assert alone.complete == bool(whole.complete[indices])
                if alone.value is not None:
                    assert alone.value == pytest.approx(whole.values[indices], rel=1e-12)


def test_large_boxes_are_summed_in_pieces(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    tape, nests = case
    monkeypatch.setattr("backpropviz.engine.contraction._CHUNK", 16)
    for nest in nests:
        for order in range(len(nest.orders)):
            check_all_steps(tape, nest, order, 53)


def test_more_steps_than_there_are_cannot_have_run(case: Case) -> None:
    tape, nests = case
    with pytest.raises(ValueError, match="steps of"):
        progress(tape, nests[0], 0, nests[0].steps() + 1)


def test_huge_boxes_are_summed_in_the_tapes_own_dtype(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape, nests = case
    single = {address: array.astype(np.float32) for address, array in tape.items()}
    for nest in nests:
        for order in range(1, len(nest.orders)):
            k = nest.steps(order) * 2 // 3
            exact = progress(single, nest, order, k)
            monkeypatch.setattr("backpropviz.engine.partial._SMALL", 0)
            rough = progress(single, nest, order, k)
            monkeypatch.undo()
            np.testing.assert_allclose(rough.values, exact.values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm2d(mode="train"), (2, 2, 3)),
        (BatchNorm2d(affine=False, mode="train"), (2, 2, 2)),
        (BatchNorm2d(), (2, 2, 2)),
        (PReLU(), (2, 2, 3)),
        (PReLU(shared=False), (2, 2, 3)),
        (PReLU(shared=False), (3,)),
        (AdaptiveAvgPool2d((2, 3)), (1, 3, 5)),
        (AdaptiveAvgPool2d((4, 2)), (1, 3, 4)),
        (Softmax(), (4,)),
        (Dropout(0.5, "train", 3), (1, 2, 3)),
        (GELU(), (3,)),
    ],
    ids=str,
)
def test_the_later_layers_after_any_number_of_steps(layer: Layer, shape: tuple[int, ...]) -> None:
    run = played(LayerCase(layer, (shape,), 2, 1))
    for nest in (*run.nests.forward, *run.nests.backward):
        for order in range(len(nest.orders)):
            check_all_steps(run.values, nest, order)
