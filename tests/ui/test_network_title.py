"""A network is called by the title that its file gives it; a bundled one by its short name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from backpropviz.assets import resource
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.requests import OpenRequest
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS


def titled(folder: Path, title: str) -> Path:
    document = json.loads(resource("networks", "tiny-max.json").read_text("utf-8"))
    path = folder / "stem_of_the_file.json"
    path.write_text(json.dumps({**document, "title": title}), "utf-8")
    return path


def show(window: MainWindow, qtbot: QtBot, network: str) -> None:
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network=network))


@pytest.mark.parametrize("title", ["Stripes or dots", "ReLU/ELU <b>x</b>", "draft [*]"])
def test_chip_and_window_show_the_title_of_a_file(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, title: str
) -> None:
    path = titled(tmp_path, title)
    show(window, qtbot, str(path))
    bar = bench_of(window).bar
    assert bar.network.value == title
    assert "stem_of_the_file.json" in bar.network.toolTip()
    shown = window.windowTitle().replace("[*][*]", "[*]")
    assert shown == f"{title}  ·  BackpropViz"
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.file_stem == "stem_of_the_file"


def test_a_bundled_network_goes_by_its_short_name(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, "tiny-max")
    bar = bench_of(window).bar
    assert bar.network.value == "tiny-max"
    assert "3×3 image, filter, max-pooling" in bar.network.toolTip()


def test_a_title_that_no_file_can_be_called_by_is_made_one(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    show(window, qtbot, str(titled(tmp_path, "a/b: c?")))
    opened = bench_of(window).controller.opened
    assert opened is not None
    model = opened.subject.model
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network=model.title, model=model))
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.file_stem == "a-b- c-"
