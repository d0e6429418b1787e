"""Slides before they are written: one large, all as a strip whose pictures are drawn when idle."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QListView, QSizePolicy, QWidget

from backpropviz.figures.slides.deck import SlideRange
from backpropviz.paint.draw import render
from backpropviz.scene.marks import Group, Scene
from backpropviz.scene.slide import Slide
from backpropviz.scene.theme import LIGHT, Theme

_LEAST = QSize(240, 136)
_THUMB: Final = QSize(92, 52)
_MOST_KEPT: Final = 400


class SlidePreview(QWidget):
    """One slide, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._slide: Slide | None = None
        self._colors: Theme = LIGHT
        self.setAccessibleName("Preview")
        self.setMinimumSize(_LEAST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_slide(self, slide: Slide | None, colors: Theme) -> None:
        """Show another slide; None: nothing."""
        self._slide, self._colors = slide, colors
        self.setAccessibleDescription("" if slide is None else slide.title)
        self.update()

    def sizeHint(self) -> QSize:
        return _LEAST

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), QColor(self._colors.chrome))
            if self._slide is not None:
                self._paint(self._slide, painter)
        finally:
            painter.end()

    def _paint(self, slide: Slide, painter: QPainter) -> None:
        scale = min((self.width() - 16) / slide.width, (self.height() - 16) / slide.height)
        width, height = slide.width * scale, slide.height * scale
        left, top = (self.width() - width) / 2, (self.height() - height) / 2
        frame = QRectF(left - 0.5, top - 0.5, width + 1, height + 1)
        painter.setPen(QColor(self._colors.border_strong))
        painter.drawRect(frame)
        # Through an image: what is painted straight is cut by the place of a window.
        image = render(_scaled(slide, scale), self.devicePixelRatioF())
        painter.drawImage(QRectF(left, top, width, height), image)


class FilmModel(QAbstractListModel):
    """The slides of a range by number; a picture is drawn once somebody looks, when idle."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._range: SlideRange | None = None
        self._kept: OrderedDict[int, QPixmap] = OrderedDict()
        self._wanted: list[int] = []
        self._idle = QTimer(self)
        self._idle.timeout.connect(self._draw_one)

    def show_range(self, slides: SlideRange | None) -> None:
        """Show another range."""
        self.beginResetModel()
        self._range = slides
        self._kept.clear()
        self._wanted.clear()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if self._range is None else self._range.count

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        number = index.row()
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(number)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{number + 1:,}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Slide {number + 1:,}"
        return None

    def stop(self) -> None:
        """Draw no more."""
        self._idle.stop()

    def _picture(self, number: int) -> QPixmap:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        if number not in self._wanted:
            self._wanted = [*self._wanted[-40:], number]
            self._idle.start(0)
        blank = QPixmap(_THUMB)
        blank.fill(Qt.GlobalColor.transparent)
        return blank

    def _draw_one(self) -> None:
        if not self._wanted or self._range is None:
            self._idle.stop()
            return
        number = self._wanted.pop(0)
        if number >= self._range.count:
            return
        self._kept[number] = thumbnail_of(self._range.slide(number))
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        index = self.index(number)
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])


def thumbnail_of(slide: Slide) -> QPixmap:
    """A slide in small."""
    scale = min(_THUMB.width() / slide.width, _THUMB.height() / slide.height)
    return QPixmap.fromImage(render(_scaled(slide, scale), 1.0))


def _scaled(slide: Slide, scale: float) -> Scene:
    scene, width, height = slide.scene, round(slide.width * scale), round(slide.height * scale)
    return Scene(width, height, scene.background, (Group(scene.marks, scale=scale),))


class Filmstrip(QListView):
    """All slides in a row; `chosen` carries the number of one, from 0."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.film = FilmModel(self)
        self.setModel(self.film)
        self.setAccessibleName("Slides")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(_THUMB)
        self.setGridSize(_THUMB + QSize(14, 26))
        self.setFixedHeight(_THUMB.height() + 52)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(self._tell)

    def show_range(self, slides: SlideRange | None, number: int) -> None:
        """Show another range, one of its slides chosen."""
        self.film.show_range(slides)
        if slides is not None and slides.count:
            self.setCurrentIndex(self.film.index(min(number, slides.count - 1)))

    def _tell(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.row())
