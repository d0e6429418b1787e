"""The training with all that it is shown by: the controller, the page, its dialogs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from backpropviz.debugger.going import GoToAddress
from backpropviz.engine.address import Address
from backpropviz.engine.model import Model
from backpropviz.engine.training.moment import Moment
from backpropviz.engine.training.run import Run
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.storage.run_file import SavedRun
from backpropviz.ui.background import Background
from backpropviz.ui.opened import Opened
from backpropviz.ui.preferences import read_preferences
from backpropviz.ui.session_file import at_kept_place
from backpropviz.ui.training.chips import TrainingChips
from backpropviz.ui.training.controller import TrainingController
from backpropviz.ui.training.debugged import UpdateSubject, opened_update
from backpropviz.ui.training.page import TrainingPage
from backpropviz.ui.training.questions import RunQuestions
from backpropviz.ui.training.state import TrainingState
from backpropviz.ui.training.status import facts, message, mood, standing
from backpropviz.ui.training.typed import typed_value

if TYPE_CHECKING:
    from backpropviz.ui.kept_work import LoadedRun
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench


class TrainingRoom(QObject):
    """Made when training is first asked for; `wanted` when it has something to show."""

    wanted = Signal()

    def __init__(self, bench: Workbench, window: MainWindow) -> None:
        super().__init__(bench)
        self._bench, self._window = bench, window
        self.controller = TrainingController(self)
        self.page = TrainingPage(window.actions_by_name)
        window.pages.addWidget(self.page)
        self.chips = TrainingChips(window.actions_by_name, self)
        self.asked = RunQuestions(self.controller, self.page, window)
        self._recorder = Background(self)
        self._look_at: Address | None = None
        self._place: Mapping[str, object] | None = None
        self._is_shown = False
        self._connect()
        self.use_theme(window.theme)

    def _connect(self) -> None:
        controller, page = self.controller, self.page
        controller.changed.connect(self._follow)
        controller.failed.connect(self._window.tell_error)
        controller.moment_found.connect(self._record)
        self._recorder.answered.connect(self._debug)
        self._recorder.failed.connect(self._window.tell_error)
        page.drawn.connect(controller.acknowledge)
        page.settings.changed.connect(controller.change)
        page.settings.refused.connect(self._window.tell)
        page.checkpoints.visit_wanted.connect(controller.visit)
        page.checkpoints.budget_wanted.connect(controller.resize)
        page.controls.spacing_wanted.connect(controller.redraw_every)
        page.controls.lock_wanted.connect(controller.lock_scales)
        page.controls.update_wanted.connect(self._go_to)
        page.controls.left.connect(page.pictures.setFocus)
        page.slider.iteration_wanted.connect(controller.visit)
        page.charts.iteration_wanted.connect(controller.visit)
        page.alerts.rewind_wanted.connect(controller.visit)
        page.alerts.debug_wanted.connect(self._debug_alert)
        page.pictures.filters.debug_wanted.connect(self._debug_value)
        self.chips.run_wanted.connect(controller.select)
        self.chips.network_wanted.connect(self.asked.open_network)
        self.asked.files.opened.connect(self._take_saved)
        self.asked.files.said.connect(self._window.status.say)
        self.asked.files.kept.connect(controller.note_saved)
        self.asked.files.failed.connect(self._window.tell_error)

    def show(self) -> None:
        """The page is in sight."""
        self._is_shown = True
        self.controller.set_viewer(True)
        self.page.show_state(self.controller.state)
        self.chips.show_state(self.controller.state)
        self._tell(self.controller.state)
        self._window.enable_actions()

    def hide(self) -> None:
        """Something else is in sight; what trains goes on."""
        self._is_shown = False
        self.page.stop()
        self.controller.set_viewer(False)

    def ask_for_run(self, model: Model | None = None) -> None:
        """Ask for network, data and settings of a run; a model may have been drafted."""
        from backpropviz.ui.training.new_run_dialog import NewRunDialog

        opened = self._bench.controller.opened
        subject = None if opened is None else opened.subject
        if isinstance(subject, UpdateSubject):  # a batch of a run is no image to train on
            subject = None
        dialog = NewRunDialog(self._window, self._window.theme, subject)
        if model is not None:
            dialog.use_model(model)
        is_made = dialog.exec() == NewRunDialog.DialogCode.Accepted
        run, starts = dialog.run, dialog.starts
        dialog.deleteLater()
        if is_made and run is not None:
            self.begin(run, starts=starts)

    def begin(self, run: Run, *, starts: bool) -> None:
        """Show a run from its beginning, and start it."""
        self.controller.start(run)
        self.wanted.emit()
        if starts:
            self.controller.go()

    def open_run(self, path: Path) -> None:
        """Reopen a saved run; it is shown when it has come."""
        self._window.status.say(self.tr("Opening {name}…").format(name=path.name))
        self.asked.files.open(path)

    def _take_saved(self, saved: SavedRun) -> None:
        self.controller.note_saved(self._added(saved), saved)
        self.wanted.emit()

    def _added(self, saved: SavedRun) -> int:
        live = self.controller.live(saved.run, saved.checkpoints)
        self.controller.add(live, saved.history)
        return live.number

    def take_kept(self, runs: Sequence[LoadedRun]) -> None:
        """Runs of another window, as they stood; and the update that was open in the debugger."""
        shown: int | None = None
        for run in runs:
            number = self._added(run.saved)
            if run.is_in_file:
                self.controller.note_saved(number, run.saved)
            shown = number if run.is_current else shown
        if shown is not None:
            self.controller.select(shown)
        update = next((run for run in runs if run.is_current and run.place is not None), None)
        if update is not None:
            self._place = update.place
            self.controller.find_moment(update.update)

    def train(self) -> None:
        """Start or pause; where a past update is shown, go on from there in a run of its own."""
        state = self.controller.state
        if state.run is not None and state.run.visited is not None and not state.is_running:
            self.controller.fork()
            self.controller.go()
        else:
            self.controller.toggle()

    def one_update(self) -> None:
        """One update, then pause."""
        self.controller.one_update()

    def one_epoch(self) -> None:
        """Up to the end of the epoch."""
        self.controller.one_epoch()

    def stop_training(self) -> None:
        """Stop and validate."""
        self.controller.stop()

    def debug_update(self) -> None:
        """Open the shown update in the debugger."""
        self.controller.find_moment()

    def debug_next_update(self) -> None:
        """Open the update after the shown one in the debugger."""
        self.controller.find_moment(ahead=1)

    def show_previous(self) -> None:
        """Look at the update before the shown one."""
        run = self.controller.state.run
        if run is not None and run.shown_iteration > 0:
            self.controller.visit(run.shown_iteration - 1)

    def rewind(self) -> None:
        """Go on from the shown update in a run of its own."""
        self.controller.fork()

    def show_latest(self) -> None:
        """Leave the past."""
        self.controller.show_latest()

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.page.use_theme(colors)
        self.chips.use_theme(colors)
        self.asked.use_theme(colors)
        if self._is_shown:
            self._tell(self.controller.state)

    def stop(self) -> None:
        """Stop training and wait for all threads; the runs are there as they stand."""
        self.page.stop()
        self._recorder.stop()
        self.asked.close()
        self.controller.end()

    def close(self) -> None:
        """Stop, and let go of what the runs have on the disk."""
        self.stop()
        self.controller.close()

    def _follow(self, old: TrainingState, new: TrainingState) -> None:
        """The one place where a new state reaches the page."""
        if self._is_shown:
            self.page.show_state(new)
            self.chips.show_state(new)
            self._tell(new)
        self.asked.follow(new)
        if (old.run is None) != (new.run is None):
            self._window.enable_actions()

    def _tell(self, state: TrainingState) -> None:
        run = state.run
        if run is None:
            return
        self._window.setWindowTitle(f"{run.run.title}  ·  BackpropViz")
        self._window.status.show_training(
            standing(state), message(run), facts(run), mood=mood(state)
        )

    def _record(self, moment: Moment) -> None:
        self._bench.controller.busy_changed.emit(self.tr("Recording…"))
        self._recorder.run(partial(opened_update, moment, read_preferences().diverging))

    def _debug(self, opened: Opened) -> None:
        """Show the pass of an update in the debugger, at the value that was asked for."""
        place, self._place = self._place, None
        self._bench.controller.show(opened if place is None else at_kept_place(opened, place))
        address, self._look_at = self._look_at, None
        if address is not None:
            self._bench.controller.dispatch(GoToAddress(address))

    def _debug_value(self, address: Address) -> None:
        self._look_at = address
        self.controller.find_moment()

    def _debug_alert(self, iteration: int, address: Address | None) -> None:
        self._look_at = address
        self.controller.find_moment(iteration)

    def _go_to(self, text: str) -> None:
        try:
            wanted = typed_value(text.replace(",", ""), self.tr("Update"))
        except UserError as error:
            self._window.tell_error(error)
            return
        if isinstance(wanted, int):
            self.controller.visit(wanted)
