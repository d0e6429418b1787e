"""The table and the badge of a gradient check say what the engine found."""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

import pytest

from backpropviz.engine.gradcheck import Checked, Outcome, Report, check, plan, report
from backpropviz.engine.kinds.protocol import Flip, WinnerChange
from backpropviz.engine.value import parse
from backpropviz.figures.analysis.check import (
    HEIGHT,
    badge,
    check_figure,
    error_text,
    pair_texts,
    scope,
)
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Scene, Text
from backpropviz.scene.theme import LIGHT
from tests.figures.lab_passes import NETWORKS, THEMES, keyed_texts, point_of, says, texts
from tests.scene_checks import assert_text_is_legible

LARGE_STEP = 1e-3
"""So large that some kinks are crossed."""


@lru_cache
def report_of(name: str, h: float = 1e-5) -> Report:
    point = point_of(name)
    wanted = plan(point, 12)
    return report(point, wanted, check(point, wanted, h), h)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width", [320, 400, 560, 760, 1200])
@pytest.mark.parametrize("h", [1e-5, LARGE_STEP])
def test_the_table_is_legible(name: str, width: int, h: float) -> None:
    for theme in THEMES:
        assert_text_is_legible(check_figure(report_of(name, h), width, theme))


@pytest.mark.parametrize("name", NETWORKS)
def test_both_numbers_are_the_engines(name: str) -> None:
    found = report_of(name)
    words = texts(check_figure(found, 900, LIGHT, shown=1000))
    for result in found.results:
        analytic, numeric = pair_texts(result)
        assert says(analytic, result.analytic)
        assert says(numeric, result.numeric)
        assert analytic in words
        assert numeric in words


def test_the_worst_are_listed_first_and_the_others_counted() -> None:
    found = report_of("lenet", LARGE_STEP)
    scene = check_figure(found, 760, LIGHT, shown=5)
    rows = [str(result.address) for result in found.results[:5]]
    shown = [text for text in texts(scene) if text in {str(r.address) for r in found.results}]
    assert shown == rows
    others = len(found.results) - 5
    assert f"and {others} values more, each of them closer" in texts(scene)


def test_every_kink_is_named_in_its_row() -> None:
    found = report_of("lenet", LARGE_STEP)
    kinked = [result for result in found.results if result.kinks]
    assert kinked
    scene = check_figure(found, 1200, LIGHT, shown=1000)
    for result in kinked:
        assert any(
            str(result.kinks[0].address) in text
            for text in keyed_texts(scene, str(result.kinks[0].address))
        )


def test_a_row_leads_to_its_value() -> None:
    scene = check_figure(report_of("tiny-max"), 600, LIGHT)
    box = find(scene, "conv1.weight[0,0,0,1]")
    assert box is not None
    assert box.width > 500


def test_the_counts_add_up() -> None:
    found = report_of("lenet", LARGE_STEP)
    scene = check_figure(found, 900, LIGHT, shown=1)
    marks = [m for m in scene.walk() if isinstance(m, Text)]
    heads = [k for k, m in enumerate(marks) if m.text == "value, the worst first"]
    counts = [int(m.text.replace(",", "")) for m in marks[: heads[0]] if m.text.isdecimal()]
    assert sum(counts) == len(found.results)


def test_a_sample_and_a_stopped_check_are_told() -> None:
    found = report_of("lenet")
    told = scope(found)
    assert told.startswith(f"{found.plan.count:,} of 61,706 values, at most 12 of each array")
    cut = Report(found.network, found.plan, found.h, found.loss, found.results[:10])
    assert "; stopped after 10" in scope(cut)
    assert scope(report_of("tiny-max")).startswith("All 5 values.")


def checked(analytic: float, numeric: float, *kinks: Flip | WinnerChange) -> Checked:
    address = parse("conv1.weight[0,0,0,1]")
    return Checked(address, analytic, numeric, 1e-9, kinks, len(kinks))


FLIP = Flip(parse("relu1.input[0,0,1,1]"), 1e-3, -2e-3)
BADGES = {
    "analytic = finite difference": checked(8.0, 8.0 + 1e-9),
    "analytic ≠ finite difference": checked(8.0, 8.5),
    "a kink lies within ±h: no verdict": checked(8.0, 8.5, FLIP),
    "analytic = finite difference = 0": checked(0.0, 0.0),
}


@pytest.mark.parametrize("words", BADGES)
def test_the_badge_in_words(words: str) -> None:
    found = BADGES[words]
    for theme in THEMES:
        for width in (130, 220, 400):
            part = badge(found, width, theme)
            scene = Scene(width, HEIGHT, theme.panel, part.marks, words)
            assert_text_is_legible(scene)
            assert error_text(found) in {"", *texts(scene)}
    scene = Scene(400, HEIGHT, LIGHT.panel, badge(found, 400, LIGHT).marks)
    assert words in texts(scene)
    assert find(scene, "conv1.weight.grad[0,0,0,1]") is not None


def test_the_badge_names_a_further_source() -> None:
    found = BADGES["analytic = finite difference"]
    marks = badge(found, 400, LIGHT, also="SciPy").marks
    assert "analytic = finite difference = SciPy" in texts(Scene(400, HEIGHT, "#FFFFFF", marks))
    wrong = badge(BADGES["analytic ≠ finite difference"], 400, LIGHT, also="SciPy").marks
    assert not any("SciPy" in text for text in texts(Scene(400, HEIGHT, "#FFFFFF", wrong)))


def test_every_outcome_has_a_sign_of_its_own() -> None:
    assert {found.outcome for found in BADGES.values()} == set(Outcome)
    assert get_args(Flip | WinnerChange)
