"""The live filters under the pointer: a value's words, a filter large, the debugger."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.value import Address
from backpropviz.scene.hit import find
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.training.controller import TrainingController
from backpropviz.ui.training.filters import FiltersView
from tests.ui.training.conftest import Wait, small_run, stands_at

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, controller: TrainingController, wait_for: Wait) -> QWidget:
    """A window with the filters of a run after two updates, and a button."""
    window = QWidget()
    view, button = FiltersView(), QPushButton("elsewhere")
    column = QVBoxLayout(window)
    column.addWidget(view)
    column.addWidget(button)
    qtbot.addWidget(window)
    window.resize(960, 700)
    window.show()
    controller.start(small_run())
    state = wait_for(lambda: controller.go(2), stands_at(2))
    assert state.run is not None
    view.show_run(state.run, LIGHT, is_locked=True, colormap="")
    return window


def _view(page: QWidget) -> FiltersView:
    (view,) = page.findChildren(FiltersView)
    return view


def _point(view: FiltersView, tile: str, row: int, column: int) -> QPoint:
    assert view.scene is not None
    box = find(view.scene, tile)
    assert box is not None
    area = view.view_box(box)
    x = area.x() + (column + 0.5) * area.width() / 5
    return QPoint(int(x), int(area.y() + (row + 0.5) * area.height() / 5))


def test_the_pointer_is_on_a_value(page: QWidget) -> None:
    view = _view(page)
    QTest.mouseMove(view.viewport(), _point(view, "conv1.weight.grad[3,0]", 2, 1))
    view._hover(view._hit(_point(view, "conv1.weight.grad[3,0]", 2, 1).toPointF()), QPoint())
    assert view.hovered_key == "conv1.weight.grad[3,0,2,1]"
    told = view.describe(view.hovered_key)
    assert told.startswith("conv1.weight.grad[3,0,2,1] = ")
    assert "weights" in told
    view.draw()
    assert view.hovered_key == "conv1.weight.grad[3,0,2,1]"


def test_a_click_shows_a_filter_large_and_a_second_one_hides_it(page: QWidget) -> None:
    view = _view(page)
    at = _point(view, "conv2.weight[2,0]", 1, 1)
    QTest.mouseClick(view.viewport(), LEFT, pos=at)
    assert view.card.isVisible()
    assert view.card.view.scene is not None
    assert find(view.card.view.scene, "conv2.weight[2,0,4,4]") is not None
    assert not view.card.geometry().contains(view.viewport().mapTo(page, at))
    QTest.mouseClick(view.viewport(), LEFT, pos=_point(view, "conv2.weight[3,0]", 1, 1))
    assert view.card.isVisible()
    assert find(view.card.view.scene, "conv2.weight[3,0,4,4]") is not None
    QTest.mouseClick(view.viewport(), LEFT, pos=_point(view, "conv2.weight[3,0]", 1, 1))
    assert not view.card.isVisible()


def test_escape_and_a_click_elsewhere_hide_it(page: QWidget) -> None:
    view = _view(page)
    at = _point(view, "conv1.weight[2,0]", 1, 1)
    QTest.mouseClick(view.viewport(), LEFT, pos=at)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.card.isVisible()
    QTest.mouseClick(view.viewport(), LEFT, pos=at)
    assert view.card.isVisible()
    QTest.mouseClick(page.findChildren(QPushButton)[0], LEFT)
    assert not view.card.isVisible()


def test_the_large_filter_follows_the_run(
    page: QWidget, controller: TrainingController, wait_for: Wait
) -> None:
    view = _view(page)
    QTest.mouseClick(view.viewport(), LEFT, pos=_point(view, "conv1.weight[2,0]", 1, 1))
    before = view.card.view.scene
    state = wait_for(lambda: controller.go(3), stands_at(3))
    assert state.run is not None
    view.show_run(state.run, LIGHT, is_locked=True, colormap="")
    assert view.card.isVisible()
    assert view.card.view.scene is not before


def test_a_double_click_debugs_the_value(page: QWidget, qtbot: QtBot) -> None:
    view = _view(page)
    at = _point(view, "conv1.weight[4,0]", 3, 2)
    QTest.mouseClick(view.viewport(), LEFT, pos=at)
    with qtbot.waitSignal(view.debug_wanted) as wanted:
        QTest.mouseDClick(view.viewport(), LEFT, pos=at)
    assert wanted.args == [Address("conv1", "weight", "grad", (4, 0, 3, 2))]
    assert not view.card.isVisible()
