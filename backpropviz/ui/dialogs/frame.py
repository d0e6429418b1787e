"""What all dialogs share: a heading, a body, and buttons at the lower right."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.screen import room
from backpropviz.ui.side_window import BoundedDialog

_LEAST_BODY = QSize(160, 64)


class FramedDialog(BoundedDialog):
    """A modal dialog with a heading; `body` takes the content and scrolls where it is too high."""

    def __init__(self, parent: QWidget, heading: str, remark: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(heading)
        self.setModal(True)
        title = PlainLabel(heading)
        title.setFont(qfont(CARD_TITLE))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(24, 20, 24, 20)
        self._column.setSpacing(8)
        self._column.addWidget(title)
        self.remark = PlainLabel(remark)
        self.remark.setObjectName("Note")
        self.remark.setWordWrap(True)
        self.remark.setVisible(bool(remark))
        self._column.addWidget(self.remark)
        self._column.addSpacing(4)
        area = _Body(self)
        self.body = area.column
        self._column.addWidget(area, 1)
        self._column.addSpacing(8)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        self._column.addLayout(self._buttons)

    def add_button(self, text: str, *, is_primary: bool = False) -> QPushButton:
        """A button at the lower right; the primary one answers Enter."""
        button = QPushButton(text)
        button.setFixedHeight(32)
        button.setAutoDefault(is_primary)
        button.setDefault(is_primary)
        if is_primary:
            button.setObjectName("Primary")
        self._buttons.addWidget(button)
        return button

    def say(self, text: str) -> None:
        """A sentence under the heading: what is wrong, or what happens."""
        self.remark.setText(text)
        self.remark.setVisible(bool(text))
        self.grow()

    def showEvent(self, event: QShowEvent) -> None:
        if not self.testAttribute(Qt.WidgetAttribute.WA_Resized):
            self.fit()
        super().showEvent(event)

    def fit(self) -> None:
        """As large as the content wants, within the screen."""
        most = room(self)
        wanted = max(self.sizeHint().width(), self.minimumWidth())
        if self._column.totalHeightForWidth(wanted) > most.height():
            wanted += self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) + 4
        width = min(wanted, most.width())
        self.resize(width, self._height(width))

    def grow(self) -> None:
        """Higher, where the content no longer fits and the screen has room."""
        if self.isVisible() and self.height() < self._height(self.width()):
            self.resize(self.width(), self._height(self.width()))

    def _height(self, width: int) -> int:
        self._column.activate()
        return min(self._column.totalHeightForWidth(width), room(self).height())


class _Body(QScrollArea):
    """The content of a dialog: as high as it is, less where the screen is less high."""

    def __init__(self, owner: FramedDialog) -> None:
        super().__init__()
        self._owner = owner
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content = _Content(self)
        self.column = QVBoxLayout(self._content)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(10)
        self.setWidget(self._content)

    def follow(self) -> None:
        """The content wants another size."""
        self.updateGeometry()
        self._owner.grow()

    def sizeHint(self) -> QSize:
        return self._content.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._content.minimumSizeHint().boundedTo(_LEAST_BODY)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self.column.hasHeightForWidth():
            return self.column.totalHeightForWidth(width)
        return self._content.sizeHint().height()


class _Content(QWidget):
    def __init__(self, area: _Body) -> None:
        super().__init__()
        self._area = area
        self.setObjectName("DialogBody")

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._area.follow()
        return super().event(event)


def form() -> QFormLayout:
    """Rows of a label and a control."""
    result = QFormLayout()
    result.setHorizontalSpacing(16)
    result.setVerticalSpacing(10)
    result.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    result.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
    return result
