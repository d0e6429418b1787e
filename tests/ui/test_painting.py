"""What happens to a window in which something cannot be drawn."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT
from backpropviz.ui import scene_view
from backpropviz.ui.scene_view import SceneView


def test_a_frame_that_fails_leaves_no_painter_active(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A painter that is left active crashes Qt at a later frame."""
    view = SceneView()
    qtbot.addWidget(view)
    view.resize(200, 100)
    view.show_scene(Scene(200, 100, LIGHT.stage, (), "empty"), LIGHT)

    def fail(*_: object) -> None:
        raise FloatingPointError("overflow")

    monkeypatch.setattr(scene_view, "draw", fail)
    with qtbot.captureExceptions() as raised:
        view.show()
        qtbot.waitUntil(lambda: bool(raised))
    assert not view.viewport().paintingActive()
    assert not view._picture.paintingActive()
    monkeypatch.undo()
    assert not view.grab().isNull()
