"""Slides for the back row: every moment, nothing too small, nothing cut, nothing that moves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from backpropviz.debugger.session import StopReason
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.value import parse
from backpropviz.errors import UsageError
from backpropviz.figures.frames import frames
from backpropviz.figures.slides.compose import compose
from backpropviz.figures.slides.deck import SlideRange
from backpropviz.figures.slides.look import PRESETS, SlideLook, preset
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.equation import equation_text
from backpropviz.scene.slide import CellGrid, Equation, Slide, SlidePart, TextLine
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.stages import at, of_network
from tests.scene_checks import assert_text_is_legible

NETWORKS = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "lenet", "mlp")
_PER_OPERATION = 2


def moments(view: View) -> list[View]:
    """Of every operation some steps at every depth; before the first step, and the end."""
    timeline, found = view.timeline, []
    for number in range(len(timeline.operations)):
        start, stop = timeline.starts[number], timeline.starts[number + 1]
        places = {start, (start + stop) // 2, stop - 1}
        found += [
            replace(view, state=view.state.at(k, StopReason.JUMP, depth))
            for k in sorted(places)[:_PER_OPERATION]
            for depth in Depth
        ]
    end = replace(view, state=view.state.at(timeline.steps, StopReason.JUMP, Depth.TERM))
    return [view, *found, end]


def assert_can_be_read(slide: Slide, look: SlideLook) -> None:
    least = max(look.page.least_points, look.least_points)
    assert slide.smallest_points >= least - 0.01, (slide.title, slide.smallest_points)
    assert_text_is_legible(slide.scene)
    names = [part.name for part in slide.parts]
    assert len(names) == len(set(names)), names


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("page", ["slide", "slide-4x3"])
def test_every_moment_can_be_read_from_the_back_row(name: str, page: str) -> None:
    look = SlideLook(preset(page))
    for view in moments(of_network(name))[:: 1 if page == "slide" else 3]:
        assert_can_be_read(compose(view, look), look)


@pytest.mark.parametrize("page", [one.name for one in PRESETS])
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_page_in_both_themes(page: str, theme: object) -> None:
    look = SlideLook(preset(page), DARK if theme is DARK else LIGHT)
    for name in ("tiny-max", "lenet"):
        for view in moments(of_network(name, LoopOrder.SOURCE))[::5]:
            assert_can_be_read(compose(view, look), look)


def test_numbers_in_cells_are_those_of_the_pass() -> None:
    compared = 0
    for name in ("tiny-max", "tiny-avg", "lenet"):
        for view in moments(of_network(name)):
            if view.focus is None or view.focus.depth < Depth.ELEMENT:
                continue
            for part in compose(view, SlideLook()).parts:
                if isinstance(part.content, CellGrid):
                    compared += _compared(part, view)
    assert compared > 400


def _compared(part: SlidePart, view: View) -> int:
    """How many complete cells show the number that the tape holds, which all must."""
    content = part.content
    assert isinstance(content, CellGrid)
    found = 0
    for cell in content.cells:
        if not cell.text or not cell.key or cell.state is CellState.IN_PROGRESS:
            continue
        address = parse(cell.key)
        if address.array not in view.tape:
            continue
        shown = Decimal(cell.text.replace("\u2212", "-").replace("+", ""))
        value = view.tape.value(address)
        half = Decimal(1).scaleb(int(shown.as_tuple().exponent)) / 2
        assert abs(shown - Decimal(value)) <= half + Decimal("1e-9"), (cell.key, cell.text, value)
        found += 1
    return found


def test_nothing_moves_from_term_to_term() -> None:
    view = of_network("tiny-max")
    found = frames(
        view,
        "conv1.weight.grad[0,0,0,0]",
        "conv1.weight.grad[0,0,1,1]",
        Depth.TERM,
        (1920, 1080),
        LIGHT,
    )
    slides = list(SlideRange(found, SlideLook()))
    assert len(slides) == 16
    still = {"grid-1", "grid-2", "grid-result", "footer-rule", "sign-1", "sign-2", "grid-1-heading"}
    places = [{p.name: p.box for p in slide.parts if p.name in still} for slide in slides]
    assert all(place == places[0] for place in places)
    assert set(places[0]) == still
    assert [slide.step for slide in slides][:2] == ["step 40 of 105", "step 41 of 105"]
    assert slides[2].title == "∂L/∂W[0,0]\u2002gathers term 3 of 4"


def test_the_formula_adds_up_to_the_cell() -> None:
    slide = compose(at(of_network("tiny-max"), "conv1.weight.grad", 7, Depth.TERM), SlideLook())
    formula = next(part for part in slide.parts if part.name == "formula")
    assert isinstance(formula.content, Equation)
    assert equation_text(formula.content.tree).endswith("= 8")
    grid = next(part for part in slide.parts if part.name == "grid-result")
    assert isinstance(grid.content, CellGrid)
    assert [cell.text for cell in grid.content.cells] == ["+6", "+8", "", ""] or [
        cell.text for cell in grid.content.cells
    ] == ["6", "8", "", ""]
    assert "not computed" in grid.about


def test_a_max_pooling_s_way_back_is_an_equation_of_cells() -> None:
    view = at(of_network("tiny-max"), "pool1.input.grad", 3, Depth.TENSOR)
    grids = {
        part.name: [cell.text for cell in part.content.cells]
        for part in compose(view, SlideLook()).parts
        if isinstance(part.content, CellGrid)
    }
    (upstream,), mask, result = grids["grid-1"], grids["grid-2"], grids["grid-result"]
    assert [Decimal(upstream) * Decimal(one) for one in mask] == [Decimal(r) for r in result]
    assert sorted(mask) == ["0", "0", "0", "1"]


def test_what_is_not_asked_for_is_not_there() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.grad", 2, Depth.TERM)
    slide = compose(view, SlideLook(panels=("stage",)))
    names = {part.name for part in slide.parts}
    assert names.isdisjoint({"formula", "sentence", "footer-step", "footer-address"})
    assert "grid-result" in names
    assert slide.left_out == ()


def test_larger_text_leaves_out_what_has_no_room_and_says_so() -> None:
    view = at(of_network("lenet"), "conv1.weight.grad", 5, Depth.TERM)
    look = SlideLook(least_points=44)
    slide = compose(view, look)
    assert slide.left_out
    assert_can_be_read(slide, look)


def test_notes_say_what_happens_and_where() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.grad", 7, Depth.TERM)
    slide = compose(view, SlideLook())
    lines = slide.notes.splitlines()
    assert lines[-1] == "conv1.weight.grad[0,0,0,1], step 47 of 105"
    assert any("= 8" in line for line in lines)
    assert (
        slide.seconds
        > compose(replace(view, state=view.state.at(41, StopReason.JUMP)), SlideLook()).seconds
    )


def test_a_transparent_slide_has_no_background() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.grad", 7, Depth.TERM)
    slide = compose(view, SlideLook(is_transparent=True))
    assert slide.background == ""
    assert slide.scene.background.endswith("00")


def test_words_know_their_text_and_their_left_end() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.grad", 7, Depth.TERM)
    title = compose(view, SlideLook()).parts[0].content
    assert isinstance(title, TextLine)
    assert title.text.startswith("∂L/∂W[0,1]")


def test_an_unknown_page_is_told() -> None:
    with pytest.raises(UsageError, match="slide, slide-4x3"):
        preset("billboard")
