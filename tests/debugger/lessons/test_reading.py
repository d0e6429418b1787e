"""Lesson files with errors: the line, what is wrong, what to write."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from backpropviz.document import read_toml
from backpropviz.errors import UserError
from backpropviz.files.networks import load_network
from backpropviz.lessons.progress import problems
from backpropviz.lessons.reading import bundled_lesson_names, lesson_text, read_lesson
from backpropviz.toml_places import TomlPath, places_of
from tests.debugger.lessons.passes import lesson_with, recorded, text_with

STEP = '[[step]]\ntitle = "One"\ntext = "Some words."\n'
CHECK = STEP + 'do = "Go."\n[step.check]\n'
ASK = STEP + '[step.ask]\nprompt = "Well?"\n'


@pytest.mark.parametrize(
    ("steps", "line", "words"),
    [
        ("", None, "“step”"),
        ("[[step]\n", 9, "not TOML"),
        ('[[step]]\ntitle = "One', 10, "close its quotes"),
        (STEP + "text = 3", 12, "given twice"),
        ('[[step]]\ntitle = "One"\n', 9, "no “text”"),
        ('[[step]]\ntitle = ""\ntext = "x"', 10, "“title” must be a text"),
        (STEP.replace('"One"', '"O\\nne"'), 10, "must be one line"),
        (STEP.replace("Some", "{" + "(" * 900 + "}"), 11, "nested too deeply"),
        (STEP.replace("Some", "{" + "1+" * 600 + "1}"), 11, "at most 1000"),
        (STEP + 'tetx = "x"', 12, "write “text”"),
        (STEP + STEP, 12, "used in line 9 already"),
        (STEP + 'do = "Go."', 12, "“do” comes without “check”"),
        (STEP + '[step.check]\nfocus = "loss"', 12, "“check” comes without “do”"),
        (STEP + 'reveal = "So."', 12, "without “ask”"),
        (CHECK, 13, "asks for nothing"),
        (CHECK + 'focsu = "loss"', 14, "write “focus”"),
        (CHECK + 'focus = "a b"', 14, "not an address"),
        (CHECK + 'focus = "loss"\ndepth = "deep"', 15, 'one of "pass", "phase"'),
        (CHECK + 'order = "weight"', 14, '"target", "source"'),
        (CHECK + 'reads = "loss"', 14, "needs “focus”"),
        (CHECK + 'stopped = "here"', 14, '"breakpoint"'),
        (CHECK + "watching = [\n  'loss',\n  'lo ss',\n]", 16, "not an address"),
        (CHECK + "breakpoint = { condition = 'value >' }", 14, "a number"),
        (CHECK + "breakpoint = { phase = 'up' }", 14, "forward"),
        (CHECK + "breakpoint = { }", 14, "place or a condition"),
        (CHECK + "target = 'six'", 14, "a number or a list"),
        (CHECK + "optimizer = 'sdg'", 14, 'one of "sgd"'),
        (CHECK + 'holds = "loss >"', 14, "a number or an address"),
        (CHECK + 'holds = "root(loss)"', 14, "no function “root”"),
        (ASK, 12, "no “kind”"),
        (ASK + "kind = 'guess'", 14, '"winner"'),
        (ASK + "kind = 'value'", 12, "no “answer”"),
        (ASK + "kind = 'value'\nanswer = 'loss'\nof = 'loss'", 16, "“of” is not a field"),
        (ASK + "kind = 'value'\nanswer = true", 15, "must be a text"),
        (ASK + "kind = 'value'\nanswer = 'loss §'", 15, "cannot be read"),
        (ASK + "kind = 'value'\nanswer = 3\ntolerance = -1", 16, "positive"),
        (ASK + "kind = 'sign'\nanswer = 'loss'\nlabels = ['up']", 16, "three texts"),
        (ASK + "kind = 'value'\nanswer = 3\nconcept = 'd'", 16, 'one of "c"'),
        (ASK + "kind = 'choice'\noptions = [{ text = 'a', correct = true }]", 15, "two options"),
        (
            ASK + "kind = 'choice'\noptions = [\n{ text = 'a' },\n{ txet = 'b' }]",
            17,
            "write “text”",
        ),
        (
            ASK + "kind = 'choice'\noptions = [\n{ text = 'a' },\n{ text = 'b' }]",
            15,
            "0 options are marked",
        ),
        (
            ASK + "kind = 'choice'\n[[step.ask.options]]\ntext = 'a'\ncorrect = true\nholds = '1'",
            17,
            "not both",
        ),
        (STEP.replace("Some", "a {b"), 11, "the { has no partner"),
        (STEP.replace("Some", "a **b"), 11, "the ** has no partner"),
        (STEP.replace("Some", "a `b"), 11, "the ` has no partner"),
        (STEP.replace('"Some words."', '"""\nOne\n\ntwo {loss +}\n"""'), 14, "or an address"),
        (STEP + "[step.pass]\nnet = 'a'", 13, "write “network”"),
        (STEP + "[step.pass]\noptimizer = { kind = 'sdg' }", 13, "sgd"),
        (STEP + "[step.pass]\noptimizer = 'sgd'", 13, "needs its kind"),
        (STEP + "[step.pass]\nreduction = 'max'", 13, '"mean", "sum"'),
        (STEP + "[step.pass]\nmode = 'use'", 13, '"train", "eval"'),
        (STEP + "[step.show]\nhighlight = 'a b'", 13, "not an address"),
    ],
)  # fmt: skip
def test_errors_give_line_and_remedy(steps: str, line: int | None, words: str) -> None:
    with pytest.raises(UserError) as error:
        lesson_with(steps)
    assert words in str(error.value)
    assert str(error.value).startswith(f"my.toml, line {line or 1}: ")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("version = 1", "version = 2", 2, "from 1 to 1"),
        ('"backpropviz-lesson"', '"lesson"', 1, "“lesson”"),
        ('id = "my"', 'id = "My lesson"', 3, "cannot be an id"),
        ("minutes = 3", "minutes = 0", 5, "from 1 to 180"),
        ("minutes = 3", "minutes = true", 5, "whole number"),
        ('concepts = ["c"]', "concepts = []", 6, "at least one"),
        ('concepts = ["c"]', 'concepts = ["c", "c"]', 6, "each one once"),
        ('concepts = ["c"]', 'concepts = "c"', 6, "must be a list"),
        ('pass = { network = "tiny-max" }', "pass = {}", 7, "no “network”"),
        ('pass = { network = "tiny-max" }', "pass = 3", 7, "must be a table"),
        ("version = 1", "", 1, "no “version”"),
    ],
)
def test_errors_in_the_head(old: str, new: str, line: int, words: str) -> None:
    text = text_with(STEP)
    assert old in text
    with pytest.raises(UserError, match=words) as error:
        read_lesson(text.replace(old, new), "my.toml")
    assert str(error.value).startswith(f"my.toml, line {line}: ")


def test_a_question_names_its_concept_where_there_are_more() -> None:
    with pytest.raises(UserError, match=r'my.toml, line 12: .*use one of "c", "d"'):
        lesson_with(ASK + "kind = 'value'\nanswer = 3", concepts='["c", "d"]')


@pytest.mark.parametrize(
    ("steps", "line", "words"),
    [
        (STEP.replace("Some", "{conv9.output[0]}"), 11, "the layers are"),
        (STEP.replace('"Some words."', '"""\nOne\n{loss}\n{conv1.weight}"""'), 14, "an array"),
        (STEP.replace("Some", "{momentum / 0}"), 11, "divides by 0"),
        (STEP.replace("Some", "{beta1}"), 11, "sgd has no beta1"),
        (STEP.replace("Some", "{sqrt(-loss)}"), 11, "no square root"),
        (CHECK + 'focus = "conv1.weight.grad[0,0,5,5]"', 13, "outside"),
        (CHECK + 'focus = "conv1.weight[0,0,0,0]"', 13, "never be met"),
        (CHECK + 'focus = "loss"\nphase = "backward"', 13, "never be met"),
        (CHECK + 'focus = "conv1.output"\norder = "source"\nreads = "image"', 13, "never be met"),
        (CHECK + 'holds = "conv1.wieght[0] > 0"', 14, "weight"),
        (ASK + "kind = 'winner'\nof = 'conv1.output[0,0,0,0]'", 12, "no maximum"),
        (
            ASK + "kind = 'partner'\nof = 'conv1.output[0,0,0,0]'\nbeside = 'image[0,0,2,2]'",
            12,
            "0 partners",
        ),
        (
            ASK + "kind = 'choice'\noptions = [{text='a', holds='1<2'}, {text='b', holds='2<3'}]",
            12,
            "2 of the 2 options are right",
        ),
        (STEP + "[step.show]\nhighlight = ['conv1.output[7]']", 12, "outside"),
        (STEP + "[step.show]\nfocus = 'conv1.weight'", 12, "never be met"),
        (STEP + "[step.pass]\ntarget = 'seven'", 9, "not understood"),
        (STEP + "[step.pass]\nnetwork = 'nowhere'", 9, "no such network"),
    ],
)
def test_what_does_not_fit_the_network_is_found_with_its_line(
    steps: str, line: int, words: str
) -> None:
    found = [str(problem) for problem in problems(lesson_with(steps), recorded)]
    assert len(found) == 1
    assert found[0].startswith(f"my.toml, line {line}: ")
    assert words in found[0]


def test_a_start_that_does_not_exist_is_found() -> None:
    lesson = lesson_with(STEP, head='start = { focus = "conv1.bias" }')
    assert ["line 8" in str(p) for p in problems(lesson, recorded)] == [True]


def test_a_step_takes_over_the_pass_but_not_to_another_network() -> None:
    steps = (
        STEP
        + '[step.pass]\noptimizer = { kind = "adam" }\n'
        + STEP.replace("One", "Two")
        + '[step.pass]\nnetwork = "tiny-avg"\ntarget = [3, 4.5]\n'
    )
    text = text_with(steps).replace('"tiny-max" }', '"tiny-max", target = 4 }')
    one, two = read_lesson(text, "my.toml").steps
    assert (one.on.network, one.on.target) == ("tiny-max", "4")
    assert one.on.optimizer is not None
    assert (two.on.network, two.on.target) == ("tiny-avg", "3,4.5")
    assert two.on.optimizer is None


TRICKY = '''\ufeff# a comment with [brackets] = "quotes"
a = 1 # "b" = 2
"quo.ted" . c = 'x'
text = """
first "quoted" line
second = [not a list] \\""" # no comment
"""
raw = \'\'\'a
'b' \'\'\'\'
[one.two] # head
list = [ # comment ]
  1,
  { x = "}", y = [2, "]"] },

  "z",
]
[[many]]
k = 2026-11-01T07:32:00Z
[[many.inner]]
v = true
[[many.inner]]
v = 1.5e3
[many.sub]
w = {}
[[many]]
k = inf
'''


def test_every_value_is_found_on_its_line() -> None:
    plain = TRICKY.removeprefix("\ufeff")
    places = places_of(plain)
    lines = plain.splitlines()
    leaves = list(_leaves(tomllib.loads(plain), ()))
    assert len(leaves) == 14
    for path, value in leaves:
        start, stop = places.spans[path]
        written = plain[start:stop]
        again = tomllib.loads(f"it = {written}")["it"]
        assert again == value
        assert places.line(path) == plain.count("\n", 0, start) + 1
    assert lines[places.line(("one", "two", "list", 1, "y", 1)) - 1].strip().startswith("{ x")
    assert places.line(("many", 0, "inner", 1, "v")) == 22
    assert places.line(("many", 1, "k")) == 26
    assert places.line(("text",), "second") == 6
    assert read_toml(TRICKY, "f").line == 1


def _leaves(value: Any, path: TomlPath) -> Any:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


@pytest.mark.parametrize("name", bundled_lesson_names())
def test_the_places_of_whole_lessons(name: str) -> None:
    text = lesson_text(name).text
    places = places_of(text)
    for path, value in _leaves(tomllib.loads(text), ()):
        start, stop = places.spans[path]
        assert tomllib.loads(f"it = {text[start:stop]}")["it"] == value


@pytest.mark.parametrize(
    ("value", "words"),
    [("9" * 5000, "out of bounds"), ("[" * 3000 + "]" * 3000, "nested too deeply")],
)
def test_monstrous_values_are_refused(value: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_lesson(text_with(STEP).replace("minutes = 3", f"minutes = {value}"), "my.toml")


def test_windows_line_ends_count_the_same() -> None:
    text = text_with(CHECK + 'focsu = "loss"').replace("\n", "\r\n")
    with pytest.raises(UserError, match=r"my.toml, line 14: "):
        read_lesson(text, "my.toml")


def test_a_step_may_be_recorded_in_another_mode() -> None:
    lesson = lesson_with(STEP + "[step.pass]\nmode = 'eval'")
    (step,) = lesson.steps
    assert (lesson.on.mode, step.on.mode) == (None, "eval")
    assert step.on.settings(load_network("tiny-max")).mode == "eval"
