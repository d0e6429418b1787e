"""A question of a lesson: the prompt, how to answer, and what became of the answer."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.figures.numbers import said
from backpropviz.lessons.lesson import (
    Given,
    LessonStep,
    Prose,
    Question,
    QuestionKind,
    Span,
    Spans,
    answer,
    expected_answer,
    filled,
)
from backpropviz.lessons.progress import Answered
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY, BODY_STRONG, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import pixmap

_PLAIN, RIGHT, WRONG = "", "right", "wrong"


class ChoiceButton(QPushButton):
    """One answer; once tried it shows whether it was right."""

    def __init__(self, text: str, spoken: str, *, is_centered: bool = False) -> None:
        super().__init__()
        self.setObjectName("Choice")
        self.setAccessibleName(spoken)
        self._text = QLabel(text)
        self._text.setObjectName("Plain")
        self._text.setFont(qfont(BODY))
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        if is_centered:
            self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        side = 6 if is_centered else 12
        row.setContentsMargins(side, 7, side, 8)
        row.addWidget(self._text)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_text(self, text: str) -> None:
        """The same words in the colors of another theme."""
        self._text.setText(text)

    def show_verdict(self, verdict: str) -> None:
        """Right, wrong, or nothing yet."""
        boxes.restyle(self, "verdict", verdict)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return 34 if layout is None else max(34, layout.totalHeightForWidth(width))

    def sizeHint(self) -> QSize:
        return QSize(120, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 34)


def verdict_of(is_settled: bool, is_given: bool, is_right: bool) -> str:
    """What a choice shows: the given ones what they were, the right one once all is settled."""
    if is_given:
        return RIGHT if is_right else WRONG
    return RIGHT if is_settled and is_right else _PLAIN


def label(text: str, name: str = "Plain", parent: QWidget | None = None) -> QLabel:
    """Rich text that wraps; its links can be reached by keyboard."""
    found = QLabel(text, parent)
    found.setObjectName(name)
    found.setFont(qfont(BODY))
    found.setWordWrap(True)
    found.setTextFormat(Qt.TextFormat.RichText)
    found.setTextInteractionFlags(
        Qt.TextInteractionFlag.LinksAccessibleByMouse
        | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
    )
    return found


_MONO: Final = "font-family:'JetBrains Mono'; font-size:12px; font-weight:500;"
_SEPARATED_FROM: Final = 10_000


def fits(step: LessonStep, tape: Tape) -> bool:
    """Whether a pass has all that a step speaks of, so that its texts can be filled from it."""
    try:
        for prose in (step.text, step.reveal, step.task):
            filled(prose, tape)
        if step.question is not None:
            expected_answer(step.question, tape)
            for prose in (step.question.prompt, step.question.right, step.question.wrong):
                filled(prose, tape)
    except UserError:
        return False
    return True


def number_text(value: float, is_signed: bool = False) -> str:
    """A number in a lesson: about four digits, all of a whole one, separated from 10,000 on."""
    if abs(value) < _SEPARATED_FROM:
        return said(value, signed=is_signed)
    if float(value).is_integer() and abs(value) < 1e15:
        sign = "−" if value < 0 else "+" if is_signed else ""
        return f"{sign}{abs(int(value)):,}"
    text = said(value, signed=is_signed)
    return text if "e" in text else re.sub(r"\d{4,}", _separated, text, count=1)


def _separated(found: re.Match[str]) -> str:
    return f"{int(found[0]):,}"


def answer_text(expected: float | Address) -> str:
    """A right answer in words."""
    return number_text(expected) if isinstance(expected, float) else str(expected)


def prose_html(prose: Prose, tape: Tape, colors: Theme) -> str:
    """A text with the numbers of a pass."""
    return spans_html(filled(prose, tape), tape, colors)


def spans_html(spans: Spans, tape: Tape, colors: Theme) -> str:
    """Filled text: paragraphs, bold words, code, and links to where values come about."""
    last = len(spans) - 1
    return "".join(
        f"<p style='margin:0 0 {0 if k == last else 9}px 0; line-height:145%'>"
        f"{''.join(_span(span, tape, colors) for span in paragraph)}</p>"
        for k, paragraph in enumerate(spans)
    )


def plain_text(prose: Prose, tape: Tape) -> str:
    """The same without styles, on one line."""
    return " ".join(" ".join(_words(paragraph)) for paragraph in filled(prose, tape))


def _words(paragraph: tuple[Span, ...]) -> Iterator[str]:
    yield "".join(
        span.text if span.value is None else number_text(span.value, span.is_signed)
        for span in paragraph
    )


def _span(span: Span, tape: Tape, colors: Theme) -> str:
    if span.value is not None:
        text = number_text(span.value, span.is_signed)
        inner = _linked(text, span.address, colors)
    elif span.is_code:
        inner = _linked(span.text, _place(span.text, tape), colors)
    else:
        inner = html.escape(span.text)
    return f"<b>{inner}</b>" if span.is_strong else inner


def _linked(text: str, address: Address | None, colors: Theme) -> str:
    shown = html.escape(text).replace(" ", "&nbsp;")
    if address is None:
        return f'<span style="{_MONO} background-color:{colors.hover}">{shown}</span>'
    style = f"{_MONO} color:{colors.update}; text-decoration:none;"
    return f'<a href="{html.escape(str(address))}" style="{style}">{shown}</a>'


def _place(text: str, tape: Tape) -> Address | None:
    """The value or array that a piece of code names, if it names one of the pass."""
    try:
        address = parse(text)
        _ = tape[address]
    except UserError:
        return None
    return address


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
        self._column = boxes.column(gap=9, margins=(14, 12, 14, 12), owner=self)
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
        self._mark = boxes.words(style="Plain")
        self._mark.setFixedWidth(16)
        self._outcome = QWidget()
        boxes.row(
            (self._mark, Qt.AlignmentFlag.AlignTop),
            (self._feedback, 1),
            gap=8,
            margins=boxes.BARE,
            owner=self._outcome,
        )
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
            "Click the cell on the stage, or write" if is_place else "Your number"
        )
        self._line.returnPressed.connect(self._submit)
        self._check = QPushButton("Check")
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
        button = QPushButton("Tell me")
        button.setObjectName("Quiet")
        button.setToolTip("Show the answer; this question does not count then.")
        button.clicked.connect(self.reveal_wanted)
        return button

    def _choose(self) -> None:
        self.answered.emit(float(self.sender().property("answer")))

    def _submit(self) -> None:
        if self._line is not None and self._line.text().strip():
            self.answered.emit(self._line.text().strip())

    @property
    def open_control(self) -> QWidget | None:
        """Where the answer is given; None once it is settled."""
        if self._line is not None:
            return None if self._line.isReadOnly() else self._line
        first = next(iter(self._choices.values()))
        return None if first.focusPolicy() is Qt.FocusPolicy.NoFocus else first

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
                self._line.setText(found.given if found.is_right else answer_text(expected))
        if found is not None:
            self._tell_outcome(found, expected)

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
            return "Right."
        if not found.is_revealed:
            return "Not yet: try again, or let yourself be told."
        if self._choices:
            return "This is the answer."
        return f"The answer is {answer_text(expected)}."

    def _say(self, text: str, icon_name: str, color: str) -> None:
        self._mark.setPixmap(pixmap(icon_name, color, 16, self.devicePixelRatioF(), 2.25))
        self._feedback.setText(text)
        self._outcome.setVisible(bool(text))
