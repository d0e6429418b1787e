"""What stands in the toolbar while the training is shown: the runs, the data, the network."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from backpropviz.scene.theme import Theme
from backpropviz.ui.action_set import ActionSet
from backpropviz.ui.controls import Chip, file_name, shortened
from backpropviz.ui.plain_text import plain_tip, plain_title
from backpropviz.ui.training.state import RunState, TrainingState

_LONGEST = 28


class TrainingChips(QObject):
    """Emits the number of a chosen run, and the wish to see the network in the debugger."""

    run_wanted = Signal(int)
    network_wanted = Signal()

    def __init__(self, actions: ActionSet, parent: QObject) -> None:
        super().__init__(parent)
        self._actions = actions
        self._run, self._data, self._network = (
            Chip(self.tr("Run")),
            Chip(self.tr("Data")),
            Chip(self.tr("Network")),
        )
        self._shown: tuple[object, ...] = ()
        self._open = QAction(self.tr("Open with the shown weights in the debugger"), self)
        self._open.triggered.connect(self.network_wanted)

    @property
    def widgets(self) -> tuple[Chip, ...]:
        """The chips from left to right."""
        return self._run, self._data, self._network

    def show_state(self, state: TrainingState) -> None:
        """Show the run that trains, and offer the others."""
        run = state.run
        shown = (state.current, tuple((one.number, one.run.title) for one in state.runs))
        if run is None or shown == self._shown:
            return
        self._shown = shown
        dataset = run.run.dataset
        held_out = 0 if dataset.validation is None else len(dataset.validation)
        self._run.show_value(shortened(run.run.title, _LONGEST))
        self._run.setToolTip(plain_tip(run.run.origin))
        count = len(dataset.training) + held_out
        source = shortened(file_name(dataset.source), _LONGEST)
        self._data.show_value(f"{source}, {count:,}")
        self._data.setToolTip(
            plain_tip(f"{len(dataset.training):,} to train on, {held_out:,} held out")
        )
        self._network.show_value(run.run.network.name)
        new = self._actions["new_run"]
        self._run.fill([*self._entries(state), None, self._actions["compare_runs"], None, new])
        skipped = [self._said(f"{one.name}: {one.reason}") for one in dataset.skipped[:12]]
        facts = [self._said(dataset.source), self._said(self._data.toolTip())]
        self._data.fill([*facts, *([None] if skipped else []), *skipped, None, new])
        self._network.fill([self._open, None, new])

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        for chip in self.widgets:
            chip.use_theme(colors)

    def _entries(self, state: TrainingState) -> Iterator[QAction]:
        """The runs, forks below their parents."""
        for depth, run in _tree(state, None, 0):
            action = QAction(plain_title("      " * depth + run.run.title), self._run.menu())
            action.setData(run.number)
            action.setCheckable(True)
            action.setChecked(run.number == state.current)
            action.triggered.connect(self._choose)
            yield action

    def _said(self, text: str) -> QAction:
        action = QAction(plain_title(text), self._data.menu())
        action.setEnabled(False)
        return action

    def _choose(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.run_wanted.emit(int(action.data()))


def _tree(state: TrainingState, parent: int | None, depth: int) -> Iterator[tuple[int, RunState]]:
    for run in state.runs:
        if run.parent == parent:
            yield depth, run
            yield from _tree(state, run.number, depth + 1)
