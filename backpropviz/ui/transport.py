"""The row of step buttons, speed, depth, loop order and step number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LIGHT, MONO_STRONG, ROW, Theme
from backpropviz.ui.actions import ActionSet
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.controls import (
    CONTROL_HEIGHT,
    Chip,
    PlainLabel,
    Segmented,
    plain,
    plain_tip,
    plain_title,
)
from backpropviz.ui.opened import Opened
from backpropviz.ui.recent import INTERVALS_MS, speed_text

HEIGHT: Final = 48
BACKWARD: Final = ("continue_back", "back_out", "back_into", "back_over")
FORWARD: Final = ("step_over", "step_into", "step_out", "continue")
DEPTHS: Final = tuple(depth for depth in Depth if depth is not Depth.PASS)
_NARROW: Final = 1400
_SMALL: Final = 1120


class Transport(QFrame):
    """Shows where the pass stands; emits wishes."""

    depth_wanted = Signal(object)
    order_wanted = Signal(object)
    step_wanted = Signal(str)
    interval_wanted = Signal(int)
    left = Signal()
    """The step field is done with: the keyboard goes elsewhere."""

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Transport")
        self._colors: Theme = LIGHT
        self._is_playing = False
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 0, 16, 0)
        self._row.setSpacing(4)
        self._add_steps(actions, BACKWARD)
        self._row.addWidget(_divider())
        self._add_steps(actions, FORWARD)
        self._row.addWidget(_divider())
        self._add_play(actions["play"])
        self._row.addSpacing(12)
        self._add_depth()
        self._row.addSpacing(12)
        self._add_order()
        self._row.addStretch(1)
        self._add_step_field()

    def _add_steps(self, actions: ActionSet, names: Sequence[str]) -> None:
        actions.color(names)
        for name in names:
            self._row.addWidget(self._button(actions[name]))

    def _button(self, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setFixedSize(32, 32)
        button.setIconSize(QSize(20, 20))
        button.setAccessibleName(plain(action.text()).partition("\t")[0])
        return button

    def _add_play(self, action: QAction) -> None:
        self._play = action
        self._row.addWidget(self._button(action))
        self._speed = Chip("Speed")
        self._speed.hide_label()
        actions = []
        for interval in reversed(INTERVALS_MS):
            entry = QAction(speed_text(interval), self._speed)
            entry.setData(interval)
            entry.triggered.connect(self._want_interval)
            actions.append(entry)
        self._speed.fill(actions)
        self._row.addWidget(self._speed)

    def _add_depth(self) -> None:
        self._depth_label = _label("Depth")
        self.depths = Segmented("Depth")
        self.depths.set_choices([(_depth_title(d), d, _depth_help(d)) for d in DEPTHS])
        self.depths.chosen.connect(self.depth_wanted)
        self._depth = Chip("Depth")
        self._depth.fill([self._depth_entry(depth) for depth in DEPTHS])
        self._depth.hide_label()
        self._depth.hide()
        self._row.addWidget(self._depth_label)
        self._row.addSpacing(4)
        self._row.addWidget(self.depths)
        self._row.addWidget(self._depth)

    def _depth_entry(self, depth: Depth) -> QAction:
        entry = QAction(plain_title(_depth_title(depth)), self)
        entry.setToolTip(plain_tip(_depth_help(depth)))
        entry.setData(depth)
        entry.triggered.connect(self._want_depth)
        return entry

    def _want_depth(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.depth_wanted.emit(action.data())

    def _add_order(self) -> None:
        self._order_label = _label("Loop order")
        self.orders = Segmented("Loop order")
        self.orders.chosen.connect(self.order_wanted)
        self._row.addWidget(self._order_label)
        self._row.addSpacing(4)
        self._row.addWidget(self.orders)

    def _add_step_field(self) -> None:
        self._before = _label("step")
        self.step = QLineEdit()
        self.step.setObjectName("StepField")
        self.step.setFont(qfont(MONO_STRONG))
        self.step.setFixedHeight(CONTROL_HEIGHT)
        self.step.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.step.setAccessibleName("Step number")
        self.step.returnPressed.connect(self._want_step)
        self.step.installEventFilter(self)
        self._after = _label("")
        for widget in (self._before, self.step, self._after):
            self._row.addWidget(widget)
            self._row.addSpacing(2)

    def show_opened(self, opened: Opened) -> None:
        """Show where a pass stands."""
        timeline, state = opened.timeline, opened.state
        available = None if opened.view.has_no_focus else timeline.depths_at(state.k)
        depth = opened.view.depth if available else state.depth
        self.depths.set_value(depth, available)
        self._depth.show_value(_depth_title(depth))
        self._show_order(opened)
        has_begun, total = opened.view.has_begun, timeline.steps
        self._before.setText("step" if has_begun else "before step")
        self._before.setVisible(self.width() >= _NARROW or not has_begun)
        self.step.setText(f"{opened.view.position if has_begun else 1:,}")
        width = self.step.fontMetrics().horizontalAdvance(f"{total:,}") + 20
        self.step.setFixedWidth(max(34, width))
        self._after.setText("of {total}".format(total=f"{total:,}"))

    def _show_order(self, opened: Opened) -> None:
        number = opened.step.operation if opened.step is not None else -1
        orders = opened.timeline.nest(number).orders if number >= 0 else ()
        if not orders:
            self.orders.hide()
            self._order_label.hide()
            return
        by = "by {what}"
        choices = list(zip(orders, LoopOrder, strict=False))
        self.orders.set_choices(
            [(by.format(what=loops.label), order, _order_help(order)) for loops, order in choices]
        )
        chosen = tuple(LoopOrder)[opened.timeline.orders[number]]
        self.orders.set_value(chosen)
        self.orders.show()
        self._order_label.setVisible(self.width() >= _NARROW)

    def show_playing(self, is_playing: bool, interval_ms: int) -> None:
        """Show whether and how fast it plays."""
        self._is_playing = is_playing
        self._speed.show_value(speed_text(interval_ms))
        self.use_theme(self._colors)

    def use_theme(self, colors: Theme) -> None:
        """Tint the icons."""
        self._colors = colors
        name = "pause" if self._is_playing else "play"
        self._play.setIcon(icon(name, colors.text, faint(colors), stroke=1.5))
        self._speed.use_theme(colors)
        self._depth.use_theme(colors)
        for label in (self._before, self._after, self._depth_label, self._order_label):
            label.setStyleSheet(f"color: {colors.text_secondary};")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() >= _NARROW
        self._depth_label.setVisible(is_wide)
        self._before.setVisible(is_wide or self._before.text() != "step")
        is_small = self.width() < _SMALL
        self.depths.setVisible(not is_small)
        self._depth.setVisible(is_small)
        self._after.setVisible(not is_small)
        self._order_label.setVisible(is_wide and self.orders.isVisibleTo(self))
        for control in (self.depths, self.orders):
            control.set_compact(not is_wide)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.step and _is_escape(event):
            self.step.undo()
            self.left.emit()
            return True
        return super().eventFilter(watched, event)

    def _want_interval(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.interval_wanted.emit(int(action.data()))

    def _want_step(self) -> None:
        wanted = self.step.text()
        self.left.emit()
        self.step_wanted.emit(wanted)


def _is_escape(event: QEvent) -> bool:
    if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
        return False
    return event.key() == Qt.Key.Key_Escape


def _depth_title(depth: Depth) -> str:
    return depth.title.capitalize()


def _depth_help(depth: Depth) -> str:
    return {
        Depth.PHASE: "Step by forward, loss, backward and update.",
        Depth.LAYER: "Step layer by layer.",
        Depth.TENSOR: "Step by whole outputs, ∂L/∂W, ∂L/∂b and ∂L/∂X.",
        Depth.CHANNEL: "Step by channels: one drawn plane.",
        Depth.ELEMENT: "Step value by value.",
        Depth.TERM: "Step by single multiply-accumulates.",
    }[depth]


def _order_help(order: LoopOrder) -> str:
    if order is LoopOrder.TARGET:
        return "Finish one value, then the next: what moves it?"
    return "Take one upstream value and scatter it into all that it reaches."


def _label(text: str) -> QLabel:
    label = PlainLabel(text)
    label.setFont(qfont(ROW))
    return label


def _divider() -> QFrame:
    line = QFrame()
    line.setObjectName("Divider")
    line.setFixedSize(1, 20)
    holder = QFrame()
    row = QHBoxLayout(holder)
    row.setContentsMargins(6, 0, 6, 0)
    row.addWidget(line)
    return holder


class Player(QObject):
    """Emits `ticked` at the chosen speed while it plays."""

    ticked = Signal()
    changed = Signal(bool)

    def __init__(self, interval_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self.ticked)

    @property
    def is_playing(self) -> bool:
        """Whether it steps by itself."""
        return self._timer.isActive()

    @property
    def interval_ms(self) -> int:
        """Time from step to step."""
        return self._timer.interval()

    def set_interval(self, interval_ms: int) -> None:
        """Play at another speed."""
        self._timer.setInterval(interval_ms)

    def toggle(self) -> None:
        """Play, or pause."""
        if self.is_playing:
            self.pause()
        else:
            self._timer.start()
            self.changed.emit(True)
            self.ticked.emit()

    def pause(self) -> None:
        """Stop stepping."""
        if self.is_playing:
            self._timer.stop()
            self.changed.emit(False)

    def faster(self) -> int:
        """The next higher speed; returns its interval."""
        return self._shift(1)

    def slower(self) -> int:
        """The next lower speed; returns its interval."""
        return self._shift(-1)

    def _shift(self, by: int) -> int:
        number = INTERVALS_MS.index(self.interval_ms) + by
        self.set_interval(INTERVALS_MS[min(max(number, 0), len(INTERVALS_MS) - 1)])
        return self.interval_ms
