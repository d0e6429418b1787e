"""Answers held to the pass."""

from __future__ import annotations

import pytest

from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.lessons.lesson import (
    Given,
    LessonPass,
    Question,
    answer,
    expected_answer,
    plain,
    read_number,
)
from tests.debugger.lessons.passes import lesson_with, recorded

TAPE = recorded(LessonPass("tiny-max"))
OVERLAP = recorded(LessonPass("tiny-overlap"))
LENET = recorded(LessonPass("lenet"))


def question(fields: str) -> Question:
    step = '[[step]]\ntitle = "One"\ntext = "Words."\n[step.ask]\nprompt = "Well?"\n'
    found = lesson_with(step + fields).steps[0].question
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fields", "right", "wrong"),
    [
        ("kind='value'\nanswer='conv1.weight.step[0,0,0,0]'", "−0.06", "0.06"),
        ("kind='value'\nanswer='conv1.weight.step[0,0,0,0]'", -0.0604, -0.061),
        ("kind='value'\nanswer='1/4'", "1/4", "0.24"),
        ("kind='value'\nanswer='1234'", "1,234", "1,235"),
        ("kind='value'\nanswer='8.5'\ntolerance=1", 9.5, 9.6),
        ("kind='value'\nanswer='8'\ntolerance=0", 8, 8.000001),
        ("kind='sign'\nanswer='conv1.weight.step[0,0,0,0]'", -5, "1"),
        ("kind='sign'\nanswer='conv1.output.grad[0,0,0,0]'", 0, -1),
        ("kind='winner'\nof='pool1.output[0,0,0,0]'", "conv1.output[0,0,1,0]", "image[0,0,1,0]"),
        ("kind='winner'\nof='pool1.output[0,0,0,0]'", parse("pool1.input[0,0,1,0]"), "pool1.input"),
        ("kind='winner'\nof='image'", "conv1.input[0,0,1,1]", "image[0,0,1,0]"),
        (
            "kind='partner'\nof='image.grad[0,0,1,1]'\nbeside='pool1.input.grad[0,0,1,0]'",
            "conv1.weight[0,0,0,1]",
            "conv1.weight[0,0,1,0]",
        ),
        (
            "kind='choice'\noptions=[{text='a',holds='loss>9'},{text='b',holds='loss<9'}]",
            1,
            "0",
        ),
        ("kind='choice'\noptions=[{text='a',correct=true},{text='b'}]", "0", 2),
    ],
)
def test_answers(fields: str, right: Given, wrong: Given) -> None:
    asked = question(fields)
    assert answer(asked, right, TAPE).is_right
    assert not answer(asked, wrong, TAPE).is_right


@pytest.mark.parametrize(
    ("window", "cell"),
    [("0,0", "1,1"), ("0,1", "1,1"), ("1,0", "2,0"), ("1,1", "2,1")],
)
def test_the_winner_is_the_switch(window: str, cell: str) -> None:
    asked = question(f"kind='winner'\nof='pool1.output[0,0,{window}]'")
    assert expected_answer(asked, OVERLAP) == parse(f"conv1.output[0,0,{cell}]")


def test_the_winner_of_every_window_of_lenet() -> None:
    for channel in range(6):
        for y, x in ((0, 0), (3, 9), (13, 13), (7, 5)):
            asked = question(f"kind='winner'\nof='pool1.output[0,{channel},{y},{x}]'")
            found = expected_answer(asked, LENET)
            assert isinstance(found, Address)
            switch = int(LENET["pool1.switches"][0, channel, y, x])
            assert found.indices == (0, channel, *divmod(switch, 28))


@pytest.mark.parametrize("given", ["", "four", "nan", "1/0", "1e999999999", "∞", parse("loss")])
def test_what_is_no_number_is_said(given: Given) -> None:
    asked = question("kind='value'\nanswer='4'")
    with pytest.raises(UserError, match="not a number"):
        answer(asked, given, TAPE)


def test_what_is_no_cell_is_said() -> None:
    asked = question("kind='winner'\nof='image'")
    with pytest.raises(UserError, match="not an address"):
        answer(asked, "the left one", TAPE)
    with pytest.raises(UserError, match="click one"):
        answer(asked, 3.0, TAPE)


def test_feedback_is_of_the_option_and_of_the_answer() -> None:
    asked = question(
        "kind='choice'\nright='Yes.'\nwrong='No, {loss}.'\n"
        "options=[{text='a',correct=true},{text='b',feedback='Not b.'}]"
    )
    texts = [
        plain(answer(asked, k, TAPE).feedback, lambda value, signed: f"{value:g}") for k in (0, 1)
    ]
    assert texts == ["Yes.", "Not b.\n\nNo, 2."]


def test_numbers_as_people_write_them() -> None:
    found = [read_number(text) for text in ("−4", " 0.25 ", "1/4", "1,200", "1e-3", "+2")]
    assert found == [-4, 0.25, 0.25, 1200, 0.001, 2]
