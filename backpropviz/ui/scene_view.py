"""A widget that shows a Scene: a kept picture below, and hover, focus and pin drawn live above.

It knows keys and boxes and nothing of what they mean; its owner describes a key and acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QToolTip, QWidget

from backpropviz.frozen import frozen
from backpropviz.paint.draw import draw
from backpropviz.scene.hit import Hit, find, hit, places
from backpropviz.scene.marks import Box, Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import plain_tip

DIRECTIONS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_PROBE = 4.0


def neighbor(scene: Scene, cell: Hit, across: int, down: int) -> Hit | None:
    """The nearest other cell in a direction, or None where nothing lies that way."""
    box = cell.box
    x, y = box.x + box.width / 2, box.y + box.height / 2
    start = (box.width if across else box.height) / 2 + 1.0
    reach = scene.width if across else scene.height
    for offset in _sideways(box, across):
        distance = start
        while distance < reach:
            at_x = x + across * distance + (0 if across else offset)
            at_y = y + down * distance + (offset if across else 0)
            found = hit(scene, at_x, at_y)
            if found is not None and found.key != cell.key:
                return found
            distance += _PROBE
    return None


def first_key(scene: Scene, preferred: str, top: float) -> Hit | None:
    """The preferred cell where it is shown, else the first below `top`, row by row."""
    box = find(scene, preferred) if preferred else None
    if box is not None:
        return Hit(preferred, box)
    return next(_scan(scene, top), None)


def _sideways(box: Box, across: int) -> tuple[float, ...]:
    """Straight ahead first, then a little to either side."""
    breadth = box.height if across else box.width
    return (0.0, -breadth, breadth, -3 * breadth, 3 * breadth)


def _scan(scene: Scene, top: float) -> Iterator[Hit]:
    y = top + _PROBE
    while y < scene.height:
        x = _PROBE
        while x < scene.width:
            found = hit(scene, x, y)
            if found is not None:
                yield found
            x += 4 * _PROBE
        y += 4 * _PROBE


_ROW_SHAPE = 4.0
"""A place so many times wider than high is a row, not a cell."""
_TINT = 46


@frozen
class Overlay:
    """Paints over one scene; `view_box` is where a box of the scene lies in the widget."""

    painter: QPainter
    scene: Scene | None
    colors: Theme
    view_box: Callable[[Box], QRectF]

    def outline_keys(self, keys: Iterable[str], color: str, gap: float) -> None:
        """A frame around each mark, where the scene has it."""
        for key in keys:
            box = find(self.scene, key) if self.scene is not None else None
            if box is not None:
                self.outline(box, color, gap)

    def light(self, keys: tuple[str, ...]) -> None:
        """Cells are outlined; texts and whole rows are tinted."""
        if self.scene is None or not keys:
            return
        for place in places(self.scene, keys):
            box = place.box
            if place.is_text or box.width > _ROW_SHAPE * box.height:
                tint = QColor(self.colors.text_secondary)
                tint.setAlpha(_TINT)
                self.painter.fillRect(self.view_box(box), tint)
            else:
                self.outline(box, self.colors.text_secondary, 0.0)

    def outline(self, box: Box, color: str, gap: float) -> None:
        """A frame of 2 px with round corners."""
        self.painter.setPen(QPen(QColor(color), 2))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawRoundedRect(self.view_box(box).adjusted(-gap, -gap, gap, gap), 2, 2)


SMALLEST_ZOOM, LARGEST_ZOOM = 0.25, 16.0
ZOOM_STEP = 1.25


def nothing_to_say(_: str) -> str:
    """The description of a key without an owner."""
    return ""


class SceneView(QAbstractScrollArea):
    """Shows one scene; `pinned_top` pixels of it (a header) stay in place and unscaled."""

    clicked = Signal(str)
    double_clicked = Signal(str)
    hovered = Signal(str)
    menu_requested = Signal(str, QPoint)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None, *, is_zoomable: bool = False) -> None:
        super().__init__(parent)
        self.describe: Callable[[str], str] = nothing_to_say
        self.preferred_key = ""
        self.pinned_keys: tuple[str, ...] = ()
        self.marked_keys: tuple[str, ...] = ()
        self._lit_keys: tuple[str, ...] = ()
        self.pinned_top = 0.0
        self._is_zoomable = is_zoomable
        self._scene: Scene | None = None
        self._colors: Theme = LIGHT
        self._zoom = 1.0
        self._picture = QPixmap()
        self._picture_state: tuple[object, ...] = ()
        self._hovered: Hit | None = None
        self._focused: Hit | None = None
        self._clicked_key = ""
        """Where the keyboard goes on: the pointer's last cell."""
        self._pressed_at: QPoint | None = None
        self._is_dragging = False
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        if not is_zoomable:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def scene(self) -> Scene | None:
        """What is shown."""
        return self._scene

    @property
    def zoom(self) -> float:
        """View pixels per scene pixel."""
        return self._zoom

    @property
    def focused_key(self) -> str:
        """The key of the cell that the keyboard is on, or nothing."""
        return self._focused.key if self._focused else ""

    @property
    def hovered_key(self) -> str:
        """The key under the pointer, or nothing."""
        return self._hovered.key if self._hovered else ""

    def show_scene(self, scene: Scene, colors: Theme) -> None:
        """Show another scene; hover and focus stay on their keys where these are still shown."""
        self._scene, self._colors = scene, colors
        self._hovered = self._again(self._hovered)
        self._focused = self._again(self._focused)
        self._update_ranges()
        self.viewport().update()

    def set_zoom(self, zoom: float, around: QPointF | None = None) -> None:
        """Scale the picture; the scene point under `around` (else the middle) stays in place."""
        if not self._is_zoomable:
            return
        anchor = around or QPointF(self.viewport().rect().center())
        fixed = self._to_scene(anchor)
        self._zoom = min(LARGEST_ZOOM, max(SMALLEST_ZOOM, zoom))
        self._update_ranges()
        top = self.pinned_top
        self.horizontalScrollBar().setValue(round(self._zoom * fixed.x() - anchor.x()))
        self.verticalScrollBar().setValue(round(top + self._zoom * (fixed.y() - top) - anchor.y()))
        self.viewport().update()

    def keep_in_sight(self, key: str) -> None:
        """Scroll down or up as far as a mark needs to be seen."""
        box = find(self._scene, key) if key and self._scene is not None else None
        if box is None:
            return
        down, height = self.verticalScrollBar(), self.viewport().height()
        area = self.view_box(box)
        if area.bottom() > height:
            down.setValue(round(down.value() + area.bottom() - height))
        elif area.top() < self.pinned_top:
            down.setValue(round(down.value() + area.top() - self.pinned_top))

    def mark_keys(self, keys: tuple[str, ...]) -> None:
        """Outline marks in the color of the loss, wherever the scene has them."""
        if keys != self.marked_keys:
            self.marked_keys = keys
            self.viewport().update()

    def light(self, keys: tuple[str, ...]) -> None:
        """Light what another canvas points at, wherever this scene shows it too."""
        if keys != self._lit_keys:
            self._lit_keys = keys
            self.viewport().update()

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 60)

    def _to_scene(self, point: QPointF) -> QPointF:
        if point.y() < self.pinned_top:
            return point
        top = self.pinned_top
        x = (point.x() + self.horizontalScrollBar().value()) / self._zoom
        y = top + (point.y() - top + self.verticalScrollBar().value()) / self._zoom
        return QPointF(x, y)

    def view_box(self, box: Box) -> QRectF:
        """Where a box of the scene lies in the viewport."""
        if box.y < self.pinned_top:
            return QRectF(box.x, box.y, box.width, box.height)
        top, zoom = self.pinned_top, self._zoom
        x = zoom * box.x - self.horizontalScrollBar().value()
        y = top + zoom * (box.y - top) - self.verticalScrollBar().value()
        return QRectF(x, y, zoom * box.width, zoom * box.height)

    def _hit(self, point: QPointF) -> Hit | None:
        if self._scene is None:
            return None
        at = self._to_scene(point)
        return hit(self._scene, at.x(), at.y())

    def _again(self, before: Hit | None) -> Hit | None:
        """The same key in the scene of now."""
        if before is None or self._scene is None:
            return None
        box = find(self._scene, before.key)
        return None if box is None else Hit(before.key, box)

    def _update_ranges(self) -> None:
        if self._scene is None:
            return
        top, room = self.pinned_top, self.maximumViewportSize()
        width = round(self._zoom * self._scene.width)
        height = round(self._zoom * (self._scene.height - top) + top)
        # What fits without scroll bars needs none, though those of before still take room.
        fits = width <= room.width() and height <= room.height()
        size = room if fits else self.viewport().size()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setRange(0, max(0, width - size.width()))
        across.setPageStep(size.width())
        down.setRange(0, max(0, height - size.height()))
        down.setPageStep(size.height())
        across.setSingleStep(24)
        down.setSingleStep(24)

    def paintEvent(self, event: QPaintEvent) -> None:
        # What is drawn may fail; a painter that is left active then crashes Qt at a later frame.
        with QPainter(self.viewport()) as painter:
            if self._scene is None:
                painter.fillRect(event.rect(), QColor(self._colors.stage))
                return
            painter.drawPixmap(0, 0, self._current_picture(self._scene))
            self._paint_overlay(painter)

    def _current_picture(self, scene: Scene) -> QPixmap:
        """The scene as the viewport shows it, painted again only when something changed."""
        size, ratio = self.viewport().size(), self.devicePixelRatioF()
        scrolled = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        state = (id(scene), size.width(), size.height(), ratio, self._zoom, *scrolled)
        if state != self._picture_state:
            if self._picture.size() != size * ratio:
                self._picture = QPixmap(size * ratio)
                self._picture.setDevicePixelRatio(ratio)
            with QPainter(self._picture) as painter:
                self._paint_scene(painter, scene)
            self._picture_state = state
        return self._picture

    def _paint_scene(self, painter: QPainter, scene: Scene) -> None:
        width, height = self.viewport().width(), self.viewport().height()
        painter.fillRect(0, 0, width, height, QColor(scene.background))
        scrolled = self.verticalScrollBar().value()
        if self._zoom != 1.0 or scrolled or self.horizontalScrollBar().value():
            painter.save()
            painter.setClipRect(QRectF(0, self.pinned_top, width, height))
            origin = self.view_box(Box(0.0, self.pinned_top, 0.0, 0.0))
            painter.translate(origin.x(), origin.y() - self._zoom * self.pinned_top)
            painter.scale(self._zoom, self._zoom)
            draw(scene, painter)
            painter.restore()
            painter.setClipRect(QRectF(0, 0, width, self.pinned_top))
        draw(scene, painter)

    def _paint_overlay(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = self._colors
        overlay = Overlay(painter, self._scene, colors, self.view_box)
        overlay.outline_keys(self.pinned_keys, colors.update, 0.0)
        overlay.outline_keys(self.marked_keys, colors.loss, 1.0)
        overlay.light(self._lit_keys)
        if self._hovered is not None:
            overlay.outline(self._hovered.box, colors.text_secondary, 0.0)
        if self._focused is not None and self.hasFocus():
            overlay.outline(self._focused.box, colors.update, 2.0)
        if self.hasFocus() and self._shows_focus():
            painter.setPen(QPen(QColor(colors.update), 2))
            painter.drawRect(QRectF(self.viewport().rect()).adjusted(1, 1, -1, -1))

    def _shows_focus(self) -> bool:
        """A ring around the whole view, for the keyboard only: the pointer knows where it is."""
        return self._focused is None and bool(self.property("byKeyboard"))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed_at is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position().toPoint())
            return
        self._hover(self._hit(event.position()), event.globalPosition().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at, self._is_dragging = event.position().toPoint(), False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._pressed_at is None:
            return
        was_dragging, self._pressed_at = self._is_dragging, None
        if was_dragging:
            self.viewport().unsetCursor()
            return
        found = self._hit(event.position())
        if found is not None:
            self._clicked_key = found.key
            if self._focused is not None:
                self._focus(found)
        self.clicked.emit(found.key if found else "")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        found = self._hit(event.position())
        if found is not None:
            self.double_clicked.emit(found.key)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None, QPoint())
        super().leaveEvent(event)

    def _drag(self, point: QPoint) -> None:
        start = self._pressed_at or point
        if not self._is_dragging:
            far = (point - start).manhattanLength() >= QApplication.startDragDistance()
            if not (far and self._can_scroll()):
                return
            self._is_dragging = True
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() + start.x() - point.x())
        down.setValue(down.value() + start.y() - point.y())
        self._pressed_at = point

    def _can_scroll(self) -> bool:
        return self.horizontalScrollBar().maximum() > 0 or self.verticalScrollBar().maximum() > 0

    def _hover(self, found: Hit | None, at: QPoint) -> None:
        if found == self._hovered:
            return
        self._hovered = found
        text = self.describe(found.key) if found else ""
        if found and text:
            box = self.view_box(found.box).toAlignedRect()
            QToolTip.showText(at + QPoint(6, 10), plain_tip(text), self.viewport(), box)
        else:
            QToolTip.hideText()
        is_command = found is not None and ":" in found.key
        shape = Qt.CursorShape.PointingHandCursor if is_command else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.hovered.emit(found.key if found else "")
        self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._is_zoomable and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            turns = event.angleDelta().y() / 120
            self.set_zoom(self._zoom * ZOOM_STEP**turns, event.position())
            event.accept()
            return
        super().wheelEvent(event)
        self._hover(self._hit(event.position()), event.globalPosition().toPoint())

    def viewportEvent(self, event: QEvent) -> bool:
        zooming = Qt.NativeGestureType.ZoomNativeGesture
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == zooming:
            self.set_zoom(self._zoom * (1 + event.value()), event.position())
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_ranges()
        self.resized.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            box = self._focused.box if self._focused else Box(0, 0, 40, 40)
            at = self.view_box(box).center().toPoint()
            self.menu_requested.emit(self.focused_key, self.viewport().mapToGlobal(at))
            return
        found = self._hit(QPointF(event.pos()))
        self.menu_requested.emit(found.key if found else "", event.globalPos())

    def event(self, event: QEvent) -> bool:
        is_asked = event.type() == QEvent.Type.ShortcutOverride
        if is_asked and isinstance(event, QKeyEvent) and self._moves_focus(event):
            event.accept()
            return True
        return super().event(event)

    def _moves_focus(self, event: QKeyEvent) -> bool:
        """While a cell has the focus, the arrows move it and Space acts on it."""
        return self._focused is not None and event.key() in (*DIRECTIONS, Qt.Key.Key_Space)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self._enter()
        elif key == Qt.Key.Key_Escape and self._focused is not None:
            self._focus(None)
        elif key in DIRECTIONS and self._focused is not None and self._scene is not None:
            self._focus(neighbor(self._scene, self._focused, *DIRECTIONS[key]) or self._focused)
        elif key == Qt.Key.Key_Space and self._focused is not None:
            self.clicked.emit(self._focused.key)
        else:
            super().keyPressEvent(event)

    def _enter(self) -> None:
        """Put the keyboard on a cell; on a cell, act on it."""
        if self._focused is not None:
            self.clicked.emit(self._focused.key)
        elif self._scene is not None:
            clicked = find(self._scene, self._clicked_key) if self._clicked_key else None
            start = self._clicked_key if clicked is not None else self.preferred_key
            self._focus(first_key(self._scene, start, self.pinned_top))

    def _focus(self, cell: Hit | None) -> None:
        self._focused = cell
        if cell is not None:
            self._scroll_to(self.view_box(cell.box))
            text = self.describe(cell.key) or cell.key
            self.viewport().setAccessibleDescription(text)
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))
        self.viewport().update()

    def _scroll_to(self, box: QRectF) -> None:
        size = self.viewport().size()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        if box.right() > size.width() or box.left() < 0:
            across.setValue(round(across.value() + box.center().x() - size.width() / 2))
        if box.bottom() > size.height() or box.top() < self.pinned_top:
            down.setValue(round(down.value() + box.center().y() - size.height() / 2))

    def focusInEvent(self, event: QFocusEvent) -> None:
        reasons = Qt.FocusReason.MouseFocusReason, Qt.FocusReason.ActiveWindowFocusReason
        self.setProperty("byKeyboard", event.reason() not in reasons)
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()
