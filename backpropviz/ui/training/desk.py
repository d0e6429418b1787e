"""The mode Train of the window: its actions, and the way to the debugger and back.

The page, its controller and its thread are made when training is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from backpropviz.errors import UserError
from backpropviz.named_file import named_path
from backpropviz.scene.theme import Theme
from backpropviz.ui.actions import Detour
from backpropviz.ui.host import Host
from backpropviz.ui.top_bar import TopBar

if TYPE_CHECKING:
    from backpropviz.engine.model import Model
    from backpropviz.ui.training.room import TrainingRoom

_ROOM_ACTIONS = (
    "train",
    "one_update",
    "one_epoch",
    "stop_training",
    "debug_update",
    "debug_next_update",
    "rewind",
    "show_latest",
)
"""What a run is needed for: the room does it under the same name."""
_ASKED_ACTIONS = (
    "fork",
    "compare_runs",
    "stops",
    "alert_rules",
    "close_run",
    "save_run",
    "save_history",
    "save_picture",
)
"""What a person is asked about first."""


class TrainingDesk(QObject):
    """Made once; `entered` with the page that is to be shown, `left` when it is not any more."""

    entered = Signal(object)
    left = Signal()
    changed = Signal()

    def __init__(self, host: Host, bar: TopBar) -> None:
        super().__init__(host.window)
        self._host, self._bar = host, bar
        self._room: TrainingRoom | None = None
        self.is_shown = False
        bar.mode_wanted.connect(self.show_mode)
        handlers: dict[str, Callable[[], object]] = {
            "train_network": self.ask_for_run,
            "new_run": self.ask_for_run,
            "mode": self.change_mode,
        }
        host.actions.bind(handlers)
        for name in (*_ROOM_ACTIONS, *_ASKED_ACTIONS):
            host.actions[name].triggered.connect(self._run_action)

    @property
    def room(self) -> TrainingRoom:
        from backpropviz.ui.training.room import TrainingRoom

        if self._room is None:
            self._room = TrainingRoom(self._host)
            self._room.wanted.connect(self.enter)
            self._room.controller.changed.connect(self.changed)
            self._bar.add_for_training(*self._room.chips.widgets)
            self._bar.back.clicked.connect(self.enter)
        return self._room

    @property
    def has_run(self) -> bool:
        """Whether there is a run in training."""
        return self._room is not None and self._room.controller.state.run is not None

    def show_mode(self, mode: object) -> None:
        """Show the training or the debugger; what trains goes on."""
        if mode != "train":
            self.leave()
        elif self.has_run:
            self.enter()
        else:
            self._bar.show_mode(is_training=self.is_shown)
            self.ask_for_run()

    def change_mode(self) -> None:
        """From Debug to Train, or back."""
        self.show_mode("debug" if self.is_shown else "train")

    def enter(self) -> None:
        self.is_shown = True
        self._host.actions.detours = self._detours()
        self._bar.back.hide()
        self.entered.emit(self.room.page)
        self.room.show()

    def leave(self) -> None:
        """Show the debugger, or the start page where nothing is open in it."""
        if self.is_shown:
            self.is_shown = False
            self._host.actions.detours = {}
            self.room.hide()
            self._bar.back.setVisible(self.has_run)
            self.left.emit()

    def _detours(self) -> dict[str, Detour]:
        """What the keys of the debugger do to a run, whose step is an update."""
        room, asked = self.room, self.room.asked
        on = Detour("Of a run: make one update and pause.", room.one_update)
        back = Detour("Of a run: show the update before.", room.show_previous)
        return {
            "step_over": on,
            "next": on,
            "back_over": back,
            "previous": back,
            "step_into": Detour(
                "Of a run: open the shown update in the debugger.", room.debug_update
            ),
            "step_out": Detour("Of a run: train to the end of the epoch.", room.one_epoch),
            "continue": Detour("Of a run: start or pause training.", room.train),
            "go_to": Detour(
                "Of a run: show an update by its number.", room.page.controls.ask_update
            ),
            "toggle_breakpoint": Detour("Of a run: choose what stops it.", asked.stops),
            "save": Detour("Of a run: save it.", asked.save_run),
            "export": Detour("Of a run: save the filters as a picture.", asked.save_picture),
        }

    def ask_for_run(self) -> None:
        """Ask for network, data and settings of a run; it is shown when it has come."""
        self.room.ask_for_run()

    def train_model(self, model: Model) -> None:
        """Ask for data and settings to train a drafted network."""
        self.room.ask_for_run(model)

    def holds_run(self, name: str) -> bool:
        """Whether a file holds a run; of a damaged one its reader tells."""
        if Path(name).suffix.lower() != ".bpv":
            return False
        from backpropviz.files.networks import kind_of

        try:
            return kind_of(named_path(name)) == "run"
        except (OSError, UserError):
            return False

    def open_run(self, name: str) -> None:
        """Reopen a saved run; it is shown when it has come."""
        self.room.open_run(named_path(name))

    def use_theme(self, colors: Theme) -> None:
        if self._room is not None:
            self._room.use_theme(colors)

    @property
    def is_running(self) -> bool:
        """Whether a run is being trained."""
        return self._room is not None and self._room.controller.state.is_running

    def stop(self) -> None:
        """Stop training and wait for all threads; the runs are there as they stand."""
        if self._room is not None:
            self._room.stop()

    def close(self) -> None:
        """Stop, and let go of what the runs have on the disk."""
        if self._room is not None:
            self._room.close()

    def _run_action(self) -> None:
        name = self.sender().objectName()
        getattr(self.room.asked if name in _ASKED_ACTIONS else self.room, name)()
