"""Lessons in the window: walked to their end, left, resumed, and refused where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from backpropviz.assets import resource
from backpropviz.debugger.commands import AddWatch, GoToAddress, TogglePin
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.lessons.progress import scores
from backpropviz.lessons.reading import bundled_lesson_names
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.controls import Notice
from backpropviz.ui.lessons.coach import Coach, progress_file, read_progress
from backpropviz.ui.lessons.desk import LessonDesk
from backpropviz.ui.lessons.panel import ScoreView, StepView
from backpropviz.ui.lessons.question import QuestionView, number_text, plain_text, prose_html
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.recent import last_session_file
from backpropviz.ui.requests import OpenRequest, request_for
from tests.ui.bench import bench_of
from tests.ui.conftest import LONG_MS, Open

POOLING = "derivative-of-max-pooling"
SIGN = "which-way-to-go"
LEFT = Qt.MouseButton.LeftButton


def desk_of(window: MainWindow) -> LessonDesk:
    return bench_of(window).lessons


def open_lesson(window: MainWindow, qtbot: QtBot, name: str) -> Coach:
    coach = desk_of(window).coach
    with qtbot.waitSignal(coach.began, timeout=LONG_MS):
        window.open(OpenRequest(lesson=name))
    return coach


def step_view(window: MainWindow) -> StepView:
    view = desk_of(window).panel.view
    assert isinstance(view, StepView)
    return view


def question(window: MainWindow) -> QuestionView:
    found = step_view(window).question
    assert found is not None
    return found


@pytest.mark.parametrize("name", bundled_lesson_names())
def test_a_lesson_can_be_walked_to_its_end(window: MainWindow, qtbot: QtBot, name: str) -> None:
    coach = open_lesson(window, qtbot, name)
    panel = desk_of(window).panel
    for step in coach.loaded.lesson.steps:
        assert coach.step is step
        if step.question is not None:
            coach.reveal()
        if step.check is not None:
            coach.show_me()
            assert coach.missing == () or step.check.target or step.check.optimizer
        assert coach.progress.is_complete(step)
        panel.next.click()
    assert coach.shows_score
    assert isinstance(panel.view, ScoreView)
    assert all(score.right == 0 for score in scores(coach.loaded.lesson, coach.progress).values())
    panel.next.click()
    assert not coach.is_on
    assert window.pages.currentWidget() is window.start_page


def test_leaving_restores_the_session(window: MainWindow, open_in: Open, qtbot: QtBot) -> None:
    open_in(network="lenet")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse("conv2.weight.grad[3,1,2,2]"), Depth.TERM))
    bench.controller.dispatch(AddWatch(parse("loss")))
    before = bench.controller.opened
    network = bench.docks.by_name["network"]
    coach = open_lesson(window, qtbot, POOLING)
    assert bench.controller.opened is not before
    assert bench.lessons.dock.isVisible()
    assert not network.isVisible()
    coach.show_me()
    bench.lessons.panel.leave.click()
    assert bench.controller.opened is before
    assert not bench.lessons.dock.isVisible()
    assert network.isVisible()
    assert "lesson" not in bench.docks.by_name


def test_closing_the_window_keeps_the_own_session(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    before = open_in(network="lenet")
    open_lesson(window, qtbot, POOLING)
    bench_of(window).close()
    bench_of(window).controller.close_pass()
    with qtbot.waitSignal(bench_of(window).controller.state_changed, timeout=LONG_MS):
        window.open(OpenRequest(network=str(last_session_file())))
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.network == before.subject.network


def test_the_start_page_ends_a_lesson(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    window.actions_by_name["start_page"].trigger()
    assert not coach.is_on
    assert not desk_of(window).dock.isVisible()
    assert not last_session_file().exists()


def test_a_clicked_cell_is_the_answer_and_the_first_try_counts(
    window: MainWindow, qtbot: QtBot
) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    controller = bench_of(window).controller
    controller.dispatch(TogglePin(parse("conv1.output[0,0,1,1]")))
    view = question(window)
    assert view._line is not None
    assert view._line.text() == "conv1.output[0,0,1,1]"
    QTest.mouseClick(view._check, LEFT)
    assert "largest of the four" in view._feedback.text()
    assert not step_view(window)._task.isVisible()
    controller.dispatch(TogglePin(parse("conv1.output[0,0,1,0]")))
    QTest.keyClick(view._line, Qt.Key.Key_Return)
    assert step_view(window)._task.isVisible()
    found = coach.progress.by_step[coach.step.title]
    assert (found.is_right, found.tries, found.counts) == (True, 2, False)


def test_what_is_no_answer_does_not_count(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    view = question(window)
    assert view._line is not None
    view._line.setText("the one below")
    QTest.keyClick(view._line, Qt.Key.Key_Return)
    assert view._feedback.text()
    assert coach.progress.answers == ()


def test_the_task_is_checked_while_one_steps(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    coach.answer("conv1.output[0,0,1,0]")
    state = step_view(window)._task._state
    assert "pool1.output[0,0,0,0]" in state.text()
    coach.show_me()
    assert state.text() == "Done."
    bench_of(window).controller.dispatch(GoToAddress(parse("conv1.output"), Depth.TENSOR))
    assert coach.missing
    assert state.text() == "Done."


def test_what_show_me_lights_up_goes_out_with_the_step(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    controller = bench_of(window).controller
    while not coach.step.show.highlight:
        coach.move(1)
    coach.show_me()
    assert controller.opened is not None
    assert set(coach.step.show.highlight) <= set(controller.opened.state.pins)
    coach.move(1)
    assert controller.opened.state.pins == ()


def test_progress_survives_the_window(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    coach.answer("conv1.output[0,0,1,0]")
    coach.show_me()
    coach.move(1)
    title = coach.step.title
    coach.leave()
    assert not coach.is_on
    kept = read_progress(POOLING)
    assert kept is not None
    assert kept.step == title
    again = open_lesson(window, qtbot, POOLING)
    assert again.step.title == title
    again.move(-1)
    assert again.progress.is_complete(again.step)
    assert "Yes" in question(window)._feedback.text()


@pytest.mark.parametrize("content", ["", "{", '{"version": 9}', "[1]"])
def test_damaged_progress_begins_anew(content: str) -> None:
    path = progress_file("a")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert read_progress("a") is None


def test_another_network_is_noticed_and_switched_back(
    window: MainWindow, open_in: Open, qtbot: QtBot
) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    panel = desk_of(window).panel
    assert not panel._notice.isVisible()
    open_in(network="lenet")
    assert panel._notice.isVisible()
    assert "switch to tiny-max" in panel._why.text()
    panel.switch.click()
    assert not panel._notice.isVisible()
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.network == "tiny-max"
    assert coach.is_on


def test_a_wrong_file_is_told_with_its_line_and_changes_nothing(
    window: MainWindow, open_in: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    before = open_in(network="tiny-max")
    path = tmp_path / "mine.toml"
    text = resource("lessons", f"{POOLING}.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("conv1.output[0,0,0,0]", "conv9.output[0,0,0,0]", 1))
    with qtbot.waitSignal(bench_of(window).controller.failed, timeout=LONG_MS):
        window.open(request_for([str(path)]))
    notice = window.findChild(Notice)
    assert notice is not None
    assert "mine.toml, line 19: " in notice.text
    assert "Traceback" not in notice.text
    assert bench_of(window).controller.opened is before
    assert not desk_of(window).coach.is_on


def test_an_own_file_finds_the_network_beside_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    network = resource("networks", "tiny-max.json").read_bytes()
    (tmp_path / "class.json").write_bytes(network)
    text = resource("lessons", f"{POOLING}.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('network = "tiny-max"', 'network = "class.json"', 1))
    coach = open_lesson(window, qtbot, str(path))
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.network == str(tmp_path / "class.json")
    assert coach.switch_text == ""


def test_the_lessons_are_on_the_start_page_in_the_menu_and_the_palette(
    window: MainWindow, qtbot: QtBot
) -> None:
    desk = desk_of(window)
    qtbot.waitUntil(lambda: bool(desk.cards), timeout=LONG_MS)
    titles = [card.title for card in desk.cards]
    assert len(titles) == len(bundled_lesson_names())
    assert [a.text() for a in window.menus["Lessons"].actions()][: len(titles)] == titles
    palette = window.command_palette()
    words = [entry.words for entry in palette._entries]
    palette.deleteLater()
    assert set(titles) <= set(words)
    with qtbot.waitSignal(desk.coach.began, timeout=LONG_MS):
        window.menus["Lessons"].actions()[1].trigger()
    assert desk.coach.loaded.lesson.title == titles[1]
    assert question(window)._choices or question(window)._line is not None


def test_the_list_tells_what_is_done_and_begun(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, SIGN)
    coach.reveal()
    coach.show_me()
    desk = desk_of(window)
    before = desk.cards
    coach.leave()
    qtbot.waitUntil(lambda: desk.cards is not before, timeout=LONG_MS)
    after = desk.cards
    card = next(card for card in after if card.name == SIGN)
    assert card.is_started
    assert 0 < card.share < 1
    assert [card.state_text for card in after].count("new") == len(after) - 1


def test_values_lead_to_where_they_come_about(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    html = prose_html(coach.step.text, coach.tape, LIGHT)
    assert 'href="conv1.output[0,0,1,0]"' in html
    step_view(window).link_followed.emit("conv1.output[0,0,1,0]")
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert str(opened.focus_address) == "conv1.output[0,0,1,0]"
    assert "2, 1, 8 and 7" in plain_text(coach.step.text, coach.tape)


def test_a_lesson_takes_another_theme(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    coach.answer("conv1.output[0,0,1,1]")
    window.use_theme("dark")
    assert "largest of the four" in question(window)._feedback.text()
    window.use_theme("light")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9999.0, "9999"),
        (10000.0, "10,000"),
        (61706.0, "61,706"),
        (-1234567.0, "−1,234,567"),
        (123456.789, "123,456.8"),
        (0.25, "0.25"),
    ],
)
def test_large_numbers_have_separators(value: float, text: str) -> None:
    assert number_text(value) == text


def test_the_keyboard_is_where_the_step_goes_on(window: MainWindow, qtbot: QtBot) -> None:
    coach = open_lesson(window, qtbot, POOLING)
    panel = desk_of(window).panel
    for _ in coach.loaded.lesson.steps:
        panel.begin()
        view = panel.view
        assert isinstance(view, StepView)
        assert window.focusWidget() is (view.open_control or panel.next)
        assert (view.open_control is None) == coach.progress.is_complete(coach.step)
        panel.next.click()


def test_a_lesson_opens_on_its_answer(window: MainWindow, qtbot: QtBot) -> None:
    open_lesson(window, qtbot, POOLING)
    assert window.focusWidget() is question(window).open_control
    assert question(window).open_control is not None
