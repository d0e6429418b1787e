"""The texts of a step as rich text: numbers from the pass, places in it as links."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from backpropviz.debugger.lessons.lesson import LessonStep
from backpropviz.debugger.lessons.prose import Prose, Span, Spans, filled
from backpropviz.debugger.lessons.question import expected_answer
from backpropviz.engine.address import Address, parse
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.figures.number_groups import said
from backpropviz.scene.theme import Theme

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
