"""What a person is asked about a run: forks, stops, rules, files, another run to compare with."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from backpropviz.diagnosis.watch import Guard
from backpropviz.figures.training.curves import ChartKind
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.training.controller import TrainingController
from backpropviz.ui.training.files import RunFiles
from backpropviz.ui.training.page import TrainingPage
from backpropviz.ui.training.state import TrainingState

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.training.comparison_window import ComparisonWindow


class RunQuestions(QObject):
    """Opens dialogs and windows when they are asked for; `files` writes what is saved."""

    def __init__(
        self, controller: TrainingController, page: TrainingPage, window: MainWindow
    ) -> None:
        super().__init__(window)
        self.controller, self.page, self._window = controller, page, window
        self.files = RunFiles(window)
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
        """Take the colors of a theme."""
        if self.comparison is not None:
            self.comparison.use_theme(colors)

    def close(self) -> None:
        """Close what is open and wait for all threads."""
        self.files.stop()
        if self.comparison is not None:
            self.comparison.done(0)

    def fork(self) -> None:
        """Go on from the shown update with other settings."""
        from backpropviz.ui.training.fork_dialog import ask_fork

        run = self.controller.state.run
        found = None if run is None else ask_fork(self._window, run, self._window.theme)
        if found is not None:
            title, settings = found
            self.controller.fork(settings, title)

    def compare_runs(self) -> None:
        """Curves of two runs, and the difference of their filters."""
        from backpropviz.ui.training.comparison_window import ComparisonWindow

        if len(self.controller.state.runs) < 2:
            self._window.tell(self.tr("There is one run only: fork it or start another first."))
            return
        if self.comparison is None:
            self.comparison = ComparisonWindow(
                self._window, self.controller.state, self._window.theme
            )
            self.comparison.closed.connect(self._forget_comparison)
        self.comparison.show()
        self.comparison.raise_()

    def stops(self) -> None:
        """Choose what stops the run by itself."""
        from backpropviz.ui.training.stops_dialog import ask_stops

        guard = self._guard
        if guard is not None:
            found = ask_stops(self._window, guard.watches.stops, guard.facts, self._window.theme)
            if found is not None:
                self.controller.use_stops(found)

    def alert_rules(self) -> None:
        """Change the thresholds of the alerts."""
        from backpropviz.ui.training.thresholds_dialog import ask_thresholds

        guard = self._guard
        if guard is not None:
            found = ask_thresholds(self._window, guard.diagnosis.limits, self._window.theme)
            if found is not None:
                self.controller.use_limits(found)

    @property
    def _guard(self) -> Guard | None:
        run = self.controller.state.run
        return None if run is None else run.guard

    def save_run(self) -> None:
        """Write the run to a file."""
        path = self.files.ask_path(
            self.tr("Save run"), f"{self._file_name()}.bpv", self.tr("Runs (*.bpv)")
        )
        if path is not None:
            number = self.controller.state.current
            self.controller.saved(partial(self.files.save, path, number=number))

    def save_history(self) -> None:
        """Write a row for each update to a CSV file."""
        run = self.controller.state.run
        name = f"{self._file_name()}.csv"
        path = self.files.ask_path(self.tr("Save curves"), name, self.tr("Tables (*.csv)"))
        if run is not None and path is not None:
            self.files.save_table(path, run.history.csv_rows())

    def save_picture(self) -> None:
        """Write the filters as they are shown to a picture file."""
        scene = self.page.pictures.figure(float(self.page.pictures.width()))
        if scene is not None:
            self._save_scene(scene)

    def _save_charts(self, kinds: tuple[ChartKind, ...]) -> None:
        width = float(self.page.charts.width())
        self._save_scene(self.page.charts.scene(width, self._window.theme, kinds))

    def _save_scene(self, scene: Scene) -> None:
        name, kinds = f"{self._file_name()}.png", self.tr("Pictures (*.png *.svg *.pdf)")
        path = self.files.ask_path(self.tr("Save picture"), name, kinds)
        if path is not None:
            self.files.save_picture(path, scene)

    def _file_name(self) -> str:
        run = self.controller.state.run
        return (
            "run"
            if run is None
            else "".join(
                letter if letter.isalnum() or letter in "-_" else "-" for letter in run.run.title
            )
        )

    def open_network(self) -> None:
        """The network with the shown weights, in the debugger."""
        run = self.controller.state.run
        if run is not None and run.shown is not None:
            model = replace(run.run.model, parameters=run.shown.parameters)
            title = f"{run.run.title}-{run.shown.iteration}"
            self._window.open(OpenRequest(network=title, model=model))

    def _forget_comparison(self) -> None:
        self.comparison = None
