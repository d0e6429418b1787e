"""The nudge lab shows the engine's own numbers, and stays where it is while a value is dragged."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import pytest

from backpropviz.engine.nudge import (
    Band,
    BasePoint,
    Difference,
    Nudge,
    NudgeCost,
    nudged,
    nudged_pass,
    sweep,
)
from backpropviz.engine.value import parse
from backpropviz.figures.analysis.finite_difference import (
    best,
    cost_figure,
    cost_sentence,
    duration_text,
    small,
    sweep_figure,
)
from backpropviz.figures.analysis.nudge import (
    HANDLE,
    LossCourse,
    NextStep,
    changes,
    course,
    crossed,
    first_named,
    nudge_figure,
    nudge_frame,
    verdict,
)
from backpropviz.scene.hit import find, hit
from backpropviz.scene.marks import Ellipse, Line, Path, Scene
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.lab_passes import THEMES, keyed_texts, point_of, says, texts
from tests.scene_checks import assert_text_is_legible

SIZES = ((320, 400), (375, 460), (480, 420), (640, 460), (1200, 800))
VALUES = (
    ("tiny-max", "conv1.weight[0,0,0,1]", 1.0),
    ("tiny-max", "image[0,0,1,1]", 2.0),
    ("tiny-max", "conv1.bias[0]", 1e-6),
    ("lenet", "conv1.weight[0,0,0,1]", 0.5),
    ("lenet", "conv2.weight[0,0,0,1]", 1e-3),
    ("lenet", "dense3.bias[7]", 300.0),
)
WEIGHT = "conv1.weight[0,0,0,1]"


@lru_cache
def course_of(name: str, address: str, reach: float) -> LossCourse:
    return course(point_of(name), parse(address), reach)


def drawn(
    name: str, address: str, reach: float, share: float, size: tuple[int, int], theme: Theme
) -> tuple[Nudge, Scene]:
    point = point_of(name)
    found = course_of(name, address, reach)
    nudge, run = nudged_pass(point, parse(address), reach * share)
    return nudge, nudge_figure(found, nudge, crossed(point, run), *size, theme)


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v[0]} {v[1]}")
@pytest.mark.parametrize("size", SIZES)
def test_everything_is_legible(value: tuple[str, str, float], size: tuple[int, int]) -> None:
    for theme in THEMES:
        for share in (-1.0, -0.3, 0.0, 0.1, 0.77):
            assert_text_is_legible(drawn(*value, share, size, theme)[1])


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v[0]} {v[1]}")
def test_the_shown_changes_are_those_of_the_passes(value: tuple[str, str, float]) -> None:
    nudge, scene = drawn(*value, 0.4, (640, 460), LIGHT)
    predicted, true = changes(nudge)
    assert says(predicted, nudge.gradient * nudge.delta)
    assert says(true, nudge.loss - nudge.base_loss)
    assert predicted in texts(scene)
    assert true in texts(scene)


def test_the_course_is_made_of_real_passes() -> None:
    found = course_of("tiny-max", WEIGHT, 1.0)
    assert found.reach == (-1.0, 1.0)
    for nudge in found.nudges[::7]:
        assert nudge == nudged(point_of("tiny-max"), parse(WEIGHT), nudge.delta)
    assert any(nudge.delta == 0 and nudge.true_change == 0 for nudge in found.nudges)


def test_a_kink_is_placed_where_the_winner_changes() -> None:
    """o = 4w + 4 against 7: the windows change places at w = 0.75, or δ = −0.25 … −0.5."""
    point, found = point_of("tiny-max"), course_of("tiny-max", WEIGHT, 1.0)
    (kink,) = found.kinks
    step = 1 / 30
    for side, is_crossed in ((kink.delta + step, False), (kink.delta - step, True)):
        _, run = nudged_pass(point, parse(WEIGHT), side)
        assert bool(crossed(point, run)) is is_crossed


def test_each_kink_has_its_tick_and_the_first_are_named() -> None:
    nudge, scene = drawn("lenet", WEIGHT, 0.5, -0.9, (640, 460), LIGHT)
    point, found = point_of("lenet"), course_of("lenet", WEIGHT, 0.5)
    ticks = {m.x1 for m in scene.walk() if isinstance(m, Line) and m.stroke.color == LIGHT.loss}
    plane = nudge_frame(found, 640, 460).plane
    assert ticks >= {round(plane.x_at(kink.delta)) for kink in found.kinks}
    _, run = nudged_pass(point, parse(WEIGHT), nudge.delta)
    named, others = first_named(crossed(point, run), 3)
    for kink in named:
        assert keyed_texts(scene, str(kink.address))
    assert any(f"{len(named) + others} kinks between" in text for text in texts(scene))


def test_nothing_moves_while_it_is_dragged() -> None:
    found = course_of("lenet", WEIGHT, 0.5)
    scenes = [drawn("lenet", WEIGHT, 0.5, share, (640, 460), LIGHT)[1] for share in (0.0, 0.6)]
    curves = [[m for m in s.walk() if isinstance(m, Path) and len(m.points) > 10] for s in scenes]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 1
    frame = nudge_frame(found, 640, 460)
    for delta in (-0.5, -0.123, 0.0, 0.5):
        assert frame.delta_at(frame.x_of(delta)) == pytest.approx(delta, abs=1e-12)
    assert frame.delta_at(-1000) == -0.5
    assert frame.delta_at(5000) == 0.5


def test_the_handle_can_be_taken_at_its_delta() -> None:
    nudge, scene = drawn("tiny-max", WEIGHT, 1.0, 0.1, (640, 460), LIGHT)
    frame = nudge_frame(course_of("tiny-max", WEIGHT, 1.0), 640, 460)
    found = hit(scene, frame.x_of(nudge.delta), frame.plane.box.bottom + 3)
    assert found is not None
    assert found.key.startswith(HANDLE)
    assert float(found.key.removeprefix(HANDLE)) == nudge.delta
    assert find(scene, found.key) is not None


def verdicts(delta: float) -> str:
    return verdict(nudged(point_of("tiny-max"), parse(WEIGHT), delta), is_parameter=True)


def test_the_verdict_says_what_the_update_does() -> None:
    assert (
        verdicts(0.1)
        == "Raising this weight by 0.1 raises the loss by 0.88, so the update lowers it."
    )
    assert verdicts(-0.1).endswith("lowers the loss by 0.72: that is where the update goes.")
    assert (
        verdicts(0.0) == "Raising this weight by a little raises the loss, so the update lowers it."
    )


def test_the_verdict_on_a_step_that_breaks_the_prediction() -> None:
    base = nudged(point_of("tiny-max"), parse(WEIGHT), 0.1)
    against = verdict(replace(base, loss=1.5), is_parameter=True)
    assert "though the gradient predicts +0.8" in against
    flat = verdict(replace(base, loss=2.0, gradient=0.0), is_parameter=True)
    assert flat.endswith("leaves the loss as it is: the gradient is 0, so the update leaves it.")
    moved = verdict(replace(base, gradient=0.0), is_parameter=True)
    assert "though the gradient here is 0" in moved
    broken = verdict(replace(base, loss=math.nan), is_parameter=True)
    assert broken.endswith("makes the loss NaN.")
    pixel = replace(base, address=parse("image[0,0,1,1]"))
    assert "update" not in verdict(pixel, is_parameter=False)


@pytest.mark.parametrize(
    ("actual", "ends"),
    [
        (-0.08, "so the update lowers it."),
        (-0.5, "so the update lowers it."),
        (0.3, "With what it keeps of earlier steps, the optimizer raises it."),
        (0.0, "With what it keeps of earlier steps, the optimizer leaves it."),
    ],
)
def test_the_verdict_knows_when_the_optimizer_goes_another_way(actual: float, ends: str) -> None:
    nudge = nudged(point_of("tiny-max"), parse(WEIGHT), 0.1)
    told = verdict(nudge, is_parameter=True, step=NextStep("sgd", -0.08, actual))
    assert told.endswith(ends)
    assert ("so the gradient alone lowers it" in told) is (actual >= 0)


def test_a_move_along_the_gradient_that_the_optimizer_does_not_take() -> None:
    nudge = nudged(point_of("tiny-max"), parse(WEIGHT), -0.1)
    told = verdict(nudge, is_parameter=True, step=NextStep("adam", -0.08, 0.3))
    assert "that is where the gradient alone leads." in told


def test_both_steps_are_told_where_they_differ() -> None:
    assert NextStep("sgd", -0.08, -0.08).words() == "The next step is −η · gradient = −0.08."
    told = NextStep("adam", -0.08, 0.01).words()
    assert told == "−η · gradient = −0.08, but Adam’s next step, with state or decay, is +0.01."


def test_a_course_that_nobody_waits_for_ends_early() -> None:
    count = iter(range(100))
    found = course(point_of("lenet"), parse(WEIGHT), 1.0, stop=lambda: next(count) >= 5)
    assert len(found.nudges) == 5


def test_a_loss_that_is_not_finite_is_drawn() -> None:
    found = course_of("tiny-max", WEIGHT, 1.0)
    holes = tuple(
        replace(nudge, loss=math.nan if nudge.delta > 0.5 else nudge.loss) for nudge in found.nudges
    )
    scene = nudge_figure(replace(found, nudges=holes), holes[-1], (), 640, 460, LIGHT)
    assert_text_is_legible(scene)
    assert "NaN" in texts(scene)


def swept(point: BasePoint, address: str) -> tuple[Difference, ...]:
    return tuple(sweep(point, parse(address)))


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v[0]} {v[1]}")
@pytest.mark.parametrize("size", [(320, 300), (375, 340), (640, 400), (1000, 600)])
def test_a_sweep_is_legible_from_its_first_step_on(
    value: tuple[str, str, float], size: tuple[int, int]
) -> None:
    found = swept(point_of(value[0]), value[1])
    for theme in THEMES:
        for count in (0, 1, 12):
            scene = sweep_figure(found[:count], *size, theme)
            assert_text_is_legible(scene)


def test_a_sweep_has_a_dot_for_each_step_and_rings_the_best() -> None:
    found = swept(point_of("lenet"), WEIGHT)
    scene = sweep_figure(found, 640, 400, LIGHT)
    dots = [m for m in scene.walk() if isinstance(m, Ellipse) and m.radius_x == 3.5]
    assert len(dots) == sum(difference.numeric is not None for difference in found)
    smallest = best(found)
    assert smallest is not None
    assert smallest.error == min(d.error for d in found if d.error is not None)
    ring = next(m for m in scene.walk() if isinstance(m, Ellipse) and m.radius_x == 8)
    assert any(math.isclose(dot.x, ring.x) and math.isclose(dot.y, ring.y) for dot in dots)
    assert smallest.error is not None
    assert any(small(smallest.error) in text for text in texts(scene))


def test_every_band_has_its_words() -> None:
    words = texts(sweep_figure((), 640, 400, DARK))
    for band in (Band.HAPPY, Band.KINKS_ONLY, Band.UNCOMFORTABLE, Band.WRONG):
        assert band.words in words


def test_a_step_that_changes_nothing_is_no_error() -> None:
    lost = Difference(parse(WEIGHT), 1e9, 1e-12, 2.0, 2.0, 0.0, 8.0)
    scene = sweep_figure((lost,), 640, 400, LIGHT)
    assert "No step of the sweep changes the value." in texts(scene)
    zero = Difference(parse(WEIGHT), 1.0, 1e-3, 2.0, 2.0, 2e-3, 0.0)
    assert any("both 0" in text for text in texts(sweep_figure((zero,), 640, 400, LIGHT)))


COSTS = (
    NudgeCost(61_706, 1, 2.6e-4, 7e-4),
    NudgeCost(5, 1, 6e-5, 6e-5),
    NudgeCost(1, 1, 1e-3, 1e-3),
    NudgeCost(138_357_544, 40_000, 0.9, 1.7),
    NudgeCost(61_706, 250, 2.6e-4, 7e-4),
)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.parameters} {c.batches}")
@pytest.mark.parametrize("width", [320, 375, 520, 640, 1200])
def test_the_cost_is_legible(cost: NudgeCost, width: int) -> None:
    for theme in THEMES:
        assert_text_is_legible(cost_figure(cost, width, theme))


def test_the_cost_in_words() -> None:
    assert cost_sentence(COSTS[0]) == (
        "Nudging all 61,706 parameters would take 123,412 forward passes, about 32 s; "
        "the one backward pass takes 700 µs."
    )
    bars = texts(cost_figure(COSTS[0], 640, LIGHT))
    for seconds in (COSTS[0].nudging_s, COSTS[0].backward_s, COSTS[0].forward_s):
        assert duration_text(seconds) in bars


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (7.4e-7, "0.74 µs"),
        (7.4e-4, "740 µs"),
        (0.0074, "7.4 ms"),
        (32.1, "32 s"),
        (90, "1.5 min"),
        (7560, "2.1 h"),
        (86400 * 3.25, "3.2 days"),
        (31557600 * 1234.0, "1,234 years"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
