"""Names in small room, rows that are clicked, and panels that float."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete, isValid

from backpropviz.scene.theme import LIGHT
from backpropviz.ui.controls import file_name, shortened
from backpropviz.ui.palette import Floating
from backpropviz.ui.row_list import Row, RowList
from backpropviz.ui.windows import press_focused_button


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


ROWS = tuple(Row(str(n), f"row {n}", "", dot=True) for n in range(3))


@pytest.fixture
def rows(qtbot: QtBot) -> Iterator[RowList]:
    """Three rows that can be switched, in a window."""
    window = QWidget()
    qtbot.addWidget(window)
    made = RowList("Breakpoints", "", window)
    made.show_rows(ROWS)
    made.resize(200, 100)
    window.show()
    yield made
    window.close()


def click_on(rows: RowList, number: int, x: int = 8) -> None:
    """The pointer, without the time that the program takes to answer."""
    at = QPoint(x, rows.visualItemRect(rows.item(number)).center().y())
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=at)


def double_click_on(rows: RowList, number: int) -> None:
    """As `click_on`."""
    at = QPoint(60, rows.visualItemRect(rows.item(number)).center().y())
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_a_click_may_take_the_clicked_row_away(rows: RowList, qtbot: QtBot) -> None:
    told: list[str] = []
    rows.switched.connect(told.append)

    def take_rows_away() -> None:
        rows.show_rows(())

    rows.itemClicked.connect(take_rows_away)
    click_on(rows, 2)
    assert rows.rows == ()
    rows.itemClicked.disconnect(take_rows_away)
    rows.show_rows(ROWS[:1])
    with qtbot.waitSignal(rows.picked):
        click_on(rows, 0, x=60)
    assert told == []


@pytest.mark.parametrize(
    ("signal", "act"),
    [
        ("picked", lambda rows: click_on(rows, 1, x=60)),
        ("switched", lambda rows: click_on(rows, 1)),
        ("opened", lambda rows: double_click_on(rows, 1)),
        ("opened", lambda rows: QTest.keyClick(rows, Qt.Key.Key_Return)),
        ("switched", lambda rows: QTest.keyClick(rows, Qt.Key.Key_Space)),
        ("removed", lambda rows: QTest.keyClick(rows, Qt.Key.Key_Delete)),
    ],
)
def test_rows_tell_once_qt_is_done_with_the_event(
    rows: RowList, qtbot: QtBot, signal: str, act: Callable[[RowList], object]
) -> None:
    rows.setCurrentRow(1)
    told: list[str] = []

    def take_list_away(key: str) -> None:
        told.append(key)
        delete(rows)

    getattr(rows, signal).connect(take_list_away)
    act(rows)
    assert told == []
    qtbot.waitUntil(lambda: told == ["1"])
    assert not isValid(rows)


def test_rows_that_are_gone_tell_nothing(rows: RowList, qtbot: QtBot) -> None:
    told: list[str] = []
    rows.switched.connect(told.append)
    rows.opened.connect(told.append)
    rows.setCurrentRow(1)
    QTest.keyClick(rows, Qt.Key.Key_Return)
    click_on(rows, 1)
    rows.show_rows(ROWS[:1])
    with qtbot.waitSignal(rows.picked):
        click_on(rows, 0, x=60)
    assert told == []


class Search(Floating):
    """A panel that floats, with three rows."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner, LIGHT, RowList("Found", ""), "Search")
        self.rows.show_rows(ROWS)


@pytest.fixture
def search(qtbot: QtBot) -> Iterator[Search]:
    """Open, over a window with the focus in its line."""
    window = QWidget()
    qtbot.addWidget(window)
    line = QLineEdit()
    QVBoxLayout(window).addWidget(line)
    window.resize(400, 300)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    line.setFocus()
    assert line.hasFocus()
    made = Search(window)
    made.open()
    yield made
    window.close()


def test_what_is_taken_may_take_the_panel_away(search: Search, qtbot: QtBot) -> None:
    taken: list[bool] = []

    def take_away() -> None:
        taken.append(True)
        delete(search)

    search.taken.connect(take_away)
    click_on(search.rows, 1, x=60)
    qtbot.waitUntil(lambda: bool(taken))
    assert not isValid(search)


def test_enter_presses_no_button_that_was_hidden(qtbot: QtBot) -> None:
    window, other = QWidget(), QWidget()
    qtbot.addWidget(window)
    qtbot.addWidget(other)
    button = QPushButton("Done", window)
    pressed: list[bool] = []
    button.clicked.connect(lambda: pressed.append(True))
    enter = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    with qtbot.waitActive(window):
        window.show()
    button.setFocus()
    assert press_focused_button(window, enter)
    with qtbot.waitActive(other):
        other.show()
        other.activateWindow()
    button.hide()
    assert window.focusWidget() is button
    assert not press_focused_button(window, enter)
    assert len(pressed) == 1


def test_one_panel_floats_at_a_time(search: Search) -> None:
    line = search.window().focusWidget()
    assert line is search.line
    second = Search(search.window())
    second.open()
    assert not search.isVisible()
    assert second.line.hasFocus()
    second.leave()


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_floating_panel_gives_the_focus_back_if_its_place_is_there(
    search: Search, *, is_gone: bool
) -> None:
    line = search.window().findChildren(QLineEdit)[0]
    assert line is not search.line
    if is_gone:
        delete(line)
    search.leave()
    assert not search.isVisible()
    assert is_gone or line.hasFocus()
