"""Where true keys go: to the stage, to what has just been opened, and to nothing behind it."""

from __future__ import annotations

import pytest

from tests.real_window.driver import RealWindow

LETTERS = "newfmk"
"""Each of them does something on the stage."""
ON_STAGE = ("n", "w", "f", "m", "e", "E", "k", "space", "Right", "Left", "period", "comma")


def test_letters_typed_into_the_palette_arrive_there(real: RealWindow) -> None:
    real.keys("ctrl+shift+p")
    real.until("target() == 'SearchLine'")
    real.fired()
    titles = real.ask("titles()")
    real.type(LETTERS + " .,?")
    assert real.ask("focus.text()") == LETTERS + " .,?"
    real.keys("F10", "F5", "ctrl+g", "Tab")
    assert real.ask("target()") == "SearchLine"
    assert real.fired() == []
    assert real.ask("titles()") == titles
    real.keys("Escape")
    real.until("target() == 'StageView'")


def test_the_palette_does_what_is_chosen(real: RealWindow) -> None:
    state = "window.workbench.controller.opened.state"
    position = f"[{state}.k, {state}.has_begun]"
    before = real.ask(position)
    real.keys("ctrl+shift+p")
    real.type("step over")
    real.keys("Return")
    real.until("target() == 'StageView'")
    assert real.ask(position) != before
    assert real.fired() == ["palette", "step_over"]


def test_a_click_beside_the_palette_leaves_it(real: RealWindow) -> None:
    real.keys("ctrl+shift+p")
    real.until("target() == 'SearchLine'")
    x, y = real.ask("center(window)")
    real.click_at(x, y + 250)
    real.until("target() == 'StageView' and not of_kind('CommandPalette')")


def test_go_to_takes_the_focus_and_one_enter(real: RealWindow) -> None:
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.type("pool1.output[0,0,0,0]")
    real.keys("Return")
    real.until("target() == 'StageView'")
    where = "str(window.workbench.controller.opened.focus_address)"
    assert real.ask(where) == "pool1.output[0,0,0,0]"
    assert real.fired() == ["go_to"]


def test_go_to_takes_a_marked_suggestion_with_one_enter(real: RealWindow) -> None:
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.type("conv1.weight.gr")
    real.keys("Down", "Return")
    real.until("target() == 'StageView'")
    assert real.ask("str(window.workbench.controller.opened.step.layer)") == "conv1"


def test_go_to_shows_its_whole_error_and_its_buttons(real: RealWindow) -> None:
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.type("conv1.weight[0,0,9,9]")
    dialog = "of_kind('AskDialog')[0]"
    real.until(f"{dialog}.remark.text() != ''")
    needed = f"{dialog}.remark.heightForWidth({dialog}.remark.width())"
    real.until(
        f"{dialog}.remark.height() >= {needed} and not {dialog}.remark.visibleRegion().isEmpty()"
    )
    buttons = real.ask(
        "[b.visibleRegion().boundingRect().height() for b in of_kind('QPushButton')]"
    )
    assert buttons
    assert min(buttons) > 20
    assert real.ask("popup is None")


def test_every_menu_opens_by_its_letter_and_keeps_its_keys(real: RealWindow) -> None:
    bar = "[a.text() for a in window.menuBar().actions()]"
    letters = [text[text.index("&") + 1].lower() for text in real.ask(bar)]
    assert len(set(letters)) == len(letters)
    position = "window.workbench.controller.opened.state.k"
    before = real.ask(position)
    for letter in letters:
        real.keys(f"alt+{letter}")
        real.until("target() == 'Menu'")
        real.keys("Down", "Up", "Right", "Left", "F10", "period", "comma", "question", "ctrl+g")
        assert real.ask("popup is not None")
        real.keys("Escape", "Escape")
        real.until("popup is None")
    real.until("target() == 'StageView'")
    assert real.fired() == []
    assert real.ask(position) == before


def test_an_entry_is_chosen_by_its_letter(real: RealWindow) -> None:
    real.keys("alt+d")
    real.until("target() == 'Menu'")
    entry = "next(a for a in popup.actions() if a.objectName() == 'step_over').text()"
    text = real.ask(entry)
    real.keys(text[text.index("&") + 1].lower())
    real.until("popup is None")
    assert real.fired() == ["step_over"]


def test_letters_do_nothing_in_text_fields(real: RealWindow) -> None:
    real.click("window.workbench.transport.step")
    real.until("target() == 'QLineEdit'")
    real.keys("ctrl+a")
    real.type("nwfmkeE .,?")
    assert real.fired() == []
    assert real.ask("focus.text()") == "nwfmkeE .,?"
    real.keys("ctrl+a", "3", "Return")
    real.until("target() == 'StageView'")
    assert real.ask("window.workbench.controller.opened.state.k") == 2
    real.keys("n")
    assert real.fired() == ["nudge"]


def test_letters_belong_to_the_stage_alone(real: RealWindow) -> None:
    real.keys("F6")
    real.until("target() not in ('', 'StageView')")
    for _ in range(6):
        real.fired()
        real.keys("n", "w", "f", "m", "e", "k")
        assert real.fired() == []
        real.keys("F6")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("n", "NudgeLab"),
        ("w", "AncestryWindow"),
        ("m", "WeightWindow"),
        ("ctrl+n", "NetworkEditor"),
    ],
)
def test_function_keys_work_in_windows_beside_the_debugger(
    real: RealWindow, key: str, kind: str
) -> None:
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.type("conv1.weight.grad[0,0,0,1]")
    real.keys("Return")
    real.until("target() == 'StageView'")
    real.keys(key)
    real.until(f"type(app.activeWindow()).__name__ == '{kind}'")
    real.fired()
    real.keys("F10", "ctrl+F10", "F9", "F9", "F11", "shift+F11")
    assert real.fired() == [
        "step_over", "back_over", "toggle_breakpoint", "toggle_breakpoint", "step_into", "step_out",
    ]  # fmt: skip
    real.until(f"type(app.activeWindow()).__name__ == '{kind}'")
    real.keys("F6")
    assert real.fired() == ["next_panel"]
    assert real.ask("app.focusWidget().window() is app.activeWindow()")
    real.keys("ctrl+shift+p")
    real.until("target() == 'SearchLine'")
    assert real.ask(f"type(focus.window()).__name__ == '{kind}'")
    real.type("nwe")
    real.keys("Escape")
    assert real.fired() == ["palette"]
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.keys("Escape")
    real.until(f"type(app.activeWindow()).__name__ == '{kind}'")


def test_the_kind_chooser_takes_the_focus(real: RealWindow) -> None:
    real.keys("ctrl+n")
    real.until("target() == 'LayerList'")
    real.fired()
    real.keys("Insert")
    real.until("target() == 'SearchLine'")
    count = "len(of_kind('NetworkEditor')[0].controller.draft.nodes)"
    before = real.ask(count)
    real.type("newfmk")
    assert real.fired() == []
    real.keys("ctrl+a")
    real.type("relu")
    real.keys("Return")
    real.until(f"{count} == {before + 1}")
    real.until("target() == 'LayerList'")


def test_enter_presses_the_focused_button(real: RealWindow) -> None:
    real.keys("ctrl+g")
    real.until("target() == 'SearchLine'")
    real.keys("Tab")
    real.until("target() == 'QPushButton'")
    real.keys("Return")
    real.until("target() == 'StageView'")


def test_the_clicked_cell_and_the_keyboards_cell_are_one(real: RealWindow) -> None:
    stage = "window.workbench.stage"
    real.keys("Return")
    real.until(f"{stage}.focused_key")
    here = (
        f"next(m for m in window.workbench.stage.scene.marks if getattr(m, 'key', '') "
        f"not in ('', {stage}.focused_key) and '[' in m.key and ':' not in m.key)"
    )
    key = real.ask(f"{here}.key")
    spot = (
        "(lambda p: [p.x(), p.y()])(window.workbench.stage.viewport().mapToGlobal("
        f"window.workbench.stage.view_box(find({stage}.scene, {key!r})).center().toPoint()))"
    )
    x, y = real.ask(spot)
    real.click_at(x, y)
    real.until(f"{stage}.focused_key == {key!r}")


def test_keys_act_on_the_run_on_the_train_page(real: RealWindow) -> None:
    real.ask("begin_run()")
    real.until("window.workbench.training.is_shown")
    k = real.ask("window.workbench.controller.opened.state.k")
    marks = real.ask("len(window.workbench.controller.opened.state.breakpoints)")
    now = "window.workbench.training.room.controller.state.run.now.iteration"
    real.keys("F10")
    real.until(f"{now} == 1")
    real.keys("F10")
    real.until(f"{now} == 2")
    real.keys("F9")
    real.until("type(app.activeWindow()).__name__ == 'StopsDialog'")
    real.keys("Escape")
    real.until("app.activeWindow() is window")
    real.keys("ctrl+g")
    real.until("focus is window.workbench.training.room.page.controls.update_field")
    real.type("nwe1")
    real.keys("ctrl+a", "1", "Return")
    real.until("window.workbench.training.room.controller.state.run.shown_iteration == 1")
    real.until("focus is not None and 'Field' not in target()")
    for key in ("ctrl+F5", "ctrl+F11", "ctrl+End", "n", "e", "space"):
        real.keys(key)
    assert real.ask("window.workbench.controller.opened.state.k") == k
    assert real.ask("len(window.workbench.controller.opened.state.breakpoints)") == marks
    real.keys("ctrl+shift+m")
    real.until("target() == 'StageView'")
    real.keys("F10")
    real.until(f"window.workbench.controller.opened.state.k != {k}")


def test_a_place_with_suggestions_takes_one_enter(real: RealWindow) -> None:
    marks = "[m.layer for m in window.workbench.controller.opened.state.breakpoints]"
    real.keys("ctrl+F9")
    real.until("type(app.activeWindow()).__name__ == 'BreakpointDialog'")
    real.keys("ctrl+a")
    real.type("conv1")
    real.until("popup is not None")
    real.keys("Return")
    real.until(f"{marks} == ['conv1'] and app.activeWindow() is window")
    real.keys("ctrl+shift+F9")
    real.until(f"not {marks}")


TEXT_WINDOWS = {
    "ctrl+g": "AskDialog",
    "ctrl+F9": "BreakpointDialog",
    "ctrl+l": "AskDialog",
    "ctrl+w": "AskDialog",
    "E": "NumberEditor",
    "ctrl+n": "NetworkEditor",
    "ctrl+alt+n": "NewRunDialog",
}


@pytest.mark.parametrize(("key", "kind"), TEXT_WINDOWS.items())
def test_no_text_field_lets_a_letter_through(real: RealWindow, key: str, kind: str) -> None:
    real.keys(key)
    real.until(f"type(app.activeWindow()).__name__ == '{kind}'")
    fields = "[f for f in of_kind('QLineEdit') if f.window() is app.activeWindow()]"
    count = real.ask(f"len({fields})")
    titles = real.ask("titles()")
    assert count
    real.fired()
    for number in range(min(count, 4)):
        real.until(f"{fields}[{number}].setFocus() or {fields}[{number}].hasFocus()")
        real.type("nwfmkeE .,?")
        assert real.fired() == []
        assert real.ask("titles()") == titles


def test_a_window_beside_the_training_acts_on_the_run(real: RealWindow) -> None:
    real.ask("begin_run()")
    real.until("window.workbench.training.is_shown")
    real.ask("begin_run()")
    runs = "window.workbench.training.room.controller.state"
    real.until(f"len({runs}.runs) >= 2 and {runs}.run.now.iteration == 0")
    real.keys("ctrl+shift+d")
    real.until("type(app.activeWindow()).__name__ == 'ComparisonWindow'")
    real.keys("F10")
    real.until(f"{runs}.run.now.iteration == 1")
    real.keys("F7")
    real.until(f"{runs}.run.now.iteration == 2")
    real.keys("ctrl+shift+p")
    real.until("target() == 'SearchLine'")
    real.keys("Escape")
    real.until("not of_kind('CommandPalette')")


def test_a_picture_is_pasted(real: RealWindow) -> None:
    real.ask("app.clipboard().setImage(gray_image(3, 3))")
    name = "window.workbench.controller.opened.subject.image_name"
    before = real.ask(name)
    real.keys("ctrl+v")
    real.until(f"{name} != {before!r}")
