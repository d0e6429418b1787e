"""A question of a lesson: the prompt, how to answer, and what became of the answer."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.debugger.lessons.lesson_progress import Answered
from backpropviz.debugger.lessons.prose import filled
from backpropviz.debugger.lessons.question import (
    Given,
    Question,
    QuestionKind,
    answer,
    expected_answer,
)
from backpropviz.engine.address import Address
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG, Theme
from backpropviz.ui.icons import pixmap
from backpropviz.ui.lessons.choices import ChoiceButton, label, verdict_of
from backpropviz.ui.lessons.step_texts import answer_text, plain_text, prose_html, spans_html
from backpropviz.ui.plain_text import PlainLabel

_SIGNS = (-1.0, 0.0, 1.0)
_PLACES = {QuestionKind.WINNER, QuestionKind.PARTNER}


class QuestionView(QFrame):
    """Emits what is answered; it shows nothing but what it is told became of it."""

    answered = Signal(object)
    reveal_wanted = Signal()
    link_followed = Signal(str)

    def __init__(self, question: Question, tape: Tape, colors: Theme) -> None:
        super().__init__()
        self.setObjectName("LessonCard")
        self.question, self._tape, self._colors = question, tape, colors
        self._choices: dict[float, ChoiceButton] = {}
        self._line: QLineEdit | None = None
        self._shown: Answered | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 12, 14, 12)
        self._column.setSpacing(9)
        prompt = label(prose_html(question.prompt, tape, colors))
        prompt.setFont(qfont(BODY_STRONG))
        prompt.linkActivated.connect(self.link_followed)
        self._column.addWidget(prompt)
        if question.kind in {QuestionKind.SIGN, QuestionKind.CHOICE}:
            self._add_choices()
        else:
            self._add_line()
        self._feedback = label("")
        self._feedback.linkActivated.connect(self.link_followed)
        self._mark = PlainLabel()
        self._mark.setObjectName("Plain")
        self._mark.setFixedWidth(16)
        self._outcome = QWidget()
        row = QHBoxLayout(self._outcome)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._feedback, 1)
        self._outcome.hide()
        self._column.addWidget(self._outcome)

    def _add_choices(self) -> None:
        is_sign = self.question.kind is QuestionKind.SIGN
        place = QHBoxLayout() if is_sign else QVBoxLayout()
        place.setSpacing(6)
        if is_sign:
            texts = zip(_SIGNS, self.question.labels, self.question.labels, strict=True)
            found = [(value, text, spoken) for value, text, spoken in texts]
        else:
            found = [
                (
                    float(number),
                    prose_html(option.text, self._tape, self._colors),
                    plain_text(option.text, self._tape),
                )
                for number, option in enumerate(self.question.options)
            ]
        for value, text, spoken in found:
            button = ChoiceButton(text, spoken, is_centered=is_sign)
            button.setProperty("answer", value)
            button.clicked.connect(self._choose)
            self._choices[value] = button
            place.addWidget(button, 1)
        self._column.addLayout(place)
        self._tell = self._quiet_button()
        self._column.addWidget(self._tell, 0, Qt.AlignmentFlag.AlignLeft)

    def _add_line(self) -> None:
        is_place = self.question.kind in _PLACES
        self._line = QLineEdit()
        self._line.setObjectName("StepField")
        self._line.setAccessibleName(plain_text(self.question.prompt, self._tape))
        self._line.setPlaceholderText(
            self.tr("Click the cell on the stage, or write") if is_place else self.tr("Your number")
        )
        self._line.returnPressed.connect(self._submit)
        self._check = QPushButton(self.tr("Check"))
        self._check.clicked.connect(self._submit)
        self._tell = self._quiet_button()
        row = QHBoxLayout()
        row.setSpacing(6)
        if is_place:
            self._column.addWidget(self._line)
        else:
            row.addWidget(self._line, 1)
        row.addWidget(self._check)
        row.addWidget(self._tell)
        if is_place:
            row.addStretch(1)
        self._column.addLayout(row)

    def _quiet_button(self) -> QPushButton:
        button = QPushButton(self.tr("Tell me"))
        button.setObjectName("Quiet")
        button.setToolTip(self.tr("Show the answer; this question does not count then."))
        button.clicked.connect(self.reveal_wanted)
        return button

    def _choose(self) -> None:
        self.answered.emit(float(self.sender().property("answer")))

    def _submit(self) -> None:
        if self._line is not None and self._line.text().strip():
            self.answered.emit(self._line.text().strip())

    def begin(self) -> None:
        """Let the person write at once."""
        if self._line is not None and not self._line.isReadOnly():
            self._line.setFocus()

    def take_cell(self, address: Address) -> None:
        """A cell was clicked: that is the answer, if one is looked for."""
        if self._line is not None and self.question.kind in _PLACES and not self._line.isReadOnly():
            self._line.setText(str(address))
            self._check.setFocus()

    def show_hint(self, text: str) -> None:
        """An answer that cannot be one, in words; it does not count."""
        self._say(html.escape(text), "info", self._colors.text_secondary)

    def show_answered(self, found: Answered | None) -> None:
        """What became of the last answer; the same again costs nothing."""
        if found is not None and found == self._shown:
            return
        self._shown = found
        is_settled = found is not None and found.is_settled
        self._tell.setVisible(not is_settled)
        expected = expected_answer(self.question, self._tape)
        for value, button in self._choices.items():
            is_given = found is not None and bool(found.given) and float(found.given) == value
            button.show_verdict(verdict_of(is_settled, is_given, value == expected))
            policy = Qt.FocusPolicy.NoFocus if is_settled else Qt.FocusPolicy.StrongFocus
            button.setFocusPolicy(policy)
        if self._line is not None:
            self._line.setReadOnly(is_settled)
            self._check.setVisible(not is_settled)
            if is_settled and found is not None:
                self._line.setText(self._settled_text(found, expected))
        if found is not None:
            self._tell_outcome(found, expected)

    def _settled_text(self, found: Answered, expected: float | Address) -> str:
        return found.given if found.is_right else answer_text(expected)

    def _tell_outcome(self, found: Answered, expected: float | Address) -> None:
        colors = self._colors
        given: Given = found.given if found.given and not found.is_revealed else expected
        try:
            outcome = answer(self.question, given, self._tape)
        except UserError as error:
            self.show_hint(str(error))
            return
        told = outcome.feedback
        if found.is_revealed:
            told = filled(self.question.wrong, self._tape)
        text = spans_html(told, self._tape, colors) or self._short(found, expected)
        if found.is_right:
            self._say(text, "check", colors.ok)
        else:
            self._say(text, "info" if found.is_revealed else "x", colors.text_secondary)

    def _short(self, found: Answered, expected: float | Address) -> str:
        """What is said where the lesson says nothing."""
        if found.is_right:
            return self.tr("Right.")
        if not found.is_revealed:
            return self.tr("Not yet: try again, or let yourself be told.")
        if self._choices:
            return self.tr("This is the answer.")
        return self.tr("The answer is {answer}.").format(answer=answer_text(expected))

    def _say(self, text: str, icon_name: str, color: str) -> None:
        self._mark.setPixmap(pixmap(icon_name, color, 16, self.devicePixelRatioF(), 2.25))
        self._feedback.setText(text)
        self._outcome.setVisible(bool(text))
