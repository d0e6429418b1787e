"""Stepping by keys, buttons and pointer changes the state, and the window shows what it says."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoTo, GoToAddress, SetDepth
from backpropviz.debugger.session import SessionState, StopReason
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Text
from backpropviz.ui.controls import Notice
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.workbench import Workbench
from tests.ui.bench import bench_of
from tests.ui.conftest import Open

WEIGHT = "conv1.weight.grad[0,0,0,1]"


def state_of(window: MainWindow) -> SessionState:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return opened.state


def go(window: MainWindow, place: str, depth: Depth) -> None:
    bench_of(window).controller.dispatch(GoToAddress(parse(place), depth))


def place(window: MainWindow) -> str:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return str(opened.focus_address).removeprefix("conv1.input.grad")


def test_actions_step_forward_and_back(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.TERM)
    before = state_of(window).k
    window.actions_by_name["step_over"].trigger()
    assert state_of(window).k == before + 1
    window.actions_by_name["back_over"].trigger()
    assert state_of(window).k == before
    window.actions_by_name["step_out"].trigger()
    assert state_of(window).depth is Depth.ELEMENT
    assert state_of(window).k == before + 4


def test_the_arrows_step_on_the_stage(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    window.activateWindow()
    stage = bench_of(window).stage
    stage.setFocus()
    QApplication.processEvents()
    start = state_of(window)
    QTest.keyClick(stage, Qt.Key.Key_Right)
    assert state_of(window).has_begun
    before = state_of(window).k
    QTest.keyClick(stage, Qt.Key.Key_Right)
    assert state_of(window).k > before
    QTest.keyClick(stage, Qt.Key.Key_Left)
    assert state_of(window).k == before
    QTest.keyClick(stage, Qt.Key.Key_Left)
    assert state_of(window) == start


def test_the_keys_of_a_debugger_step(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    window.activateWindow()
    stage = bench_of(window).stage
    stage.setFocus()
    QApplication.processEvents()
    QTest.keyClick(stage, Qt.Key.Key_F10)
    assert state_of(window).has_begun
    QTest.keyClick(stage, Qt.Key.Key_F10)
    over = state_of(window).k
    assert over > 0
    QTest.keyClick(stage, Qt.Key.Key_F10, Qt.KeyboardModifier.ControlModifier)
    assert state_of(window).k == 0
    QTest.keyClick(stage, Qt.Key.Key_F11)
    QTest.keyClick(stage, Qt.Key.Key_F11)
    assert state_of(window).depth is Depth.ELEMENT
    QTest.keyClick(stage, Qt.Key.Key_Period)
    assert 0 < state_of(window).k < over
    QTest.keyClick(stage, Qt.Key.Key_F9)
    assert len(state_of(window).breakpoints) == 1


def test_a_leaf_cannot_be_stepped_into_and_says_why(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.TERM)
    into = window.actions_by_name["step_into"]
    assert not into.isEnabled()
    assert "finest" in into.toolTip()
    bench_of(window).controller.dispatch(SetDepth(Depth.ELEMENT))
    assert into.isEnabled()
    assert "Go one depth deeper" in into.toolTip()


def test_the_stage_shows_what_the_state_says(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.TERM)
    for _ in range(2):
        window.actions_by_name["step_over"].trigger()
    stage = bench_of(window).stage
    assert stage.scene is not None
    assert "term 3 of 4" in stage.scene.title
    assert find(stage.scene, WEIGHT) is not None
    texts = {mark.text for mark in stage.scene.walk() if isinstance(mark, Text)}
    assert "8" in texts
    assert bench_of(window).transport.depths.value is Depth.TERM
    assert bench_of(window).transport.step.text() == f"{state_of(window).k + 1:,}"


def test_side_panels_follow(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    bench = bench_of(window)
    qtbot.waitUntil(lambda: bench.explanation.canvas.scene is not None)
    qtbot.waitUntil(lambda: _title(bench) == WEIGHT)
    scene = bench.stack.canvas.scene
    assert scene is not None
    assert find(scene, "depth:element") is not None


def _title(bench: Workbench) -> str:
    scene = bench.explanation.canvas.scene
    return "" if scene is None else scene.title


def test_breakpoints_stop_and_are_listed(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    window.actions_by_name["toggle_breakpoint"].trigger()
    bench_of(window).controller.dispatch(GoTo(0))
    window.actions_by_name["continue"].trigger()
    assert state_of(window).stopped.reason is StopReason.BREAKPOINT
    rows = bench_of(window).marks.breakpoints.rows
    qtbot.waitUntil(lambda: bool(rows.rows) and rows.rows[0].right == "stopped here")
    assert rows.rows[0].left == WEIGHT
    rows.switched.emit("0")
    assert not state_of(window).breakpoints[0].enabled
    rows.removed.emit("0")
    assert state_of(window).breakpoints == ()


def test_all_breakpoints_go_at_once(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    clear = window.actions_by_name["clear_breakpoints"]
    assert not clear.isEnabled()
    go(window, WEIGHT, Depth.ELEMENT)
    window.actions_by_name["toggle_breakpoint"].trigger()
    go(window, "pool1.output[0,0,0,0]", Depth.ELEMENT)
    window.actions_by_name["toggle_breakpoint"].trigger()
    assert len(state_of(window).breakpoints) == 2
    clear.trigger()
    assert not state_of(window).breakpoints
    assert not clear.isEnabled()


def test_absent_terms_are_stopped_at_where_asked_for(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    show = window.actions_by_name["show_absent"]
    assert not show.isChecked()
    # Of the four weights, the corner pixel was met by one: three terms have no source.
    go(window, "conv1.input.grad[0,0,0,0]", Depth.TERM)
    stops = []
    for _ in range(2):
        show.trigger()
        go(window, "conv1.input.grad[0,0,0,0]", Depth.TERM)
        steps = 0
        while state_of(window).depth is Depth.TERM and place(window) == "[0,0,0,0]":
            window.actions_by_name["step_over"].trigger()
            steps += 1
        stops.append((show.isChecked(), steps))
    assert stops == [(True, 4), (False, 1)]


def test_conditions_are_searched_beside_the_window(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    from backpropviz.debugger.breakpoints import Breakpoint
    from backpropviz.debugger.commands import ToggleBreakpoint

    open_in(network="tiny-max")
    controller = bench_of(window).controller
    address = parse("conv1.weight.grad")
    controller.dispatch(ToggleBreakpoint(Breakpoint(address=address, condition="abs(term) > 5")))
    with qtbot.waitSignal(controller.state_changed):
        window.actions_by_name["continue"].trigger()
    opened = controller.opened
    assert opened is not None
    assert opened.state.stopped.reason is StopReason.BREAKPOINT
    assert opened.state.depth is Depth.TERM


def test_watches_tell_not_computed_so_far_and_final(window: MainWindow, open_in: Open) -> None:
    from backpropviz.debugger.commands import AddWatch
    from backpropviz.ui.marks_panel import watch_rows

    open_in(network="tiny-max")
    controller = bench_of(window).controller
    controller.dispatch(AddWatch(parse(WEIGHT)))
    seen = []
    go(window, WEIGHT, Depth.TERM)
    start = state_of(window).k
    for k in (0, start + 2, start + 3):
        controller.dispatch(GoTo(k))
        assert controller.opened is not None
        seen.append(watch_rows(controller.opened)[0].right)
    assert seen == ["not computed yet", "+8 so far", "+8"]


def test_the_loop_order_is_named_by_the_nest(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.TERM)
    orders = bench_of(window).transport.orders
    assert orders.button(LoopOrder.TARGET).text() == "by weight"
    orders.button(LoopOrder.SOURCE).click()
    assert state_of(window).order is LoopOrder.SOURCE
    assert orders.button(LoopOrder.SOURCE).text() == "by position"
    assert orders.value is LoopOrder.SOURCE


def test_the_timeline_can_be_dragged(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    timeline = bench_of(window).timeline
    qtbot.waitUntil(lambda: timeline.is_drawn)
    middle = timeline.viewport().rect().center()
    QTest.mousePress(timeline.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    first = state_of(window).k
    assert first > 0
    QTest.mouseRelease(timeline.viewport(), Qt.MouseButton.LeftButton, pos=middle)


def test_a_click_pins_and_enter_walks_over_cells(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    stage = bench_of(window).stage
    assert stage.scene is not None
    box = find(stage.scene, WEIGHT)
    assert box is not None
    at = stage.view_box(box).center().toPoint()
    QTest.mouseClick(stage.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert state_of(window).pins == (parse(WEIGHT),)
    QTest.keyClick(stage, Qt.Key.Key_Return)
    assert stage.focused_key == WEIGHT
    QTest.keyClick(stage, Qt.Key.Key_Left)
    assert stage.focused_key == "conv1.weight.grad[0,0,0,0]"
    QTest.keyClick(stage, Qt.Key.Key_Escape)
    assert stage.focused_key == ""


def test_hovering_describes_a_cell(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    text = bench_of(window).pointing.describe("conv1.output.grad[0,0,1,0]")
    assert "= 2" in text
    assert "conv1.weight.grad[0,0,1,1] = not computed yet" in bench_of(window).pointing.describe(
        "conv1.weight.grad[0,0,1,1]"
    )
    assert "feeds conv1" in bench_of(window).pointing.describe("image[0,0,1,1]")


def test_zoom_keeps_the_point_under_the_pointer(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    stage = bench_of(window).stage
    assert stage.scene is not None
    box = find(stage.scene, WEIGHT)
    assert box is not None
    before = stage.view_box(box).center()
    stage.set_zoom(2.0, QPointF(before))
    after = stage.view_box(box).center()
    assert (after - before).manhattanLength() <= 2.0
    stage.zoom_reset()
    assert stage.zoom == 1.0


def test_playing_steps_on_and_stops_at_the_end(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    opened = open_in(network="tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(SetDepth(Depth.PHASE))
    bench.player.set_interval(1)
    with qtbot.waitSignal(bench.player.changed, check_params_cb=lambda playing: not playing):
        bench.player.toggle()
    assert state_of(window).k == opened.timeline.steps
    assert not bench.player.is_playing


def test_going_by_text_and_back(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    bench = bench_of(window)
    bench.commands.go_to_text("pool1")
    there = state_of(window).k
    assert there > 0
    bench.commands.go_to_text("no.such[1]")
    assert state_of(window).k == there
    assert "no.such" in window.status.message
    window.actions_by_name["go_back"].trigger()
    assert state_of(window).k == 0


def test_the_explanation_switches_its_code_and_copies_it(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    go(window, WEIGHT, Depth.ELEMENT)
    panel = bench_of(window).explanation
    qtbot.waitUntil(lambda: _title(bench_of(window)) == WEIGHT)
    before = panel.canvas.scene
    panel.canvas.clicked.emit("code:numpy")
    assert panel.canvas.scene is not before
    QApplication.clipboard().clear()
    panel.canvas.clicked.emit("code:copy")
    assert "np." in QApplication.clipboard().text()


def test_a_condition_on_a_value_that_is_gone_is_said(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    from backpropviz.debugger.breakpoints import Breakpoint
    from backpropviz.debugger.commands import ToggleBreakpoint

    open_in(network="tiny-max")
    controller = bench_of(window).controller
    mark = Breakpoint(phase=Phase.BACKWARD, condition="value > pool1.output[0,0,0,0]")
    controller.dispatch(ToggleBreakpoint(mark))
    before = open_in(network="mlp").state
    assert before.breakpoints == (mark,)
    with qtbot.waitSignal(controller.failed):
        window.actions_by_name["continue"].trigger()
    (notice,) = [found for found in window.findChildren(Notice) if found.isVisible()]
    assert "pool1" in notice.text
    assert "Traceback" not in notice.text
    assert notice.text.endswith("Change or remove the breakpoint.")
    assert state_of(window) == before
