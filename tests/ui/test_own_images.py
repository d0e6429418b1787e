"""A network opens on its own example; an image of one's own stays where a person says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from backpropviz.engine.training.checkpoints import Moment
from backpropviz.ui.controls import Notice
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened, subject_for
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.past import opened_update
from tests.engine.architecture.test_doubled import softmax_file
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open
from tests.ui.training.conftest import small_run


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A picture of one's own."""
    path = tmp_path / "cat & dog.png"
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(0x336699)
    assert image.save(str(path))
    return path


def chosen(window: MainWindow, name: str, qtbot: QtBot) -> Opened:
    """What is open after an action of the Image menu."""
    action = window.actions_by_name[name]
    assert action in bench_of(window).bar.image.menu().actions()
    assert action.isEnabled()
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        action.trigger()
    assert controller.opened is not None
    return controller.opened


def test_the_example_is_the_example(open_in: Open, cat: Path) -> None:
    example = open_in(network="tiny-max").subject
    open_in(network="tinyvgg", image=str(cat))
    for name in ("tiny-max", "tiny-avg", "lenet"):
        opened = open_in(network=name)
        assert opened.subject.shows_example
        assert opened.subject.image_name != cat.name
        assert opened.subject.image_source != str(cat)
    again = open_in(network="tiny-max").subject
    assert np.array_equal(again.image, example.image)
    assert again.target == example.target


def test_the_same_network_goes_back_to_its_example(open_in: Open, cat: Path) -> None:
    example = open_in(network="lenet").subject
    assert not open_in(image=str(cat)).subject.shows_example
    again = open_in(network="lenet").subject
    assert again.shows_example
    assert again.target == example.target


def test_the_image_that_was_open_is_offered(
    window: MainWindow, open_in: Open, cat: Path, qtbot: QtBot
) -> None:
    open_in(network="tinyvgg", image=str(cat))
    open_in(network="lenet")
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.isVisible()
    assert "lenet is shown with its own example" in notice.text
    button = notice.findChild(QPushButton)
    assert isinstance(button, QPushButton)
    assert button.text() == "Use cat && dog.png"
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        button.click()
    assert controller.opened is not None
    assert controller.opened.subject.image_name == cat.name
    assert controller.opened.subject.network == "lenet"
    assert not notice.isVisible()


def test_nothing_is_offered_for_an_example(window: MainWindow, open_in: Open) -> None:
    open_in(network="lenet")
    open_in(network="tiny-max")
    assert window.findChild(Notice) is None
    assert not window.actions_by_name["own_picture"].isEnabled()
    assert not window.actions_by_name["own_example"].isEnabled()


def test_the_image_menu_goes_to_the_example_and_back(
    window: MainWindow, open_in: Open, cat: Path, qtbot: QtBot
) -> None:
    example = open_in(network="lenet").subject
    open_in(image=str(cat))
    own = chosen(window, "own_example", qtbot).subject
    assert own.shows_example
    assert own.target == example.target
    assert np.array_equal(own.image, example.image)
    action: QAction = window.actions_by_name["own_picture"]
    assert action.text() == "Use cat && dog.png"
    assert chosen(window, "own_picture", qtbot).subject.image_name == cat.name


def an_update() -> Opened:
    """The first update of a run, as the debugger shows it."""
    run = small_run()
    return opened_update(Moment(run, run.start, 1), "")


@pytest.mark.parametrize("network", ["lenet", "mlp", "tiny-max"])
def test_a_network_opens_after_an_update(network: str) -> None:
    subject = subject_for(OpenRequest(network=network), an_update().subject)
    assert subject.shows_example
    assert subject.can_change
    assert np.isfinite(subject.record().loss)


def test_an_image_opens_after_an_update_with_its_weights() -> None:
    update = an_update().subject
    subject = subject_for(OpenRequest(image="mnist:17"), update)
    assert subject.model is update.model
    assert subject.picture is not None
    assert str(subject.target) == subject.picture.label
    assert np.isfinite(subject.record().loss)
    assert np.isfinite(update.with_own_example().record().loss)


def test_an_image_keeps_the_settings_of_the_pass(open_in: Open) -> None:
    before = open_in(network="lenet").subject.with_float_bits(64).with_learning_rate(0.5)
    after = subject_for(OpenRequest(image="mnist:17"), before)
    assert after.settings.float_bits == 64
    assert after.learning_rate == 0.5
    assert after.with_own_example().settings.float_bits == 64


def test_all_that_is_to_be_said_at_opening_is_in_one_notice(
    window: MainWindow, open_in: Open, cat: Path, tmp_path: Path
) -> None:
    dark = tmp_path / "twelve.png"
    values = np.linspace(0, 4095, 100).astype(np.uint16).reshape(10, 10)
    Image.fromarray(values).save(dark)
    path, sentence = softmax_file(tmp_path), "softmax"
    open_in(network=str(path), image=str(dark))
    (notice,) = [found for found in window.findChildren(Notice) if found.isVisible()]
    assert sentence in notice.text.lower()
    assert "In twelve.png, the brightest value is 6 % of white." in notice.text
    open_in(network="lenet")
    (notice,) = [found for found in window.findChildren(Notice) if found.isVisible()]
    assert notice.text == "lenet is shown with its own example."
    assert notice.offer is not None
