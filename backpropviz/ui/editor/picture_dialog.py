"""Which picture a new network is shown first, and what it should give for it."""

from __future__ import annotations

import math

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from backpropviz.engine.model import Model
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.number_text import real_number
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.editor.form import text_line
from backpropviz.ui.plain_text import PlainLabel

_BUNDLED = (("mnist:0", "A handwritten digit"), ("photo:chelsea", "A photo"))


@frozen
class AskedPicture:
    """A picture by name or path, and numbers for a target, or nothing."""

    image: str
    target: str


class PictureDialog(FramedDialog):
    """`asked` is the answer, or None."""

    def __init__(self, parent: QWidget, model: Model) -> None:
        super().__init__(parent, parent.tr("Which picture?"))
        self._model = model
        self.asked: AskedPicture | None = None
        self._needs_target = not model.network.loss.about.is_of_classes
        self._hint = self.tr("{title} has no example yet: show it a picture.").format(
            title=model.title
        )
        self.say(self._hint)
        self.target = text_line(self.tr("Target"))
        self.target.setParent(self)
        self.target.setVisible(self._needs_target)
        if self._needs_target:
            self._ask_target()
        is_gray = model.network.input_shape[0] == 1
        for name, title in _BUNDLED if is_gray else reversed(_BUNDLED):
            button = self._choice(self.tr(title))
            button.setProperty("picture", name)
            button.clicked.connect(self._take_bundled)
        self._choice(self.tr("A file…")).clicked.connect(self._take_file)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self.setMinimumWidth(420)

    def _ask_target(self) -> None:
        network = self._model.network
        count = math.prod(network.shapes[network.output])
        text = self.tr("Target: {count} numbers, separated by commas").format(count=count)
        self.body.addWidget(PlainLabel(text))
        self.body.addWidget(self.target)

    def _choice(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setFixedHeight(32)
        button.setAutoDefault(False)
        self.body.addWidget(button)
        return button

    def _take_bundled(self) -> None:
        self.take(str(self.sender().property("picture")))

    def _take_file(self) -> None:
        folder = str(QSettings().value("folder/open", ""))
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Open a picture"), folder)
        if name:
            self.take(name)

    def take(self, image: str) -> None:
        """Answer with a picture, if the target can be used."""
        refusal = self._refusal()
        self.say(refusal or self._hint)
        if not refusal:
            self.asked = AskedPicture(image, self.target.text().strip())
            self.accept()

    def _refusal(self) -> str:
        if not self._needs_target:
            return ""
        network = self._model.network
        try:
            numbers = [real_number(piece) for piece in self.target.text().split(",")]
            if None in numbers:
                return self.tr("Give the target as numbers, separated by commas.")
            network.loss.target(numbers, (1, *network.shapes[network.output]))
        except UserError as error:
            return str(error)
        return ""


def ask_picture(parent: QWidget, model: Model) -> AskedPicture | None:
    """Ask; None where the question was dismissed."""
    dialog = PictureDialog(parent, model)
    dialog.exec()
    asked = dialog.asked
    dialog.deleteLater()
    return asked
