"""The rest of a large matrix: by click and drag on its map, by wheel, by Shift with an arrow."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoToAddress, Over
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.figures.stage.planes import ViewWindow
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Pixels
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.stage_view import StageView, main_window_shown
from tests.ui.bench import bench_of
from tests.ui.conftest import Open


@pytest.fixture
def stage(window: MainWindow, open_in: Open) -> StageView:
    """The stage at the gradient of a dense layer's 120×400 weights."""
    open_in("lenet")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse("dense1.weight.grad[60,200]"), Depth.ELEMENT))
    return bench.stage


def shown(stage: StageView) -> ViewWindow:
    """The part that is drawn."""
    assert stage.scene is not None
    found = main_window_shown(stage.scene)
    assert found is not None
    return found


def spot(stage: StageView, down: float, across: float) -> QPoint:
    """Where in the viewport a share of the map's height and width lies."""
    assert stage.scene is not None
    pixels = next(
        m for m in stage.scene.walk() if isinstance(m, Pixels) and m.key_pattern[:5] == "spot:"
    )
    x, y = pixels.x + across * pixels.width, pixels.y + down * pixels.height
    return QPoint(round(x), round(y))


def part(stage: StageView) -> QPointF:
    """A point in the part that is drawn."""
    assert stage.scene is not None
    window = shown(stage)
    cell = f"dense1.weight.grad[{window.rows.start},{window.columns.start}]"
    box = find(stage.scene, cell)
    assert box is not None
    return QPointF(box.x + 1, box.y + 1)


def turn(stage: StageView, notches: int, modifier: Qt.KeyboardModifier) -> None:
    """The wheel over the part."""
    at = part(stage)
    event = QWheelEvent(
        at,
        QPointF(stage.viewport().mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(stage.viewport(), event)


def test_a_click_on_the_map_looks_there(qtbot: QtBot, stage: StageView) -> None:
    before = shown(stage)
    QTest.mouseClick(stage.viewport(), Qt.MouseButton.LeftButton, pos=spot(stage, 0.5, 0.97))
    after = shown(stage)
    assert after.columns.stop == 400
    assert len(after.columns) == len(before.columns)


def test_a_drag_on_the_map_follows_the_pointer(qtbot: QtBot, stage: StageView) -> None:
    QTest.mousePress(stage.viewport(), Qt.MouseButton.LeftButton, pos=spot(stage, 0.5, 0.5))
    starts = []
    for across in (0.4, 0.3, 0.2):
        QTest.mouseMove(stage.viewport(), spot(stage, 0.5, across))
        starts.append(shown(stage).columns.start)
    QTest.mouseRelease(stage.viewport(), Qt.MouseButton.LeftButton, pos=spot(stage, 0.5, 0.2))
    assert starts == sorted(set(starts), reverse=True)


def test_the_wheel_scrolls_down_and_with_shift_across(stage: StageView) -> None:
    before = shown(stage)
    turn(stage, -1, Qt.KeyboardModifier.ShiftModifier)
    across = shown(stage)
    assert (across.rows, across.columns.start > before.columns.start) == (before.rows, True)
    for _ in range(20):
        turn(stage, 1, Qt.KeyboardModifier.NoModifier)
    assert shown(stage).rows.start == 0
    for _ in range(40):
        turn(stage, 1, Qt.KeyboardModifier.ShiftModifier)
    assert shown(stage).columns.start == 0


def test_shift_with_an_arrow_scrolls_by_keyboard(qtbot: QtBot, stage: StageView) -> None:
    before = shown(stage)
    stage.setFocus()
    QTest.keyClick(stage, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert shown(stage).columns.start > before.columns.start
    QTest.keyClick(stage, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert shown(stage) == before


def test_a_step_brings_the_part_back(window: MainWindow, qtbot: QtBot, stage: StageView) -> None:
    before = shown(stage)
    QTest.mouseClick(stage.viewport(), Qt.MouseButton.LeftButton, pos=spot(stage, 0.5, 0.02))
    assert shown(stage).columns.start == 0
    bench_of(window).controller.dispatch(Over())
    assert 201 in shown(stage).columns
    assert shown(stage).columns == range(before.columns.start + 1, before.columns.stop + 1)


def test_the_map_tells_what_is_under_the_pointer(window: MainWindow, stage: StageView) -> None:
    at = spot(stage, 0.1, 0.5)
    found = stage._hit(QPointF(at))
    assert found is not None
    text = bench_of(window).pointing.describe(found.key)
    assert text.startswith("dense1.weight.grad[")
    assert "Click to look there" in text
