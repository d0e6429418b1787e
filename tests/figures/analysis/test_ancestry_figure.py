"""Provenance is drawn as it is: every stop, its largest terms, and what the others come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from backpropviz.debugger.ancestry import Ancestry, AncestryPath, Parentage, feeds
from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import Address, parse
from backpropviz.figures.analysis.ancestry import (
    ancestry_figure,
    ending,
    feeds_figure,
    is_product,
    path_title,
    percent,
    rerouted,
    route,
)
from backpropviz.figures.numbers import said
from backpropviz.figures.thumbnails import number as number_picture
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Group, Mark, Rect, Scene
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.lab_passes import THEMES, ancestry_of, finished, keyed_texts, says, texts
from tests.figures.map_views import start, with_nan
from tests.scene_checks import assert_text_is_legible


def groups(marks: Iterable[Mark]) -> Iterator[Group]:
    for mark in marks:
        if isinstance(mark, Group):
            yield mark
            yield from groups(mark.marks)


WIDTHS = (320, 375, 520, 900)
VALUES = (
    ("tiny-max", "conv1.weight.grad[0,0,0,1]"),
    ("tiny-max", "conv1.weight.next[0,0,0,1]"),
    ("tiny-max", "loss"),
    ("tiny-max", "image[0,0,1,1]"),
    ("tiny-max", "image.grad[0,0,0,0]"),
    ("lenet", "conv1.weight.grad[0,0,0,1]"),
    ("lenet", "conv2.bias.grad[3]"),
    ("lenet", "dense1.output[0,24]"),
    ("lenet", "loss"),
    ("lenet", "dense3.weight.next[7,3]"),
    ("residual", "conv1.weight.grad[0,0,0,1]"),
    ("residual", "loss"),
)


def drawn(
    name: str, address: str, width: float, theme: Theme
) -> tuple[AncestryPath, tuple[Parentage, ...], Scene]:
    found = route(ancestry_of(name), parse(address))
    return found.path, found.parentages, ancestry_figure(finished(name), found, width, theme)


@pytest.mark.parametrize("value", VALUES, ids=" ".join)
def test_every_path_is_legible(value: tuple[str, str]) -> None:
    for width in WIDTHS:
        for theme in THEMES:
            assert_text_is_legible(drawn(*value, width, theme)[2])


def test_it_is_drawn_before_anything_is_computed() -> None:
    found = route(ancestry_of("lenet"), parse("loss"))
    assert_text_is_legible(ancestry_figure(start("lenet"), found, 375, DARK))


def test_a_value_that_is_not_a_number_is_traced() -> None:
    view = with_nan()
    ancestry = Ancestry(view.tape, view.timeline.operations)
    found = route(ancestry, parse("loss"))
    for width in WIDTHS:
        scene = ancestry_figure(view, found, width, LIGHT)
        assert_text_is_legible(scene)
    assert "NaN" in texts(scene)


@pytest.mark.parametrize("value", VALUES, ids=" ".join)
def test_every_stop_is_a_link_with_its_value(value: tuple[str, str]) -> None:
    path, _, scene = drawn(*value, 700, LIGHT)
    places = []
    for stop in path.stops:
        key = str(stop.address)
        assert find(scene, key) is not None
        shown = keyed_texts(scene, key)
        assert key in shown
        assert said(stop.value) in shown
        places.append(key)
    heads = [text for text in texts(scene) if text in places]
    assert list(dict.fromkeys(heads)) == list(dict.fromkeys(places))


@pytest.mark.parametrize("value", VALUES, ids=" ".join)
def test_every_source_that_is_listed_is_a_link(value: tuple[str, str]) -> None:
    _, found, scene = drawn(*value, 900, LIGHT)
    for parentage in found:
        for part in parentage.contributions:
            for source in part.sources:
                assert find(scene, str(source.address)) is not None


def test_the_terms_and_the_rest_add_up() -> None:
    _, found, scene = drawn("lenet", "conv1.weight.grad[0,0,0,1]", 700, LIGHT)
    first = found[0]
    assert first.rest_sum is not None
    total = sum(part.term for part in first.contributions) + first.rest_sum
    assert total == pytest.approx(first.stop.value, rel=1e-5)
    words = texts(scene)
    rest = words.index(f"the rest: {first.rest_count} terms together")
    assert says(words[rest - 2], first.rest_sum)
    assert words[rest - 1] == percent(first.rest_share)


def test_the_lit_chip_is_the_next_stop() -> None:
    path, _, scene = drawn("tiny-max", "conv1.weight.grad[0,0,0,1]", 700, LIGHT)
    lit = [m.key for m in scene.walk() if isinstance(m, Rect) and m.fill == LIGHT.backward_tint]
    assert lit == [str(stop.address) for stop in path.stops[1:]]


@pytest.mark.parametrize("value", VALUES, ids=" ".join)
def test_a_route_goes_through_what_is_chosen(value: tuple[str, str]) -> None:
    ancestry = ancestry_of(value[0])
    shown = route(ancestry, parse(value[1]))
    for number, parentage in enumerate(shown.parentages):
        for part in parentage.contributions:
            chosen = part.sources[-1].address
            found = rerouted(ancestry, shown, chosen)
            stops = [stop.address for stop in found.path.stops]
            assert chosen in stops
            assert stops[0] == shown.path.stops[0].address
            at = stops.index(chosen)
            assert at <= number + 1
            assert stops[:at] == [stop.address for stop in shown.path.stops[:at]]
            assert len(found.path.steps) == len(stops) - 1
            scene = ancestry_figure(finished(value[0]), found, 520, LIGHT)
            assert_text_is_legible(scene)


def test_the_chip_of_the_chosen_term_is_lit() -> None:
    ancestry = ancestry_of("tiny-max")
    shown = route(ancestry, parse("conv1.output[0,0,1,0]"))
    chosen = parse("conv1.weight[0,0,0,1]")
    scene = ancestry_figure(finished("tiny-max"), rerouted(ancestry, shown, chosen), 520, LIGHT)
    lit = [m.key for m in scene.walk() if isinstance(m, Rect) and m.fill == LIGHT.update_tint]
    assert lit == [str(chosen)]
    other = rerouted(ancestry, shown, parse("loss"))
    assert other == route(ancestry, parse("loss"))


def test_winners_and_losers_of_a_maximum() -> None:
    _, found, scene = drawn("tiny-max", "pool1.output[0,0,0,0]", 700, LIGHT)
    assert found[0].stop.rule is NestRule.MAX
    words = texts(scene)
    assert words.count("winner") == 1
    assert words.count("loser") == 2
    assert "1 more" in words


def test_a_product_is_told_from_another_function() -> None:
    ancestry = ancestry_of("tiny-max")
    (loss_gradient,) = ancestry.parentage(parse("loss.input.grad[0,0,0,0]")).contributions
    assert is_product(loss_gradient)
    (difference,) = ancestry.parentage(parse("loss.difference[0,0,0,0]")).contributions
    assert not is_product(difference)


def test_where_a_path_leads() -> None:
    path, _, _ = drawn("tiny-max", "conv1.weight.grad[0,0,0,1]", 700, LIGHT)
    assert path_title(path) == "conv1.weight.grad[0,0,0,1] = 8 leads back to ∂L/∂L = 1 in 3 steps."
    assert ending(path) == "Back at ∂L/∂L = 1, where every gradient starts."
    down, _, _ = drawn("tiny-max", "loss", 700, LIGHT)
    assert ending(down).startswith("Down to a pixel")
    blocked, _, _ = drawn("tiny-max", "pool1.input.grad[0,0,0,0]", 700, LIGHT)
    assert ending(blocked).startswith("Nothing came through to pool1.input.grad[0,0,0,0]")
    given, _, _ = drawn("tiny-max", "image[0,0,1,1]", 700, LIGHT)
    assert path_title(given) == "image[0,0,1,1] = 4."


def test_a_small_share_is_never_nothing() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.126, 1.0)] == [
        "0 %",
        "<1 %",
        "13 %",
        "100 %",
    ]


FED = (
    ("tiny-max", "image[0,0,1,1]"),
    ("tiny-max", "conv1.weight[0,0,0,1]"),
    ("tiny-max", "conv1.output[0,0,0,0]"),
    ("tiny-max", "conv1.weight.next[0,0,0,1]"),
    ("lenet", "image[0,0,14,7]"),
    ("lenet", "conv1.bias[3]"),
    ("lenet", "dense3.output[0,4]"),
)


def fed(name: str, address: str, width: float, theme: Theme) -> Scene:
    own: Address = parse(address)
    ancestry = ancestry_of(name)
    found = feeds(ancestry, own, 4)
    return feeds_figure(own, ancestry.tape.value(own), found, width, theme)


@pytest.mark.parametrize("value", FED, ids=" ".join)
def test_every_feed_is_legible(value: tuple[str, str]) -> None:
    for width in WIDTHS:
        for theme in THEMES:
            assert_text_is_legible(fed(*value, width, theme))


@pytest.mark.parametrize("value", FED, ids=" ".join)
def test_every_use_is_a_link_with_its_value(value: tuple[str, str]) -> None:
    scene = fed(*value, 700, LIGHT)
    for feed in feeds(ancestry_of(value[0]), parse(value[1]), 4):
        for use in feed.uses:
            assert said(use.value) in keyed_texts(scene, str(use.target))
        if feed.rest_sum is not None and feed.rest_count:
            assert any(said(feed.rest_sum, signed=True) in text for text in texts(scene))


def test_a_loser_of_a_maximum_is_told() -> None:
    assert "lost" in texts(fed("tiny-max", "conv1.output[0,0,0,0]", 500, LIGHT))
    assert "won" in texts(fed("tiny-max", "conv1.output[0,0,1,0]", 500, LIGHT))


def test_what_feeds_nothing_says_so() -> None:
    words = texts(fed("tiny-max", "conv1.weight.next[0,0,0,1]", 500, LIGHT))
    assert words == ["conv1.weight.next[0,0,0,1] = 0.92 is read by nothing."]


@pytest.mark.parametrize("name", ["tiny-max", "lenet", "residual"])
def test_one_number_is_drawn_as_itself(name: str) -> None:
    """Beside ∂L/∂L = 1 stands 1, not the loss."""
    path, _, scene = drawn(name, "conv1.weight.grad[0,0,0,1]", 520, LIGHT)
    assert str(path.stops[-1].address) == "loss.grad"
    (*_, last) = (mark for mark in groups(scene.marks) if mark.dx == 16 and mark.dy == 2)
    assert last.marks == number_picture(1.0, 28, LIGHT)
