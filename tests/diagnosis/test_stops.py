"""Stops hold where they should, tell once, and are read back from their fields."""

from __future__ import annotations

import math

import pytest

from backpropviz.diagnosis.stops import (
    STOPS,
    AccuracyReached,
    DeadShare,
    GradientAbove,
    LossBelow,
    LossRises,
    NotFiniteStop,
    RatioOutside,
    Reached,
    Stop,
    Watches,
    stop_kinds,
)
from backpropviz.document import from_fields, to_fields
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.diagnosis.watched import facts, relu, row, validation, why_stopped


def rows(*losses: float) -> list[Measured]:
    return [row(k, loss) for k, loss in enumerate(losses, start=1)]


def test_a_loss_that_rises_three_times() -> None:
    stop = LossRises(times=3)
    assert why_stopped(stop, facts(), rows(1.0, 1.1, 1.2)) is None
    assert why_stopped(stop, facts(), rows(0.3, 0.2, 0.31, 0.5, 2.29)) == (
        "The batch's loss rose 3 times in a row, from 0.2 to 2.29 at update 5."
    )
    assert why_stopped(stop, facts(), rows(1.0, 1.1, 1.2, 1.1, 1.2, 1.3)) is None
    assert why_stopped(stop, facts(), rows(1.0, 1.1, 1.1, 1.2, 1.3)) is None


def test_a_smoothed_loss_does_not_rise_with_one_batch() -> None:
    falling_but_once = rows(3.0, 2.0, 1.0, 1.5, 0.9, 0.8)[:4]
    assert why_stopped(LossRises(times=1), facts(), falling_but_once) is not None
    assert why_stopped(LossRises(times=1, of="smoothed"), facts(), falling_but_once) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite(bad: float) -> None:
    told = why_stopped(NotFiniteStop(), facts(), [row(1), row(2, bad)])
    assert told is not None
    assert told.startswith("Not finite at update 2: the loss is")
    told = why_stopped(NotFiniteStop(), facts(), [row(1), row(2, gradients={2: bad})])
    assert told == "Not finite at update 2: dense1.weight.grad."
    assert why_stopped(NotFiniteStop(), facts(), [row(1), row(2)]) is None


def test_a_gradient_norm_of_one_tensor_or_of_all() -> None:
    large = row(7, gradients={2: 30.0, 3: 40.0})
    own = GradientAbove(norm=29, tensor="dense1.weight")
    assert why_stopped(own, facts(), [large]) == (
        "The gradient norm of dense1.weight is 30, above 29, at update 7."
    )
    assert why_stopped(GradientAbove(norm=49), facts(), [large]) is not None
    assert why_stopped(GradientAbove(norm=51), facts(), [large]) is None
    found = Watches(facts()).with_stops([GradientAbove(norm=49)]).after(large).stopped
    assert found is not None
    assert found.look_at == parse("dense1.bias.grad")  # the largest part of them


def test_a_ratio_outside_its_bounds() -> None:
    stop = RatioOutside(low=1e-6, high=0.1)
    assert why_stopped(stop, facts(), [row(1, step=0.05)]) is None
    found = Watches(facts()).with_stops([stop]).after(row(1, step=0.2)).stopped
    assert found is not None
    assert found.look_at == parse("conv1.weight.step")
    assert why_stopped(stop, facts(), [row(1, step=1e-9)]) is not None
    assert why_stopped(stop, facts(), [row(1, step=0.0, rate=0.0)]) is None
    # Biases start at 0: their ratio is no number, and no reason to stop.
    assert why_stopped(RatioOutside(tensor="conv1.bias"), facts(), [row(1, weight=0.0)]) is None


def test_dead_maps_for_so_many_updates() -> None:
    stop = DeadShare(share=0.6, updates=3)
    dead, alive = relu(0.0, 0.005, 0.5), relu(0.0, 0.5, 0.5)
    assert why_stopped(stop, facts(), [row(k, active=dead) for k in (1, 2)]) is None
    assert why_stopped(stop, facts(), [row(k, active=dead) for k in (1, 2, 3)]) == (
        "66.7 % of relu1 has been inactive for 3 updates, at update 3."
    )
    interrupted = [row(1, active=dead), row(2, active=alive), row(3, active=dead)]
    assert why_stopped(stop, facts(), interrupted) is None
    unmeasured = [row(1, active=dead), row(2), row(3), row(4, active=dead)]
    assert why_stopped(stop, facts(), unmeasured) is not None


def test_goals() -> None:
    assert why_stopped(AccuracyReached(accuracy=0.9), facts(), [validation(5, 1.0, 0.89)]) is None
    assert why_stopped(AccuracyReached(accuracy=0.9), facts(), [validation(5, 1.0, 0.9)]) == (
        "The validation accuracy is 90 %, 90 % or more, at update 5."
    )
    assert why_stopped(AccuracyReached(of="batch"), facts(), [row(1, correct=32)]) is not None
    assert why_stopped(LossBelow(loss=0.5, of="batch"), facts(), rows(1.0, 0.4)) is not None
    assert why_stopped(LossBelow(loss=0.5, of="smoothed"), facts(), rows(1.0, 0.4)) is None
    assert why_stopped(LossBelow(loss=0.5, of="validation"), facts(), [validation(3, 0.4)])
    assert why_stopped(Reached(number=2), facts(), rows(1.0)) is None
    assert why_stopped(Reached(number=2), facts(), rows(1.0, 1.0)) == "Update 2 is done."


def test_an_epoch_ends_with_its_last_sample() -> None:
    images = facts().images
    assert images is not None
    assert images.count == 30
    epoch = [row(1, count=16), row(2, count=14), row(3, count=16, epoch=2)]
    assert why_stopped(Reached(number=1, unit="epoch"), facts(), epoch[:1]) is None
    assert why_stopped(Reached(number=1, unit="epoch"), facts(), epoch[:2]) == (
        "Epoch 1 is over, at update 2."
    )
    late = [row(9, count=14, epoch=2)]  # taken up in the middle of an epoch
    assert why_stopped(Reached(number=1, unit="epoch"), facts(), late) is not None


def test_a_stop_tells_once_while_it_holds() -> None:
    now = Watches(facts()).with_stops([LossBelow(loss=0.5, of="batch"), Reached(number=4)])
    told = []
    for one in rows(1.0, 0.4, 0.3, 0.2, 0.9, 0.4):
        now = now.after(one)
        if now.stopped is not None:
            told.append(now.stopped.iteration)
    assert told == [2, 4, 6]


def test_a_stop_that_is_off_sees_nothing() -> None:
    assert why_stopped(LossBelow(loss=0.5, of="batch", enabled=False), facts(), rows(0.1)) is None


def test_stops_can_be_exchanged_while_a_run_goes() -> None:
    rises, reached = LossRises(times=2), Reached(number=9)
    now = Watches(facts()).with_stops([rises]).after(row(1, 1.0)).after(row(2, 1.1))
    now = now.with_stops([reached, rises]).after(row(3, 1.2))
    assert now.stopped is not None
    assert "rose 2 times" in now.stopped.sentence
    assert now.stops == (reached, rises)


def test_stops_are_read_back() -> None:
    stops: tuple[Stop, ...] = (
        *(kind() for kind in STOPS),
        LossRises(times=2, of="smoothed", enabled=False),
        GradientAbove(norm=3, tensor="conv1.weight"),
    )
    for stop in stops:
        assert from_fields(stop_kinds(), to_fields(stop), "stop", "stops") == stop


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "loss_climbs"}, "is not a kind of stop"),
        ({"kind": "loss_rises", "times": 0}, "times = 0 must be"),
        ({"kind": "loss_rises", "of": "mean"}, "of = 'mean' must be"),
        ({"kind": "ratio_outside", "low": 1.0, "high": 0.1}, "make the lower bound"),
        ({"kind": "gradient_above", "norm": -1.0}, "norm = -1 must be"),
        ({"kind": "dead_share", "share": 1.5}, "share = 1.5 must be 0 to 1"),
        ({"kind": "accuracy_reached", "accuracy": 0.0}, "accuracy = 0 must be"),
    ],
)
def test_nonsense_is_refused_in_words(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        from_fields(stop_kinds(), given, "stop", "stops")


@pytest.mark.parametrize(
    "stop",
    [GradientAbove(tensor="conv9.weight"), RatioOutside(tensor="x"), DeadShare(layer="dense1")],
)
def test_what_the_network_does_not_have_is_refused(stop: Stop) -> None:
    with pytest.raises(UserError, match="of this network; there are"):
        Watches(facts()).with_stops([stop])


def test_every_condition_is_a_clause() -> None:
    for kind in STOPS:
        words = kind().words
        assert words
        assert not words.endswith(".")
    assert RatioOutside(tensor="conv1.weight").words == (
        "update / weight of conv1.weight is outside 1e−8 … 0.1"
    )


def test_rows_of_the_other_kind_change_nothing() -> None:
    seen: list[Measured | Validated] = [validation(1, 9.0), row(2, 1.0), validation(2, 9.0)]
    assert why_stopped(LossBelow(loss=2.0, of="validation"), facts(), seen) is None
