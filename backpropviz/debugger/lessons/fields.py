"""What only lesson files hold, read from a document's values: addresses, expressions, prose."""

from __future__ import annotations

from backpropviz.debugger.lessons.expression import LessonExpression, parse_expression
from backpropviz.debugger.lessons.prose import Prose, parse_prose
from backpropviz.document import LinePlace, Value, located
from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

LONGEST_TEXT = 6000


def line_of(value: Value) -> int:
    """The line (from 1) on which a value begins; 0 where its document has no lines."""
    return value.place.line if isinstance(value.place, LinePlace) else 0


def heading(value: Value) -> str:
    """A text in one line."""
    return value.words(LONGEST_TEXT)


def address(value: Value) -> Address:
    """An address."""
    text = value.words(LONGEST_TEXT)
    try:
        return parse(text)
    except UserError as error:
        raise value.error(str(error)) from None


def expression(value: Value) -> LessonExpression:
    """Arithmetic on addresses; a bare number will do."""
    is_number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
    text = repr(value.value) if is_number else value.words(LONGEST_TEXT, lines=True)
    try:
        return parse_expression(text, line_of(value))
    except UserError as error:
        raise value.error(str(error)) from None


def prose(value: Value) -> Prose:
    """Paragraphs with `code`, **bold** and {values}."""
    return parse_prose(value.words(LONGEST_TEXT, lines=True), _Pieces(value))


@frozen
class _Pieces:
    """The pieces of a text, with their lines."""

    value: Value

    def line_of(self, piece: str) -> int:
        place = self.value.place
        return place.line_within(piece) if isinstance(place, LinePlace) else 0

    def error_within(self, piece: str, sentence: str) -> UserError:
        place = self.value.place
        if not isinstance(place, LinePlace):
            return self.value.error(sentence)
        return located(place.file, place.line_within(piece), sentence)
