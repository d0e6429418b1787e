"""The table of actions against menus, keys and handlers."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import SIGNAL
from PySide6.QtGui import QKeySequence

from backpropviz.assets import resource_names
from backpropviz.ui.action_table import ACTIONS, Scope, action_spec
from backpropviz.ui.controls import MENUS
from backpropviz.ui.main_window import MainWindow

DESIGN_KEYS = {
    "step_over": "F10",
    "back_over": "Ctrl+F10",
    "step_into": "F11",
    "back_into": "Ctrl+F11",
    "step_out": "Shift+F11",
    "back_out": "Ctrl+Shift+F11",
    "continue": "F5",
    "continue_back": "Ctrl+F5",
    "next": ".",
    "previous": ",",
    "toggle_breakpoint": "F9",
    "go_to": "Ctrl+G",
    "next_panel": "F6",
    "palette": "Ctrl+Shift+P",
}
STAGE_KEYS = {"play": "Space", "stage_next": "Right", "stage_previous": "Left"}


def test_names_are_unique_and_every_action_has_help_and_a_menu() -> None:
    names = Counter(spec.name for spec in ACTIONS)
    assert [name for name, count in names.items() if count > 1] == []
    for spec in ACTIONS:
        assert spec.menu in MENUS
        assert spec.help.endswith(".")
        assert spec.help[0].isupper()


def test_no_two_actions_share_a_key() -> None:
    keys = Counter(QKeySequence(key).toString() for spec in ACTIONS for key in spec.keys)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize(("name", "key"), DESIGN_KEYS.items())
def test_the_keys_of_the_design_work_in_the_window(name: str, key: str) -> None:
    assert key in action_spec(name).keys
    assert action_spec(name).scope is Scope.WINDOW


@pytest.mark.parametrize(("name", "key"), STAGE_KEYS.items())
def test_keys_that_buttons_and_lists_need_work_on_the_stage_only(name: str, key: str) -> None:
    assert action_spec(name).keys == (key,)
    assert action_spec(name).scope is Scope.STAGE


def test_every_icon_is_bundled() -> None:
    icons = set(resource_names("icons", ".svg"))
    assert {f"{spec.icon}.svg" for spec in ACTIONS if spec.icon} <= icons


def test_menus_hold_every_action_once(window: MainWindow) -> None:
    found = Counter(
        action.objectName()
        for menu in window.menus.values()
        for action in menu.actions()
        if action.objectName() in {spec.name for spec in ACTIONS}
    )
    assert found == Counter(spec.name for spec in ACTIONS)


def test_every_action_does_something(window: MainWindow) -> None:
    idle = [
        spec.name
        for spec in ACTIONS
        if not window.actions_by_name[spec.name].receivers(SIGNAL("triggered(bool)"))
    ]
    assert idle == []


def test_without_a_pass_only_what_needs_none_can_be_used(window: MainWindow) -> None:
    assert window.actions_by_name["open"].isEnabled()
    assert not window.actions_by_name["resume"].isEnabled()
    for name in ("step_over", "export", "save", "go_to", "toggle_breakpoint"):
        assert not window.actions_by_name[name].isEnabled()
