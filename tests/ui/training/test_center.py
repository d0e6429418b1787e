"""How the pictures and the charts of a run share the page's height."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from backpropviz.figures.training.curves import FOUR_CHARTS
from backpropviz.files.networks import load_network
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.training.charts import ChartsArea, TrainingCharts
from backpropviz.ui.training.page import picture_height
from tests.figures.training.states import curves_of

CHARTS = (150, 270)


def test_pictures_end_below_a_layer_with_all_charts_under_them() -> None:
    assert picture_height(690, [143, 340, 700, 1100], CHARTS) == 340


def test_charts_get_what_small_pictures_leave() -> None:
    assert picture_height(690, [130], CHARTS) == 130


def test_one_row_of_charts_is_given_up_on_a_low_page() -> None:
    assert picture_height(480, [133, 304, 700], CHARTS) == 304
    assert picture_height(480, [133, 350, 700], CHARTS) == 330


def test_a_picture_of_one_high_layer_is_cut() -> None:
    assert picture_height(690, [900, 1000], CHARTS) == 690 - 270


def test_no_room_at_all_is_no_error() -> None:
    assert picture_height(100, [133, 304], CHARTS) == 0


@pytest.mark.parametrize("height", [120, 150, 186, 273, 347, 407, 600])
def test_no_chart_is_cut(qtbot: QtBot, height: int) -> None:
    charts = TrainingCharts()
    area = ChartsArea(charts)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    qtbot.addWidget(area)
    area.resize(720, height)
    area.show()
    charts.show_runs((curves_of(load_network("lenet").network),), LIGHT)
    qtbot.waitExposed(area)
    qtbot.wait(1)
    cards = [charts.cards[kind] for kind in FOUR_CHARTS]
    least = charts.least_heights
    for card in cards:
        cut = card.y() < height < card.y() + card.height()
        assert not cut or height < 150
        plot = card.plot
        assert plot is not None
        assert plot.geometry().bottom() <= card.height()
    assert (cards[-1].y() + cards[-1].height() <= height) == (height >= least[1])
