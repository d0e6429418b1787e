"""Texts that hung or crashed: refused at once, with a place, wherever expressions are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import SavedSubject, SessionState, from_json, save, to_json
from backpropviz.document import JsonPlace, Value
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.lessons.check import parse_expression
from backpropviz.lessons.lesson import parse_prose
from tests.debugger.passes import small_pass

TEXTS = {
    "dotted parts": ".".join(["a"] * 20_000),
    "dotted parts in a comparison": ".".join(["a"] * 20_000) + " > 1",
    "spaces": " " * 1_000_000,
    "spaces after": "value > 1" + " " * 1_000_000,
    "many or": "value > 1 or " * 1500 + "value > 1",
    "superscript": "value > ²",
    "digits": "value > " + "9" * 5000,
    "parentheses": "(" * 100_000 + "value" + ")" * 100_000 + " > 1",
    "signs": "value > " + "-" * 900 + "1",
    "power": "value > 9" + "**9" * 300,
    "an import": "__import__('os').system('true')",
    "a class": "().__class__.__bases__",
    "a function": "(lambda: 1)()",
    "a walrus": "(value := 1) > 0",
    "a format": "f'{value}' > 1",
}


def in_session(text: str) -> object:
    subject = SavedSubject("lenet", None, None, {})
    document = to_json(save(subject, small_pass().timeline, SessionState()))
    mark = {"phase": None, "layer": None, "address": None, "enabled": True, "ignore": 0}
    return from_json({**document, "breakpoints": [{**mark, "condition": text}]})


READERS: dict[str, Callable[[str], object]] = {
    "breakpoint": lambda text: Breakpoint(condition=text),
    "session": in_session,
    "lesson": parse_expression,
    "prose": lambda text: parse_prose(f"So {{{text}}}.", Value(text, JsonPlace())),
}


# In prose, braces end an expression, and blanks at its ends do not count.
NOT_IN_PROSE = {"a format", "spaces", "spaces after"}
CASES = [(r, n) for r in READERS for n in TEXTS if r != "prose" or n not in NOT_IN_PROSE]


@pytest.mark.parametrize(("reader", "name"), CASES)
def test_a_hostile_text_is_refused_with_a_place(reader: str, name: str) -> None:
    with pytest.raises(UserError, match=r"character \d+") as refused:
        READERS[reader](TEXTS[name])
    assert len(str(refused.value)) < 400


def test_an_error_about_an_address_repeats_only_its_beginning() -> None:
    with pytest.raises(UserError) as refused:
        parse("a" + " " * 1_000_000 + "b")
    assert len(str(refused.value)) < 400
