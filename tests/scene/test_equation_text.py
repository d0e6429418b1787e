from __future__ import annotations

import re

import pytest

from backpropviz.scene.equation import (
    Fraction,
    Indexed,
    Node,
    NumberNode,
    Operator,
    RowNode,
    Symbol,
    SymbolKind,
    WordsNode,
    equation_latex,
    equation_text,
    indices,
    operator_kind,
    partial,
    row,
    total,
    walk,
)
from tests.scene.equation_samples import ALL, LONG, WITH_INDICES, WITH_NUMBERS, constant

TEXTS = {
    "in symbols": "∂L/∂W[i,j] = ∑[y,x] ∂L/∂o[y,x]·X[y+i,x+j]",
    "with indices": ("∂L/∂W[0,1] = g[0,0]·X[0,1] + g[0,1]·X[0,2] + g[1,0]·X[1,1] + g[1,1]·X[1,2]"),
    "with numbers": "= 0×2 + 0×1 + 2×4 + • = 8 so far",
    "pooling": "∂L/∂a[21,11] = ∂L/∂p[10,5]·1[a[21,11] ≥ the other three]",
    "softmax": "p[k] = exp(z[k])/(∑[j] exp(z[j]))",
    "squared error": "L = 1/2·(p−t)^2",
    "adam": "W′ = W − η·m̂/(√v̂+ε)",
    "tall": "(∂L/∂W) + [∂L/∂o][1]^2",
    "limits": "max[i,j] X[2y+i,2x+j] = ∑[k=1…N] x[k]^2",
}
LATEX = {
    "in symbols": (
        r"\frac{\partial L}{\partial W_{i,j}} = \sum_{y,x}\frac{\partial L}{\partial o_{y,x}}"
        r" \cdot X_{y + i,x + j}"
    ),
    "with numbers": (
        r"= 0 \times 2 + 0 \times 1 + 2 \times 4 + \bullet = \mathbf{8}~\mathrm{so~far}"
    ),
    "pooling": (
        r"\frac{\partial L}{\partial a_{21,11}} = \frac{\partial L}{\partial p_{10,5}} \cdot"
        r" \mathbf{1}\left[a_{21,11} \ge~\mathrm{the~other~three}\right]"
    ),
    "softmax": r"p_{k} = \frac{\exp\left(z_{k}\right)}{\sum_{j}\exp\left(z_{j}\right)}",
    "squared error": r"L = \frac{1}{2}\left(p - t\right)^{2}",
    "adam": r"W' = W - \eta \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}",
    "limits": r"\max_{i,j}X_{2y + i,2x + j} = \sum_{k = 1}^{N}x_{k}^{2}",
}
KERNEL_COMMANDS = frozenset(
    {"frac", "partial", "sum", "cdot", "times", "bullet", "mathbf", "mathrm", "left", "right"}
    | {"ge", "exp", "max", "eta", "hat", "sqrt", "varepsilon"}
)


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str) -> None:
    assert equation_text(ALL[name]) == TEXTS[name]


@pytest.mark.parametrize("name", LATEX)
def test_latex(name: str) -> None:
    assert equation_latex(ALL[name]) == LATEX[name]


@pytest.mark.parametrize("name", ALL)
def test_latex_is_balanced_ascii_of_known_commands(name: str) -> None:
    latex = equation_latex(ALL[name])
    assert latex.isascii()
    assert set(re.findall(r"\\([A-Za-z]+)", latex)) <= KERNEL_COMMANDS
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


def numbers(node: Node) -> list[float]:
    written = [part.text.replace("−", "-") for part in walk(node) if isinstance(part, NumberNode)]
    return [float(number) for number in written]


def numbers_in(text: str) -> list[float]:
    """Numbers as written; these trees subtract nothing, so a minus always belongs to a number."""
    plain = text.replace("−", "-")
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", plain)]


@pytest.mark.parametrize("tree", [WITH_NUMBERS, WITH_INDICES, LONG])
def test_text_and_latex_tell_the_numbers_of_the_tree(tree: RowNode) -> None:
    assert numbers_in(equation_text(tree)) == numbers(tree)
    assert numbers_in(equation_latex(tree)) == numbers(tree)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (Fraction(Symbol("a"), row(Symbol("b"), Operator("·"), Symbol("c"))), "a/(b·c)"),
        (Fraction(total(Symbol("a"), Symbol("b")), Symbol("c")), "(a+b)/c"),
        (Fraction(Fraction(Symbol("a"), Symbol("b")), Symbol("c")), "(a/b)/c"),
        (Fraction(Symbol("a"), RowNode((partial("L", "W"),))), "a/(∂L/∂W)"),
        (Indexed(NumberNode("−2"), sup=constant("3")), "(−2)^3"),
        (Indexed(Symbol("x"), sup=total(Symbol("a"), Symbol("b"))), "x^(a+b)"),
        (Indexed(Symbol("W"), sub=Symbol("new", italic=False)), "W_new"),
        (row(Operator("−"), Symbol("a"), Operator("−"), Symbol("b")), "−a − b"),
        (row(Symbol("a"), Operator("="), Operator("−"), Symbol("b")), "a = −b"),
        (row(WordsNode("if"), Symbol("x"), WordsNode("won")), "if x won"),
    ],
)
def test_parentheses_and_signs_in_text(tree: Node, text: str) -> None:
    assert equation_text(tree) == text


@pytest.mark.parametrize(
    ("tree", "latex"),
    [
        (NumberNode("−1.2·10⁻⁵"), r"{-1.2\cdot 10^{-5}}"),
        (NumberNode("NaN"), r"{\mathrm{NaN}}"),
        (NumberNode("−∞"), r"{-\infty}"),
        (Symbol("ReLU′", italic=False), r"\mathrm{ReLU}'"),
        (Indexed(Symbol("W"), sup=Symbol("′")), r"W^{\prime}"),
        (Symbol("50_%", italic=False), r"\mathrm{50\_\%}"),
        (row(Symbol("a"), WordsNode("one & all")), r"a~\mathrm{one~\&~all}"),
        (Symbol("…", italic=False), r"\dots"),
        (Symbol("ŷ"), r"\hat{y}"),
        (WordsNode("Größe"), r"~\mbox{Größe}"),
    ],
)
def test_latex_of_special_characters(tree: Node, latex: str) -> None:
    assert equation_latex(tree) == latex


def test_indices_are_read_as_they_are_written() -> None:
    items = indices("2y+i-1,x").items
    assert items == (
        constant("2"),
        Symbol("y"),
        Operator("+"),
        Symbol("i"),
        Operator("−"),
        constant("1"),
        Operator(","),
        Symbol("x"),
    )


def test_kinds_of_operators() -> None:
    kinds = [operator_kind(Operator(text)) for text in ("+", "−", "·", ",", "=", "≥", "→")]
    assert kinds == [
        SymbolKind.SUM,
        SymbolKind.SUM,
        SymbolKind.PRODUCT,
        SymbolKind.PUNCTUATION,
        *[SymbolKind.RELATION] * 3,
    ]
