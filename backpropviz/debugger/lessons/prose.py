"""The text of a lesson: paragraphs with `code`, **bold** and {values} that the pass fills in.

A value is an expression in braces, `{conv1.weight.grad[0,0,0,1]}`, so that no number is typed by
hand; `{+…}` shows its sign too. `{{` and `}}` are braces. A blank line parts paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeAlias

from backpropviz.debugger.lessons.expression import LessonExpression, parse_expression
from backpropviz.engine.address import Address
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Piece:
    """A run of text, or a value to fill in."""

    text: str
    is_strong: bool = False
    is_code: bool = False
    expression: LessonExpression | None = None
    is_signed: bool = False


Prose: TypeAlias = tuple[tuple[Piece, ...], ...]
"""Paragraphs of pieces."""


@frozen
class Span:
    """A run of shown text; a number is left to who shows it (`text` is then empty).

    `address` is where the number comes from, where that is one value.
    """

    text: str
    is_strong: bool = False
    is_code: bool = False
    value: float | None = None
    is_signed: bool = False
    address: Address | None = None


Spans: TypeAlias = tuple[tuple[Span, ...], ...]
"""Paragraphs of spans."""
NumberText: TypeAlias = Callable[[float, bool], str]
"""A number as text; the flag asks for a plus sign."""

_MARK = re.compile(r"\{\{|\}\}|\*\*|`(?P<code>[^`]*)`|\{(?P<value>[^{}]*)\}|[`{}]")


class Source(Protocol):
    """Where a text comes from: it knows the line of each piece."""

    def line_of(self, piece: str) -> int:
        """The line on which a piece stands; 0: none."""

    def error_within(self, piece: str, sentence: str) -> UserError:
        """An error about a piece."""


def parse_prose(text: str, source: Source) -> Prose:
    """Read a text.

    Raises:
        UserError: a mark is not closed, or a value is not an expression.
    """
    paragraphs = (p for p in re.split(r"\n\s*\n", text.strip()) if p.strip())
    return tuple(tuple(_pieces(paragraph, source)) for paragraph in paragraphs)


def _pieces(paragraph: str, source: Source) -> Iterator[Piece]:
    position, is_strong = 0, False
    for found in _MARK.finditer(paragraph):
        if words := _words(paragraph[position : found.start()]):
            yield Piece(words, is_strong)
        position = found.end()
        mark = found[0]
        if mark == "**":
            is_strong = not is_strong
        elif mark in {"{{", "}}"}:
            yield Piece(mark[0], is_strong)
        elif found["code"] is not None:
            yield Piece(found["code"], is_strong, is_code=True)
        elif found["value"] is not None:
            yield replace(_value(found["value"], mark, source), is_strong=is_strong)
        else:
            rest = paragraph[found.start() :].splitlines()[0]
            raise source.error_within(
                rest, f"“{rest[:30]}”: the {mark} has no partner: close it or remove it."
            )
    if words := _words(paragraph[position:]):
        yield Piece(words, is_strong)
    if is_strong:
        last = paragraph[paragraph.rindex("**") :].splitlines()[0]
        raise source.error_within(
            last, f"“{last[:30]}”: the ** has no partner: close it or remove it."
        )


def _value(inside: str, mark: str, source: Source) -> Piece:
    is_signed = inside.startswith("+")
    try:
        expression = parse_expression(inside.removeprefix("+").strip(), source.line_of(mark))
    except UserError as refused:
        raise source.error_within(mark, str(refused)) from None
    return Piece("", expression=expression, is_signed=is_signed)


def _words(text: str) -> str:
    """Line ends are spaces."""
    first, *rest = text.split("\n")
    if not rest:
        return first
    inner = (line.strip() for line in rest[:-1])
    return " ".join((first.rstrip(), *(line for line in inner if line), rest[-1].lstrip()))


def expressions(prose: Prose) -> Iterator[LessonExpression]:
    """All values of a text."""
    return (p.expression for paragraph in prose for p in paragraph if p.expression is not None)


def filled(prose: Prose, tape: Tape) -> Spans:
    """The text with the numbers of a pass."""
    return tuple(tuple(_span(piece, tape) for piece in paragraph) for paragraph in prose)


def _span(piece: Piece, tape: Tape) -> Span:
    expression = piece.expression
    value = None if expression is None else expression.value(tape)
    address = None if expression is None else expression.address
    return Span(piece.text, piece.is_strong, piece.is_code, value, piece.is_signed, address)


def plain(spans: Spans, number_text: NumberText) -> str:
    """Without styles; a blank line between paragraphs."""
    return "\n\n".join(_joined(paragraph, number_text) for paragraph in spans)


def _joined(spans: Iterable[Span], number_text: NumberText) -> str:
    return "".join(s.text if s.value is None else number_text(s.value, s.is_signed) for s in spans)
