"""The nudge lab: drag one value, and see the true loss beside what its gradient predicts.

Forward passes run on the worker. While one runs, only the newest place of the pointer is kept.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import Final, TypeAlias

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent

from backpropviz.engine.gradcheck import Checked, check_value
from backpropviz.engine.kinds.protocol import Crossing
from backpropviz.engine.nudge import (
    BasePoint,
    Difference,
    Nudge,
    NudgeCost,
    base_point_of,
    nudge_cost,
    nudged_pass,
    sweep,
)
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address
from backpropviz.figures.analysis.finite_difference import cost_figure, sweep_figure
from backpropviz.figures.analysis.nudge import (
    LossCourse,
    NextStep,
    course,
    crossed,
    nudge_figure,
    nudge_frame,
)
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box, Scene
from backpropviz.ui.analysis.check import verdict
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.background import sentence
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened
from backpropviz.ui.scene_view import SceneView

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_Up: 1}
_LEAP = 10


class NudgeCanvas(SceneView):
    """Inside `plane` the pointer drags; `dragged` carries the scene's x, `stepped` a number."""

    dragged = Signal(float)
    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.plane: Box | None = None
        self._is_held = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x, y = event.position().x(), event.position().y() + self.verticalScrollBar().value()
        box = self.plane
        is_inside = box is not None and box.x - 8 <= x <= box.right + 8 and box.y <= y
        if box is None or not is_inside or y > box.bottom + 24:
            super().mousePressEvent(event)
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._is_held = True
            self.viewport().setCursor(Qt.CursorShape.SizeHorCursor)
            self.dragged.emit(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_held:
            self.dragged.emit(event.position().x())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_held:
            self._is_held = False
            self.viewport().unsetCursor()
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if self.plane is None or step is None or self.focused_key:
            super().keyPressEvent(event)
            return
        is_leap = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.stepped.emit(step * (_LEAP if is_leap else 1))


REACHES: Final = (0.01, 0.1, 1.0, 10.0)


@frozen(eq=False)
class PreparedNudge:
    """The pass around which a value is moved, and the loss along that value."""

    point: BasePoint
    course: LossCourse
    checked: Checked
    step: NextStep | None


@frozen(eq=False)
class Moved:
    """One nudge, and the kinks that lie between it and the base."""

    nudge: Nudge
    crossed: tuple[Crossing, ...]


@frozen
class Swept:
    """Central differences from coarse to fine."""

    differences: tuple[Difference, ...]


Answer: TypeAlias = PreparedNudge | Moved | Swept | NudgeCost


def prepared(
    tape: Tape, address: Address, reach: float, stop: Callable[[], bool] = bool
) -> PreparedNudge:
    """The loss between −reach and +reach.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    point = base_point_of(tape)
    along = course(point, address, reach, stop=stop)
    return PreparedNudge(point, along, check_value(point, address), next_step(tape, address))


def next_step(tape: Tape, address: Address) -> NextStep | None:
    """What the update of this pass does to a parameter; None for any other value."""
    if address.of("step") not in tape:
        return None
    rule = tape.optimizer
    plain = -rule.learning_rate * tape.value(address.grad)
    return NextStep(rule.kind, plain, tape.value(address.of("step")))


def moved(point: BasePoint, address: Address, delta: float) -> Moved:
    """One nudge by a real forward pass."""
    nudge, run = nudged_pass(point, address, delta)
    return Moved(nudge, crossed(point, run))


def swept(point: BasePoint, address: Address, stop: Callable[[], bool] = bool) -> Swept:
    """The sweep of the step h."""
    return Swept(tuple(takewhile(lambda _: not stop(), sweep(point, address))))


def cost(point: BasePoint, stop: Callable[[], bool] = bool) -> NudgeCost:
    """Measured on this machine, now."""
    return nudge_cost(point, time.perf_counter, stop=stop)


def reach_for(value: float) -> float:
    """The choice that is about as large as the value."""
    if value == 0 or not math.isfinite(value):
        return 1.0
    return min(REACHES, key=lambda reach: abs(math.log10(reach) - math.log10(abs(value))))


CURVE: Final = "curve"
SWEEP: Final = "sweep"
COST: Final = "cost"
_STEPS_OF_REACH: Final = 60
_SHOWN_HEIGHT: Final = 360.0


class NudgeLab(AnalysisWindow):
    """One value and its loss; shown once the first answer is there."""

    def __init__(self, host: Host, opened: Opened, address: Address) -> None:
        self._handle = NudgeCanvas()
        super().__init__(host, "Nudge lab", self._handle)
        self.heading.setText(f"Nudge {address}")
        self.address = address
        self.page: str = CURVE
        self._opened = opened
        self._prepared: PreparedNudge | None = None
        self.moved: Moved | None = None
        self._swept: Swept | None = None
        self._cost: NudgeCost | None = None
        self._wanted: float | None = None
        self._delta = 0.0
        self._stop = threading.Event()
        self.reach = reach_for(opened.view.tape.value(address))
        self._make_choices()
        self._handle.dragged.connect(self._drag)
        self._handle.stepped.connect(self._step)
        self.worker.answered.connect(self._take)
        self.worker.failed.connect(self._fail)
        self.resize(860, 640)
        self._prepare()

    def _make_choices(self) -> None:
        self._reaches = self.add_choices(
            "Reach",
            [(f"±{reach:g}", reach, "How far it is moved.") for reach in REACHES],
            self.reach,
            self.use_reach,
        )
        self._pages = self.add_choices(
            "Shown",
            [
                ("Loss", CURVE, "The loss along the value."),
                ("Step h", SWEEP, "Which step a finite difference needs."),
                ("Cost", COST, "What it would cost to nudge every parameter."),
            ],
            CURVE,
            self.show_page,
        )
        self._reset = self.add_button("Back to 0", self._to_zero)

    def follow(self, opened: Opened) -> None:
        """Ask again of another pass of the same network."""
        is_same = opened.subject.network == self._opened.subject.network
        self._opened = opened
        if is_same:
            self._prepare()
        else:
            self.done(0)

    def use_reach(self, reach: object) -> None:
        """Move it farther, or less far."""
        if isinstance(reach, float):
            self.reach = reach
            self._reaches.set_value(reach)
            self._prepare()

    def show_page(self, page: object) -> None:
        """The loss, the steps, or the cost."""
        self.page = str(page)
        self._pages.set_value(self.page)
        self._reaches.setVisible(self.page == CURVE)
        self._reset.setVisible(self.page == CURVE)
        self._compute_page()
        self.draw()

    def move_to(self, delta: float) -> None:
        """Nudge by δ; of several wishes the newest counts."""
        self._wanted = self._delta = delta
        if not self.worker.is_busy:
            self._compute_wanted()

    def _prepare(self) -> None:
        self._swept = self._cost = self._wanted = None
        self._delta = 0.0
        # Whatever still runs answers about another pass or another reach.
        self._stop.set()
        self._stop = threading.Event()
        tape, stop = self._opened.view.tape, self._stop.is_set
        self.worker.run(partial(prepared, tape, self.address, self.reach, stop))

    def _compute_wanted(self) -> None:
        if self._prepared is not None and self._wanted is not None:
            delta, self._wanted = self._wanted, None
            self.worker.run(partial(moved, self._prepared.point, self.address, delta))

    def _compute_page(self) -> None:
        if self._prepared is None:
            return
        point = self._prepared.point
        if self.page == SWEEP and self._swept is None:
            self.worker.run(partial(swept, point, self.address, self._stop.is_set))
        elif self.page == COST and self._cost is None:
            self.note.setText("Measuring…")
            self.worker.run(partial(cost, point, self._stop.is_set))

    def _take(self, answer: Answer) -> None:
        match answer:
            case PreparedNudge():
                self._prepared = answer
                self.moved = moved(answer.point, self.address, 0.0)
                words = answer.step.words() if answer.step is not None else ""
                self.note.setText(f"{verdict(answer.checked)} {words}".strip())
                self._compute_page()
                self._appear()
            case Moved():
                self.moved = answer
                self._compute_wanted()
            case Swept():
                self._swept = answer
            case NudgeCost():
                self._cost = answer
                self.note.setText("Measured on this machine, just now.")
        self._mark_kinks()
        self.draw()

    def _appear(self) -> None:
        if not self.isVisible():
            self.controller.busy_changed.emit("")
            self.show()

    def _fail(self, error: BaseException) -> None:
        self.controller.busy_changed.emit("")
        self.controller.refused.emit(sentence(error))
        self.done(0)

    def figure(self, width: float, height: float) -> Scene | None:
        self._handle.plane = None
        room = max(height, _SHOWN_HEIGHT)
        if self.page == SWEEP:
            found = self._swept.differences if self._swept else ()
            return sweep_figure(found, width, room, self.colors) if found else None
        if self.page == COST:
            return cost_figure(self._cost, width, self.colors) if self._cost else None
        if self._prepared is None or self.moved is None:
            return None
        course = self._prepared.course
        self._handle.plane = nudge_frame(course, width, room).plane.box
        nudge, kinks = self.moved.nudge, self.moved.crossed
        step = self._prepared.step
        return nudge_figure(course, nudge, kinks, width, room, self.colors, step)

    def _drag(self, x: float) -> None:
        if self._prepared is not None:
            room = self.canvas.viewport().size()
            height = max(float(room.height()), _SHOWN_HEIGHT)
            frame = nudge_frame(self._prepared.course, float(room.width()), height)
            self.move_to(frame.delta_at(x))

    def _step(self, count: int) -> None:
        there = self._delta + count * self.reach / _STEPS_OF_REACH
        self.move_to(min(self.reach, max(-self.reach, there)))

    def _to_zero(self) -> None:
        self.move_to(0.0)

    def _mark_kinks(self) -> None:
        """On the stage: the units that flipped, the windows that changed their winner."""
        kinks = self.moved.crossed if self.moved is not None else ()
        self.host.stage.mark_keys(tuple(dict.fromkeys(str(kink.address) for kink in kinks)))

    def done(self, result: int) -> None:
        """Close, let what runs end early, and take the kinks off the stage."""
        self._stop.set()
        self.host.stage.mark_keys(())
        super().done(result)
