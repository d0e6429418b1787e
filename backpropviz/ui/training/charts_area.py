"""Charts that scroll, and of which never half a row is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from backpropviz.ui.training.charts import TrainingCharts


class ChartsArea(QScrollArea):
    """Gives the charts the height that they have to share."""

    def __init__(self, charts: TrainingCharts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._charts = charts
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(charts)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._charts.share(self.viewport().height())
        super().resizeEvent(event)
