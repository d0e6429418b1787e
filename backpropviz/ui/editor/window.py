"""The window in which a network is put together: layers, their diagram, the form of one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.architecture.draft import Draft, draft_of
from backpropviz.engine.layers.protocol import LOSS_NAME
from backpropviz.engine.model import Model
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.presets import PRESETS, preset
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import hairline
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.editor_head import EMPTY, EditorHead
from backpropviz.ui.editor.end_forms import ImageForm, LossForm
from backpropviz.ui.editor.layer_form import LayerForm
from backpropviz.ui.editor.layer_panel import LayerPanel
from backpropviz.ui.editor.saving import save_draft
from backpropviz.ui.editor.totals import Totals
from backpropviz.ui.editor.weight_row import WeightRow
from backpropviz.ui.scene_view import SceneView

FIRST_SIZE = (1240, 780)
_SIDE_WIDTH = 330
_MOST_CLASSES = 1000


class NetworkEditor(QDialog):
    """`open_wanted` and `train_wanted` carry the model; the window stays open."""

    open_wanted = Signal(object)
    train_wanted = Signal(object)
    saved = Signal(str)

    def __init__(self, parent: QWidget, controller: DraftController, colors: Theme) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.setWindowTitle(self.tr("Network editor"))
        self.controller, self.colors = controller, colors
        self._refusal = ""
        self._waiting = ""
        self._builder = Background(self)
        self._make_parts()
        self._lay_out()
        self._connect()
        self.resize(*FIRST_SIZE)
        self.use_theme(colors)
        self.layers.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make_parts(self) -> None:
        controller = self.controller
        self.head = EditorHead(controller)
        self.layers = LayerPanel(controller)
        self.totals = Totals()
        self.canvas = SceneView()
        self.canvas.setAccessibleName(self.tr("Diagram of the network"))
        self.canvas.describe = self._describe
        self.layer_form = LayerForm(controller)
        self.image_form = ImageForm(controller)
        self.loss_form = LossForm(controller)
        self.forms = QStackedWidget()
        for form in (self.layer_form, self.image_form, self.loss_form):
            self.forms.addWidget(form)
        self.note = QLabel()
        self.note.setObjectName("Note")
        self.note.setWordWrap(True)
        self.weights = WeightRow()
        self.save_button = self._button(self.tr("Save…"), self._ask_file)
        self.train_button = self._button(self.tr("Train it…"), partial(self._build, "train"))
        self.open_button = self._button(self.tr("Open in debugger"), partial(self._build, "open"))
        self.open_button.setObjectName("Primary")

    def _button(self, text: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.setFixedHeight(30)
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button

    def _lay_out(self) -> None:
        self.layers.setFixedWidth(_SIDE_WIDTH)
        self.forms.setFixedWidth(_SIDE_WIDTH)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.totals)
        middle.addWidget(hairline())
        middle.addWidget(self.canvas, 1)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.layers)
        body.addWidget(_divider())
        body.addLayout(middle, 1)
        body.addWidget(_divider())
        body.addWidget(self.forms)
        foot = QFrame()
        foot.setObjectName("Chrome")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for part in (self.weights, self.save_button, self.train_button, self.open_button):
            if part is self.save_button:
                buttons.addStretch(1)
            buttons.addWidget(part)
        lines = QVBoxLayout(foot)
        lines.setContentsMargins(16, 8, 16, 12)
        lines.setSpacing(8)
        lines.addWidget(self.note)
        lines.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(hairline())
        column.addLayout(body, 1)
        column.addWidget(hairline())
        column.addWidget(foot)

    def _connect(self) -> None:
        self.controller.changed.connect(self.refresh)
        self.controller.refused.connect(self._say_refusal)
        self.canvas.clicked.connect(self._choose)
        self.canvas.resized.connect(self._draw)
        self.weights.changed.connect(self._tell)
        self.head.presets.chosen.connect(self.start_from)
        self._builder.answered.connect(self._take)
        self._builder.failed.connect(self._fail)

    def refresh(self) -> None:
        """Show draft and choice in all parts."""
        controller = self.controller
        self._refusal = ""
        self.head.show_history()
        self.layers.show_layers()
        self.totals.show_survey(controller.survey)
        if controller.chosen == IMAGE_NAME:
            self.image_form.show_image()
            self.forms.setCurrentWidget(self.image_form)
        elif controller.chosen == LOSS_NAME:
            self.loss_form.show_loss()
            self.forms.setCurrentWidget(self.loss_form)
        else:
            self.layer_form.show_layer()
            self.forms.setCurrentWidget(self.layer_form)
        self.weights.show_plan(controller.plan, has_base=controller.base is not None)
        self._tell()
        self._draw()
        self.canvas.keep_in_sight(f"layer:{controller.chosen}")

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        for part in (self.head, self.layers, self.layer_form, self.loss_form, self.weights):
            part.use_theme(colors)
        self.refresh()

    def start_from(self, name: str) -> None:
        """Put a preset in the place of all layers; it fits the input and the classes."""
        draft = self.controller.draft
        if name == EMPTY:
            empty = replace(draft, nodes=(), origins={})
            self.controller.start_from(self.tr("all layers removed"), empty)
            return
        try:
            network = preset(name, draft.input_shape, self._class_count())
        except UserError as error:
            self._say_refusal(str(error))
            return
        title = PRESETS[name].title
        label = self.tr("start from {title}").format(title=title)
        self.controller.start_from(label, draft_of(network, title, draft.class_names))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._builder.stop()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """Close, once the worker is free."""
        self._builder.stop()
        super().done(result)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            # Enter takes what a line holds, and Esc is pressed too easily to close a draft.
            event.accept()
            return
        super().keyPressEvent(event)

    def _class_count(self) -> int:
        draft, shapes = self.controller.draft, self.controller.survey.shapes
        if draft.class_names:
            return len(draft.class_names)
        shape = shapes.get(draft.output, ()) if draft.nodes else ()
        return shape[0] if len(shape) == 1 and shape[0] <= _MOST_CLASSES else 10

    def _draw(self) -> None:
        from backpropviz.figures.network.architecture_diagram import architecture_diagram

        room = self.canvas.viewport().size()
        controller = self.controller
        size = (float(room.width()), float(room.height()))
        scene = architecture_diagram(
            controller.draft, controller.survey, size, self.colors, controller.chosen
        )
        self.canvas.show_scene(scene, self.colors)

    def _choose(self, key: str) -> None:
        self.controller.choose(key.removeprefix("layer:"))

    def _describe(self, key: str) -> str:
        name = key.removeprefix("layer:")
        problem = self.controller.survey.problem_at(name)
        return f"{name}: {problem}" if problem else name

    def _tell(self) -> None:
        """The sentence below, and what can be done with the draft."""
        problem = self.controller.survey.problem
        text = str(problem) if problem is not None else self._weights_text()
        self.note.setText(self._refusal or text)
        is_wrong = problem is not None or bool(self._refusal)
        if self.note.property("isWrong") != is_wrong:
            self.note.setProperty("isWrong", is_wrong)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)
        for button in (self.save_button, self.train_button, self.open_button):
            button.setEnabled(problem is None and not self._waiting)
            button.setToolTip(str(problem) if problem is not None else "")

    def _weights_text(self) -> str:
        start, plan = self.weights.start, self.controller.plan
        if start.keeps_weights and plan.kept:
            kept, new = ", ".join(plan.kept), ", ".join(plan.fresh)
            text = self.tr("Keeps the weights of {kept}").format(kept=kept)
            return self.tr("{text}; new: {new}.").format(text=text, new=new) if new else f"{text}."
        return self.tr("All shapes fit. Every weight is drawn anew.")

    def _say_refusal(self, text: str) -> None:
        self._refusal = text
        self._tell()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Save the network"),
            f"{self.controller.draft.title}.json",
            self.tr("Network as JSON (*.json);;Network with its weights (*.bpv)"),
        )
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Write the network; `saved` tells when it is done."""
        self._waiting = "save"
        draft, base, start = self.controller.draft, self.controller.base, self.weights.start
        self._builder.run(partial(save_draft, path, draft, base, start))
        self._tell()

    def _build(self, purpose: str) -> None:
        self._waiting = purpose
        start = self.weights.start
        self._builder.run(partial(self.controller.model, start))
        self._tell()

    def _take(self, answer: Model | Path) -> None:
        purpose, self._waiting = self._waiting, ""
        self._tell()
        if isinstance(answer, Path):
            self.note.setText(self.tr("Saved as {file}.").format(file=answer))
            self.saved.emit(str(answer))
        elif purpose == "train":
            self.train_wanted.emit(answer)
        else:
            self.open_wanted.emit(answer)

    def _fail(self, error: BaseException) -> None:
        self._waiting = ""
        self._say_refusal(sentence(error))


def _divider() -> QFrame:
    line = QFrame()
    line.setObjectName("EditorDivider")
    line.setFixedWidth(1)
    return line


def new_draft(shape: tuple[int, ...], class_names: tuple[str, ...]) -> Draft:
    """Where a new network begins: LeNet, or a dense network for images too small for it."""
    name = "lenet" if min(shape[1:]) >= PRESETS["lenet"].least_side else "mlp"
    network = preset(name, shape, len(class_names) or 10)
    return draft_of(network, "My network", class_names)
