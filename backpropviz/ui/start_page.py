"""The first page: three ways in, the sessions of earlier times, and where files may be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import (
    BODY,
    BODY_MEDIUM,
    BODY_STRONG,
    CARD_TITLE,
    INDEX,
    LIGHT,
    PAGE_TITLE,
    ROW,
    Font,
    Theme,
)
from backpropviz.ui.appearance import faint
from backpropviz.ui.controls import PlainLabel
from backpropviz.ui.recent import RecentSession, last_session_file, read_recent, when_text
from backpropviz.ui.requests import OpenRequest

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QResizeEvent


THUMBNAIL_HEIGHT: Final = 168
_RADIUS: Final = 11.5
_RECENT_SIDE: Final = 32


class StartCard(QFrame):
    """A way in: a picture, a title, a sentence and a button."""

    chosen = Signal()

    def __init__(
        self, title: str, sentence: str, button: str, fact: str = "", *, is_primary: bool = False
    ) -> None:
        super().__init__()
        self.setObjectName("Card")
        self._colors: Theme = LIGHT
        self._picture, self._background = QPixmap(), ""
        self.setMinimumWidth(240)
        heading = _label(title, CARD_TITLE)
        heading.setWordWrap(True)
        text = _label(sentence, BODY, "Secondary")
        text.setWordWrap(True)
        self._button = QPushButton(button)
        self._button.setFixedHeight(32)
        self._button.setAccessibleName(f"{button}: {title}")
        self._button.setAccessibleDescription(sentence)
        if is_primary:
            self._button.setObjectName("Primary")
        self._button.clicked.connect(self.chosen)
        self._fact = _label(fact, ROW, "Tertiary")
        foot = QHBoxLayout()
        foot.addWidget(self._button)
        foot.addStretch(1)
        foot.addWidget(self._fact)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, THUMBNAIL_HEIGHT + 18, 20, 20)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(text)
        column.addStretch(1)
        column.addSpacing(8)
        column.addLayout(foot)

    def show_thumbnail(self, picture: QPixmap, background: str) -> None:
        """Put a picture above the words."""
        self._picture, self._background = picture, background
        self.update()

    def show_fact(self, text: str) -> None:
        """A few words at the lower right."""
        self._fact.setText(text)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._picture.isNull():
            self._paint_picture()

    def _paint_picture(self) -> None:
        """The picture at its own size in the middle of the upper part."""
        from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _RADIUS, _RADIUS)
        painter.setClipPath(outline)
        top = QRectF(0, 0, self.width(), THUMBNAIL_HEIGHT)
        painter.fillRect(top, QColor(self._background))
        x = (self.width() - self._picture.deviceIndependentSize().width()) / 2
        painter.drawPixmap(round(x), 0, self._picture)
        painter.setPen(QPen(QColor(self._colors.border), 1))
        painter.drawLine(0, THUMBNAIL_HEIGHT, self.width(), THUMBNAIL_HEIGHT)


class RecentRow(QPushButton):
    """One earlier session; the whole row is a button."""

    chosen = Signal(RecentSession)

    def __init__(self, session: RecentSession, when: str) -> None:
        super().__init__()
        self._session = session
        self.setObjectName("RecentRow")
        self.setFixedHeight(52)
        self.clicked.connect(self._choose)
        self.setAccessibleName(f"{session.title}, {session.place}, {when}")
        picture = PlainLabel()
        picture.setFixedSize(_RECENT_SIDE, _RECENT_SIDE)
        picture.setScaledContents(True)
        pixmap = QPixmap()
        if pixmap.loadFromData(session.picture):
            picture.setPixmap(pixmap)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.setContentsMargins(0, 8, 0, 8)
        words.addWidget(_ElidedLabel(session.title, BODY_MEDIUM))
        words.addWidget(_ElidedLabel(session.place, INDEX, "Tertiary"))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(12)
        row.addWidget(picture)
        row.addLayout(words, 1)
        row.addWidget(_label(when, ROW, "Tertiary"))

    def sizeHint(self) -> QSize:
        return QSize(300, 52)

    def _choose(self) -> None:
        self.chosen.emit(self._session)


class _ElidedLabel(PlainLabel):
    """One line that ends in … where it does not fit."""

    def __init__(self, text: str, font: Font, name: str = "Plain") -> None:
        super().__init__(text)
        self._whole = text
        self.setObjectName(name)
        self.setFont(qfont(font))
        self.setMinimumWidth(0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room, metrics = event.size().width(), self.fontMetrics()
        fitting = self._whole
        if metrics.horizontalAdvance(fitting) > room:
            from PySide6.QtCore import Qt

            fitting = metrics.elidedText(fitting, Qt.TextElideMode.ElideRight, room)
        if fitting != self.text():
            self.setText(fitting)


def _label(text: str, font: Font, name: str = "Plain") -> QLabel:
    label = PlainLabel(text)
    label.setObjectName(name)
    label.setFont(qfont(font))
    return label


PAGE_WIDTH: Final = 1128
EXAMPLE, LENET, OWN = "example", "lenet", "own"
_LESSONS_HEIGHT: Final = 8 * 36 + 7 + 2
_SUBTITLE: Final = Font("Inter", 16)


class StartPage(QScrollArea):
    """Emits what a person wants to open; pictures on the cards arrive later."""

    painted = Signal()
    requested = Signal(OpenRequest)
    files_wanted = Signal()
    resume_wanted = Signal()
    training_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setAccessibleName("Start page")
        self._has_painted = False
        self._offer_holds_session = False
        self._page = QWidget()
        self._page.setObjectName("StartPage")
        self.setWidget(self._page)
        self._build()
        self._recent_part.hide()
        self._resume.hide()

    def _build(self) -> None:
        column = QWidget()
        column.setMaximumWidth(PAGE_WIDTH)
        self._column = QVBoxLayout(column)
        self._column.setContentsMargins(0, 64, 0, 40)
        self._column.setSpacing(0)
        self._add_head()
        self._column.addSpacing(32)
        self._offer = QVBoxLayout()
        self._column.addLayout(self._offer)
        self._column.addWidget(_heading("Start"))
        self._column.addSpacing(12)
        self._add_cards()
        self._column.addSpacing(40)
        self._add_lists()
        self._column.addSpacing(24)
        self._strip = QPushButton(
            "  Drop an image, a network, a session or a lesson anywhere in this window"
        )
        self._strip.setObjectName("DropStrip")
        self._strip.setFixedHeight(44)
        self._strip.setIconSize(QSize(16, 16))
        self._strip.clicked.connect(self.files_wanted)
        self._column.addWidget(self._strip)
        self._column.addStretch(1)
        row = QHBoxLayout(self._page)
        row.setContentsMargins(40, 0, 40, 0)
        row.addStretch(1)
        row.addWidget(column, 100)
        row.addStretch(1)

    def _add_lists(self) -> None:
        """Recent sessions at a third of the width, lessons beside them."""
        self._recent = QVBoxLayout()
        self._recent.setSpacing(8)
        self._recent_part = QWidget()
        left = QVBoxLayout(self._recent_part)
        self._lessons = QVBoxLayout()
        self._lessons_done = PlainLabel()
        self._lessons_done.setObjectName("Tertiary")
        self._lessons_done.setFont(qfont(ROW))
        head = QHBoxLayout()
        head.addWidget(_heading("Lessons"), 1)
        head.addWidget(self._lessons_done)
        right = QVBoxLayout()
        for part in (left, right):
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(12)
        left.addWidget(_heading("Recent sessions"))
        left.addLayout(self._recent)
        left.addStretch(1)
        right.addLayout(head)
        right.addLayout(self._lessons)
        # Their list comes with the engine: room is kept, so that nothing moves then.
        self._lessons.addSpacing(_LESSONS_HEIGHT)
        right.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addWidget(self._recent_part, 1)
        row.addLayout(right, 2)
        self._column.addLayout(row)

    def show_offer(self, offer: QWidget | None, *, holds_session: bool = False) -> None:
        """What can be resumed stands first; a session that is in it is not offered once more."""
        self._offer_holds_session = holds_session
        self._show_resume()
        while (item := self._offer.takeAt(0)) is not None:
            _remove(item.widget())
        if offer is not None:
            self._offer.addWidget(offer)
            self._offer.addSpacing(28)

    def _show_resume(self) -> None:
        is_there = last_session_file().exists()
        self._resume.setVisible(is_there and not self._offer_holds_session)

    def show_lessons(self, lessons: QWidget, done: str) -> None:
        """Put the list of lessons in its place; `done` says how many are."""
        while (item := self._lessons.takeAt(0)) is not None:
            _remove(item.widget())
        self._lessons.addWidget(lessons)
        self._lessons_done.setText(done)

    def _add_head(self) -> None:
        title = PlainLabel("Step through backpropagation")
        title.setFont(qfont(PAGE_TITLE))
        self._subtitle = PlainLabel(
            "Pause a training step anywhere, go forwards or backwards, and see where every "
            "gradient comes from."
        )
        self._subtitle.setObjectName("Secondary")
        self._subtitle.setFont(qfont(_SUBTITLE))
        self._subtitle.setWordWrap(True)
        self._open = QPushButton("  " + "Open" + "   Ctrl+O")
        self._open.setFixedHeight(32)
        self._open.setIconSize(QSize(16, 16))
        self._open.setAccessibleName("Open an image, a network, a session or a lesson")
        self._open.clicked.connect(self.files_wanted)
        self._resume = QPushButton("  " + "Resume the last debugging session")
        self._resume.setFixedHeight(32)
        self._resume.setIconSize(QSize(16, 16))
        self._resume.clicked.connect(self.resume_wanted)
        self._train = QPushButton("  " + "Train a network")
        self._train.setFixedHeight(32)
        self._train.setIconSize(QSize(16, 16))
        self._train.clicked.connect(self.training_wanted)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(title, 1)
        for button in (self._resume, self._train, self._open):
            row.addWidget(button)
        self._column.addLayout(row)
        self._column.addSpacing(8)
        self._column.addWidget(self._subtitle)

    def _add_cards(self) -> None:
        self._cards = {
            EXAMPLE: StartCard(
                "The 3×3 example",
                (
                    "One image, one filter, one pool. Every number small enough to check in your "
                    "head."
                ),
                "Start",
                "2 minutes",
                is_primary=True,
            ),
            LENET: StartCard(
                "LeNet on a handwritten digit",
                "A trained network, one digit. Find the weights that are to blame.",
                "Open",
            ),
            OWN: StartCard(
                "Your image or network",
                "PNG, JPEG, WebP and others; a network as JSON or from BackpropViz (.bpv).",
                "Choose files",
                "stays on this computer",
            ),
        }
        row = QHBoxLayout()
        row.setSpacing(24)
        for card in self._cards.values():
            row.addWidget(card, 1)
        self._column.addLayout(row)
        self._cards[EXAMPLE].chosen.connect(self._ask_for_example)
        self._cards[LENET].chosen.connect(self._ask_for_lenet)
        self._cards[OWN].chosen.connect(self.files_wanted)

    def _ask_for_example(self) -> None:
        self.requested.emit(OpenRequest(network="tiny-max"))

    def _ask_for_lenet(self) -> None:
        self.requested.emit(OpenRequest(network="lenet"))

    def refresh(self, colors: Theme) -> None:
        """Take the colors, read the recent sessions; the first time just after the first paint."""
        self.use_theme(colors)
        while (item := self._recent.takeAt(0)) is not None:
            _remove(item.widget())
        sessions = read_recent()
        self._recent_part.setVisible(bool(sessions))
        self._show_resume()
        for session in sessions:
            row = RecentRow(session, when_text(session.when))
            row.chosen.connect(self._reopen)
            self._recent.addWidget(row)

    def _reopen(self, session: RecentSession) -> None:
        self.requested.emit(
            OpenRequest(session.network, session.image, session.target, session.place)
        )

    def show_thumbnail(self, card: str, picture: QPixmap, background: str) -> None:
        """Put a picture on a card."""
        self._cards[card].show_thumbnail(picture, background)

    def show_fact(self, card: str, text: str) -> None:
        """A few words at a card's lower right."""
        self._cards[card].show_fact(text)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        from backpropviz.ui.appearance import icon

        for button, name, color in (
            (self._open, "folder-open", colors.text),
            (self._resume, "history", colors.text),
            (self._train, "chart-line", colors.text),
            (self._strip, "download", colors.text_secondary),
        ):
            button.setIcon(icon(name, color, faint(colors), 16))
        for card in self._cards.values():
            card.use_theme(colors)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._has_painted:
            self._has_painted = True
            self.painted.emit()


def _heading(text: str) -> QLabel:
    label = PlainLabel(text)
    label.setFont(qfont(BODY_STRONG))
    return label


def _remove(widget: QWidget | None) -> None:
    if widget is not None:
        widget.setParent(None)
        widget.deleteLater()
