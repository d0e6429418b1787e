"""The visible switch between a pass of training and one of use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.model import Mode, recorded_mode
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.checkpoints import Moment
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.files.networks import SessionFile
from backpropviz.ui.kept_work import opened_session, save_opened, saved_in
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened, facts_text, subject_for
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.past import opened_update
from tests.engine.training.runs import run_of, stripes
from tests.moded import lone_file, moded_file
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open


def opened_in(window: MainWindow) -> Opened:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return opened


def trigger(window: MainWindow, qtbot: QtBot, name: str) -> None:
    """Choose an action that records the pass again."""
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        window.actions_by_name[name].trigger()


def test_the_switch_is_there_where_it_makes_a_difference(
    window: MainWindow, open_in: Open, tmp_path: Path
) -> None:
    open_in(network="tiny-max")
    bar, actions = bench_of(window).bar, window.actions_by_name
    assert bar.pass_mode.isHidden()
    assert not actions["eval_mode"].isEnabled()
    assert "mode" not in facts_text(opened_in(window))
    open_in(network=str(moded_file(tmp_path)))
    assert not bar.pass_mode.isHidden()
    assert bar.pass_mode.value == "train"
    assert "mode train, dropout seed 0" in facts_text(opened_in(window))
    assert actions["train_mode"].isChecked()
    assert actions["dropout_seed"].isEnabled()
    bar.show_mode(is_training=True)
    assert bar.pass_mode.isHidden()
    bar.show_mode(is_training=False)
    assert not bar.pass_mode.isHidden()


def test_a_pass_is_recorded_in_the_mode_that_is_chosen(
    window: MainWindow, open_in: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    trained = open_in(network=str(moded_file(tmp_path))).view.tape
    assert parse("drop1.mask") in trained
    trigger(window, qtbot, "eval_mode")
    actions, bar = window.actions_by_name, bench_of(window).bar
    assert parse("drop1.mask") not in opened_in(window).view.tape
    assert (actions["eval_mode"].isChecked(), actions["train_mode"].isChecked()) == (True, False)
    assert bar.pass_mode.value == "eval"
    actions["eval_mode"].trigger()  # what is chosen already stays chosen
    assert actions["eval_mode"].isChecked()
    trigger(window, qtbot, "train_mode")
    assert opened_in(window).view.tape.loss == trained.loss
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        controller.change(lambda subject: subject.with_dropout_seed(8))
    other = opened_in(window)
    assert not np.array_equal(other.view.tape["drop1.mask"], trained["drop1.mask"])
    assert other.subject.mode.seed == 8


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_session_keeps_its_mode(mode: str, tmp_path: Path, open_in: Open) -> None:
    opened = open_in(network=str(moded_file(tmp_path, mode=mode, dropout_seed=3)))
    path = tmp_path / "session.bpv"
    save_opened(path, opened)
    found = saved_in(str(path))
    assert isinstance(found, SessionFile)
    again = opened_session(found, "session.bpv", opened.view.scales.diverging)
    assert again.subject.mode == opened.subject.mode
    assert again.view.tape.loss == opened.view.tape.loss


def test_a_session_may_be_opened_in_another_mode(tmp_path: Path, open_in: Open) -> None:
    opened = open_in(network=str(moded_file(tmp_path)))
    path = tmp_path / "session.bpv"
    save_opened(path, opened)
    again = open_in(network=str(path), mode="eval")
    assert not again.subject.mode.training
    assert np.array_equal(again.subject.image, opened.subject.image)
    other = open_in(network=str(path), dropout_seed=6)
    assert other.subject.mode.seed == 6


def test_a_session_from_before_shows_what_it_showed(tmp_path: Path, open_in: Open) -> None:
    opened = open_in(network=str(moded_file(tmp_path)))
    path = tmp_path / "session.bpv"
    save_opened(path, opened)
    found = saved_in(str(path))
    assert isinstance(found, SessionFile)
    state = dict(found.state)
    state["settings"] = {
        name: value
        for name, value in dict(state["settings"]).items()  # type: ignore[call-overload]
        if name not in {"mode", "dropout_seed"}
    }
    found = replace(found, state=state)
    again = opened_session(found, "session.bpv", opened.view.scales.diverging)
    assert not again.subject.mode.training
    assert parse("drop1.mask") not in again.view.tape


def test_what_one_image_cannot_train_is_shown_in_use(
    window: MainWindow, open_in: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    opened = open_in(network=str(lone_file(tmp_path)))
    assert opened.subject.mode.name == "eval"
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.failed, timeout=LONG_MS) as failed:
        window.actions_by_name["train_mode"].trigger()
    assert "more than one value" in str(failed.args[0])
    assert window.actions_by_name["eval_mode"].isChecked()
    assert not window.actions_by_name["train_mode"].isChecked()


def test_a_request_may_name_the_mode(tmp_path: Path) -> None:
    request = OpenRequest(network=str(moded_file(tmp_path)), mode="eval", dropout_seed=2)
    subject = subject_for(request, None)
    assert (subject.mode.name, subject.mode.seed) == ("eval", 2)
    kept = subject_for(OpenRequest(target="no"), subject)
    assert kept.mode == subject.mode


def test_a_guessed_target_is_the_network_s_answer_in_use(tmp_path: Path) -> None:
    path = str(moded_file(tmp_path))
    guessed = subject_for(OpenRequest(network=path, image="mnist:17"), None)
    logits = guessed.with_mode("eval").record()["dense1.output"][0]
    assert guessed.target == int(np.argmax(logits))


def test_an_update_of_a_run_is_shown_in_the_mode_it_was_made_in() -> None:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(2, 3),
        "norm1": BatchNorm2d(),
        "drop1": Dropout(0.5),
        "flatten": Flatten(),
        "dense1": Dense(2),
    }
    network = chain("small", (1, 8, 8), layers, CrossEntropy())
    run = run_of(network, Sgd(0.1), dataset=stripes())
    opened = opened_update(Moment(run, run.start, 1), "")
    assert opened.subject.mode == Mode(True, run.seed, 1)
    assert recorded_mode(opened.view.tape.network) == "train"
    with pytest.raises(UserError, match="is shown as it was made"):
        opened.subject.with_mode("eval")
    with pytest.raises(UserError, match="is shown as it was made"):
        opened.subject.with_dropout_seed(1)
