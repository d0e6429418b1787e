"""Drawing part by part: each wanted part once, in order, and a failing one keeps no other back."""

from __future__ import annotations

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from backpropviz.ui.training.page import Staged


def test_the_wanted_parts_are_drawn_in_order_and_once(qtbot: QtBot) -> None:
    owner, drawn = QObject(), list[str]()
    parts = {name: lambda name=name: drawn.append(name) for name in "abc"}
    stages = Staged(parts, owner)
    with qtbot.waitSignal(stages.done):
        stages.want(["c", "a"])
        stages.want(["a"])
    assert drawn == ["a", "c"]
    stages.want()
    stages.draw_now()
    assert drawn == ["a", "c", "a", "b", "c"]


def test_a_part_that_fails_does_not_keep_the_others_back(qtbot: QtBot) -> None:
    owner, drawn = QObject(), list[str]()

    def fail() -> None:
        raise ValueError("cannot be drawn")

    stages = Staged({"bad": fail, "good": lambda: drawn.append("good")}, owner)
    with qtbot.captureExceptions() as errors, qtbot.waitSignal(stages.done):
        stages.want()
    assert drawn == ["good"]
    assert [kind for kind, *_ in errors] == [ValueError]


def test_what_is_stopped_is_not_drawn() -> None:
    owner, drawn = QObject(), list[str]()
    stages = Staged({"a": lambda: drawn.append("a")}, owner)
    stages.want()
    stages.stop()
    stages.draw_now()
    assert drawn == []
