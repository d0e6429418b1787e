from __future__ import annotations

import pytest

from backpropviz.engine.formula import (
    Formula,
    addends,
    exp,
    log,
    maximum,
    operands,
    sqrt,
    step,
    where,
)
from backpropviz.figures.explain.expression import formula_node, label_node
from backpropviz.scene.equation import Fraction, Node, NumberNode, Root, Symbol, equation_text, walk

OPERANDS: tuple[Node, ...] = tuple(Symbol(letter) for letter in "abcdef")
A, B, C, D = operands(4)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (A * B, "a·b"),
        (exp(A - B), "exp(a − b)"),
        (-A * (B + C * D), "−a·(b + c·d)"),
        (maximum(A, 0), "max(a, 0)"),
        (A * (B > 0), "a·1[b > 0]"),
        (A * step(B, 0.5), "a·(1[b>0]+1[b≥0])/2"),
        (where(A > 0, A, B * A), "a if a > 0 else b·a"),
        (1 / (1 + exp(-A)), "1/(1+exp(−a))"),
        (1 / (2 * (A - B) ** 2), "1/(2·(a−b)^2)"),
        (log(A) - (B - C), "log(a) − (b − c)"),
        (-A * B / (sqrt(C) + D), "−a·b/(√c+d)"),
    ],
)
def test_a_formula_becomes_an_equation(formula: Formula, text: str) -> None:
    assert equation_text(formula_node(formula, OPERANDS)) == text


def test_a_quotient_is_a_fraction_and_a_root_a_root() -> None:
    kinds = {type(node) for node in walk(formula_node(A / sqrt(B + 1), OPERANDS))}
    assert {Fraction, Root} <= kinds


def test_a_negative_first_number_loses_its_parentheses() -> None:
    from backpropviz.scene.equation import Delimited

    negative = Delimited(NumberNode("−2"))
    assert equation_text(formula_node(A + A, [negative])) == "−2 + (−2)"


@pytest.mark.parametrize(
    ("label", "text"),
    [("1 − β₁ᵗ", "(1 − β₁ᵗ)"), ("1/4", "1/4"), ("[k = t]", "1[k = t]"), ("[-2 ≤ 0]", "1[−2 ≤ 0]")],
)
def test_a_constant_s_label(label: str, text: str) -> None:
    assert equation_text(label_node(label)) == text


def test_plain_sums() -> None:
    assert addends(A + B) == (("+", 0), ("+", 1))
    assert addends(A - B + C) == (("+", 0), ("−", 1), ("+", 2))
    assert not addends(A + B * C)
    assert not addends(A)
