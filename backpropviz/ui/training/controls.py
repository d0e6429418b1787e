"""The row of buttons below the training: start and pause, one update, redrawing, color scales."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolTip,
    QWidget,
)

from backpropviz.engine.training.run import Run
from backpropviz.figures.training.time_slider import HEIGHT as SLIDER_HEIGHT
from backpropviz.figures.training.time_slider import SliderFigure, SliderState, time_slider
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LIGHT, MONO, MONO_STRONG, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.action_table import action_spec
from backpropviz.ui.actions import ActionSet, tool_tip
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.controls import (
    CONTROL_HEIGHT,
    Chip,
    PanelHead,
    Segmented,
    file_name,
    plain_tip,
    shortened,
)
from backpropviz.ui.row_list import Row, RowList
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.controller import RunState, TrainingState
from backpropviz.ui.training.settings import HyperparameterForm
from backpropviz.ui.training.worker import updates_in

HEIGHT: Final = 48
SPACINGS: Final = (None, 1, 10, 50, 100)
_NARROW: Final = 1400
_SMALL: Final = 1160
_LEAST_WIDTH: Final = 108


class TrainingControls(QFrame):
    """Shows whether a run trains and which update is shown; emits wishes."""

    spacing_wanted = Signal(object)
    lock_wanted = Signal(object)
    update_wanted = Signal(str)
    left = Signal()
    """The field is done with: the keyboard goes elsewhere."""

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._colors: Theme = LIGHT
        self._state = TrainingState()
        self._is_running = False
        self._buttons: list[tuple[QPushButton, str]] = []
        self._row = boxes.row(gap=8, margins=(16, 0, 16, 0), owner=self)
        self._train = self._button(actions, "train", "Start", "play", is_primary=True)
        self.setFocusProxy(self._train)
        self._button(actions, "one_update", "One update", "step-forward")
        self._epoch = self._button(actions, "one_epoch", "One epoch", "skip-forward")
        self._button(actions, "debug_update", "Debug this update", "bug")
        self._latest = self._button(actions, "show_latest", "Latest update", "chevrons-right")
        self._row.addSpacing(8)
        self._add_look()
        self._row.addStretch(1)
        self._add_place()

    def _button(
        self, actions: ActionSet, name: str, text: str, icon_name: str, *, is_primary: bool = False
    ) -> QPushButton:
        button = QPushButton(" " + text)
        button.setFixedHeight(CONTROL_HEIGHT)
        button.setIconSize(QSize(16, 16))
        button.setAccessibleName(text)
        button.setToolTip(tool_tip(action_spec(name)))
        if is_primary:
            button.setObjectName("Primary")
        button.clicked.connect(actions[name].trigger)
        self._row.addWidget(button)
        self._buttons.append((button, icon_name))
        return button

    def _add_look(self) -> None:
        self._redraw_label = boxes.words("Redraw every", ROW)
        self._spacing = Chip("Redraw every")
        self._spacing.hide_label()
        wanted = self.spacing_wanted.emit
        self._spacing.fill(
            [boxes.entry(_spacing_text(one), self._spacing, wanted, one) for one in SPACINGS]
        )
        self._scale_label = boxes.words("Color scales", ROW)
        self._scales = Segmented("Color scales")
        self._scales.set_choices(
            [
                ("locked", True, "The limits stay: colors can be compared."),
                ("per update", False, "Each update has limits of its own."),
            ]
        )
        self._scales.chosen.connect(self.lock_wanted)
        for widget in (self._redraw_label, self._spacing, self._scale_label, self._scales):
            self._row.addWidget(widget)

    def _add_place(self) -> None:
        self._before = boxes.words("update", ROW)
        self.update_field = QLineEdit()
        self.update_field.setObjectName("StepField")
        self.update_field.setFont(qfont(MONO_STRONG))
        self.update_field.setFixedHeight(CONTROL_HEIGHT)
        self.update_field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.update_field.setAccessibleName("Update")
        self.update_field.returnPressed.connect(self._want_update)
        self.update_field.installEventFilter(self)
        self._after = boxes.words("", ROW)
        for widget in (self._before, self.update_field, self._after):
            self._row.addWidget(widget)

    def show_state(self, state: TrainingState) -> None:
        run = state.run
        self._state = state
        self._show_words()
        if state.is_running != self._is_running:
            self._is_running = state.is_running
            self._tint()
        self._spacing.show_value(_spacing_text(state.look.redraw_every))
        self._scales.set_value(state.look.is_locked)
        self._latest.setVisible(run is not None and run.visited is not None)
        if run is None:
            return
        shown = run.shown_iteration
        if not self.update_field.hasFocus():
            self.update_field.setText(f"{shown:,}")
        digits = f"{max(run.now.iteration, 1000):,}"
        width = self.update_field.fontMetrics().horizontalAdvance(digits) + 20
        self.update_field.setFixedWidth(width)
        epoch = run.run.course.place(max(1, shown)).epoch
        done, total = updates_in(run.run.course, max(1, shown))
        self._after.setText(f"epoch {epoch:,}, {done if shown else 0} of {total}")

    def ask_update(self) -> None:
        """Let a person type the number of an update."""
        self.update_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.update_field.selectAll()

    def _show_words(self) -> None:
        self._train.setText(" " + self._words(self._state))
        self._train.setMinimumWidth(max(_LEAST_WIDTH, self._train.sizeHint().width()))

    def _words(self, state: TrainingState) -> str:
        """What the first button does now."""
        run = state.run
        if state.is_running:
            return "Pause"
        if run is not None and run.visited is not None:
            is_short = self.width() < _SMALL
            return "From here" if is_short else "Go on from here"
        return "Continue" if run is not None and run.now.iteration else "Start"

    def use_theme(self, colors: Theme) -> None:
        self._colors = colors
        self._spacing.use_theme(colors)
        for label in (self._redraw_label, self._scale_label, self._before, self._after):
            label.setStyleSheet(f"color: {colors.text_secondary};")
        self._tint()

    def _tint(self) -> None:
        colors = self._colors
        for button, name in self._buttons:
            is_primary = button is self._train
            wanted = "pause" if is_primary and self._is_running else name
            color = colors.panel if is_primary else colors.text
            button.setIcon(icon(wanted, color, faint(colors), 16))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() >= _NARROW
        for label in (self._redraw_label, self._scale_label, self._before):
            label.setVisible(is_wide)
        self._scales.set_compact(not is_wide)
        for widget in (self._epoch, self._after):
            widget.setVisible(self.width() >= _SMALL)
        self._show_words()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if watched is self.update_field and is_escape:
            self.update_field.undo()
            self.left.emit()
            return True
        return super().eventFilter(watched, event)

    def _want_update(self) -> None:
        wanted = self.update_field.text()
        self.left.emit()
        self.update_wanted.emit(wanted)


def _spacing_text(spacing: int | None) -> str:
    if spacing is None:
        return "as it keeps up"
    return "update" if spacing == 1 else f"{spacing} updates"


_MOST_CHANGES, _LONGEST = 3, 12


class SettingsPanel(QFrame):
    """Emits settings that hold from the next update on."""

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.head = PanelHead("Run")
        self._facts: dict[str, QLabel] = {}
        self._form = HyperparameterForm()
        self._form.chosen.connect(self.changed)
        self._form.refused.connect(self._refuse)
        self.setFocusProxy(self._form)
        self._changes = boxes.words(style="Note", wraps=True)
        self._run: Run | None = None
        facts = QFormLayout()
        facts.setVerticalSpacing(6)
        facts.setHorizontalSpacing(12)
        facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        facts.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, title in (
            ("data", "Data"),
            ("validation", "Validation"),
            ("seed", "Seed"),
            ("numbers", "Numbers"),
            ("augmentation", "Augmented"),
        ):
            facts.addRow(title, self._fact(name))
        inner = boxes.column(
            facts, self._form, self._changes, None, gap=10, margins=(16, 2, 16, 14)
        )
        boxes.column(self.head, inner, gap=0, margins=boxes.BARE, owner=self)

    def _fact(self, name: str) -> QLabel:
        label = boxes.words("", MONO)
        label.setAlignment(Qt.AlignmentFlag.AlignRight)
        label.setMinimumWidth(1)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self._facts[name] = label
        return label

    def show_run(self, state: RunState) -> None:
        """Show the settings of the next update."""
        run = state.run
        if run is self._run:
            return
        self._run = run
        dataset = run.dataset
        held_out = 0 if dataset.validation is None else len(dataset.validation)
        texts = {
            "data": f"{shortened(file_name(dataset.source), _LONGEST)}, {len(dataset.training):,}",
            "validation": f"{held_out:,}" if held_out else "none",
            "seed": str(run.seed),
            "numbers": str(run.dtype),
            "augmentation": "no" if run.augmentation is None else "yes",
        }
        for name, text in texts.items():
            self._facts[name].setText(text)
        self._facts["data"].setToolTip(plain_tip(f"{dataset.title}\n{dataset.source}"))
        self._form.show_settings(run.course.at(state.now.iteration + 1))
        changes = run.course.changes[-_MOST_CHANGES:]
        lines = [f"From update {change.iteration:,}: {change.words}." for change in changes]
        self._changes.setText("\n".join(lines))
        self._changes.setVisible(bool(lines))

    def _refuse(self, sentence: str) -> None:
        """Say it, and show what the run uses: the panel tells the truth about it."""
        self._form.restore()
        self.refused.emit(sentence)

    def use_theme(self, colors: Theme) -> None:
        self.head.use_theme(colors)
        self._form.use_theme(colors)


class SliderView(SceneView):
    """Emits updates; while dragged, each at most once."""

    iteration_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = SliderState(0, 0, 1)
        self._colors: Theme = LIGHT
        self._figure: SliderFigure | None = None
        self._wanted: int | None = None
        self.setFixedHeight(SLIDER_HEIGHT)
        self.setAccessibleName("Updates of the run")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.resized.connect(self._draw)

    def show_state(self, state: SliderState, colors: Theme) -> None:
        """Show where the run stands and which update is seen."""
        self._state, self._colors = state, colors
        self._draw()

    def _draw(self) -> None:
        width = float(self.viewport().width())
        self._figure = time_slider(self._state, width, self._colors)
        self.show_scene(self._figure.scene, self._colors)
        self.viewport().setAccessibleDescription(self._figure.scene.title)

    def _at(self, point: QPointF) -> int | None:
        return None if self._figure is None else self._figure.iteration_at(point.x())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._wanted = None
            self._want(self._at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        iteration = self._at(event.position())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._want(iteration)
        if iteration is not None:
            self._tell(iteration, event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._wanted = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        state, key = self._state, event.key()
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        pages = {Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        ends = {Qt.Key.Key_Home: -state.last, Qt.Key.Key_End: state.last}
        by = {**steps, **pages, **ends}.get(Qt.Key(key))
        if by is None:
            super().keyPressEvent(event)
            return
        self.iteration_wanted.emit(min(state.last, max(0, state.shown + by)))

    def _want(self, iteration: int | None) -> None:
        if iteration is not None and iteration != self._wanted:
            self._wanted = iteration
            self.iteration_wanted.emit(iteration)

    def _tell(self, iteration: int, at: QPoint) -> None:
        near = QRect(self.mapFromGlobal(at) - QPoint(2, 2), self.mapFromGlobal(at) + QPoint(2, 2))
        text = f"update {iteration:,}"
        marks = [mark.words for mark in self._state.marks if mark.iteration == iteration]
        QToolTip.showText(
            at + QPoint(6, 12), plain_tip("\n".join((text, *marks))), self.viewport(), near
        )


BUDGETS_MB = (16, 64, 256, 1024, 4096)
_MEGABYTE = 2**20
_MOST_ROWS = 200


class CheckpointPanel(QFrame):
    """Emits the update of a chosen row, and another budget in bytes."""

    visit_wanted = Signal(int)
    budget_wanted = Signal(object)

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.head = PanelHead("Checkpoints")
        self._budget = Chip("Memory")
        self._budget.hide_label()
        wanted = self.budget_wanted.emit
        self._budget.fill(
            [
                boxes.entry(f"up to {budget:,} MB", self._budget, wanted, budget * _MEGABYTE)
                for budget in BUDGETS_MB
            ]
        )
        self.head.add_control(self._budget)
        self.rows = RowList("Checkpoints", "None yet: they come with the updates.")
        self.rows.picked.connect(self._want_visit)
        self.rows.opened.connect(self._want_visit)
        self._rewind = QPushButton("Rewind to selected")
        self._rewind.clicked.connect(actions["rewind"].trigger)
        self._compare = QPushButton("Compare runs")
        self._compare.setObjectName("Quiet")
        self._compare.clicked.connect(actions["compare_runs"].trigger)
        foot = boxes.row(gap=8, margins=(16, 8, 16, 12))
        for button in (self._rewind, self._compare):
            button.setFixedHeight(CONTROL_HEIGHT)
            foot.addWidget(button)
        foot.addStretch(1)
        boxes.column(self.head, (self.rows, 1), foot, gap=0, margins=boxes.BARE, owner=self)
        self.setFocusProxy(self.rows)

    def show_run(self, run: RunState, *, has_others: bool) -> None:
        """Show the validated updates and the checkpoints that are still kept, newest first."""
        kept, shown = run.kept, run.shown_iteration
        sizes = (kept.bytes_used, kept.budget_bytes, kept.spilled_bytes)
        used, budget, spilled = (f"{size / _MEGABYTE:,.0f}" for size in sizes)
        self._budget.show_value(f"every {kept.spacing} updates, {used} of {budget} MB")
        remark = (
            "How much memory the checkpoints of all runs may take. "
            "Of several runs, the shown one has half of it; the others share the rest."
        )
        more = f"\n{spilled} MB more are on the disk." if kept.spilled_bytes else ""
        self._budget.setToolTip(plain_tip(remark + more))
        validated = {v.iteration: v for v in run.history.validated}
        rows = []
        for iteration in sorted({*kept.iterations, *validated}, reverse=True)[:_MOST_ROWS]:
            found = validated.get(iteration)
            text = ""
            if found is not None:
                text = f"valid. loss {found.loss:.3f}"
                if found.accuracy is not None:
                    text += f"    {100 * found.accuracy:5.1f} %"
            is_here = iteration == shown and run.visited is not None
            rows.append(Row(str(iteration), f"{iteration:,}", text, is_here, not text))
        self.rows.show_rows(tuple(rows))
        self._rewind.setEnabled(run.visited is not None)
        self._compare.setEnabled(has_others)

    def use_theme(self, colors: Theme) -> None:
        self.head.use_theme(colors)
        self.rows.use_theme(colors)
        self._budget.use_theme(colors)

    def _want_visit(self, key: str) -> None:
        self.visit_wanted.emit(int(key))
