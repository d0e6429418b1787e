from __future__ import annotations

import pytest

from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import parse
from backpropviz.figures.explain.formula import WrittenFormula, formula
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.view import ExplainedStep, TermProgress
from backpropviz.scene.equation import (
    Node,
    NumberNode,
    Pending,
    TermNode,
    equation_latex,
    equation_text,
    walk,
)
from backpropviz.scene.text import decimal_of
from tests.figures.passes import branching, lenet, tiny
from tests.figures.shown_sums import shown_sum
from tests.figures.steps import TAPES, derivation_at, every_step, step_at

NAMES = (*TAPES, "not finite")


def texts(found: WrittenFormula) -> tuple[str, str, str]:
    return (
        equation_text(found.symbols),
        equation_text(found.indices),
        equation_text(found.numbers),
    )


def formula_of(step: ExplainedStep) -> WrittenFormula:
    assert step.derivation is not None
    return formula(step.derivation, step.progress)


def test_the_filter_gradient_of_the_mockup() -> None:
    found = formula_of(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)))
    assert texts(found) == (
        "∂L/∂W[i,j] = ∑[y,x] ∂L/∂o[y,x]·X[y+i,x+j]",
        "∂L/∂W[0,1] = g[0,0]·X[0,1] + g[0,1]·X[0,2] + g[1,0]·X[1,1] + g[1,1]·X[1,2]",
        "= 0×2 + 0×1 + 2×4 + • = 8 so far",
    )
    assert found.where == "g = ∂L/∂o"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("conv1.output[0,0,1,0]", "= −1 + 3×2 + 4×1 + 2×−1 + 1×1 = 8"),
        ("pool1.output[0,0,0,0]", "= max(2, 1, 8, 7) = 8"),
        ("loss.difference[0,0,0,0]", "= 8 − 6 = 2"),
        ("loss", "= 2×2×1/2 = 2"),
        ("pool1.input.grad[0,0,1,0]", "= 2×1 = 2"),
        ("pool1.input.grad[0,0,0,0]", "= 2×0 = 0"),
        ("conv1.bias.grad[0]", "= 0 + 0 + 2 + 0 = 2"),
        ("conv1.input.grad[0,0,1,0]", "= 2×2 + 0×−1 = 4"),
        ("conv1.weight.step[0,0,0,1]", "= −0.01·8 = −0.08"),
        ("conv1.weight.next[0,0,0,1]", "= 1.00 + (−0.08) = 0.92"),
    ],
)
def test_the_hand_worked_pass_in_numbers(address: str, expected: str) -> None:
    found = formula(derivation_at(tiny(), address))
    assert equation_text(found.numbers) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("conv1.weight.grad[2,0,3,1]", "∂L/∂W[f,c,i,j] = ∑[y,x] ∂L/∂o[f,y,x]·X[c,y+i−2,x+j−2]"),
        ("conv2.output[0,1,2,3]", "o[f,y,x] = b[f] + ∑[c,i,j] p[c,y+i,x+j]·W[f,c,i,j]"),
        ("pool1.output[0,1,2,3]", "p[c,y,x] = max[i,j] a[c,2y+i,2x+j]"),
        (
            "pool1.input.grad[0,1,2,3]",
            "∂L/∂a[c,u,v] = ∂L/∂p[c,y,x]·1[(u,v) won window (y,x)]",
        ),
        ("relu1.input.grad[0,1,2,3]", "∂L/∂o[c,y,x] = ∂L/∂a[c,y,x]·1[o[c,y,x] > 0]"),
        ("dense1.weight.grad[3,4]", "∂L/∂W[o,i] = ∂L/∂z[o]·x[i]"),
        ("loss.input.grad[0,3]", "∂L/∂z[k] = (p[k] − 1[k = t])·∂L/∂L"),
    ],
)
def test_definitions_in_symbols(address: str, expected: str) -> None:
    assert equation_text(formula(derivation_at(lenet(), address)).symbols) == expected


def test_stride_groups_and_samples_appear_in_the_indices() -> None:
    found = formula(derivation_at(branching(), "conv1.output[1,3,2,2]"))
    assert "X[n,⌊f/2⌋,2y+i−1,2x+j−1]·W[f,0,i,j]" in equation_text(found.symbols)


def test_a_value_used_several_times_names_its_consumers() -> None:
    found = formula(derivation_at(branching(), "leaky.output.grad[0,1,1,1]"))
    assert "∂L/∂a[n,c,y,x]^avg + ∂L/∂a[n,c,y,x]^pool1" in equation_text(found.symbols)


@pytest.mark.parametrize("name", NAMES)
def test_shown_numbers_add_up_to_the_shown_total(name: str) -> None:
    checked = 0
    for step in every_step(name):
        derivation = step.derivation
        assert derivation is not None
        if derivation.rule is not NestRule.SUM:
            continue
        for order in TermOrder:
            found = formula(derivation, step.progress, order=order)
            sums = shown_sum(found.numbers)
            is_one_rounded_product = len(derivation.positions) == 1
            if sums is None or is_one_rounded_product:
                continue
            checked += 1
            assert sums[0] == sums[1], equation_text(found.numbers)
    assert checked > 5


@pytest.mark.parametrize("name", NAMES)
def test_every_number_with_a_key_is_the_value_at_that_address(name: str) -> None:
    for step in every_step(name):
        found = formula_of(step)
        assert step.derivation is not None
        own = str(step.derivation.address)
        for node in walk(found.numbers):
            if isinstance(node, NumberNode) and node.key and node.key != own:
                assert_shown(node.text, step.tape.value(parse(node.key)))
        if step.progress.current is None:
            results = [n for n in walk(found.numbers) if isinstance(n, NumberNode) and n.bold]
            assert [n.key for n in results] == [own]
            assert_shown(results[0].text, step.derivation.value)


def assert_shown(text: str, value: float) -> None:
    """The text is the value, rounded to the digits shown."""
    shown = decimal_of(text)
    if not shown.is_finite():
        assert str(value).lower().lstrip("-") in {"nan", "inf"}
        return
    unit = 10.0 ** int(shown.as_tuple().exponent)
    assert abs(abs(float(shown)) - abs(value)) <= 0.5000001 * unit, (text, value)


@pytest.mark.parametrize("name", NAMES)
def test_indices_numbers_and_latex_tell_of_the_same_terms(name: str) -> None:
    for step in every_step(name):
        found = formula_of(step)
        assert equation_latex(found.symbols)
        assert equation_latex(found.indices)
        assert equation_latex(found.numbers)
        in_indices = [term for term in walk(found.indices) if isinstance(term, TermNode)]
        in_numbers = [term for term in walk(found.numbers) if isinstance(term, TermNode)]
        if in_numbers:
            assert len(in_numbers) % max(len(in_indices), 1) == 0
            assert keys(in_numbers) <= keys(in_indices)


def keys(terms: list[TermNode]) -> set[str]:
    return {getattr(node, "key", "") for term in terms for node in walk(term)}


def test_what_has_not_run_is_a_dot_and_faded() -> None:
    found = formula_of(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(1, 2)))
    faded = [t.faded for t in walk(found.indices) if isinstance(t, TermNode)]
    assert faded == [False, False, True, True]
    assert sum(isinstance(node, Pending) for node in walk(found.numbers)) == 2
    current = [t.current for t in walk(found.numbers) if isinstance(t, TermNode)]
    assert current == [False, True, False, False]


def test_padding_is_named() -> None:
    derivation = derivation_at(lenet(), "conv1.weight.grad[2,0,0,0]")
    found = formula(derivation, TermProgress(0, 1))
    assert "padding 0" in equation_text(found.indices)
    assert "padding 0" in equation_text(found.numbers)


def nodes(node: Node) -> int:
    return sum(1 for _ in walk(node))


def test_a_long_sum_makes_no_long_equation() -> None:
    found = formula(derivation_at(lenet(), "conv1.weight.grad[2,0,3,1]"))
    assert nodes(found.indices) < 200
    assert nodes(found.numbers) < 200
