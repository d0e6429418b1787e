"""What the actions of an open pass do, and when they can be used.

Dialogs and files are imported once they are asked for: the stage comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings
from PySide6.QtWidgets import QFileDialog

from backpropviz.debugger.going import ShowAbsent
from backpropviz.debugger.marks import Continue
from backpropviz.debugger.state import StopReason
from backpropviz.debugger.stepping import Over
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.ui.debug_commands import COMMANDS, breakpoint_here, other_order
from backpropviz.ui.going import command_for
from backpropviz.ui.opened import Opened
from backpropviz.ui.preferences import read_preferences, write_preferences
from backpropviz.ui.side_window import front

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench


class DebugActions(QObject):
    """Handlers of the table's actions that need a pass."""

    def __init__(self, workbench: Workbench, window: MainWindow) -> None:
        super().__init__(workbench)
        self._bench, self._window = workbench, window
        self._actions = window.actions_by_name
        workbench.stage.actions_by_key = self._actions.of_stage
        workbench.stage.clicked.connect(self._sort_on_click)
        self._actions.bind({name: partial(self._run_command, name) for name in COMMANDS})
        self._actions.bind(self._handlers())
        menu = window.menus["View"]
        menu.addSeparator()
        menu.addActions(list(workbench.docks.actions()))

    def _handlers(self) -> dict[str, Callable[[], object]]:
        stage, player, marks = self._bench.stage, self._bench.player, self._bench.marks
        return {
            "save": self.save,
            "export": self.export,
            "copy_frame": self.copy_frame,
            "start_page": self._bench.controller.close_pass,
            "copy_value": self.copy_value,
            "zoom_in": stage.zoom_in,
            "zoom_out": stage.zoom_out,
            "zoom_reset": stage.zoom_reset,
            "ledger_by_size": self.sort_ledger,
            "ledger_by_sample": self.sum_ledger_by_sample,
            "next_sample": lambda: self.turn_samples(1),
            "previous_sample": lambda: self.turn_samples(-1),
            "reset_layout": self._bench.docks.reset,
            "next_panel": self.next_panel,
            "previous_panel": self.previous_panel,
            "play": player.toggle,
            "go_to": self.ask_where,
            "go_back": self._bench.controller.go_back,
            "go_forward": self._bench.controller.go_forward,
            "origin": self.go_to_origin,
            "toggle_breakpoint": self.toggle_breakpoint,
            "add_breakpoint": marks.add_breakpoint,
            "add_watch": marks.add_watch,
            "loop_order": self.change_order,
            "show_absent": self.show_absent,
            "faster": self.faster,
            "slower": self.slower,
        }

    @property
    def _opened(self) -> Opened | None:
        return self._bench.controller.opened

    def allow(self, opened: Opened) -> None:
        """Enable each command that is possible now; the others say why not."""
        for name, make in COMMANDS.items():
            self._actions.allow(name, opened.refusal(make()) or None)
        self._actions["show_absent"].setChecked(opened.state.show_absent)
        alone = None if opened.view.tape.batch > 1 else self.tr("The batch is one sample only.")
        for name in ("next_sample", "previous_sample", "ledger_by_sample"):
            self._actions.allow(name, alone)

    def _run_command(self, name: str) -> None:
        self._bench.player.pause()
        self._bench.controller.dispatch(COMMANDS[name]())

    def play_on(self) -> None:
        """One step of autoplay; breakpoints stop it."""
        opened = self._opened
        if opened is None or opened.view.is_done:
            self._bench.player.pause()
            return
        after = opened.after(Over())
        if any(mark.enabled and not mark.condition for mark in opened.state.breakpoints):
            stop = opened.after(Continue())
            if stop.state.stopped.reason is StopReason.BREAKPOINT and stop.state.k <= after.state.k:
                self._bench.player.pause()
                self._bench.controller.dispatch(Continue())
                return
        self._bench.controller.dispatch(Over())

    def change_order(self) -> None:
        """Interchange the loops."""
        if self._opened is not None:
            self._bench.controller.dispatch(other_order(self._opened))

    def show_absent(self) -> None:
        """Stop at terms without a source or target too, or pass them."""
        show = self._actions["show_absent"].isChecked()
        self._bench.controller.dispatch(ShowAbsent(show))

    def toggle_breakpoint(self) -> None:
        """At what is in focus."""
        command = breakpoint_here(self._opened) if self._opened is not None else None
        if command is None:
            self._window.status.say(self.tr("Step to a layer or deeper to set a breakpoint."))
        else:
            self._bench.controller.dispatch(command)

    def go_to_origin(self) -> None:
        """Where the focused, else the hovered or the last pinned value came from."""
        opened, stage = self._opened, self._bench.stage
        if opened is None:
            return
        pins = [str(pin) for pin in opened.state.pins[-1:]]
        candidates = (stage.focused_key, stage.hovered_key, *pins)
        key = next((candidate for candidate in candidates if candidate), "")
        if key:
            self._bench.pointing.go_to_origin(key)
        else:
            self._window.status.say(self.tr("Point at a value or pin it, then ask again."))

    def ask_where(self) -> None:
        """Go to an address, a step or a layer."""
        opened = self._opened
        if opened is None:
            return
        layers = [node.name for node in opened.view.tape.network.nodes]
        tensors = [str(address) for address in opened.view.tape]
        from backpropviz.ui.dialogs.ask import ask

        text = ask(
            front(self._window),
            self.tr("Go to"),
            self.tr("An address, a layer, or the number of a step."),
            "",
            self._refusal_of,
            [name for name in (*layers, *tensors) if not self._refusal_of(name)],
        )
        if text:
            self.go_to_text(text)

    def go_to_text(self, text: str) -> None:
        """Go to an address, a step's number or a layer."""
        if self._opened is None:
            return
        try:
            self._bench.controller.jump(command_for(text, self._opened))
        except UserError as error:
            self._window.status.say(str(error))
            self._bench.transport.show_opened(self._opened)

    def _refusal_of(self, text: str) -> str:
        if self._opened is None:
            return ""
        try:
            return self._opened.refusal(command_for(text, self._opened))
        except UserError as error:
            return str(error)

    def sort_ledger(self) -> None:
        """Largest terms first, or in loop order."""
        self._see_ledger(by_size=self._actions["ledger_by_size"].isChecked(), by_sample=False)

    def sum_ledger_by_sample(self) -> None:
        """A row for each sample of a batch, or for each term."""
        self._see_ledger(by_size=False, by_sample=self._actions["ledger_by_sample"].isChecked())

    def _see_ledger(self, *, by_size: bool, by_sample: bool) -> None:
        self._actions["ledger_by_size"].setChecked(by_size)
        self._actions["ledger_by_sample"].setChecked(by_sample)
        opened = self._opened
        if opened is not None:
            seen = replace(opened.view.options, ledger_by_size=by_size, ledger_by_sample=by_sample)
            self._bench.controller.see_with(seen)

    def turn_samples(self, count: int) -> None:
        """To another sample of the batch; after the last comes the first."""
        opened = self._opened
        if opened is not None:
            view = opened.view
            self._bench.controller.choose_sample((view.sample + count) % view.tape.batch)

    def _sort_on_click(self, key: str) -> None:
        # Whoever can click on a ledger has had it imported.
        from backpropviz.figures.ledger.ledger import ORDER_KEY
        from backpropviz.figures.ledger.order_switch import SWITCH_KEY

        if key == ORDER_KEY:
            self._actions["ledger_by_size"].trigger()
        elif key.startswith(SWITCH_KEY):
            order = key.removeprefix(SWITCH_KEY)
            self._see_ledger(by_size=order == "size", by_sample=order == "sample")

    def set_interval(self, interval_ms: int) -> None:
        """Play at another speed, and remember it."""
        self._bench.player.set_interval(interval_ms)
        write_preferences(replace(read_preferences(), interval_ms=interval_ms))
        self._bench.transport.show_playing(self._bench.player.is_playing, interval_ms)

    def faster(self) -> None:
        """The next higher speed."""
        self.set_interval(self._bench.player.faster())

    def slower(self) -> None:
        """The next lower speed."""
        self.set_interval(self._bench.player.slower())

    def next_panel(self) -> None:
        """The keyboard to the next panel."""
        self._bench.focus_next(1)

    def previous_panel(self) -> None:
        """The keyboard to the panel before."""
        self._bench.focus_next(-1)

    def copy_value(self) -> None:
        """Address and value of the focused, hovered or focus cell."""
        stage, opened = self._bench.stage, self._opened
        here = str(opened.focus_address) if opened and opened.focus_address else ""
        self._bench.pointing.copy_value(stage.focused_key or stage.hovered_key or here)

    def copy_frame(self) -> None:
        """The stage as an image on the clipboard."""
        from backpropviz.export.png import copy_image

        scene = self._bench.stage.scene
        if scene is not None:
            copy_image(scene, 2.0)
            self._window.status.say(self.tr("The frame is on the clipboard."))

    def save(self) -> None:
        """Ask for a file and save the session."""
        opened = self._opened
        if opened is None:
            return
        folder = str(QSettings().value("folder/save", ""))
        first = str(Path(folder, f"{opened.subject.network_title}.bpv"))
        name, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save session"), first, self.tr("Sessions (*.bpv)")
        )
        if not name:
            return
        from backpropviz.ui.session_file import save_opened

        path = Path(name if name.endswith(".bpv") else f"{name}.bpv")
        QSettings().setValue("folder/save", str(path.parent))
        try:
            save_opened(path, opened)
        except BackpropVizError as error:
            self._window.tell_error(error)
        else:
            self._window.status.say(self.tr("Saved as {name}.").format(name=path.name))

    def export(self) -> None:
        """Ask what to export, and write it."""
        from backpropviz.ui.dialogs.export import ExportDialog

        opened, stage = self._opened, self._bench.stage
        if opened is None:
            return
        self._bench.player.pause()
        size = stage.maximumViewportSize()
        dialog = ExportDialog(
            self._window, opened, (size.width(), size.height()), self._window.theme
        )
        dialog.exec()
        if dialog.written:
            self._window.status.say(self.tr("Written: {path}").format(path=dialog.written))
        dialog.deleteLater()
