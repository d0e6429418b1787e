"""The training with all that it is shown by: the controller, the page, its dialogs, its files."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from backpropviz.debugger.commands import GoToAddress
from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.training.checkpoints import Moment
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Dataset
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions, format_for
from backpropviz.export.frames import png_bytes
from backpropviz.figures.thumbnails import photograph
from backpropviz.figures.training.curves import ChartKind
from backpropviz.files.atomic import write_bytes
from backpropviz.files.data.load import BUNDLED, Choices, read_dataset
from backpropviz.files.fit import displayable
from backpropviz.files.run import SavedRun, load_run, save_run
from backpropviz.scene.marks import Scene
from backpropviz.scene.slide import as_slide
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui import boxes
from backpropviz.ui.actions import ActionSet
from backpropviz.ui.background import Background
from backpropviz.ui.controls import Chip, file_name, plain_tip, plain_title, shortened
from backpropviz.ui.dialog import ask_sure
from backpropviz.ui.forms import typed_value
from backpropviz.ui.host import Host
from backpropviz.ui.kept_work import at_kept_place
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import RecentSession, read_preferences, remember
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.controller import (
    RunState,
    TrainingController,
    TrainingState,
    facts,
    message,
    mood,
    standing,
)
from backpropviz.ui.training.page import TrainingPage
from backpropviz.ui.training.past import UpdateSubject, opened_update

_SIDE = 32


def remember_run(path: Path, saved: SavedRun) -> None:
    """Put a run that was saved or opened first in the list."""
    remember(
        RecentSession(
            title=f"{saved.run.title}, training",
            place=f"update {saved.now.iteration:,}",
            network=str(path.absolute()),
            when=datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="minutes"),
            thumbnail=base64.b64encode(_thumbnail(saved)).decode("ascii"),
        )
    )


def _thumbnail(saved: SavedRun) -> bytes:
    """The first image that it learns from."""
    dataset = saved.run.dataset
    image = displayable(dataset.training.images[:1], dataset.preprocessing)
    marks = photograph(image, _SIDE, LIGHT)
    return png_bytes(Scene(_SIDE, _SIDE, LIGHT.panel, marks), 2.0)


class RunFiles(QObject):
    """`opened` carries a `SavedRun`; `said` what was written; `kept` the run of a number."""

    opened = Signal(object)
    said = Signal(object)
    kept = Signal(int, object)
    failed = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._reader, self._writer = Background(self), Background(self)
        self._reader.answered.connect(self.opened)
        self._writer.answered.connect(self._tell)
        for worker in (self._reader, self._writer):
            worker.failed.connect(self.failed)

    def open(self, path: Path) -> None:

        def job() -> SavedRun:
            saved = load_run(path, bundled_data)
            remember_run(path, saved)
            return saved

        self._reader.run(job)

    def ask_path(self, title: str, name: str, kinds: str) -> Path | None:
        """Where to write; None where the person dismisses the dialog.

        A name without a suffix gets that of the suggested `name`.
        """
        folder = Path(str(QSettings().value("folder/save", "")))
        found, _ = QFileDialog.getSaveFileName(self._window, title, str(folder / name), kinds)
        if not found:
            return None
        path = Path(found)
        QSettings().setValue("folder/save", str(path.parent))
        return path if path.suffix else path.with_suffix(Path(name).suffix)

    def save(self, path: Path, saved: SavedRun, number: int = 0) -> None:
        """Write a run, the one of a number here, and put it into the list of recent sessions."""

        def write() -> tuple[int, SavedRun]:
            save_run(path, saved, bundled_data)
            remember_run(path, saved)
            return number, saved

        self._write(path, write)

    def save_table(self, path: Path, rows: Iterable[tuple[str, ...]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._write(path, partial(write_bytes, path, text.getvalue().encode()))

    def save_picture(self, path: Path, scene: Scene) -> None:
        """Write a picture as PNG, SVG or PDF, by the file's name."""
        self._write(path, partial(_write_scene, path, scene))

    def stop(self) -> None:
        """Wait until no thread works for this."""
        self._reader.stop()
        self._writer.stop()

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        def job() -> tuple[str, object]:
            return f"{path.name} is written.", write()

        self._writer.run(job)

    def _tell(self, written: tuple[str, object]) -> None:
        text, run = written
        if isinstance(run, tuple):
            self.kept.emit(*run)
        self.said.emit(text)


def bundled_data(source: str, network: Network, preprocessing: Preprocessing) -> Dataset | None:
    """All samples of a set that ships, none held out; None for any other."""
    if source not in BUNDLED:
        return None
    return read_dataset(source, network, preprocessing, Choices(held_out=0.0)).dataset


def _write_scene(path: Path, scene: Scene) -> None:
    slide = as_slide(scene, LIGHT, points_per_pixel=0.75)
    format_for(path, 1).write([slide], 1, path, ExportOptions(scale=2.0, dpi=192))


if TYPE_CHECKING:
    from backpropviz.ui.kept_work import LoadedRun
    from backpropviz.ui.training.charts import ComparisonWindow


class RunQuestions(QObject):
    """Opens dialogs and windows when they are asked for; `files` writes what is saved."""

    def __init__(self, controller: TrainingController, page: TrainingPage, host: Host) -> None:
        super().__init__(host.window)
        self.controller, self.page, self._host = controller, page, host
        self.files = RunFiles(host.window)
        self.comparison: ComparisonWindow | None = None
        page.alerts.stops_wanted.connect(self.stops)
        page.alerts.rules_wanted.connect(self.alert_rules)
        page.charts.picture_wanted.connect(self._save_charts)
        page.charts.table_wanted.connect(self.save_history)

    def follow(self, state: TrainingState) -> None:
        """What stands beside the page shows the runs as they are now."""
        if self.comparison is not None:
            self.comparison.show_state(state)

    def use_theme(self, colors: Theme) -> None:
        if self.comparison is not None:
            self.comparison.use_theme(colors)

    def close(self) -> None:
        """Close what is open and wait for all threads."""
        self.files.stop()
        if self.comparison is not None:
            self.comparison.done(0)

    def fork(self) -> None:
        """Go on from the shown update with other settings."""
        from backpropviz.ui.training.new_run import ask_fork

        run = self.controller.state.run
        found = None if run is None else ask_fork(self._host.window, run, self._host.theme)
        if found is not None:
            title, settings = found
            self.controller.fork(settings, title)

    def compare_runs(self) -> None:
        """Curves of two runs, and the difference of their filters."""
        from backpropviz.ui.training.charts import ComparisonWindow

        if len(self.controller.state.runs) < 2:
            self._host.tell("There is one run only: fork it or start another first.")
            return
        if self.comparison is None:
            self.comparison = ComparisonWindow(
                self._host.window, self.controller.state, self._host.theme
            )
            self.comparison.closed.connect(self._forget_comparison)
        self.comparison.show()
        self.comparison.raise_()

    def close_run(self) -> None:
        """Let go of the shown run, once the person is sure where no file holds it."""
        state = self.controller.state
        run = state.run
        if run is None:
            return
        if state.beside(run) is None:
            self._host.tell("It is the only run: start another first, which then takes its place.")
            return
        remark = f"Update {run.now.iteration:,}: what it has learned is in no file."
        heading = f"Close “{run.run.title}”?"
        if not self.controller.is_unsaved(run) or ask_sure(
            self._host.window, heading, remark, ("Close it", "Keep it")
        ):
            self.controller.remove(run.number)

    def stops(self) -> None:
        """Choose what stops the run by itself."""
        from backpropviz.ui.training.stops import ask_stops

        guard = self._guard
        if guard is not None:
            found = ask_stops(self._host.window, guard.watches.stops, guard.facts, self._host.theme)
            if found is not None:
                self.controller.use_stops(found)

    def alert_rules(self) -> None:
        """Change the thresholds of the alerts."""
        from backpropviz.ui.training.stops import ask_thresholds

        guard = self._guard
        if guard is not None:
            found = ask_thresholds(self._host.window, guard.diagnosis.limits, self._host.theme)
            if found is not None:
                self.controller.use_limits(found)

    @property
    def _guard(self) -> Guard | None:
        run = self.controller.state.run
        return None if run is None else run.guard

    def save_run(self) -> None:
        """Write the run to a file."""
        path = self.files.ask_path("Save run", f"{self._file_name()}.bpv", "Runs (*.bpv)")
        if path is not None:
            number = self.controller.state.current
            self.controller.saved(partial(self.files.save, path, number=number))

    def save_history(self) -> None:
        """Write a row for each update to a CSV file."""
        run = self.controller.state.run
        name = f"{self._file_name()}.csv"
        path = self.files.ask_path("Save curves", name, "Tables (*.csv)")
        if run is not None and path is not None:
            self.files.save_table(path, run.history.csv_rows())

    def save_picture(self) -> None:
        """Write the filters as they are shown to a picture file."""
        scene = self.page.pictures.figure(float(self.page.pictures.width()))
        if scene is not None:
            self._save_scene(scene)

    def _save_charts(self, kinds: tuple[ChartKind, ...]) -> None:
        width = float(self.page.charts.width())
        self._save_scene(self.page.charts.scene(width, self._host.theme, kinds))

    def _save_scene(self, scene: Scene) -> None:
        name, kinds = f"{self._file_name()}.png", "Pictures (*.png *.svg *.pdf)"
        path = self.files.ask_path("Save picture", name, kinds)
        if path is not None:
            self.files.save_picture(path, scene)

    def _file_name(self) -> str:
        run = self.controller.state.run
        title = "run" if run is None else run.run.title
        return "".join(one if one.isalnum() or one in "-_" else "-" for one in title)

    def open_network(self) -> None:
        """The network with the shown weights, in the debugger."""
        run = self.controller.state.run
        if run is not None and run.shown is not None:
            model = replace(run.run.model, parameters=run.shown.parameters)
            title = f"{run.run.title}-{run.shown.iteration}"
            self._host.open(OpenRequest(network=title, model=model))

    def _forget_comparison(self) -> None:
        self.comparison = None


_LONGEST = 28


class TrainingChips(QObject):
    """Emits the number of a chosen run, and the wish to see the network in the debugger."""

    run_wanted = Signal(int)
    network_wanted = Signal()

    def __init__(self, actions: ActionSet, parent: QObject) -> None:
        super().__init__(parent)
        self._actions = actions
        self._run, self._data, self._network = Chip("Run"), Chip("Data"), Chip("Network")
        self._shown: tuple[object, ...] = ()
        self._open = QAction("Open with the shown weights in the debugger", self)
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
        self._run.fill(
            [
                *self._entries(state),
                None,
                self._actions["compare_runs"],
                self._actions["close_run"],
                None,
                new,
            ]
        )
        skipped = [self._said(f"{one.name}: {one.reason}") for one in dataset.skipped[:12]]
        facts = [self._said(dataset.source), self._said(self._data.toolTip())]
        self._data.fill([*facts, *([None] if skipped else []), *skipped, None, new])
        self._network.fill([self._open, None, new])

    def use_theme(self, colors: Theme) -> None:
        for chip in self.widgets:
            chip.use_theme(colors)

    def _entries(self, state: TrainingState) -> Iterator[QAction]:
        """The runs, forks below their parents."""
        for depth, run in _tree(state, None, 0):
            title = "      " * depth + run.run.title
            is_shown = run.number == state.current
            wanted = self.run_wanted.emit
            yield boxes.entry(title, self._run.menu(), wanted, run.number, is_checked=is_shown)

    def _said(self, text: str) -> QAction:
        action = QAction(plain_title(text), self._data.menu())
        action.setEnabled(False)
        return action


def _tree(state: TrainingState, parent: int | None, depth: int) -> Iterator[tuple[int, RunState]]:
    for run in state.runs:
        if run.parent == parent:
            yield depth, run
            yield from _tree(state, run.number, depth + 1)


class TrainingRoom(QObject):
    """Made when training is first asked for; `wanted` when it has something to show."""

    wanted = Signal()

    def __init__(self, host: Host) -> None:
        super().__init__(host.window)
        self._host = host
        self.controller = TrainingController(self)
        self.page = TrainingPage(host.actions)
        host.add_page(self.page)
        self.chips = TrainingChips(host.actions, self)
        self.asked = RunQuestions(self.controller, self.page, host)
        self._recorder = Background(self)
        self._look_at: Address | None = None
        self._place: Mapping[str, object] | None = None
        self._is_shown = False
        self._connect()
        self.use_theme(host.theme)

    def _connect(self) -> None:
        controller, page = self.controller, self.page
        controller.changed.connect(self._follow)
        controller.failed.connect(self._host.tell_error)
        controller.moment_found.connect(self._record)
        self._recorder.answered.connect(self._debug)
        self._recorder.failed.connect(self._host.tell_error)
        page.drawn.connect(controller.acknowledge)
        page.settings.changed.connect(controller.change)
        page.settings.refused.connect(self._host.tell)
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
        self.asked.files.said.connect(self._host.say)
        self.asked.files.kept.connect(controller.note_saved)
        self.asked.files.failed.connect(self._host.tell_error)

    def show(self) -> None:
        """The page is in sight."""
        self._is_shown = True
        self.controller.set_viewer(True)
        self.page.show_state(self.controller.state)
        self.chips.show_state(self.controller.state)
        self._tell(self.controller.state)
        self._host.enable_actions()

    def hide(self) -> None:
        """Something else is in sight; what trains goes on."""
        self._is_shown = False
        self.page.stop()
        self.controller.set_viewer(False)

    def ask_for_run(self, model: Model | None = None) -> None:
        """Ask for network, data and settings of a run; a model may have been drafted."""
        from backpropviz.ui.training.new_run import NewRunDialog

        opened = self._host.controller.opened
        subject = None if opened is None else opened.subject
        if isinstance(subject, UpdateSubject):  # a batch of a run is no image to train on
            subject = None
        dialog = NewRunDialog(self._host.window, self._host.theme, subject)
        if model is not None:
            dialog.use_model(model)
        run, starts = dialog.ask_for(lambda: (dialog.run, dialog.starts)) or (None, False)
        if run is not None:
            self.begin(run, starts=starts)

    def begin(self, run: Run, *, starts: bool) -> None:
        """Show a run from its beginning, and start it."""
        self.controller.start(run)
        self.wanted.emit()
        if starts:
            self.controller.go()

    def open_run(self, path: Path) -> None:
        """Reopen a saved run; it is shown when it has come."""
        self._host.say(f"Opening {path.name}…")
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
            self._host.enable_actions()

    def _tell(self, state: TrainingState) -> None:
        run = state.run
        if run is None:
            return
        self._host.window.setWindowTitle(f"{run.run.title}  ·  BackpropViz")
        self._host.status.show_training(standing(state), message(run), facts(run), mood=mood(state))

    def _record(self, moment: Moment) -> None:
        self._host.controller.busy_changed.emit("Recording…")
        self._recorder.run(partial(opened_update, moment, read_preferences().diverging))

    def _debug(self, opened: Opened) -> None:
        """Show the pass of an update in the debugger, at the value that was asked for."""
        place, self._place = self._place, None
        self._host.controller.replace(opened if place is None else at_kept_place(opened, place))
        address, self._look_at = self._look_at, None
        if address is not None:
            self._host.controller.dispatch(GoToAddress(address))

    def _debug_value(self, address: Address) -> None:
        self._look_at = address
        self.controller.find_moment()

    def _debug_alert(self, iteration: int, address: Address | None) -> None:
        self._look_at = address
        self.controller.find_moment(iteration)

    def _go_to(self, text: str) -> None:
        try:
            wanted = typed_value(text.replace(",", ""), "Update")
        except UserError as error:
            self._host.tell_error(error)
            return
        if isinstance(wanted, int):
            self.controller.visit(wanted)
