"""Names that look like markup are shown letter by letter, and `&` in them is no key."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QLabel, QListWidget, QWidget
from pytestqt.qtbot import QtBot

import backpropviz.ui
from backpropviz.engine.model import Model
from backpropviz.engine.training.run import Run
from backpropviz.files.networks import load_network
from backpropviz.ui.controls import PlainLabel, plain_tip, plain_title
from backpropviz.ui.information import NetworkDialog
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.new_run import NewRunDialog
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS
from tests.ui.training.conftest import small_run

IMAGE = '<img src="nowhere.png"><b>9</b>'
AMPERSAND = "cats & dogs"
PERSIAN = "گربه 👩‍🔬"
RICH = {"lessons/question.py": "prose of lessons, escaped where it is written", "plain_text.py": ""}


@pytest.mark.parametrize("text", [IMAGE, AMPERSAND, PERSIAN, "a &lt; b", "4 < 5", ""])
def test_a_label_shows_its_text(qtbot: QtBot, text: str) -> None:
    label = PlainLabel(text)
    qtbot.addWidget(label)
    assert label.text() == text
    assert is_plain(label)
    label.setText("before")
    label.setText(text)
    assert is_plain(label)


def test_tips_and_titles_keep_every_letter() -> None:
    assert plain_tip(AMPERSAND) == AMPERSAND
    assert "&lt;img" in plain_tip(IMAGE)
    assert "<img" not in plain_tip(IMAGE)
    assert plain_title(AMPERSAND) == "cats && dogs"


def may_be_markup(text: str) -> bool:
    return "<" in text or "&lt;" in text


def is_plain(label: QLabel) -> bool:
    is_told = label.textFormat() == Qt.TextFormat.PlainText
    return is_told or not may_be_markup(label.text())


def is_escaped(tip: str) -> bool:
    return "<img" not in tip and "<b>9" not in tip


def odd(model: Model) -> Model:
    """The model with names as they come in other people's files."""
    names = (IMAGE, AMPERSAND, PERSIAN, *(f"<i>{name}</i>" for name in model.class_names[3:]))
    return replace(model, title=f"{IMAGE} {AMPERSAND}", class_names=names, remark=IMAGE)


def odd_run() -> Run:
    run = small_run()
    data = replace(run.dataset, title=IMAGE, source=IMAGE, class_names=odd(run.model).class_names)
    return replace(run, model=odd(run.model), dataset=data, title=f"{IMAGE} {AMPERSAND}")


def faults() -> Iterator[str]:
    """Every text in sight that is rendered, or whose & would be lost."""
    for widget in QApplication.allWidgets():
        if isinstance(widget, QLabel) and not is_plain(widget):
            yield f"label {widget.text()}"
        if isinstance(widget, QListWidget):
            tips = (widget.item(row).toolTip() for row in range(widget.count()))
            yield from (f"item {tip}" for tip in tips if not is_escaped(tip))
        if not is_escaped(widget.toolTip()):
            yield f"{type(widget).__name__} {widget.toolTip()}"
        yield from _faults_of_actions(widget)


def _faults_of_actions(widget: QWidget) -> Iterator[str]:
    for action in (*widget.actions(), *widget.findChildren(QAction)):
        if not is_escaped(action.toolTip()) and action.toolTip() != action.iconText():
            yield f"action {action.toolTip()}"
        if AMPERSAND in action.text():
            yield f"title {action.text()}"


def test_no_name_is_rendered_in_the_debugger(window: MainWindow, qtbot: QtBot) -> None:
    model = odd(load_network("lenet"))
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network=f"{IMAGE} {AMPERSAND}", image="mnist:17", model=model))
    opened = controller.opened
    assert opened is not None
    bench_of(window).bar.network.menu().aboutToShow.emit()
    window.tell(IMAGE)
    window.status.say(IMAGE)
    dialog = NetworkDialog(window, opened)
    dialog.show()
    assert sorted(set(faults())) == []
    dialog.close()
    dialog.deleteLater()


def test_no_name_is_rendered_in_the_training(window: MainWindow) -> None:
    room = bench_of(window).training.room
    room.begin(odd_run(), starts=False)
    QApplication.processEvents()
    dialog = NewRunDialog(window, window.theme, None)
    dialog.show()
    assert sorted(set(faults())) == []
    dialog.close()
    dialog.deleteLater()


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function or method of that name in the interface, with its file."""
    root = Path(backpropviz.ui.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == name:
                yield path.relative_to(root).as_posix(), node


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def is_fixed(text: ast.expr, makers: set[str]) -> bool:
    """Whether an expression is words of our own, or passes through one that makes text plain."""
    if isinstance(text, ast.IfExp):
        return is_fixed(text.body, makers) and is_fixed(text.orelse, makers)
    if isinstance(text, ast.Call):
        if _name(text.func) == "format" and isinstance(text.func, ast.Attribute):
            numbers = all(isinstance(k.value, ast.JoinedStr) for k in text.keywords)
            return numbers and is_fixed(text.func.value, makers)
        return _name(text.func) in makers
    return isinstance(text, ast.Constant)


def test_every_label_is_plain() -> None:
    assert {file for file, _ in calls("QLabel")} <= set(RICH)


def test_every_menu_entry_is_a_plain_title() -> None:
    makers = {"plain_title", "speed_text", "_spacing_text", "_title"}
    found = [
        f"{file}:{call.lineno}"
        for file, call in calls("QAction")
        if not is_fixed(call.args[0], makers)
    ]
    assert found == []


def test_every_tooltip_is_plain() -> None:
    makers = {"plain_tip", "tool_tip", "setting_help"}
    tips = [(file, call, call.args[0]) for file, call in calls("setToolTip")]
    tips += [(file, call, call.args[1]) for file, call in calls("showText")]
    found = [f"{file}:{call.lineno}" for file, call, tip in tips if not is_fixed(tip, makers)]
    assert found == []
