"""The checkpoints of a run with their validation, and the ways on from one."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backpropviz.scene.theme import Theme
from backpropviz.ui.action_set import ActionSet
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, PanelHead
from backpropviz.ui.plain_text import plain_tip
from backpropviz.ui.row_list import Row, RowList
from backpropviz.ui.training.state import RunState

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
        self.head = PanelHead(self.tr("Checkpoints"))
        self._budget = Chip(self.tr("Memory"))
        self._budget.hide_label()
        entries: list[QAction | None] = []
        for budget in BUDGETS_MB:
            action = QAction(self.tr("up to {mb} MB").format(mb=f"{budget:,}"), self._budget)
            action.setData(budget * _MEGABYTE)
            action.triggered.connect(self._want_budget)
            entries.append(action)
        self._budget.fill(entries)
        self.head.add_control(self._budget)
        self.rows = RowList(
            self.tr("Checkpoints"), self.tr("None yet: they come with the updates.")
        )
        self.rows.itemClicked.connect(self._want_visit)
        self.rows.opened.connect(self._want_key)
        self._rewind = QPushButton(self.tr("Rewind to selected"))
        self._rewind.clicked.connect(actions["rewind"].trigger)
        self._compare = QPushButton(self.tr("Compare runs"))
        self._compare.setObjectName("Quiet")
        self._compare.clicked.connect(actions["compare_runs"].trigger)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 8, 16, 12)
        foot.setSpacing(8)
        for button in (self._rewind, self._compare):
            button.setFixedHeight(CONTROL_HEIGHT)
            foot.addWidget(button)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.rows, 1)
        column.addLayout(foot)
        self.setFocusProxy(self.rows)

    def show_run(self, run: RunState, *, has_others: bool) -> None:
        """Show the validated updates and the checkpoints that are still kept, newest first."""
        kept, shown = run.kept, run.shown_iteration
        text = self.tr("every {spacing} updates, {used} of {budget} MB").format(
            spacing=kept.spacing,
            used=f"{kept.bytes_used / _MEGABYTE:,.0f}",
            budget=f"{kept.budget_bytes / _MEGABYTE:,.0f}",
        )
        on_disk = self.tr("{mb} MB more are on the disk.").format(
            mb=f"{kept.spilled_bytes / _MEGABYTE:,.0f}"
        )
        self._budget.show_value(text)
        remark = self.tr(
            "How much memory the checkpoints of all runs may take. "
            "Of several runs, the shown one has half of it; the others share the rest."
        )
        told = f"{remark}\n{on_disk}" if kept.spilled_bytes else remark
        self._budget.setToolTip(plain_tip(told))
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
        """Take the colors of a theme."""
        self.head.use_theme(colors)
        self.rows.use_theme(colors)
        self._budget.use_theme(colors)

    def _want_visit(self) -> None:
        self._want_key(self.rows.current_key)

    def _want_key(self, key: str) -> None:
        if key:
            self.visit_wanted.emit(int(key))

    def _want_budget(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.budget_wanted.emit(action.data())
