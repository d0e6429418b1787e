"""The letters of menus, what a button does on Enter, and what stands in for what is too wide."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.files.networks import load_network
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.action_table import ACTIONS, Scope
from backpropviz.ui.controls import MENUS, plain, with_letters
from backpropviz.ui.dialog import AskDialog, FramedDialog
from backpropviz.ui.editor.end_forms import PictureDialog
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.windows import bounded, keep_on_screen, room
from tests.ui.conftest import Open


def _letter(text: str) -> str:
    marked = text.replace("&&", "")
    return marked[marked.index("&") + 1].casefold() if "&" in marked else ""


def test_each_menu_has_a_letter_of_its_own() -> None:
    assert with_letters(MENUS)[0] == "&File"
    letters = [_letter(text) for text in with_letters(MENUS)]
    assert "" not in letters
    assert len(set(letters)) == len(letters)


def test_entries_of_a_menu_never_share_a_letter() -> None:
    for menu in MENUS:
        texts = [spec.title for spec in ACTIONS if spec.menu == menu]
        marked = with_letters(texts)
        letters = [letter for letter in map(_letter, marked) if letter]
        assert len(set(letters)) == len(letters)
        assert len(letters) >= min(len(texts), 24)
        assert [plain(text) for text in marked] == texts


def test_a_name_with_an_ampersand_and_a_key_keep_theirs() -> None:
    assert with_letters(["R&D", "Play\tSpace", "…"]) == ["&R&&D", "&Play\tSpace", "…"]
    assert plain("&R&&D") == "R&D"


def test_plain_letters_are_no_shortcuts_of_the_window(window: MainWindow) -> None:
    for spec in ACTIONS:
        shortcuts = window.actions_by_name[spec.name].shortcuts()
        assert bool(shortcuts) == (spec.scope is Scope.WINDOW and bool(spec.keys))


def test_keys_of_the_stage_work_on_the_stage(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    assert window.workbench is not None
    stage, controller = window.workbench.stage, window.workbench.controller
    fired: list[str] = []
    for spec in ACTIONS:
        if spec.scope is Scope.STAGE:
            action = window.actions_by_name[spec.name]
            action.triggered.connect(lambda _=False, name=spec.name: fired.append(name))
    before = controller.opened
    QTest.keyClick(stage, Qt.Key.Key_Right)
    assert controller.opened is not before
    QTest.keyClick(stage, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert fired == ["stage_next", "copy_value"]
    assert QGuiApplication.clipboard().text()


def test_enter_in_the_step_field_gives_the_keyboard_to_the_stage(
    window: MainWindow, open_in: Open
) -> None:
    open_in(network="tiny-max")
    assert window.workbench is not None
    field = window.workbench.transport.step
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        field.setFocus()
        QTest.keyClick(field, key)
        assert window.workbench.stage.hasFocus()


def test_which_picture_takes_enter_on_its_focused_button(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = PictureDialog(parent, load_network("lenet"))
    dialog.show()
    button = next(b for b in dialog.findChildren(QPushButton) if b.property("picture"))
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Return)
    assert dialog.asked is not None
    assert dialog.asked.image == button.property("picture")
    dialog.deleteLater()


def test_a_dialog_that_is_too_high_scrolls_and_shows_its_buttons(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = FramedDialog(parent, "Much")
    for number in range(80):
        dialog.body.addWidget(QPushButton(f"{number}"))
    close = dialog.add_button("Close", is_primary=True)
    dialog.show()
    screen = dialog.screen().availableGeometry()
    assert dialog.frameGeometry().height() <= screen.height()
    assert not close.visibleRegion().isEmpty()
    dialog.close()
    dialog.deleteLater()


def test_a_long_refusal_is_shown_whole(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = AskDialog(parent, "Go to", "Where?", "", lambda _: "This cannot be. " * 30)
    dialog.show()
    dialog.line.setText("x")
    assert dialog.remark.height() >= dialog.remark.heightForWidth(dialog.remark.width())
    dialog.close()
    dialog.deleteLater()


def test_windows_are_brought_into_the_screen(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.setMinimumSize(4000, 3000)
    widget.setGeometry(-50, -60, 4000, 3000)
    widget.show()
    keep_on_screen(widget)
    area = widget.screen().availableGeometry()
    assert area.contains(widget.frameGeometry())
    assert bounded(widget, area.size() * 2) == room(widget)


def test_a_narrow_transport_names_the_depth_in_a_menu(window: MainWindow, open_in: Open) -> None:
    open_in(network="tiny-max")
    assert window.workbench is not None
    transport = window.workbench.transport
    window.resize(950, 520)
    transport.resize(940, 48)
    assert not transport.depths.isVisible()
    assert transport._depth.isVisible()
    assert transport._depth.value
    entry = transport._depth.menu().actions()[0]
    with_depth: list[object] = []
    transport.depth_wanted.connect(with_depth.append)
    entry.trigger()
    assert with_depth == [entry.data()]
    transport.use_theme(LIGHT)
