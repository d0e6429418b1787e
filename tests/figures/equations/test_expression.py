from __future__ import annotations

import pytest

from backpropviz.figures.explain.expression import expression_node, is_plain_sum, plain_sum_signs
from backpropviz.scene.equation import Fraction, Node, NumberNode, Root, Symbol, walk
from backpropviz.scene.equation_text import equation_text

OPERANDS: tuple[Node, ...] = tuple(Symbol(letter) for letter in "abcdef")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{0} · {1}", "a·b"),
        ("exp({0} − {1})", "exp(a − b)"),
        ("−{0} · ({1} + {2} · {3})", "−a·(b + c·d)"),
        ("max({0}, 0)", "max(a, 0)"),
        ("{0} · [{1} > 0]", "a·1[b > 0]"),
        ("{0} · 1[{1} > 0]", "a·1[b > 0]"),
        ("{0} if {0} > 0 else {1} · {0}", "a if a > 0 else b·a"),
        ("1 / (1 + exp(−{0}))", "1/(1+exp(−a))"),
        ("½ · ({0} − {1})²", "1/2·(a−b)^2"),
        ("log({0}) − ({1} − {2})", "log(a) − (b − c)"),
        ("−{0} · {1} / (√{2} + {3})", "−a·b/(√c+d)"),
    ],
)
def test_a_template_becomes_an_equation(template: str, text: str) -> None:
    assert equation_text(expression_node(template, OPERANDS)) == text


def test_a_quotient_is_a_fraction_and_a_root_a_root() -> None:
    kinds = {type(node) for node in walk(expression_node("{0} / √({1} + 1)", OPERANDS))}
    assert {Fraction, Root} <= kinds


def test_a_negative_first_number_loses_its_parentheses() -> None:
    from backpropviz.scene.equation import Delimited

    negative = Delimited(NumberNode("−2"))
    assert equation_text(expression_node("{0} + {0}", [negative])) == "−2 + (−2)"


@pytest.mark.parametrize("template", ["{0} +", "({0}", "{0} {1}", "§"])
def test_what_is_not_understood_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        expression_node(template, OPERANDS)


def test_plain_sums() -> None:
    assert is_plain_sum("{0} + {1}")
    assert is_plain_sum("{0} − {1}")
    assert not is_plain_sum("{0} + {1} · {2}")
    assert plain_sum_signs("{0} − {1} + {2}") == ["+", "−", "+"]
