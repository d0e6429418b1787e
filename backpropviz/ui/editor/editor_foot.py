"""The last rows of the editor: what does not fit, the weights, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from backpropviz.engine.architecture.survey import Problem
from backpropviz.scene.theme import Theme
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.weight_row import WeightRow
from backpropviz.ui.plain_text import PlainLabel, plain_tip


class EditorFoot(QFrame):
    """`wanted` names what shall be done: `save`, `train` or `open`."""

    wanted = Signal(str)

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Chrome")
        self._controller = controller
        self._refusal = ""
        self._is_busy = False
        self.note = PlainLabel()
        self.note.setObjectName("Note")
        self.note.setWordWrap(True)
        self.weights = WeightRow()
        self.weights.changed.connect(self.tell)
        self.save = self._button("save", self.tr("Save…"))
        self.train = self._button("train", self.tr("Train it…"))
        self.open = self._button("open", self.tr("Open in debugger"))
        self.open.setObjectName("Primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.weights)
        row.addStretch(1)
        for button in (self.save, self.train, self.open):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 12)
        column.setSpacing(8)
        column.addWidget(self.note)
        column.addLayout(row)

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
        self._color(is_wrong=problem is not None or bool(self._refusal or survey.remark))
        for button in (self.save, self.train, self.open):
            button.setEnabled(problem is None and not self._is_busy)
            button.setToolTip("" if problem is None else plain_tip(_told(problem)))

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.weights.use_theme(colors)

    def _weights_text(self) -> str:
        start, plan = self.weights.start, self._controller.plan
        if not (start.keeps_weights and plan.kept):
            return self.tr("All shapes fit. Every weight is drawn anew.")
        kept, new = ", ".join(plan.kept), ", ".join(plan.fresh)
        text = self.tr("Keeps the weights of {kept}").format(kept=kept)
        return self.tr("{text}; new: {new}.").format(text=text, new=new) if new else f"{text}."

    def _color(self, *, is_wrong: bool) -> None:
        if self.note.property("isWrong") != is_wrong:
            self.note.setProperty("isWrong", is_wrong)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)

    def _button(self, wants: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setFixedHeight(30)
        button.setAutoDefault(False)
        button.setProperty("wants", wants)
        button.clicked.connect(self._tell_wish)
        return button

    def _tell_wish(self) -> None:
        self.wanted.emit(str(self.sender().property("wants")))


def _told(problem: Problem) -> str:
    """A problem of the whole begins the sentence."""
    text = str(problem)
    return text if problem.layer else text[:1].upper() + text[1:]
