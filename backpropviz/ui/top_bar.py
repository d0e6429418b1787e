"""The toolbar: what is debugged (image, network, target, loss), the way to anything, and export."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolBar, QWidget

from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.model import has_modes
from backpropviz.figures.thumbnails import photograph, thumbnail
from backpropviz.files.fit import displayable
from backpropviz.paint.draw import render
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, ROW, Theme
from backpropviz.ui.actions import ActionSet, key_text
from backpropviz.ui.appearance import faint, icon, pixmap
from backpropviz.ui.controls import (
    CONTROL_HEIGHT,
    Chip,
    PlainLabel,
    Segmented,
    file_name,
    plain_tip,
    plain_title,
    shortened,
)
from backpropviz.ui.opened import EXAMPLE, Opened, Subject, target_text

_PHOTO_SIDE = 8


def image_thumbnail(opened: Opened, size: int, colors: Theme) -> Scene:
    """The image in a square of `size` px."""
    view, subject = opened.view, opened.subject
    image = view.tape[IMAGE][view.sample]
    is_photo = image.ndim == 3 and min(image.shape[1:]) >= _PHOTO_SIDE
    if is_photo and image.shape[0] == subject.model.preprocessing.channels:
        shown = displayable(image, subject.model.preprocessing)
        marks = photograph(shown, size, colors)
    else:
        marks = thumbnail(image, size, colors, view.scales.of(IMAGE, colors))
    return Scene(size, size, colors.panel, marks, subject.image_name)


_MOST_CLASSES, _LONGEST = 24, 22
_THUMBNAIL = 18
SAMPLES = ("mnist:17", "mnist:1442", "digits:3", "photo:chelsea", "photo:astronaut", "photo:coffee")


class TopBar(QToolBar):
    """Emits what a person chooses from the chips."""

    image_wanted = Signal(str)
    network_wanted = Signal(str)
    target_wanted = Signal(str)
    mode_wanted = Signal(object)

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("TopBar")
        self.setWindowTitle("Toolbar")
        self.setMovable(False)
        self.setFixedHeight(40)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._actions = actions
        self._has_networks = False
        self._sample = 0
        self._colors: Theme = LIGHT
        self.mode = self._modes()
        self.image = Chip("Image")
        self.network = Chip("Network")
        self.target = Chip("Target")
        self.pass_mode = Chip("Mode")
        self.loss = Chip("Loss")
        self._for_debugging = (self.image, self.network, self.target, self.pass_mode, self.loss)
        self._has_modes = False
        self.pass_mode.hide()
        self._for_training: tuple[QWidget, ...] = ()
        self.back = _button("Back to training")
        self.back.hide()
        self.search = _SearchField("Go to address or command", actions["palette"])
        self._export = _button("Export")
        self._export.setObjectName("Primary")
        self._export.clicked.connect(self._want_export)
        self._row = self._arrange()
        self.network.menu().aboutToShow.connect(self._fill_networks)
        self._fill_images()
        self._fill_loss()
        self._fill_pass_modes()

    def _modes(self) -> Segmented:
        modes = Segmented("Mode")
        modes.set_choices(
            [
                ("Debug", "debug", "Step through one training step."),
                ("Train", "train", "Train and watch the filters being learned."),
            ]
        )
        modes.set_value("debug")
        modes.chosen.connect(self.mode_wanted)
        return modes

    def _arrange(self) -> QHBoxLayout:
        frame = QFrame()
        frame.setObjectName("Chrome")
        row = QHBoxLayout(frame)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        for widget in (self.mode, *self._for_debugging, self.back):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.search)
        row.addWidget(self._export)
        self.addWidget(frame)
        return row

    def show_opened(self, opened: Opened) -> None:
        """Show what is debugged."""
        subject = opened.subject
        self._sample = opened.view.sample
        self.image.show_value(_image_title(opened), self._thumbnail(opened))
        self.network.show_value(shortened(subject.network_title, _LONGEST))
        self.network.setToolTip(plain_tip(_network_tip(subject)))
        guessed = " (its answer)" if subject.is_guessed else ""
        self.target.show_value(_short(target_text(subject) + guessed))
        self.loss.show_value(_loss_title(subject))
        self._has_modes = has_modes(subject.model.network)
        self.pass_mode.show_value(subject.mode.name)
        self.pass_mode.setVisible(self._has_modes and self.mode.value != "train")
        self._fill_targets(subject)

    def show_sample(self, opened: Opened) -> None:
        """Of a batch, the picture of the sample that is shown."""
        if opened.view.tape.batch > 1 and opened.view.sample != self._sample:
            self._sample = opened.view.sample
            self.image.show_value(_image_title(opened), self._thumbnail(opened))

    def _want_export(self) -> None:
        is_training = self.mode.value == "train"
        self._actions["save_picture" if is_training else "export"].trigger()

    def add_for_training(self, *widgets: QWidget) -> None:
        """What stands here instead while the training is shown."""
        self._for_training = widgets
        first = self._row.indexOf(self._for_debugging[-1]) + 1
        for place, widget in enumerate(widgets, start=first):
            self._row.insertWidget(place, widget)
            widget.setVisible(self.mode.value == "train")

    def show_mode(self, is_training: bool) -> None:
        """Show what is trained instead of what is debugged, or the other way round."""
        self.mode.set_value("train" if is_training else "debug")
        for chip in self._for_debugging:
            chip.setVisible(not is_training and (chip is not self.pass_mode or self._has_modes))
        for widget in self._for_training:
            widget.setVisible(is_training)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        for chip in self._for_debugging:
            chip.use_theme(colors)
        self.back.setIcon(icon("corner-up-left", colors.text, faint(colors), 16, 2.0))
        self._export.setIcon(icon("upload", colors.panel, faint(colors), 16, 2.0))
        self.search.use_theme(colors)

    def _thumbnail(self, opened: Opened) -> QPixmap:
        ratio = self.devicePixelRatioF()
        scene = image_thumbnail(opened, _THUMBNAIL, self._colors)
        picture = QPixmap.fromImage(render(scene, ratio))
        picture.setDevicePixelRatio(ratio)
        return picture

    def _fill_images(self) -> None:
        samples = [self._choice(self.image, name, name, self._choose_image) for name in SAMPLES]
        shared = self._actions
        own = (shared["own_example"], shared["own_picture"])
        files = (shared["open"], shared["paste"], shared["fit_image"])
        self.image.fill([*own, None, *files, None, *samples])

    def _fill_networks(self) -> None:
        """When the menu is first opened: the bundled files are read for their titles."""
        if self._has_networks:
            return
        from backpropviz.files.networks import bundled_networks

        self._has_networks = True
        cards = bundled_networks()
        entries: list[QAction | None] = []
        for card in cards:
            title = f"{card.name}:  {card.title}"
            entry = self._choice(self.network, title, card.name, self._choose_network)
            entry.setToolTip(plain_tip(card.description))
            entries.append(entry)
        details = self._actions["network_details"]
        editor = (self._actions["new_network"], self._actions["edit_network"])
        self.network.fill([*entries, None, self._actions["open"], *editor, details])

    def _fill_targets(self, subject: Subject) -> None:
        names: Sequence[str] = subject.model.class_names if subject.is_classifier else ()
        entries: list[QAction | None] = [
            self._choice(self.target, name, name, self._choose_target)
            for name in names[:_MOST_CLASSES]
        ]
        self.target.fill([*entries, *([None] if entries else []), self._actions["target"]])

    def _fill_loss(self) -> None:
        shared = self._actions
        self.loss.fill(
            [shared["sum_reduction"], shared["float_width"], None, shared["learning_rate"]]
        )

    def _fill_pass_modes(self) -> None:
        shared = self._actions
        modes = (shared["train_mode"], shared["eval_mode"])
        self.pass_mode.fill([*modes, None, shared["dropout_seed"]])

    def _choice(self, chip: Chip, title: str, value: str, slot: object) -> QAction:
        action = QAction(plain_title(title), chip.menu())
        action.setData(value)
        action.triggered.connect(slot)
        return action

    def _choose_image(self) -> None:
        self.image_wanted.emit(_chosen(self.sender()))

    def _choose_network(self) -> None:
        self.network_wanted.emit(_chosen(self.sender()))

    def _choose_target(self) -> None:
        self.target_wanted.emit(_chosen(self.sender()))


class _SearchField(QPushButton):
    """Looks like a field and opens the palette."""

    def __init__(self, text: str, action: QAction) -> None:
        super().__init__()
        self.setObjectName("Search")
        self.setFixedHeight(CONTROL_HEIGHT)
        self.setAccessibleName(text)
        self.clicked.connect(action.trigger)
        self._glyph, self._text, self._key = PlainLabel(), PlainLabel(text), PlainLabel()
        self._key.setText(key_text("Ctrl+Shift+P"))
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 0, 10, 0)
        row.setSpacing(8)
        for part in (self._glyph, self._text, self._key):
            part.setFont(qfont(ROW))
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(part, int(part is self._text))
        self._words = text
        # The words give way to the chips, and are cut where they can be seen to be cut.
        self._text.setMinimumWidth(1)

    def sizeHint(self) -> QSize:
        words = self._text.fontMetrics().horizontalAdvance(self._words)
        return QSize(self._without_words() + words + 2, CONTROL_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._without_words(), CONTROL_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - self._without_words()
        metrics = self._text.fontMetrics()
        text = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, room)
        self._text.setText(text if len(text) > 1 else "")

    def _without_words(self) -> int:
        glyph, key = self._glyph.sizeHint().width(), self._key.sizeHint().width()
        return 9 + glyph + 8 + 8 + key + 10

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        ratio = self.devicePixelRatioF()
        self._glyph.setPixmap(pixmap("search", colors.text_secondary, 14, ratio))
        for part in (self._glyph, self._text, self._key):
            part.setStyleSheet(f"color: {colors.text_secondary}; background: transparent;")


def _button(text: str) -> QPushButton:
    """A button with room for an icon before its text."""
    button = QPushButton(f" {text}")
    button.setFixedHeight(CONTROL_HEIGHT)
    button.setIconSize(QSize(15, 15))
    return button


def _chosen(sender: object) -> str:
    return str(sender.data()) if isinstance(sender, QAction) else ""


def _short(source: str) -> str:
    return shortened(file_name(source), _LONGEST)


def _image_title(opened: Opened) -> str:
    """The picture's name; a network's own example is told by its size."""
    subject, view = opened.subject, opened.view
    name = subject.sample_name(view.sample)
    if name:
        return _short(name)
    if subject.image_name != EXAMPLE:
        return _short(subject.image_name)
    shape = subject.image.shape
    return f"{shape[-2]}×{shape[-1]} image" if len(shape) == 4 else subject.image_name


def _network_tip(subject: Subject) -> str:
    """The whole title, and the name of the file or of the bundled network below it."""
    names = (subject.model.title, file_name(subject.network))
    return "\n".join(dict.fromkeys(names))


def _loss_title(subject: Subject) -> str:
    title = subject.model.network.loss.about.title
    return title[0].lower() + title[1:]
