"""Names in small room."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from backpropviz.ui.controls import file_name, shortened
from backpropviz.ui.row_list import Row, RowList


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("lenet", 12, "lenet"),
        ("abcdefghijkl", 12, "abcdefghijkl"),
        ("holiday photo 17.jpeg", 12, "holiday…jpeg"),
    ],
)
def test_what_is_too_long_keeps_both_ends(text: str, most: int, shown: str) -> None:
    assert shortened(text, most) == shown
    assert len(shortened(text, most)) <= most


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mnist:17", "mnist:17"),
        ("/home/ada/cats/", "cats"),
        ("C:\\pictures\\cat.png", "cat.png"),
    ],
)
def test_a_path_is_told_by_its_last_part(source: str, name: str) -> None:
    assert file_name(source) == name


def test_a_click_may_take_the_clicked_row_away(qtbot: QtBot) -> None:
    rows = RowList("Breakpoints", "")
    qtbot.addWidget(rows)
    rows.show_rows(tuple(Row(str(n), f"row {n}", "", dot=True) for n in range(3)))
    switched: list[str] = []
    rows.switched.connect(switched.append)
    rows.itemClicked.connect(lambda _item: rows.show_rows(()))
    rows.show()
    at = QPoint(8, rows.visualItemRect(rows.item(2)).center().y())
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert rows.rows == ()
    assert switched == []
