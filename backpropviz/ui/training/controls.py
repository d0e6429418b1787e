"""The row of buttons below the training: start and pause, one update, redrawing, color scales."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LIGHT, MONO_STRONG, ROW, Theme
from backpropviz.ui.action_set import ActionSet, tool_tip
from backpropviz.ui.appearance import faint
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, Segmented
from backpropviz.ui.icons import icon
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.training.epoch import updates_in
from backpropviz.ui.training.state import TrainingState

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
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 0, 16, 0)
        self._row.setSpacing(8)
        self._train = self._button(actions, "train", self.tr("Start"), "play", is_primary=True)
        self.setFocusProxy(self._train)
        self._button(actions, "one_update", self.tr("One update"), "step-forward")
        self._epoch = self._button(actions, "one_epoch", self.tr("One epoch"), "skip-forward")
        self._button(actions, "debug_update", self.tr("Debug this update"), "bug")
        self._latest = self._button(
            actions, "show_latest", self.tr("Latest update"), "chevrons-right"
        )
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
        button.setToolTip(tool_tip(actions.spec(name)))
        if is_primary:
            button.setObjectName("Primary")
        button.clicked.connect(actions[name].trigger)
        self._row.addWidget(button)
        self._buttons.append((button, icon_name))
        return button

    def _add_look(self) -> None:
        self._redraw_label = _label(self.tr("Redraw every"))
        self._spacing = Chip(self.tr("Redraw every"))
        self._spacing.hide_label()
        entries: list[QAction | None] = []
        for spacing in SPACINGS:
            action = QAction(_spacing_text(spacing), self._spacing)
            action.setData(spacing)
            action.triggered.connect(self._want_spacing)
            entries.append(action)
        self._spacing.fill(entries)
        self._scale_label = _label(self.tr("Color scales"))
        self._scales = Segmented(self.tr("Color scales"))
        self._scales.set_choices(
            [
                (self.tr("locked"), True, self.tr("The limits stay: colors can be compared.")),
                (self.tr("per update"), False, self.tr("Each update has limits of its own.")),
            ]
        )
        self._scales.chosen.connect(self.lock_wanted)
        for widget in (self._redraw_label, self._spacing, self._scale_label, self._scales):
            self._row.addWidget(widget)

    def _add_place(self) -> None:
        self._before = _label(self.tr("update"))
        self.update_field = QLineEdit()
        self.update_field.setObjectName("StepField")
        self.update_field.setFont(qfont(MONO_STRONG))
        self.update_field.setFixedHeight(CONTROL_HEIGHT)
        self.update_field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.update_field.setAccessibleName(self.tr("Update"))
        self.update_field.returnPressed.connect(self._want_update)
        self.update_field.installEventFilter(self)
        self._after = _label("")
        for widget in (self._before, self.update_field, self._after):
            self._row.addWidget(widget)

    def show_state(self, state: TrainingState) -> None:
        """Show where the run stands."""
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
        self._after.setText(
            self.tr("epoch {epoch}, {done} of {total}").format(
                epoch=f"{epoch:,}", done=done if shown else 0, total=total
            )
        )

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
            return self.tr("Pause")
        if run is not None and run.visited is not None:
            is_short = self.width() < _SMALL
            return self.tr("From here") if is_short else self.tr("Go on from here")
        return self.tr("Continue") if run is not None and run.now.iteration else self.tr("Start")

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
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

    def _want_spacing(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.spacing_wanted.emit(action.data())

    def _want_update(self) -> None:
        wanted = self.update_field.text()
        self.left.emit()
        self.update_wanted.emit(wanted)


def _spacing_text(spacing: int | None) -> str:
    if spacing is None:
        return "as it keeps up"
    return "update" if spacing == 1 else f"{spacing} updates"


def _label(text: str) -> QLabel:
    label = PlainLabel(text)
    label.setFont(qfont(ROW))
    return label
