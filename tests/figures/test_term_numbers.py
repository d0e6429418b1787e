"""A term has one number: path, timeline, call stack, sentence, ledger and text say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.nest import NestRule
from backpropviz.figures.explain.formula import derivation_text
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.ledger_rows import ledger_rows
from backpropviz.figures.network_map import call_stack
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.timeline import timeline
from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene, Text
from backpropviz.scene.theme import LIGHT
from tests.figures.map_views import at, start

NUMBERED = re.compile(r"term ([\d,]+) of ([\d,]+)", re.IGNORECASE)
SAMPLED = 150
"""Steps of a pass that is too long to be walked whole."""


def told(text: str) -> set[tuple[int, int]]:
    return {(int(a.replace(",", "")), int(b.replace(",", ""))) for a, b in NUMBERED.findall(text)}


def words(scene: Scene) -> str:
    return "\n".join(mark.text for mark in scene.walk() if isinstance(mark, Text))


def places(view: View) -> Iterator[tuple[str, set[tuple[int, int]]]]:
    """Where the window numbers terms, and the numbers that it gives there."""
    yield "path", told(stage(view, 1200, 700, LIGHT).title)
    yield "stage", told(words(stage(view, 1200, 700, LIGHT)))
    yield "timeline", told(words(timeline(view, 1400, LIGHT).scene))
    found = sentences(view.explained)
    yield "explanation", told(" ".join((found.bold, *found.plain)))
    stack = [mark.text for mark in call_stack(view, 300, LIGHT).walk() if isinstance(mark, Text)]
    if view.depth is Depth.TERM and "Term" in stack:
        rest = stack[stack.index("Term") :]
        counts = [text for text in rest if re.fullmatch(r"\d+/\d+", text)]
        yield "call stack", {(int(a), int(b)) for a, b in (c.split("/") for c in counts)}
    yield "ledger", set(ledger_numbers(view))


def ledger_numbers(view: View) -> Iterator[tuple[int, int]]:
    step = view.explained
    if step.derivation is None or step.derivation.rule not in {NestRule.SUM, NestRule.MAX}:
        return
    found = ledger_rows(step.derivation, step.progress, 10_000, TermOrder.POSITION)
    count = len(step.derivation.positions)
    yield from ((int(row.number), count) for row in found.rows if row.is_current)


@pytest.mark.parametrize("order", LoopOrder)
@pytest.mark.parametrize("name", ["tiny-max", "tiny-avg", "tiny-overlap", "residual"])
def test_every_place_gives_a_term_the_same_number(name: str, order: LoopOrder) -> None:
    view = start(name, order)
    stride = max(1, view.timeline.steps // SAMPLED)
    for k in range(0, view.timeline.steps, stride):
        here = at(view, k, Depth.TERM)
        numbers = {place: found for place, found in places(here) if found}
        assert len({frozenset(found) for found in numbers.values()}) <= 1, (k, numbers)
        if here.term is not None:
            own = {(here.term.number, here.term.count)}
            assert numbers["path"] == numbers["ledger"] == numbers["call stack"] == own


@pytest.mark.parametrize("order", LoopOrder)
@pytest.mark.parametrize("depth", [d for d in Depth if d is not Depth.TERM])
def test_no_place_numbers_a_term_where_several_are_in_focus(depth: Depth, order: LoopOrder) -> None:
    view = start("tiny-max", order)
    for k in range(view.timeline.steps):
        here = at(view, k, depth)
        if here.depth is not Depth.TERM:
            assert not any(found for _, found in places(here)), k


def test_the_text_of_a_derivation_counts_terms_as_the_window_does() -> None:
    view = start("tiny-max", LoopOrder.SOURCE)
    for k in range(view.timeline.steps):
        here = at(view, k, Depth.TERM)
        derivation = here.explained.derivation
        if here.term is None or derivation is None:
            continue
        lines = derivation_text(derivation).splitlines()
        numbered = [line.split()[0] for line in lines if re.match(r"\s+\d+\s", line)]
        assert numbered[: here.term.count] == [str(n + 1) for n in range(here.term.count)]


def test_by_source_the_path_says_which_value_a_term_belongs_to() -> None:
    view = start("tiny-max", LoopOrder.SOURCE)
    number = next(
        k
        for k, o in enumerate(view.timeline.operations)
        if str(o.nest.target) == "conv1.weight.grad"
    )
    path = stage(at(view, view.timeline.starts[number] + 5, Depth.TERM), 1200, 700, LIGHT).title
    assert path.endswith("[0, 1] › term 2 of 4 of [0, 0, 0, 1]")
