"""Opening, changing what is recorded, and files that cannot be used."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QUrl
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.marks import AddWatch
from backpropviz.debugger.steps import Depth
from backpropviz.engine.address import parse
from backpropviz.scene.theme import DARK
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.mime import request_from
from backpropviz.ui.notice import Notice
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import last_session_file, read_recent
from backpropviz.ui.requests import OpenRequest, request_for
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open

WEIGHT = "conv1.weight.grad[0,0,0,1]"


def opened_in(window: MainWindow) -> Opened:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return opened


def test_the_start_page_gives_way_to_the_stage_and_back(window: MainWindow, open_in: Open) -> None:
    assert window.pages.currentWidget() is window.start_page
    open_in(network="tiny-max")
    assert window.pages.currentWidget() is bench_of(window).stage
    assert bench_of(window).docks.by_name["network"].isVisible()
    window.actions_by_name["start_page"].trigger()
    assert window.pages.currentWidget() is window.start_page
    assert not bench_of(window).docks.by_name["network"].isVisible()
    assert not window.actions_by_name["step_over"].isEnabled()


def test_another_target_keeps_the_place(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse(WEIGHT), Depth.TERM))
    bench.controller.dispatch(AddWatch(parse("loss")))
    before = opened_in(window)
    with qtbot.waitSignal(bench.controller.state_changed, timeout=LONG_MS):
        bench.settings.set_target("3")
    after = opened_in(window)
    assert after.subject.target == (3.0,)
    assert after.state.k == before.state.k
    assert after.state.watches == before.state.watches
    assert after.view.tape.loss == pytest.approx(12.5)


def test_another_network_keeps_the_address_where_it_exists(
    window: MainWindow, open_in: Open
) -> None:
    open_in(network="tiny-max")
    bench_of(window).controller.dispatch(GoToAddress(parse(WEIGHT), Depth.ELEMENT))
    opened = open_in(network="lenet")
    assert str(opened.focus_address) == WEIGHT
    assert opened.view.depth is Depth.ELEMENT


def test_float_width_and_learning_rate_record_anew(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        window.actions_by_name["float_width"].trigger()
    assert opened_in(window).view.tape["conv1.weight.grad"].dtype == np.float64
    assert window.actions_by_name["float_width"].isChecked()
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        controller.change(lambda subject: subject.with_learning_rate(0.5))
    step = opened_in(window).view.tape["conv1.weight.step"]
    assert step.reshape(-1)[0] == pytest.approx(-3.0)


def test_an_image_for_a_network_takes_its_own_label(window: MainWindow, open_in: Open) -> None:
    open_in(network="lenet")
    opened = open_in(image="mnist:17")
    label = opened.subject.picture.label if opened.subject.picture is not None else None
    assert opened.subject.image_name == "mnist:17"
    assert str(opened.subject.target) == label
    assert bench_of(window).bar.image.value == "mnist:17"


def bad_files(folder: Path) -> dict[str, Path]:
    empty, text, broken = folder / "empty.png", folder / "text.jpg", folder / "broken.json"
    empty.write_bytes(b"")
    text.write_text("no picture")
    broken.write_text('{"format": "backpropviz-network", ')
    wrong = folder / "wrong.json"
    wrong.write_text(json.dumps({"format": "other"}))
    archive = folder / "evil.bpv"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("/etc/passwd", "x")
    truncated = folder / "truncated.bpv"
    truncated.write_bytes(archive.read_bytes()[:40])
    missing = folder / "missing.png"
    return {path.name: path for path in (empty, text, broken, wrong, archive, truncated, missing)}


@pytest.mark.parametrize(
    "name",
    [
        "empty.png",
        "text.jpg",
        "broken.json",
        "wrong.json",
        "evil.bpv",
        "truncated.bpv",
        "missing.png",
    ],
)
def test_a_bad_file_is_told_and_changes_nothing(
    window: MainWindow, open_in: Open, qtbot: QtBot, tmp_path: Path, name: str
) -> None:
    before = open_in(network="tiny-max")
    controller = bench_of(window).controller
    path = bad_files(tmp_path)[name]
    with qtbot.waitSignal(controller.failed, timeout=LONG_MS):
        window.open(request_for([str(path)]))
    assert controller.opened is before
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.isVisible()
    assert name.partition(".")[0] in notice.text
    assert "Traceback" not in notice.text


def test_a_picture_that_is_nearly_black_is_said_when_opened(
    window: MainWindow, open_in: Open, tmp_path: Path
) -> None:
    path = tmp_path / "twelve.png"
    values = np.linspace(0, 4095, 100).astype(np.uint16).reshape(10, 10)
    Image.fromarray(values).save(path)
    open_in(image=str(path))
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.text == "In twelve.png, the brightest value is 6 % of white."


def test_a_newer_request_wins(window: MainWindow, qtbot: QtBot) -> None:
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network="lenet"))
        window.open(OpenRequest(network="tiny-avg"))
    assert opened_in(window).subject.network == "tiny-avg"
    controller.stop()
    assert opened_in(window).subject.network == "tiny-avg"


def test_an_unexpected_error_becomes_a_sentence(window: MainWindow) -> None:
    window.tell_error(RuntimeError("boom"))
    notice = window.findChild(Notice)
    assert notice is not None
    assert "boom" in notice.text
    assert "the session is as it was" in notice.text


def test_what_is_dropped_or_pasted_becomes_a_request(qapp: object) -> None:
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile("/a/seven.png"), QUrl.fromLocalFile("/a/net.json")])
    request = request_from(files)
    assert request is not None
    assert request.image.endswith("seven.png")
    assert request.network.endswith("net.json")
    picture = QMimeData()
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    image.fill(0)
    picture.setImageData(image)
    request = request_from(picture)
    assert request is not None
    assert request.content.startswith(b"\x89PNG")
    text = QMimeData()
    text.setText("hello")
    assert request_from(text) is None


def test_the_last_session_is_restored_on_request(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="lenet", image="mnist:17")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse("conv2.weight.grad[3,1,2,2]"), Depth.ELEMENT))
    bench.controller.dispatch(AddWatch(parse("loss")))
    before = opened_in(window)
    bench.close()
    assert last_session_file().exists()
    assert read_recent()[0].network == "lenet"
    assert read_recent()[0].place == "conv2.weight.grad[3,1,2,2]"
    bench.controller.close_pass()
    with qtbot.waitSignal(bench.controller.state_changed, timeout=LONG_MS):
        window.resume()
    after = opened_in(window)
    assert after.state.k == before.state.k
    assert after.state.watches == before.state.watches
    assert after.view.tape.loss == before.view.tape.loss


def test_panels_can_be_hidden_only_while_something_is_open(
    window: MainWindow, open_in: Open
) -> None:
    toggles = bench_of(window).docks.actions()
    assert not any(action.isEnabled() for action in toggles)
    open_in(network="tiny-max")
    assert all(action.isEnabled() for action in toggles)
    dock = bench_of(window).docks.by_name["network"]
    dock.toggleViewAction().trigger()
    assert not dock.isVisible()


def test_the_keyboard_goes_from_panel_to_panel(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    window.activateWindow()
    bench = bench_of(window)
    bench.stage.setFocus()
    seen = []
    for _ in range(7):
        window.actions_by_name["next_panel"].trigger()
        focused = window.focusWidget()
        assert focused is not None
        seen.append(focused.accessibleName())
    assert seen[-1] == "Stage"
    assert len(set(seen)) == 7


def test_a_disk_that_cannot_be_written_does_not_keep_the_window_open(
    window: MainWindow, open_in: Open, data_folder: Path
) -> None:
    data_folder.write_text("a file where the folder should be")
    open_in(network="tiny-max")
    assert window.close()


def test_a_notice_follows_the_theme_and_the_window_s_size(window: MainWindow) -> None:
    window.tell("Something is wrong.")
    window.toggle_theme()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    (notice,) = window.findChildren(Notice)
    assert notice.isVisible()
    assert notice.text == "Something is wrong."
    assert DARK.alert_fill in notice.styleSheet()
    center = window.pages
    for width in (960, 1600):
        window.resize(width, 700)
        middle = center.x() + center.width() / 2
        assert abs(notice.geometry().center().x() - middle) <= 1
