"""The window in which a network is put together: layers, their diagram, the form of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.architecture.draft import Draft, draft_of
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.model import Model
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.presets import PRESETS, preset
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import hairline
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.editor_foot import EditorFoot
from backpropviz.ui.editor.editor_head import EMPTY, EditorHead
from backpropviz.ui.editor.end_forms import ImageForm, LossForm
from backpropviz.ui.editor.layer_form import LayerForm
from backpropviz.ui.editor.layer_panel import LayerPanel
from backpropviz.ui.editor.saving import save_draft
from backpropviz.ui.editor.totals import Totals
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.side_window import SideWindow, press_focused_button

FIRST_SIZE = (1240, 780)
_SIDE_WIDTH = 330
_MOST_CLASSES = 1000


class NetworkEditor(SideWindow):
    """`open_wanted` and `train_wanted` carry the model; the window stays open."""

    open_wanted = Signal(object)
    train_wanted = Signal(object)
    saved = Signal(str)

    def __init__(self, parent: QWidget, controller: DraftController, colors: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Network editor"))
        self.controller, self.colors = controller, colors
        self._purpose = ""
        self._saving: Draft | None = None
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
        self.foot = EditorFoot(controller)

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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(hairline())
        column.addLayout(body, 1)
        column.addWidget(hairline())
        column.addWidget(self.foot)

    def _connect(self) -> None:
        self.controller.changed.connect(self.refresh)
        self.controller.refused.connect(self.foot.refuse)
        self.foot.wanted.connect(self._do)
        self.canvas.clicked.connect(self._choose)
        self.canvas.resized.connect(self._draw)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Close), self)
        shortcut.activated.connect(self.close)
        self.head.presets.chosen.connect(self.start_from)
        self._builder.answered.connect(self._take)
        self._builder.failed.connect(self._fail)

    def refresh(self) -> None:
        """Show draft and choice in all parts."""
        controller = self.controller
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
        self.foot.show_draft()
        self._draw()
        self.canvas.keep_in_sight(f"layer:{controller.chosen}")

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        for part in (self.head, self.layers, self.layer_form, self.loss_form, self.foot):
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
            self.foot.refuse(str(error))
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
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape or (is_enter and not press_focused_button(self, event)):
            # Enter takes what a line holds, and Esc is pressed too easily to close a draft.
            event.accept()
        elif not is_enter:
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
        draft, base = self.controller.draft, self.controller.base
        self._saving = draft
        self._run("save", partial(save_draft, path, draft, base, self.foot.weights.start))

    def _do(self, purpose: str) -> None:
        if purpose == "save":
            self._ask_file()
        else:
            self._run(purpose, partial(self.controller.model, self.foot.weights.start))

    def _run(self, purpose: str, job: Callable[[], object]) -> None:
        self._purpose = purpose
        self.foot.set_busy(True)
        self._builder.run(job)

    def _take(self, answer: Model | Path) -> None:
        self.foot.set_busy(False)
        if isinstance(answer, Path):
            self.controller.in_file = self._saving
            self.foot.note.setText(self.tr("Saved as {file}.").format(file=answer))
            self.saved.emit(str(answer))
        elif self._purpose == "train":
            self.train_wanted.emit(answer)
        else:
            self.open_wanted.emit(answer)

    def _fail(self, error: BaseException) -> None:
        self.foot.set_busy(False)
        self.foot.refuse(sentence(error))


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
