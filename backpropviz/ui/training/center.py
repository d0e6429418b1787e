"""The middle of the training page: pictures of the run over its charts, as each needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from backpropviz.figures.training.filter_page import lower_edges
from backpropviz.ui.training.charts import TrainingCharts
from backpropviz.ui.training.charts_area import ChartsArea
from backpropviz.ui.training.pictures import PicturesView

_HANDLE: Final = 9
_ENOUGH: Final = 0.45
"""The share of the height below which the pictures would be too low: then a row of charts goes."""
_FULL: Final = 0.6
"""The share of its room that a picture cut below a layer has to fill; else it is cut anywhere."""


class TrainingCenter(QSplitter):
    """A person's own division stays; else it follows the height and the run."""

    def __init__(
        self, pictures: PicturesView, charts: TrainingCharts, parent: QWidget | None = None
    ) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._pictures, self._charts = pictures, charts
        self._fitted: tuple[int, int, int] = (0, 0, 0)
        self._is_own = False
        self.setChildrenCollapsible(False)
        self.setHandleWidth(_HANDLE)
        self.addWidget(pictures)
        area = ChartsArea(charts)
        charts.setObjectName("TrainingStage")
        charts.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.addWidget(area)
        self.splitterMoved.connect(self._keep)
        # The heights around are settled only once the event that changed them is over.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._fit_again)

    def fit(self, run_number: int) -> None:
        """Divide the height for a run's filters, once for each run and each size of the page."""
        scene, state = self._pictures.filters.scene, (run_number, self.width(), self.height())
        if scene is None or state == self._fitted:
            return
        self._is_own = self._is_own and run_number == self._fitted[0]
        self._fitted = state
        if not self._is_own:
            above = self._pictures.choice_height
            total = self.height() - _HANDLE
            edges = [round(edge) + above for edge in lower_edges(scene)]
            height = picture_height(total, edges, self._charts.least_heights)
            self.setSizes([height, total - height])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start(0)

    def _fit_again(self) -> None:
        if self._fitted[0]:
            self.fit(self._fitted[0])

    def _keep(self) -> None:
        self._is_own = True


def picture_height(total: int, edges: Sequence[int], charts: tuple[int, int]) -> int:
    """Pixels of the pictures, of a total that they share with charts.

    `edges` are the heights at which a picture may be cut, the last one its whole height; `charts`
    what one row of charts should have, and the least of all rows.
    """
    room = total - charts[1]
    if edges[-1] > room and room < _ENOUGH * total:
        room = total - charts[0]
    below = max((edge for edge in edges if edge <= room), default=0)
    is_full = below == edges[-1] or below >= _FULL * room
    return max(0, below if is_full else room)
