from __future__ import annotations

import json
import re

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.tape import nest_of
from backpropviz.engine.value import parse
from backpropviz.figures.explain.formula import derivation_json, derivation_latex, derivation_text
from backpropviz.scene.equation import Indexed, NumberNode, Operator, Symbol, equation_latex, row
from backpropviz.scene.text import fitted, fixed, full, shown
from tests.figures.kind_passes import of_optimizer
from tests.figures.passes import lenet, tiny, with_value
from tests.figures.steps import TAPES, derivation_at, every_step


def test_the_lines_of_a_derivation() -> None:
    assert derivation_text(derivation_at(tiny(), "conv1.weight.grad[0,0,0,1]")).splitlines() == [
        "conv1.weight.grad[0,0,0,1] = 8",
        f"  {derivation_at(tiny(), 'conv1.weight.grad[0,0,0,1]').nest.remark}",
        "",
        "  ∂L/∂W[i,j] = ∑[y,x] ∂L/∂o[y,x]·X[y+i,x+j]",
        "  ∂L/∂W[0,1] = g[0,0]·X[0,1] + g[0,1]·X[0,2] + g[1,0]·X[1,1] + g[1,1]·X[1,2]",
        "  (where g = ∂L/∂o)",
        "  ∂L/∂W[0,1] = 0×2 + 0×1 + 2×4 + 0×1 = 8",
        "",
        "  a sum of 4 terms",
        "       1               0  = conv1.output.grad[0,0,0,0] (0) · conv1.input[0,0,0,1] (2)",
        "       2               0  = conv1.output.grad[0,0,0,1] (0) · conv1.input[0,0,0,2] (1)",
        "       3               8  = conv1.output.grad[0,0,1,0] (2) · conv1.input[0,0,1,1] (4)",
        "       4               0  = conv1.output.grad[0,0,1,1] (0) · conv1.input[0,0,1,2] (1)",
    ]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (
            "conv1.weight.next[0,0,0,1]",
            "conv1.weight[0,0,0,1] (1) + conv1.weight.step[0,0,0,1] (−0.0799999982)",
        ),
        ("conv1.weight.step[0,0,0,1]", "−η (0.01) · conv1.weight.grad[0,0,0,1] (8)"),
    ],
)
def test_a_function_joins_its_operands_as_its_formula_does(address: str, line: str) -> None:
    lines = derivation_text(derivation_at(tiny(), address)).splitlines()
    assert line in [written.partition("  = ")[2] for written in lines]


def test_a_power_is_that_of_the_operand() -> None:
    tape = of_optimizer("rmsprop centered")
    nest = nest_of(tape, parse("dense.weight.gradient_variance"))
    assert nest is not None
    text = derivation_text(derive(tape, nest, parse("dense.weight.gradient_variance[0,0]")))
    assert re.search(r"= max\(\S+ \(\S+\) − \(\S+ \(\S+\)\)², 0\)", text)


def test_numbers_are_powers_of_ten_in_latex() -> None:
    equation = row(
        Symbol("W"), Operator("="), NumberNode("8.1e−4"), Operator("·"), NumberNode("−2e5")
    )
    assert equation_latex(equation) == r"W = {8.1 \times 10^{-4}} \cdot {-2 \times 10^{5}}"
    squared = Indexed(NumberNode("8.1e−4"), sup=NumberNode("2"))
    assert equation_latex(squared) == r"\left({8.1 \times 10^{-4}}\right)^{2}"


def test_no_zero_has_a_sign() -> None:
    assert [full(-0.0), shown(-0.0), fixed(-0.0, 2), fitted(-0.0, 5), full(np.float32(-0.0))] == (
        ["0"] * 5
    )
    assert shown(-0.0, signed=True) == "0"


def test_json_has_exactly_the_promised_fields() -> None:
    found = derivation_json(derivation_at(tiny(), "conv1.output[0,0,1,0]"))
    assert list(found) == ["address", "value", "initial", "rule", "terms", "residue", "formula"]
    assert found["address"] == "conv1.output[0,0,1,0]"
    assert found["value"] == 8.0
    assert found["initial"] == {"address": "conv1.bias[0]", "label": None, "value": -1.0}
    assert found["rule"] == "sum"
    assert found["terms"][0] == {
        "value": 6.0,
        "operands": [
            {"address": "conv1.input[0,0,1,0]", "label": None, "value": 3.0},
            {"address": "conv1.weight[0,0,0,0]", "label": None, "value": 2.0},
        ],
    }
    assert found["residue"] == 0.0
    assert found["formula"].startswith("o[1,0] = b + X[1,0]·W[0,0]")


def test_a_constant_has_a_label_and_no_address() -> None:
    found = derivation_json(derivation_at(tiny(), "conv1.weight.step[0,0,0,1]"))
    assert found["terms"][0]["operands"][0] == {"address": None, "label": "η", "value": 0.01}


def test_json_lists_every_term_of_a_long_sum_and_folds_its_formula() -> None:
    derivation = derivation_at(lenet(), "conv1.weight.grad[2,0,3,1]")
    found = derivation_json(derivation)
    assert len(found["terms"]) == 784
    total = sum(term["value"] for term in found["terms"])
    assert total + found["residue"] == pytest.approx(found["value"], abs=1e-12)
    assert len(found["formula"]) < 400


def test_what_json_cannot_write_becomes_a_word() -> None:
    tape = with_value(lenet(), "dense3", float("-inf"))
    found = derivation_json(derivation_at(tape, "dense3.output[0,0]"))
    text = json.dumps(found, allow_nan=False)
    assert '"NaN"' in text or '"-Infinity"' in text


@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_every_operand_resolves_to_the_value_listed(name: str) -> None:
    from backpropviz.engine.value import parse

    for step in every_step(name):
        assert step.derivation is not None
        assert derivation_text(step.derivation)
        found = derivation_json(step.derivation)
        json.dumps(found, allow_nan=False)
        for term in found["terms"][:20]:
            for operand in term["operands"]:
                if operand["address"] is not None and not isinstance(operand["value"], str):
                    value = step.tape.value(parse(operand["address"]))
                    assert np.isclose(value, operand["value"], rtol=0, atol=0)


def test_the_equations_in_latex() -> None:
    lines = derivation_latex(derivation_at(tiny(), "conv1.weight.grad[0,0,0,1]")).splitlines()
    left = r"\[ \frac{\partial L}{\partial W_{0,1}} = "
    assert lines[0].startswith(r"\[ \frac{\partial L}{\partial W_{i,j}} = \sum_{y,x}")
    assert lines[1].startswith(left + "g_{0,0} X_{0,1} + g_{0,1} X_{0,2} + ")
    assert lines[2] == left + r"0 \times 2 + 0 \times 1 + 2 \times 4 + 0 \times 1 = \mathbf{8} \]"
    assert len(lines) == 3
