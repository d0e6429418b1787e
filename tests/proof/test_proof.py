"""A small sample of the proof in every test run; `python -m tests.proof` takes 2,000 values."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from backpropviz.engine.record import run
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import parse
from backpropviz.figures.explain.formula import formula
from backpropviz.figures.symbols import equation_style
from backpropviz.files.networks import load_network
from backpropviz.scene.equation import equation_latex, equation_text
from backpropviz.scene.equation_layout import Laid, layout
from backpropviz.scene.marks import Text
from backpropviz.scene.theme import LIGHT
from tests.figures.kind_passes import LOSSES, OPTIMIZERS, every_kind, of_loss, of_optimizer
from tests.figures.steps import TAPES, derivation_at, step_at
from tests.proof.__main__ import faults
from tests.proof.checks import operands_resolve, terms_add_up
from tests.proof.random_networks import gradient_faults, kink_faults, random_points
from tests.proof.readers import of_latex, of_picture, of_text
from tests.proof.sample import NETWORKS, places
from tests.proof.sums import shown_sum

_SAMPLE, _SAMPLE_OF_KINDS = 80, 30
MODES = ("train", "eval")


@cache
def tape_of(name: str) -> Tape:
    return run(load_network(name))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_number_explains_itself(name: str) -> None:
    tape = tape_of(name)
    for place in places(tape, _SAMPLE, seed=1):
        assert faults(place.step(tape)) == [], str(place)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sample_meets_every_operation_once(name: str) -> None:
    chosen = places(tape_of(name), 200)
    assert len({str(place) for place in chosen}) == len(chosen) <= 200
    assert len({place.operation.phase for place in chosen}) == 4
    made = {place.operation.nest.target for place in chosen}
    last = places(tape_of(name), 10**7 if name.startswith("tiny") else 200)
    assert {place.operation.nest.target for place in last} == made


@pytest.mark.parametrize("name", [*MODES, *LOSSES, *OPTIMIZERS, "branching", "adam"])
def test_every_kind_of_layer_loss_and_optimizer(name: str) -> None:
    tape = kind_of_pass(name)
    for place in places(tape, _SAMPLE_OF_KINDS, seed=2):
        assert faults(place.step(tape)) == [], str(place)


def kind_of_pass(name: str) -> Tape:
    """A recorded pass by its name in one of the lists."""
    if name in MODES:
        return every_kind(name)
    if name in LOSSES:
        return of_loss(name)
    return of_optimizer(name) if name in OPTIMIZERS else TAPES[name]()


def test_random_networks_keep_the_bounds_and_name_every_kink() -> None:
    seen: Counter[str] = Counter()
    for number, point in enumerate(random_points(8, seed=3)):
        outcomes, wrong = gradient_faults(point, per_array=12)
        seen += outcomes
        total, differing = kink_faults(point, 1e-1, values=6, seed=number)
        seen["kinks"] += total
        assert wrong + differing == []
    assert seen["no kink"] > 300
    assert seen["kinks"] > 10


def _row(address: str = "conv1.weight.grad[0,0,0,1]") -> tuple[str, str, Laid]:
    found = formula(derivation_at(tape_of("lenet"), address)).numbers
    return equation_text(found), equation_latex(found), layout(found, equation_style(LIGHT))


def test_the_readers_see_every_digit() -> None:
    text, latex, laid = _row()
    assert of_text(text) == of_latex(latex) == of_picture(laid)
    for k, character in enumerate(latex):
        if character.isdigit():
            changed = f"{latex[:k]}{(int(character) + 1) % 10}{latex[k + 1 :]}"
            assert of_latex(changed) != of_text(text)
    for k, mark in enumerate(laid.marks):
        if isinstance(mark, Text):
            marks = (*laid.marks[:k], replace(mark, text=f"{mark.text}7"), *laid.marks[k + 1 :])
            assert of_picture(replace(laid, marks=marks)) != of_text(text)


def test_a_fraction_is_read_from_its_bar() -> None:
    text, latex, laid = _row("loss.input.grad[0,3]")
    assert of_text(text) == of_latex(latex) == of_picture(laid)
    found = formula(derivation_at(tape_of("tiny-avg"), "pool1.input.grad[0,0,0,0]"))
    assert "1/4" in of_picture(layout(found.numbers, equation_style(LIGHT)))
    assert "∂L/∂" in of_picture(layout(found.symbols, equation_style(LIGHT)))


@pytest.mark.parametrize(
    ("reading", "adds_up"),
    [
        ("=2×3−4=2", True),
        ("≈1×2≈−0.175−0.55+0.001«rounding»=−0.724", True),
        ("=3×−2×1/2+−1=−4", True),
        ("=0.5+0.5«3more»=1.1", False),
        ("=1+2«rounding»=4", False),
    ],
)
def test_sums_are_read_as_they_stand(reading: str, adds_up: bool) -> None:
    found = shown_sum(reading)
    assert found is not None
    assert found.adds_up is adds_up


def test_a_wrong_value_is_found() -> None:
    step = step_at(tape_of("lenet"), "conv2.weight.grad[3,1,2,2]")
    assert step.derivation is not None
    assert terms_add_up(step) == operands_resolve(step) == ""
    values = step.derivation.term_values.copy()
    values[len(values) // 2] += 1e-3
    wrong = replace(step, derivation=replace(step.derivation, term_values=values))
    assert "operands make" in operands_resolve(wrong)
    values *= 1.01
    assert "terms make" in terms_add_up(wrong)
    moved = replace(step.derivation, address=parse("conv2.weight.grad[3,1,2,3]"))
    assert "array" in terms_add_up(replace(step, derivation=moved))
