"""What was worked on waits when something else is opened in its place, and comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import AddWatch, GoTo, GoToAddress, ToggleBreakpoint
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.ui.controls import Notice
from backpropviz.ui.kept_work import left_work
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import last_session_file
from backpropviz.ui.requests import OpenRequest
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open
from tests.ui.lessons.test_lessons import POOLING, open_lesson
from tests.ui.test_autosave import keep, train

VALUE = parse("conv1.weight[0,0,0,1]")
GRADIENT = parse("conv1.weight.grad[0,0,0,1]")


def worked_on(window: MainWindow, open_in: Open, qtbot: QtBot) -> Opened:
    """The small example with an edited weight, a breakpoint, a watch and a position."""
    open_in(network="tiny-max")
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        controller.change(lambda subject: subject.with_value(VALUE, 7.0))
    controller.dispatch(ToggleBreakpoint(Breakpoint(address=GRADIENT)))
    controller.dispatch(AddWatch(GRADIENT))
    controller.dispatch(GoToAddress(GRADIENT, Depth.TERM))
    assert controller.opened is not None
    return controller.opened


def debug_update(window: MainWindow, qtbot: QtBot, iteration: int = 2) -> None:
    bench = bench_of(window)
    with qtbot.waitSignal(bench.controller.state_changed, timeout=LONG_MS):
        bench.training.room.controller.find_moment(iteration)


def test_debugging_an_update_loses_nothing(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    before = worked_on(window, open_in, qtbot)
    train(window, qtbot, 3)
    debug_update(window, qtbot)
    bench, back = bench_of(window), window.actions_by_name["back_to"]
    assert bench.controller.opened is not before
    assert back.isEnabled()
    assert back.text().startswith("Back to tiny-max, ")
    back.trigger()
    after = bench.controller.opened
    assert after is not None
    assert after.state == before.state
    assert after.view.tape is before.view.tape
    assert after.view.tape[VALUE] == 7.0
    assert not back.isEnabled()


def test_another_network_loses_nothing(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    before = worked_on(window, open_in, qtbot)
    open_in(network="lenet")
    notice = window.findChild(Notice)
    assert notice is not None
    assert notice.offer is not None
    assert notice.offer.title.startswith("Back to tiny-max")
    notice.offer.accept()
    assert bench_of(window).controller.opened is before
    assert not notice.isVisible()


def test_the_palette_goes_back_to_each(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    first = worked_on(window, open_in, qtbot)
    open_in(network="lenet")
    bench_of(window).controller.dispatch(GoTo(5))
    open_in(network="tinyvgg")
    controller = bench_of(window).controller
    assert [one.subject.network for one in controller.waiting] == ["lenet", "tiny-max"]
    palette = window.command_palette()
    found = [e for e in palette._entries if e.words.startswith("Back to ")]
    palette.deleteLater()
    assert len([e for e in found if "tiny-max" in e.words or "lenet" in e.words]) == 2
    next(e for e in found if "tiny-max" in e.words).run()
    assert controller.opened is first
    assert [one.subject.network for one in controller.waiting] == ["lenet", "tinyvgg"]


@pytest.mark.parametrize("name", ["lenet", "tiny-max"])
def test_what_was_only_looked_at_does_not_wait(
    window: MainWindow, open_in: Open, name: str
) -> None:
    open_in(network="tiny-avg")
    open_in(network=name)
    assert bench_of(window).controller.waiting == ()
    assert not window.actions_by_name["back_to"].isEnabled()


def test_another_image_of_the_same_network_goes_on(window: MainWindow, open_in: Open) -> None:
    open_in(network="lenet")
    bench_of(window).controller.dispatch(GoTo(1000))
    open_in(image="mnist:17")
    assert bench_of(window).controller.waiting == ()


def test_the_start_page_loses_nothing(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    before = worked_on(window, open_in, qtbot)
    window.actions_by_name["start_page"].trigger()
    window.actions_by_name["back_to"].trigger()
    assert bench_of(window).controller.opened is before


def test_a_lesson_puts_back_by_itself(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    before = worked_on(window, open_in, qtbot)
    coach = open_lesson(window, qtbot, POOLING)
    bench_of(window).controller.dispatch(GoTo(5))
    open_in(network="lenet")
    assert bench_of(window).controller.waiting == ()
    coach.leave()
    assert bench_of(window).controller.opened is before


def test_what_waits_behind_an_update_is_kept_for_the_next_start(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    before = worked_on(window, open_in, qtbot)
    train(window, qtbot, 3)
    debug_update(window, qtbot)
    folder = keep(window, qtbot)
    assert folder is not None
    kept = folder.load().opened
    assert kept is not None
    assert kept.state.watches == before.state.watches
    assert np.array_equal(kept.view.tape[VALUE], before.view.tape[VALUE])
    window.close()
    assert last_session_file().exists()
    (left,) = left_work()
    assert left.summary().holds_session
    left.let_go()


def test_an_update_comes_back_too(window: MainWindow, qtbot: QtBot) -> None:
    train(window, qtbot, 3)
    debug_update(window, qtbot, 3)
    controller = bench_of(window).controller
    controller.dispatch(GoTo(77))
    before = controller.opened
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network="tiny-max"))
    window.actions_by_name["back_to"].trigger()
    assert controller.opened is before
