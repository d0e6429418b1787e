"""The window in which a network is put together: layers, their diagram, the form of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import Draft, DraftProblem, Survey, draft_of
from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.model import Model
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE, COUNTER, LABEL, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import PlainLabel, hairline, plain_tip
from backpropviz.ui.editor.draft import DraftController, save_draft
from backpropviz.ui.editor.end_forms import ImageForm, LossForm, WeightRow
from backpropviz.ui.editor.layer_form import LayerForm, bytes_text, text_line
from backpropviz.ui.editor.layer_list import LayerPanel
from backpropviz.ui.forms import ChoiceChip
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.windows import SideWindow, press_focused_button

EMPTY = "empty"


class EditorHead(QFrame):
    """Shows title and history of a controller."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Chrome")
        self.setFixedHeight(52)
        self._controller = controller
        self.title = text_line("Title of the network")
        self.title.setObjectName("EditorTitle")
        self.title.setFont(qfont(CARD_TITLE))
        self.title.setFixedWidth(320)
        self.title.editingFinished.connect(self._change_title)
        self.presets = ChoiceChip("Start from")
        self.presets.show_value("Start from a preset")
        self.presets.set_choices(_presets())
        self.undo = self._button("Undo", "Ctrl+Z")
        self.redo = self._button("Redo", "Ctrl+Shift+Z", "Ctrl+Y")
        self.undo.clicked.connect(controller.undo)
        self.redo.clicked.connect(controller.redo)
        boxes.row(
            self.title,
            self.presets,
            None,
            self.undo,
            self.redo,
            gap=8,
            margins=(10, 0, 16, 0),
            owner=self,
        )

    def show_history(self) -> None:
        history = self._controller.history
        self.title.setText(history.present.title)
        self._offer(self.undo, "Undo", history.undo_label, "Ctrl+Z")
        self._offer(self.redo, "Redo", history.redo_label, "Ctrl+Shift+Z")

    def use_theme(self, colors: Theme) -> None:
        self.presets.use_theme(colors)
        for button, name in ((self.undo, "undo-2"), (self.redo, "redo-2")):
            button.setIcon(icon(name, colors.text, faint(colors)))

    def _button(self, name: str, *keys: str) -> QToolButton:
        button = QToolButton()
        button.setFixedSize(32, 32)
        button.setIconSize(QSize(18, 18))
        button.setAccessibleName(name)
        for key in keys:
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.activated.connect(button.click)
        return button

    @staticmethod
    def _offer(button: QToolButton, word: str, label: str, keys: str) -> None:
        button.setEnabled(bool(label))
        button.setToolTip(plain_tip(f"{word}: {label}  {keys}" if label else word))

    def _change_title(self) -> None:
        if self.title.isModified():
            self.title.setModified(False)
            text = self.title.text()
            refusal = self._controller.edit("title", lambda draft: ends.change_title(draft, text))
            if refusal:
                self.title.setText(self._controller.draft.title)


def _presets() -> list[tuple[str, str, str] | None]:
    entries: list[tuple[str, str, str] | None] = [
        (name, f"{preset.title}:  {preset.description}", preset.description)
        for name, preset in PRESETS.items()
    ]
    return [*entries, None, (EMPTY, "Empty", "No layer yet.")]


class EditorFoot(QFrame):
    """`wanted` names what shall be done: `save`, `train` or `open`."""

    wanted = Signal(str)

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Chrome")
        self._controller = controller
        self._refusal = ""
        self._is_busy = False
        self.note = boxes.words(style="Note", wraps=True)
        self.weights = WeightRow()
        self.weights.changed.connect(self.tell)
        self.save = self._button("save", "Save…")
        self.train = self._button("train", "Train it…")
        self.open = self._button("open", "Open in debugger")
        self.open.setObjectName("Primary")
        row = boxes.row(self.weights, None, gap=8)
        for button in (self.save, self.train, self.open):
            row.addWidget(button)
        boxes.column(self.note, row, gap=8, margins=(16, 8, 16, 12), owner=self)

    def show_draft(self) -> None:
        """Follow the controller; nothing is refused any more."""
        self._refusal = ""
        controller = self._controller
        self.weights.show_plan(controller.plan, has_base=controller.base is not None)
        self.tell()

    def refuse(self, text: str) -> None:
        """Say why an edit cannot be done."""
        self._refusal = text
        self.tell()

    def set_busy(self, is_busy: bool) -> None:
        """While a model is made or written, no other is asked for."""
        self._is_busy = is_busy
        self.tell()

    def tell(self) -> None:
        """The sentence, and what can be done with the draft."""
        survey = self._controller.survey
        problem = survey.problem
        text = _told(problem) if problem is not None else survey.remark or self._weights_text()
        self.note.setText(self._refusal or text)
        is_wrong = problem is not None or bool(self._refusal or survey.remark)
        boxes.restyle(self.note, "isWrong", is_wrong)
        for button in (self.save, self.train, self.open):
            button.setEnabled(problem is None and not self._is_busy)
            button.setToolTip("" if problem is None else plain_tip(_told(problem)))

    def use_theme(self, colors: Theme) -> None:
        self.weights.use_theme(colors)

    def _weights_text(self) -> str:
        start, plan = self.weights.start, self._controller.plan
        if not (start.keeps_weights and plan.kept):
            return "All shapes fit. Every weight is drawn anew."
        kept, new = ", ".join(plan.kept), ", ".join(plan.fresh)
        text = f"Keeps the weights of {kept}"
        return f"{text}; new: {new}." if new else f"{text}."

    def _button(self, wants: str, text: str) -> QPushButton:
        button = boxes.button(text, height=30)
        button.setProperty("wants", wants)
        button.clicked.connect(self._tell_wish)
        return button

    def _tell_wish(self) -> None:
        self.wanted.emit(str(self.sender().property("wants")))


def _told(problem: DraftProblem) -> str:
    """A problem of the whole begins the sentence."""
    text = str(problem)
    return text if problem.layer else text[:1].upper() + text[1:]


class Totals(QFrame):
    """Three numbers with their names; a dash where one is not known yet."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("EditorStage")
        self.setFixedHeight(68)
        row = boxes.row(gap=36, margins=(20, 10, 20, 8), owner=self)
        self.parameters = self._add(row, "Parameters")
        self.multiply_adds = self._add(row, "Multiply-adds, one image")
        self.memory = self._add(row, "Outputs, one image")
        row.addStretch(1)

    def show_survey(self, found: Survey) -> None:
        self.parameters.setText(_grouped(found.parameters))
        self.multiply_adds.setText(_grouped(found.multiply_adds))
        memory = found.activation_bytes
        self.memory.setText("–" if memory is None else bytes_text(memory))

    @staticmethod
    def _add(row: QHBoxLayout, title: str) -> QLabel:
        value, label = PlainLabel("–"), PlainLabel(title)
        value.setFont(qfont(COUNTER))
        label.setFont(qfont(LABEL))
        for part, name in ((value, "Plain"), (label, "Secondary")):
            part.setObjectName(name)
        column = boxes.column(value, label, gap=0)
        row.addLayout(column)
        value.setAccessibleName(title)
        return value


def _grouped(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


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
        self.setWindowTitle("Network editor")
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
        self.canvas.setAccessibleName("Diagram of the network")
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
        middle = boxes.column(self.totals, hairline(), (self.canvas, 1), gap=0)
        body = boxes.row(self.layers, _divider(), (middle, 1), _divider(), self.forms, gap=0)
        boxes.column(
            self.head,
            hairline(),
            (body, 1),
            hairline(),
            self.foot,
            gap=0,
            margins=boxes.BARE,
            owner=self,
        )

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
        self.colors = colors
        for part in (self.head, self.layers, self.layer_form, self.loss_form, self.foot):
            part.use_theme(colors)
        self.refresh()

    def start_from(self, name: str) -> None:
        """Put a preset in the place of all layers; it fits the input and the classes."""
        draft = self.controller.draft
        if name == EMPTY:
            empty = replace(draft, nodes=(), origins={})
            self.controller.start_from("all layers removed", empty)
            return
        try:
            network = preset(name, draft.input_shape, self._class_count())
        except UserError as error:
            self.foot.refuse(str(error))
            return
        title = PRESETS[name].title
        label = f"start from {title}"
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
        if event.key() == Qt.Key.Key_Escape:
            # It is pressed too easily to close a draft.
            self._leave_field()
            event.accept()
        elif is_enter and not press_focused_button(self, event):
            # It takes what a line holds.
            event.accept()
        elif not is_enter:
            super().keyPressEvent(event)

    def _leave_field(self) -> None:
        """From a line to the layers; what was typed in it and not taken yet is dropped."""
        line = self.focusWidget()
        if isinstance(line, QLineEdit):
            line.setModified(False)
            self.layers.list.setFocus(Qt.FocusReason.OtherFocusReason)
            self.refresh()

    def _class_count(self) -> int:
        draft, shapes = self.controller.draft, self.controller.survey.shapes
        if draft.class_names:
            return len(draft.class_names)
        shape = shapes.get(draft.output, ()) if draft.nodes else ()
        return shape[0] if len(shape) == 1 and shape[0] <= _MOST_CLASSES else 10

    def _draw(self) -> None:
        from backpropviz.figures.diagram import architecture_diagram

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
            "Save the network",
            f"{self.controller.draft.title}.json",
            "Network as JSON (*.json);;Network with its weights (*.bpv)",
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
            self.foot.note.setText(f"Saved as {answer}.")
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
