"""Arithmetic on a pass, and texts that it fills in."""

from __future__ import annotations

import pytest

from backpropviz.document import JsonPlace, Value
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.lessons.check import parse_expression
from backpropviz.lessons.lesson import LessonPass, filled, parse_prose, plain
from tests.debugger.lessons.passes import recorded

TAPE = recorded(LessonPass("tiny-max"))
ADAM = recorded(LessonPass("lenet"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("1.5e2", 150),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("8 - 4 - 2", 2),
        ("8 / 4 / 2", 1),
        ("-(1 + 2) * -2", 6),
        ("loss", 2),
        ("loss.grad", 1),
        ("conv1.weight[0,0,1,0]", -1),
        ("conv1.output[0, 0, 1, 0] - conv1.output[0,0,1,1]", 1),
        ("2 × 3 − 1", 5),
        ("size(image) + nonzero(conv1.output.grad)", 10),
        ("sum(conv1.output) + max(conv1.output) - min(conv1.output)", 25),
        ("abs(-3) + sqrt(16) + sign(-7) + sign(0)", 6),
        ("parameters", 5),
        ("forward_steps", 20),
        ("backward_steps", 1 + 16 + 16 + 4 + 36),
        ("learning_rate * 100", 1),
        ("1 < 2", 1),
        ("1 < 2 and 2 < 1", 0),
        ("0.1 + 0.2 == 0.3 and 1 != 1.1", 1),
        ("conv1.weight.next[0,0,0,0] == 1.94", 1),
        ("1 >= 1 and 1 <= 1 and (1 == 2) == 0", 1),
        ("1 > 1", 0),
    ],
)
def test_values(text: str, value: float) -> None:
    assert parse_expression(text).value(TAPE) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "1 2",
        "loss)",
        "size(2)",
        "size()",
        "foo(1)",
        "a..b",
        "1 $ 2",
        "* 3",
        "== 1",
    ],
)
def test_what_is_not_an_expression(text: str) -> None:
    with pytest.raises(UserError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "conv9.output[0]",
        "conv1.weight",
        "1 / 0",
        "sqrt(-1)",
        "beta1",
        "sum(nowhere)",
        "conv1.weight[9]",
    ],
)
def test_what_a_pass_does_not_have(text: str) -> None:
    expression = parse_expression(text)
    with pytest.raises(UserError):
        expression.value(TAPE)


def test_a_layer_name_may_hold_a_hyphen() -> None:
    assert parse_expression("conv-1.weight[0]").expression.address == parse("conv-1.weight[0]")


NOWHERE = Value("", JsonPlace())
"""A text without a file."""


def test_prose_is_filled_from_the_pass() -> None:
    text = "One {loss},\ntwo **{+loss} x** and `{loss}`.\n\n \nThree {{ok}} {2 * loss}."
    spans = filled(parse_prose(text, NOWHERE), TAPE)
    words = plain(spans, lambda value, signed: f"{value:+g}" if signed else f"{value:g}")
    assert words == "One 2, two +2 x and {loss}.\n\nThree {ok} 4."
    flat = [span for paragraph in spans for span in paragraph]
    assert [span.text for span in flat if span.is_code] == ["{loss}"]
    assert [(span.value, span.text) for span in flat if span.is_strong] == [(2.0, ""), (None, " x")]
    assert [span.address for span in flat if span.value == 2] == [parse("loss")] * 2
    assert [span.address for span in flat if span.value == 4] == [None]
