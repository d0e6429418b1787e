"""The interactive curves: zoom, crosshair, scales, smoothing, and what they hand out."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from backpropviz.engine.network import Network
from backpropviz.figures.training.curves import (
    FOUR_CHARTS,
    NO_SMOOTHING,
    Average,
    ChartKind,
    Smoothing,
    run_curves,
)
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Text
from backpropviz.scene.theme import DARK, LIGHT
from backpropviz.ui.training.charts import SMOOTHINGS, TrainingCharts
from backpropviz.ui.training.plot import Plot
from tests.figures.training.states import curves_of, history_of


@pytest.fixture(scope="module")
def lenet() -> Network:
    return load_network("lenet").network


@pytest.fixture
def charts(qtbot: QtBot) -> Iterator[TrainingCharts]:
    made = TrainingCharts()
    qtbot.addWidget(made)
    made.resize(900, 520)
    made.show()
    made.show_runs([], LIGHT)
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()


@pytest.fixture
def running(charts: TrainingCharts, lenet: Network) -> TrainingCharts:
    charts.show_runs([curves_of(lenet)], LIGHT)
    QApplication.processEvents()
    return charts


def _plot(charts: TrainingCharts, kind: ChartKind) -> Plot:
    plot = charts.cards[kind].plot
    assert plot is not None
    return plot


def _x_of(plot: Plot, iteration: float) -> int:
    assert plot.plane is not None
    return round(plot.plane.x_at(iteration))


def test_importing_the_charts_does_not_import_pyqtgraph() -> None:
    script = "import sys, backpropviz.ui.training.charts; print('pyqtgraph' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_an_empty_chart_says_what_will_be_here(charts: TrainingCharts) -> None:
    for kind in FOUR_CHARTS:
        assert charts.cards[kind].plot is None
        assert charts.cards[kind].isVisibleTo(charts)
        assert charts.cards[kind].accessibleName() == kind.title
    assert list(charts.rows())[1:] == []


def test_every_chart_has_its_curves_on_one_axis(running: TrainingCharts) -> None:
    for kind in FOUR_CHARTS:
        plot = _plot(running, kind)
        assert plot.reach == (0.0, 120.0)
        assert plot.accessibleName() == kind.title


def test_pyqtgraph_draws_where_our_axes_say(running: TrainingCharts) -> None:
    plot = _plot(running, ChartKind.RATIO)
    plane = plot.plane
    assert plane is not None
    box = plot._box
    for iteration, value in ((10.0, 1e-3), (90.0, 1e-2)):
        point = box.mapViewToScene(QPointF(iteration, np.log10(value)))
        assert point.x() == pytest.approx(plane.x_at(iteration), abs=1.0)
        assert point.y() == pytest.approx(plane.y_at(value), abs=1.0)


def test_ctrl_and_wheel_zoom_all_charts_around_the_pointer(running: TrainingCharts) -> None:
    plot = _plot(running, ChartKind.LOSS)
    at = QPointF(_x_of(plot, 60), 40)
    modifiers = Qt.KeyboardModifier.ControlModifier
    for _ in range(4):
        wheel = QWheelEvent(
            *(at, QPointF(plot.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120)),
            *(Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False),
        )
        plot.wheelEvent(wheel)
    low, high = _plot(running, ChartKind.GRADIENT).reach
    assert high - low == pytest.approx(120 / 1.25**4, rel=1e-6)
    assert low < 60 < high
    assert _x_of(plot, 60) == pytest.approx(at.x(), abs=2)


def test_the_view_stays_inside_the_run(running: TrainingCharts) -> None:
    plot = _plot(running, ChartKind.LOSS)
    running.set_reach((20.0, 40.0))
    for _ in range(40):
        QTest.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert plot.reach == pytest.approx((100.0, 120.0))
    for _ in range(60):
        QTest.keyClick(plot, Qt.Key.Key_Plus)
    low, high = plot.reach
    assert high - low >= 3.9
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.reach == (0.0, 120.0)


def test_dragging_pans_and_with_shift_zooms(running: TrainingCharts) -> None:
    plot = _plot(running, ChartKind.LOSS)
    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    first, last = (QPoint(_x_of(plot, at), 50) for at in (30, 60))
    view = plot.viewport()
    QTest.mousePress(view, left, shift, first)
    QTest.mouseMove(view, last)
    QTest.mouseRelease(view, left, shift, last)
    assert plot.reach == pytest.approx((30, 60), abs=1)
    first, last = (QPoint(_x_of(plot, at), 50) for at in (50, 40))
    QTest.mousePress(view, left, Qt.KeyboardModifier.NoModifier, first)
    QTest.mouseMove(view, last)
    QTest.mouseRelease(view, left, Qt.KeyboardModifier.NoModifier, last)
    assert plot.reach == pytest.approx((40, 70), abs=1)
    QTest.mouseDClick(view, left)
    assert running.options.reach is None


def test_the_crosshair_is_in_all_charts_and_is_read_aloud(
    running: TrainingCharts, lenet: Network
) -> None:
    plot = _plot(running, ChartKind.LOSS)
    QTest.mouseMove(plot.viewport(), QPoint(_x_of(plot, 37), 40))
    assert running.crosshair == 37
    loss = curves_of(lenet).columns.loss[36]
    assert f"train {loss:.3f}" in plot.accessibleDescription()
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert running.crosshair == 38
    QTest.keyClick(plot, Qt.Key.Key_Escape)
    assert running.crosshair is None


def test_a_scale_can_be_changed_and_is_named(running: TrainingCharts) -> None:
    running.set_log(ChartKind.LOSS, is_log=True)
    plane = _plot(running, ChartKind.LOSS).plane
    assert plane is not None
    assert plane.y.is_log
    texts = {m.text for m in running.scene(900, LIGHT).walk() if isinstance(m, Text)}
    assert "of each batch, log scale, smoothed over 10" in texts


def test_smoothing_is_a_choice_of_the_menu(running: TrainingCharts) -> None:
    running.set_smoothing(Smoothing(Average.MOVING, 50))
    menu = running.menu_of(ChartKind.LOSS)
    smoothing = next(found for found in menu.findChildren(QMenu) if found.title() == "Smoothing")
    checked = [action.data() for action in smoothing.actions() if action.isChecked()]
    assert checked == [Smoothing(Average.MOVING, 50)]
    next(a for a in smoothing.actions() if a.data() == NO_SMOOTHING).trigger()
    assert running.options.smoothing == NO_SMOOTHING
    assert len(smoothing.actions()) == len(SMOOTHINGS)
    menu.deleteLater()


def test_the_learning_rate_is_shown_on_demand(running: TrainingCharts) -> None:
    assert not running.cards[ChartKind.LEARNING_RATE].isVisibleTo(running)
    running.set_kinds([*FOUR_CHARTS, ChartKind.LEARNING_RATE])
    assert running.cards[ChartKind.LEARNING_RATE].isVisibleTo(running)
    assert _plot(running, ChartKind.LEARNING_RATE).reach == (0.0, 120.0)
    running.set_kinds([])
    assert running.kinds


def test_a_menu_offers_what_its_owner_does(running: TrainingCharts, qtbot: QtBot) -> None:
    running.point_at(64.0)
    menu = running.menu_of(ChartKind.RATIO)
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[0] == "Go to Update 64"
    actions = {action.text(): action for action in menu.actions()}
    with qtbot.waitSignal(running.iteration_wanted) as wanted:
        actions["Go to Update 64"].trigger()
    assert wanted.args == [64]
    with qtbot.waitSignal(running.picture_wanted) as pictured:
        actions["Save This Chart…"].trigger()
    assert pictured.args == [(ChartKind.RATIO,)]
    with qtbot.waitSignal(running.table_wanted):
        actions["Save Values as CSV…"].trigger()
    actions["Logarithmic Scale"].trigger()
    assert running.options.is_log(ChartKind.RATIO) is False
    menu.deleteLater()


def test_the_picture_shows_what_the_window_shows(running: TrainingCharts) -> None:
    running.set_reach((20.0, 80.0))
    scene = running.scene(900, DARK, (ChartKind.LOSS,))
    texts = {mark.text for mark in scene.walk() if isinstance(mark, Text)}
    assert {"train", "valid", "Loss"} <= texts
    assert "100" not in texts
    assert "60" in texts


def test_runs_are_compared_and_a_run_that_is_gone_leaves(
    running: TrainingCharts, lenet: Network
) -> None:
    two = [curves_of(lenet, title="a"), curves_of(lenet, 200, "b", 1)]
    running.show_runs(two, LIGHT)
    plot = _plot(running, ChartKind.LOSS)
    assert plot.reach == (0.0, 200.0)
    names = {m.text for m in running.scene(900, LIGHT).walk() if isinstance(m, Text)}
    assert {"a train", "b train"} <= names
    running.show_runs(two[:1], LIGHT)
    assert plot.reach == (0.0, 120.0)


def test_a_run_that_went_back_is_smoothed_anew(running: TrainingCharts, lenet: Network) -> None:
    running.show_runs([curves_of(lenet, 60)], LIGHT)
    assert _plot(running, ChartKind.LOSS).reach == (0.0, 60.0)


def test_both_themes_and_narrow_windows_are_drawn(running: TrainingCharts, lenet: Network) -> None:
    for width, colors in ((420, DARK), (1500, LIGHT)):
        running.resize(width, 900)
        running.show_runs([curves_of(lenet)], colors)
        QApplication.processEvents()
        image = running.cards[ChartKind.LOSS].grab().toImage()
        assert len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in (60, 90)}) > 2


def test_ten_thousand_updates_cost_little(charts: TrainingCharts, lenet: Network) -> None:
    history = history_of(lenet, 10_000)
    charts.show_runs([run_curves("long", history)], LIGHT)
    QApplication.processEvents()
    best_s = min(_seconds(charts, run_curves("long", history)) for _ in range(5))
    plot = _plot(charts, ChartKind.LOSS)
    assert plot.plane is not None
    points = len(plot._curves["0:train"].line.getData()[0])
    assert points <= plot.plane.box.width + 2
    assert best_s < 0.1  # a few milliseconds; far more would freeze the window


def _seconds(charts: TrainingCharts, run: object) -> float:
    began = time.perf_counter()
    charts.show_runs([run], LIGHT)  # type: ignore[list-item]
    return time.perf_counter() - began


def test_a_chart_that_grew_looks_like_one_made_now(
    charts: TrainingCharts, lenet: Network, qtbot: QtBot
) -> None:
    for rows in (20, 60, 120):
        charts.show_runs([curves_of(lenet, rows)], LIGHT)
        QApplication.processEvents()
        _plot(charts, ChartKind.LOSS).grab()
    fresh = TrainingCharts()
    qtbot.addWidget(fresh)
    fresh.resize(charts.size())
    fresh.show()
    fresh.show_runs([curves_of(lenet, 120)], LIGHT)
    QApplication.processEvents()
    grown, new = (_plot(own, ChartKind.LOSS).grab().toImage() for own in (charts, fresh))
    assert grown == new


def test_a_subtitle_without_room_ends_in_an_ellipsis(running: TrainingCharts) -> None:
    card = running.cards[ChartKind.ACCURACY]
    card.resize(240, 200)
    assert card._told.text().endswith("…")
    assert card._told.toolTip() == "share of right answers, smoothed over 10"
