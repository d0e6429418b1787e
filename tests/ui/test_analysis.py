"""Questions to the open pass: nudges, ancestry, gradient checks, conventions, edited values."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoToAddress, TogglePin
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.architecture.presets import EDITED_IMAGE, EDITED_REMARK
from backpropviz.engine.value import parse
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Group, Scene, Text
from backpropviz.ui.analysis.check import CheckWindow, ConventionsWindow
from backpropviz.ui.analysis.nudge import COST, CURVE, SWEEP, NudgeLab, reach_for
from backpropviz.ui.analysis.number_editor import NumberEditor, NumberField, read_number
from backpropviz.ui.analysis.values import FEEDS, FORWARD, ORIGIN, AncestryWindow, WeightWindow
from backpropviz.ui.dialog import AskDialog
from backpropviz.ui.kept_work import opened_session, save_opened, saved_in
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.opened import Opened
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open

WEIGHT = "conv1.weight.grad[0,0,0,1]"


def stand_at(window: MainWindow, place: str) -> None:
    bench_of(window).controller.dispatch(GoToAddress(parse(place), Depth.ELEMENT))


def opened_now(window: MainWindow) -> Opened:
    opened = bench_of(window).controller.opened
    assert opened is not None
    return opened


def texts(found: Scene | Group | None) -> str:
    """All that a figure says."""
    marks = found.marks if found is not None else ()
    own = (mark.text for mark in marks if isinstance(mark, Text))
    inner = (texts(mark) for mark in marks if isinstance(mark, Group))
    return " ".join((*own, *inner))


def asked(window: MainWindow, qtbot: QtBot, action: str, kind: str) -> object:
    """Trigger an action and wait for its window to have an answer."""
    window.actions_by_name[action].trigger()
    found = bench_of(window).analysis.windows[kind]
    qtbot.waitUntil(lambda: not found.worker.is_busy, timeout=LONG_MS)
    return found


def lab_at(window: MainWindow, qtbot: QtBot, place: str) -> NudgeLab:
    stand_at(window, place)
    lab = asked(window, qtbot, "nudge", "nudge")
    assert isinstance(lab, NudgeLab)
    assert lab.isVisible()
    return lab


def test_dragging_nudges_the_weight_and_tells_the_true_loss(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    """The output is 2 too large: with 4 · δ more, L = ½(2 + 4δ)², and ∂L/∂w = 8."""
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    assert str(lab.address) == "conv1.weight[0,0,0,1]"
    assert lab._handle.plane is not None
    box, area = lab._handle.plane, lab.canvas.viewport()
    at = QPointF(box.x + box.width * 0.75, box.y + 20).toPoint()
    QTest.mousePress(area, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
    QTest.mouseRelease(area, Qt.MouseButton.LeftButton, pos=at)
    assert lab.moved is not None
    nudge = lab.moved.nudge
    assert nudge.delta == pytest.approx(0.5, abs=0.01)
    assert nudge.loss == pytest.approx(0.5 * (2 + 4 * nudge.delta) ** 2)
    assert nudge.predicted_change == pytest.approx(8 * nudge.delta)


def test_arrows_move_it_and_a_button_brings_it_back(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    for _ in range(6):
        QTest.keyClick(lab.canvas, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
    assert lab.moved is not None
    assert lab.moved.nudge.delta == pytest.approx(0.1)
    lab._reset.click()
    qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
    assert lab.moved.nudge.delta == 0


def test_kinks_on_the_way_are_marked_on_the_stage(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    lab.move_to(-1.0)
    qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
    assert lab.moved is not None
    assert lab.moved.crossed
    stage = bench_of(window).stage
    assert stage.marked_keys == tuple({str(kink.address): 0 for kink in lab.moved.crossed})
    lab.close()
    assert stage.marked_keys == ()
    assert "nudge" not in bench_of(window).analysis.windows


def test_a_lab_that_closes_ends_what_it_computes(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    first = lab._stop
    lab.use_reach(0.1)
    assert first.is_set()
    assert not lab._stop.is_set()
    running = lab._stop
    lab.close()
    assert running.is_set()


def test_the_lab_tells_the_step_beside_the_gradient(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    assert "The next step is −η · gradient = −0.08." in lab.note.text()


def test_each_page_of_the_lab_is_computed_when_it_is_shown(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    titles = []
    for page in (SWEEP, COST, CURVE):
        lab.show_page(page)
        qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
        assert lab.canvas.scene is not None
        titles.append(lab.canvas.scene.title)
    assert titles[1] == "cost of nudging"
    assert len(set(titles)) == 3


def test_the_lab_follows_another_pass(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    controller = bench_of(window).controller
    with qtbot.waitSignal(controller.state_changed, timeout=LONG_MS):
        controller.change(lambda subject: subject.with_target((0.0,)))
    qtbot.waitUntil(lambda: not lab.worker.is_busy, timeout=LONG_MS)
    assert lab.moved is not None
    assert lab.moved.nudge.gradient == opened_now(window).view.tape.value(parse(WEIGHT)) == 32
    controller.close_pass()
    assert bench_of(window).analysis.windows == {}


def test_another_network_closes_the_lab_and_is_checked_anew(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    lab_at(window, qtbot, WEIGHT)
    found = asked(window, qtbot, "gradient_check", "check")
    assert isinstance(found, CheckWindow)
    open_in(network="tiny-dense")
    assert "nudge" not in bench_of(window).analysis.windows
    qtbot.waitUntil(lambda: not found.worker.is_busy, timeout=LONG_MS)
    assert found.report is not None
    assert found.report.network == "tiny-dense"


def test_the_loss_itself_has_an_ancestry(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    bench_of(window).controller.dispatch(TogglePin(parse("loss")))
    window.actions_by_name["ancestry"].trigger()
    found = bench_of(window).analysis.windows["ancestry"]
    assert isinstance(found, AncestryWindow)
    assert str(found.address) == "loss"


def test_what_cannot_be_nudged_is_said_in_a_sentence(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="lenet")
    stand_at(window, "loss.probabilities[0,3]")
    window.actions_by_name["nudge"].trigger()
    qtbot.waitUntil(lambda: "nudge" not in bench_of(window).analysis.windows, timeout=LONG_MS)
    assert "cannot be nudged" in window.status.message
    bench_of(window).controller.dispatch(GoToAddress(parse("conv1.output[0,0,0,0]"), Depth.PASS))
    window.actions_by_name["ancestry"].trigger()
    assert "Point at a value" in window.status.message


@pytest.mark.parametrize(("value", "reach"), [(0.0, 1.0), (0.08, 0.1), (-3.0, 1.0), (900, 10.0)])
def test_the_reach_suits_the_value(value: float, reach: float) -> None:
    assert reach_for(value) == reach


def test_a_double_click_shows_where_a_value_came_from(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    stand_at(window, WEIGHT)
    stage = bench_of(window).stage
    assert stage.scene is not None
    box = find(stage.scene, WEIGHT)
    assert box is not None
    before = opened_now(window).state.k
    QTest.mouseDClick(
        stage.viewport(),
        Qt.MouseButton.LeftButton,
        pos=stage.view_box(box).center().toPoint(),
    )
    found = bench_of(window).analysis.windows["ancestry"]
    assert isinstance(found, AncestryWindow)
    assert (str(found.address), found.page) == (WEIGHT, ORIGIN)
    assert opened_now(window).state.k == before
    qtbot.waitExposed(found)


def test_a_stop_is_a_link_and_another_value_leads_the_way(
    window: MainWindow, open_in: Open
) -> None:
    open_in(network="lenet")
    stand_at(window, "conv1.weight.grad[2,0,3,1]")
    window.actions_by_name["ancestry"].trigger()
    found = bench_of(window).analysis.windows["ancestry"]
    assert isinstance(found, AncestryWindow)
    assert found.route is not None
    first = found.route
    found.canvas.clicked.emit(str(first.path.stops[1].address))
    assert opened_now(window).focus_address == first.path.stops[1].address
    other = first.parentages[0].contributions[1].sources[0].address
    found.canvas.clicked.emit(str(other))
    assert found.route.path.stops[1].address == other
    found.go_back()
    assert found.route is first


def test_what_a_pixel_feeds(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    bench_of(window).controller.dispatch(TogglePin(parse("image[0,0,1,1]")))
    window.actions_by_name["feeds"].trigger()
    found = bench_of(window).analysis.windows["ancestry"]
    assert isinstance(found, AncestryWindow)
    assert found.page == FEEDS
    assert found.canvas.scene is not None
    assert find(found.canvas.scene, "conv1.output[0,0,0,0]") is not None


def test_the_gradient_check_runs_and_can_be_stopped(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="lenet")
    window.actions_by_name["gradient_check"].trigger()
    found = bench_of(window).analysis.windows["check"]
    assert isinstance(found, CheckWindow)
    with qtbot.waitSignal(found.finished_check, timeout=LONG_MS):
        found._cancel.click()
    assert found.report is not None
    assert len(found.report.results) < found.report.plan.count
    found._use_pixels(True)
    found._per_array = 3
    with qtbot.waitSignal(found.finished_check, timeout=LONG_MS):
        found.run()
    assert found.report.is_finished
    assert found.report.passed
    assert any(result.address.quantity == "image" for result in found.report.results)


def test_one_gradient_is_checked_in_the_status_line(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    stand_at(window, WEIGHT)
    window.actions_by_name["check_value"].trigger()
    qtbot.waitUntil(lambda: "they agree" in window.status.message, timeout=LONG_MS)
    assert window.status.message.startswith(f"{WEIGHT}: ✓ gradient 8, finite difference 8")
    assert window.status.message.endswith("SciPy’s correlate gives the same.")
    canvas = bench_of(window).explanation.canvas
    qtbot.waitUntil(lambda: "finite difference" in texts(canvas.scene), timeout=LONG_MS)
    stand_at(window, "conv1.weight.grad[0,0,0,0]")
    qtbot.waitUntil(lambda: "finite difference" not in texts(canvas.scene), timeout=LONG_MS)


def test_a_convention_is_switched_and_said(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="lenet")
    stand_at(window, "conv1.weight.grad[0,0,0,1]")
    action = window.actions_by_name["ties_all"]
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        action.trigger()
    qtbot.waitUntil(lambda: window.status._unusual.text() == "not standard", timeout=LONG_MS)
    assert action.isChecked()
    assert "whole upstream gradient" in window.status._unusual.toolTip()
    assert str(opened_now(window).focus_address) == "conv1.weight.grad[0,0,0,1]"
    found = asked(window, qtbot, "convention_proof", "conventions")
    assert isinstance(found, ConventionsWindow)
    assert found.proof is not None
    assert found.proof.evidence.is_disputed
    assert found.proof.changes is not None
    assert not found.proof.changes.is_same
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        found.canvas.clicked.emit("convention:ties:first")
    qtbot.waitUntil(lambda: window.status._unusual.text() == "", timeout=LONG_MS)


def test_conventions_without_a_layer_for_them_cannot_be_chosen(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-avg")
    actions = window.actions_by_name
    qtbot.waitUntil(lambda: not actions["ties_all"].isEnabled(), timeout=LONG_MS)
    assert not actions["relu_half"].isEnabled()
    assert actions["turned_kernels"].isEnabled()


def test_a_pixel_and_a_weight_are_changed_and_kept_in_the_session(
    window: MainWindow,
    open_in: Open,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    open_in(network="tiny-max")

    def answer(dialog: AskDialog) -> AskDialog.DialogCode:
        dialog.line.setText("five")
        assert "no number" in dialog.remark.text()
        dialog.line.setText("5")
        return AskDialog.DialogCode.Accepted

    monkeypatch.setattr(AskDialog, "exec", answer)
    for place in ("image[0,0,1,1]", "conv1.weight[0,0,0,0]"):
        bench_of(window).controller.dispatch(TogglePin(parse(place)))
        with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
            window.actions_by_name["edit_value"].trigger()
        assert opened_now(window).view.tape.value(parse(place)) == 5
    subject = opened_now(window).subject
    assert (subject.image_name, subject.model.remark) == (EDITED_IMAGE, EDITED_REMARK)
    qtbot.waitUntil(lambda: window.status._unusual.text() == "edited", timeout=LONG_MS)
    path = tmp_path_factory.mktemp("saved") / "edited.bpv"
    save_opened(path, opened_now(window))
    session = saved_in(str(path))
    assert session is not None
    again = opened_session(session, str(path), "")
    assert again.subject.is_edited
    assert again.view.tape.value(parse("image[0,0,1,1]")) == 5


def test_what_cannot_be_changed_is_said(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    stand_at(window, "conv1.output[0,0,0,0]")
    window.actions_by_name["edit_value"].trigger()
    assert "cannot be edited" in window.status.message
    assert read_number("−2.5") == -2.5


def test_both_themes_reach_the_windows(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    lab = lab_at(window, qtbot, WEIGHT)
    assert lab.canvas.scene is not None
    before = lab.canvas.scene.background
    window.use_theme("dark")
    assert lab.canvas.scene.background != before


def test_closing_while_everything_runs_leaves_nothing(window: MainWindow, open_in: Open) -> None:
    open_in(network="lenet")
    stand_at(window, "conv1.weight.grad[2,0,3,1]")
    for action in ("nudge", "ancestry", "gradient_check", "convention_proof", "check_value"):
        window.actions_by_name[action].trigger()
    window.actions_by_name["nudge"].trigger()
    window.close()
    assert bench_of(window).analysis.windows == {}


def weight_window_at(window: MainWindow, qtbot: QtBot, place: str) -> WeightWindow:
    stand_at(window, place)
    found = asked(window, qtbot, "weight_view", "weight")
    assert isinstance(found, WeightWindow)
    assert found.isVisible()
    return found


def test_a_weight_is_shown_with_all_that_it_meets_beside_a_dense_weight(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    found = weight_window_at(window, qtbot, WEIGHT)
    assert str(found.address) == "conv1.weight[0,0,0,1]"
    said = texts(found.canvas.scene)
    assert "The filter value works at 4 places of the image" in said
    assert "in the example tiny-dense" in said
    found.show_page(FORWARD)
    assert "This one number took part in 4 outputs" in texts(found.canvas.scene)


def test_a_cell_of_the_weight_lights_its_partners_here_and_on_the_stage(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    found = weight_window_at(window, qtbot, WEIGHT)
    found.canvas.hovered.emit("conv1.input[0,0,1,1]")
    lit = set(found.canvas._lit_keys)
    assert {"conv1.input[0,0,1,1]", "conv1.output.grad[0,0,1,0]", "term:2"} <= lit
    assert set(bench_of(window).stage._lit_keys) == lit
    found.close()
    assert bench_of(window).stage._lit_keys == ()


def test_the_weight_window_follows_the_debugger_and_its_own_buttons(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="lenet")
    found = weight_window_at(window, qtbot, "conv1.weight.grad[2,0,3,1]")
    assert "784 products" in texts(found.canvas.scene)
    stand_at(window, "conv2.weight.grad[3,1,2,2]")
    assert str(found.address) == "conv2.weight[3,1,2,2]"
    found._after.click()
    assert str(found.address) == "conv2.weight[3,1,2,3]"
    found._before.click()
    found._before.click()
    assert str(found.address) == "conv2.weight[3,1,2,1]"
    stand_at(window, "conv2.output[0,0,0,0]")
    assert str(found.address) == "conv2.weight[3,1,2,1]"


def test_what_is_no_weight_is_refused_in_words(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    stand_at(window, "conv1.output[0,0,0,0]")
    window.actions_by_name["weight_view"].trigger()
    assert "weight" not in bench_of(window).analysis.windows
    assert "no weight" in window.status._message.text()
    found = weight_window_at(window, qtbot, WEIGHT)
    stand_at(window, "conv1.output[0,0,0,0]")
    window.actions_by_name["weight_view"].trigger()
    assert found.isVisible()
    assert str(found.address) == "conv1.weight[0,0,0,1]"


def test_the_menu_of_a_weight_asks_about_that_weight(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    bench = bench_of(window)
    names = [name for name, _ in bench.pointing._questions(parse("conv1.weight[0,0,1,1]"))]
    assert names == ["ancestry", "feeds", "weight_view", "nudge", "edit_value"]
    bench.pointing.asked.emit("weight_view", "conv1.weight[0,0,1,1]")
    found = bench.analysis.windows["weight"]
    assert isinstance(found, WeightWindow)
    assert str(found.address) == "conv1.weight[0,0,1,1]"
    qtbot.waitUntil(lambda: not found.worker.is_busy, timeout=LONG_MS)


def editor_of(window: MainWindow) -> NumberEditor:
    window.actions_by_name["edit_numbers"].trigger()
    found = bench_of(window).analysis.windows["numbers"]
    assert isinstance(found, NumberEditor)
    return found


def field_of(editor: NumberEditor, text: str) -> NumberField:
    address = parse(text)
    found = (field for field in editor.grids[address.array].fields if field.address == address)
    return next(found)


def typed(window: MainWindow, qtbot: QtBot, field: NumberField, text: str) -> None:
    """Type a number and wait for its pass."""
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        field.setText(text)
        QTest.keyClick(field, Qt.Key.Key_Return)


def test_the_editor_has_a_field_for_every_number_and_everything_follows(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    """With 9 in the middle the lower right window wins: o = 17, and L = ½(17 − 6)² = 60.5."""
    open_in(network="tiny-max")
    editor = editor_of(window)
    assert sum(len(grid.fields) for grid in editor.grids.values()) == 9 + 4 + 1 + 1
    typed(window, qtbot, field_of(editor, "image[0,0,1,1]"), "9")
    tape = opened_now(window).view.tape
    assert tape.loss == 60.5
    assert tape.value(parse("pool1.output[0,0,0,0]")) == 17
    assert "60.5" in texts(editor.canvas.scene)
    assert "The first fraction is loss = 60.5" in editor.note.text()
    typed(window, qtbot, field_of(editor, "loss.target[0,0,0,0]"), "7")
    assert opened_now(window).view.tape.loss == 50
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        QTest.keyClick(field_of(editor, "conv1.bias[0]"), Qt.Key.Key_Up)
    assert opened_now(window).view.tape.value(parse("conv1.bias[0]")) == 0
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        editor.restore()
    assert opened_now(window).view.tape.loss == 2
    assert field_of(editor, "image[0,0,1,1]").text() == "4"
    assert not opened_now(window).subject.is_edited


def test_whole_numbers_refuse_fractions_and_make_the_update_whole(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    editor = editor_of(window)
    assert "conv1.weight.step[0,0,0,0]" in editor.note.text()
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        editor.use_whole_numbers(wanted=True)
    assert opened_now(window).subject.learning_rate == 1
    assert "Every number of this pass is whole" in editor.note.text()
    field = field_of(editor, "conv1.weight[0,0,0,1]")
    field.setText("0.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert "0.5 is no whole number" in editor.note.text()
    assert field.text() == "1"
    field.setText("three")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert "is no number" in editor.note.text()
    qtbot.waitUntil(lambda: "whole numbers" in window.status._unusual.text(), timeout=LONG_MS)
    assert window.actions_by_name["whole_numbers"].isChecked()
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        window.actions_by_name["whole_numbers"].trigger()
    assert opened_now(window).subject.learning_rate == 0.01
    assert not opened_now(window).subject.whole_numbers


def test_a_network_with_many_numbers_has_no_editor(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="lenet")
    window.actions_by_name["edit_numbers"].trigger()
    assert "numbers" not in bench_of(window).analysis.windows
    assert "open a small example" in window.status._message.text()


def test_another_network_closes_the_editor(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="tiny-max")
    editor_of(window)
    open_in(network="tiny-avg")
    assert "numbers" not in bench_of(window).analysis.windows


def test_the_derivation_can_be_copied_as_text_and_as_latex(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    open_in(network="tiny-max")
    stand_at(window, WEIGHT)
    clipboard = QGuiApplication.clipboard()
    window.actions_by_name["copy_derivation"].trigger()
    assert "0×2 + 0×1 + 2×4 + 0×1 = 8" in clipboard.text()
    window.actions_by_name["copy_latex"].trigger()
    assert r"2 \times 4 + 0 \times 1 = \mathbf{8}" in clipboard.text()
