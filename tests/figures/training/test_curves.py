"""Curves of a run: what is smoothed, decimated, named and read off."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.network import Network
from backpropviz.engine.training.history import History, Measured, tensors_of
from backpropviz.figures.training.curve_figure import (
    CurveOptions,
    curve_card,
    curve_page,
    drawn_of,
    heights,
    nearest,
    reading_at,
    spoken,
    whole_reach,
)
from backpropviz.figures.training.curves import (
    NO_SMOOTHING,
    Average,
    ChartKind,
    Smoothed,
    Smoothing,
    curve_rows,
    decimated,
    run_curves,
    series_of,
    smoothed,
)
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Path, Text
from backpropviz.scene.theme import LIGHT
from tests.figures.training.states import curves_of

SMOOTHINGS = (NO_SMOOTHING, Smoothing(Average.MOVING, 7), Smoothing(Average.EXPONENTIAL, 10))


@pytest.fixture(scope="module")
def lenet() -> Network:
    return load_network("lenet").network


def test_the_exponential_average_is_that_of_its_definition() -> None:
    values = np.random.default_rng(0).random(3000)
    ratio, total, weight, wanted = 1 - 2 / 11, 0.0, 0.0, []
    for value in values:
        total, weight = ratio * total + value, ratio * weight + 1
        wanted.append(total / weight)
    assert smoothed(values, Smoothing(span=10)) == pytest.approx(wanted, rel=1e-12)


def test_the_moving_average_is_that_of_its_definition() -> None:
    values = np.random.default_rng(1).random(200)
    found = smoothed(values, Smoothing(Average.MOVING, 7))
    wanted = [values[max(0, k - 6) : k + 1].mean() for k in range(200)]
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@given(cuts=st.lists(st.integers(0, 300), max_size=5))
def test_a_curve_that_grows_is_smoothed_as_the_whole(smoothing: Smoothing, cuts: list[int]) -> None:
    values = np.random.default_rng(2).random(300)
    values[40] = np.nan
    found = Smoothed(smoothing)
    for cut in [*sorted(cuts), 300]:
        found = found.extended(values[:cut])
    whole = smoothed(values, smoothing)
    assert found.values == pytest.approx(whole, rel=1e-10, nan_ok=True)
    assert math.isnan(whole[40])
    assert np.isfinite(np.delete(whole, 40)).all()


def test_a_constant_stays_what_it_is() -> None:
    for smoothing in SMOOTHINGS:
        assert smoothed(np.full(50, 3.0), smoothing) == pytest.approx(np.full(50, 3.0))


def test_a_long_curve_keeps_its_peaks_and_its_ends() -> None:
    x = np.arange(100_000)
    y = np.random.default_rng(3).random(100_000)
    y[31_415], y[27_182] = 9.0, -9.0
    found_x, found_y = decimated(x, y, (0, 100_000), 300)
    assert len(found_x) == len(found_y) == 600
    assert found_y.max() == 9.0
    assert found_y.min() == -9.0
    assert (np.diff(found_x) >= 0).all()
    assert (found_x[0], found_x[-1]) == (0, 99_999)


def test_a_part_of_a_curve_has_a_point_beyond_each_end() -> None:
    x, y = np.arange(1000), np.arange(1000.0)
    found, _ = decimated(x, y, (100, 200), 300)
    assert (found[0], found[-1]) == (99, 201)


def test_a_column_without_a_value_breaks_the_line() -> None:
    y = np.ones(10_000)
    y[5000:6000] = np.nan
    found_x, found = decimated(np.arange(10_000), y, (0, 10_000), 100)
    assert np.isnan(found[(found_x >= 5100) & (found_x < 5900)]).all()
    assert np.isfinite(found[found_x < 5000]).all()


def test_layers_have_curves_of_their_weights_and_dashes_where_colors_repeat(lenet: Network) -> None:
    run = curves_of(lenet)
    found = series_of([run], ChartKind.RATIO, LIGHT)
    assert [s.name for s in found] == ["conv1", "conv2", "dense1", "dense2", "dense3"]
    assert len({(s.color, s.dash) for s in found}) == 5
    place = run.tensors.index(next(t for t in run.tensors if t.name == "dense1.weight"))
    assert np.array_equal(found[2].values, run.columns.ratios[:, place], equal_nan=True)


def test_several_runs_are_told_apart_by_name_and_look(lenet: Network) -> None:
    runs = [curves_of(lenet, title="a"), curves_of(lenet, title="b", seed=1)]
    for kind in (ChartKind.LOSS, ChartKind.RATIO):
        found = series_of(runs, kind, LIGHT)
        assert len({s.key for s in found}) == len(found)
        assert {s.name.split()[0] for s in found} == {"a", "b"}
        looks = {(s.color, s.dash, s.has_dots) for s in found}
        assert len(looks) == len(found)


def test_a_run_without_classes_has_no_accuracy(lenet: Network) -> None:
    history = History(tensors_of(lenet))
    norms = (1.0,) * len(tensors_of(lenet))
    history.add(Measured(1, 1, 0.5, 0.1, None, 1, norms, norms, norms))
    run = run_curves("regression", history)
    assert series_of([run], ChartKind.ACCURACY, LIGHT) == ()
    card = curve_card([run], ChartKind.ACCURACY, CurveOptions(), (420, 220), LIGHT)
    texts = [mark.text for mark in card.walk() if isinstance(mark, Text)]
    assert ChartKind.ACCURACY.promise in texts


def test_the_title_names_scale_and_smoothing(lenet: Network) -> None:
    options = CurveOptions(Smoothing(Average.MOVING, 50))
    card = curve_card([curves_of(lenet)], ChartKind.RATIO, options, (600, 240), LIGHT)
    texts = [mark.text for mark in card.walk() if isinstance(mark, Text)]
    assert "per layer, log scale, moving average over 50" in texts
    assert "guide 1e−3" in texts
    assert {"conv1", "dense3"} <= set(texts)


def test_changes_are_told_below_the_curves(lenet: Network) -> None:
    page = curve_page([curves_of(lenet)], CurveOptions(), 900, LIGHT)
    texts = [mark.text for mark in page.walk() if isinstance(mark, Text)]
    assert "Update 40: learning rate 0.02 → 0.3." in texts


def test_a_curve_is_drawn_where_its_values_are(lenet: Network) -> None:
    run = curves_of(lenet, 60)
    card = curve_card([run], ChartKind.LOSS, CurveOptions(NO_SMOOTHING), (600, 240), LIGHT)
    black = [m for m in card.walk() if isinstance(m, Path) and m.stroke is not None]
    line = next(m for m in black if m.stroke is not None and m.stroke.color == LIGHT.text)
    heights_px = np.array([y for _, y in line.points])
    assert len(heights_px) == 60
    # Down in pixels is up in values, on one straight scale.
    slope = np.diff(heights_px) / np.diff(run.columns.loss)
    assert slope == pytest.approx(np.full(59, slope[0]))
    assert slope[0] < 0


def test_the_plane_holds_all_of_the_lines(lenet: Network) -> None:
    for kind in ChartKind:
        drawn = drawn_of(series_of([curves_of(lenet)], kind, LIGHT), Smoothing())
        low, high = heights(kind, drawn, whole_reach(drawn), is_log=kind.begins_log)
        for one in drawn:
            finite = one.line[np.isfinite(one.line)]
            assert low <= finite.min()
            assert finite.max() <= high


def test_the_crosshair_reads_the_update_itself(lenet: Network) -> None:
    run = curves_of(lenet)
    drawn = drawn_of(series_of([run], ChartKind.LOSS, LIGHT), Smoothing())
    readings = reading_at(drawn, 37.4, ChartKind.LOSS)
    assert readings[0].value == f"{run.columns.loss[36]:.3f}"
    assert readings[0].smoothed == f"{drawn[0].line[36]:.3f}"
    assert spoken(readings, 37.4).startswith(f"Update 37: train {readings[0].value}")


def test_beyond_the_end_of_a_run_nothing_is_read(lenet: Network) -> None:
    drawn = drawn_of(series_of([curves_of(lenet, 50)], ChartKind.LOSS, LIGHT), Smoothing())
    assert nearest(drawn[0], 51.0) == 49
    assert nearest(drawn[0], 53.0) is None
    assert reading_at(drawn, 100.0, ChartKind.LOSS) == ()


def test_the_table_has_a_row_an_update_and_nothing_where_nothing_was_measured(
    lenet: Network,
) -> None:
    run = curves_of(lenet, 20)
    text = io.StringIO()
    csv.writer(text).writerows(curve_rows([run, curves_of(lenet, 15, "second")]))
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert len(rows) == 35
    assert float(rows[4]["loss"]) == run.columns.loss[4]
    assert rows[4]["val_loss"] == ""
    assert float(rows[9]["val_loss"]) == run.losses[0]
    assert float(rows[9]["conv1.weight.ratio"]) == run.columns.ratios[9, 0]
    assert rows[-1]["run"] == "second"
