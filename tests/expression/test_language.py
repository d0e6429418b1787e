"""The language: what it means, what it refuses, and where it says that reading stopped."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.engine.address import Address, parse
from backpropviz.errors import UserError
from backpropviz.expression.evaluate import Arithmetic, number_of, run
from backpropviz.expression.language import LONGEST, ExpressionError, Vocabulary, read, word_start

NUMBERS = (0.0, -0.0, 1.0, -2.5, 1e-300, 3e38, math.inf, -math.inf, math.nan)
WEIGHT = np.array([[0.5, -1.5, np.nan], [np.inf, -0.0, 2.0]], np.float32)
WHOLE = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 7
ARRAYS = {
    parse("fc.weight"): WEIGHT,
    parse("conv-1.weight.grad"): WHOLE,
    parse("features.0.bias"): np.arange(3.0),
    parse("loss"): np.array(2.0, np.float32),
}


class Pass(dict[Address, Any]):
    """Arrays that know their values by address."""

    def __missing__(self, address: Address) -> Any:
        if address.array not in self:
            raise UserError(f"“{address}” is not in this pass.")
        try:
            return self[address.array][address.indices]
        except IndexError:
            raise UserError(f"“{address}” is outside.") from None


NAMES = frozenset({"x", "y", "term", "sum"})
WORDS = Vocabulary(NAMES, implied="x")
GIVEN = {"x": 3.0, "y": -0.5, "term": -7.0, "sum": 4.0}


def value(text: str, **names: float) -> Any:
    return run(read(text, WORDS), Arithmetic({**GIVEN, **names}, Pass(ARRAYS)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("7 % 4 × 2 · 3 − 1", 17),
        ("x-1", 2),
        ("1e3 + .5", 1000.5),
        ("|y| + |-|x||", 3.5),
        ("1 < x < 4", True),
        ("1 < x <= 2", False),
        ("x ≥ 3 and y ≤ -0.5 and x ≠ 4", True),
        ("not x > 4 or y > 0", True),
        ("x between y + 1 and 2 * 2 and y < 0", True),
        ("not (x between 1 and 2)", True),
        ("> 2", True),
        ("> 2 and not < 1 and (= 3 or is nan)", True),
        ("X IS NaN OR Term Is Negative", True),
        ("x is not infinite and x is finite and y is not zero", True),
        ("isnan(x) or isinf(1 / 0)", True),
        ("sum > 3 and sum(features.0.bias) == 3", True),
        ("loss", 2.0),
        ("loss-1.5", 0.5),
        ("conv-1.weight.grad[1,2,3]", 16.0),
        ("conv-1.weight.grad[ 1, 2 ,3 ]-1.5", 14.5),
        ("sum(conv-1.weight.grad[1,:,0])", float(WHOLE[1, :, 0].sum())),
        ("max(conv-1.weight.grad[0:1,1:,::2])", float(WHOLE[0:1, 1:, ::2].max())),
        ("min(x, y, 2)", -0.5),
        ("argmax(conv-1.weight.grad)", 23),
        (
            "mean(conv-1.weight.grad[0]) - std(conv-1.weight.grad)",
            -1.5 - float(WHOLE.astype(float).std()),
        ),
        ("norm(conv-1.weight.grad)", float(np.linalg.norm(WHOLE.astype(float)))),
        ("quantile(conv-1.weight.grad, 0.25)", float(np.quantile(WHOLE, 0.25))),
        ("count(conv-1.weight.grad > 5) + nonzero(features.0.bias)", 13),
        ("shape(conv-1.weight.grad)[1] * size(loss)", 3),
        ("count(isnan(fc.weight)) + count(fc.weight is infinite)", 2),
        ("sqrt(16) + exp(0) + log(1) + sign(y)", 4),
        ("((((x))))", 3),
        ("x == 0.1 + 0.2", False),
    ],
)
def test_meaning(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-12)


BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.mod}
TESTS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
TESTS |= {"==": np.equal, "!=": np.not_equal}


@pytest.mark.parametrize("sign", [*BINARY, *TESTS])
def test_numbers_are_those_of_numpy(sign: str) -> None:
    """NaN, ∞ and −0 included, for single numbers and for arrays."""
    wanted = {**BINARY, **TESTS}[sign]
    a, b = (side.reshape(-1) for side in np.meshgrid(NUMBERS, NUMBERS))
    expression = read(f"x {sign} y", WORDS)
    with np.errstate(all="ignore"):
        expected = wanted(a, b)
    found = run(expression, Arithmetic({"x": a, "y": b}))
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.array_equal(np.signbit(found * 1.0), np.signbit(expected * 1.0))
    for p, q, one in zip(a.tolist(), b.tolist(), expected.tolist(), strict=True):
        single = value(f"x {sign} y", x=p, y=q)
        assert np.array_equal(single, one, equal_nan=True)
        assert math.copysign(1, single) == math.copysign(1, one)


@pytest.mark.parametrize("name", ["abs", "isnan", "isinf", "sign", "sqrt"])
def test_functions_are_those_of_numpy(name: str) -> None:
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(np.array(NUMBERS))
        narrow = getattr(np, name)(WEIGHT)
    found = run(read(f"{name}(x)", WORDS), Arithmetic({"x": np.array(NUMBERS)}))
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.allclose(value(f"{name}(fc.weight)"), narrow, equal_nan=True, rtol=1e-7)


LEAVES = ("x", "y", "term", "1", "2.5", "-3", "0")


@st.composite
def arithmetic(draw: st.DrawFn, depth: int = 3) -> tuple[str, float]:
    """An expression, and what NumPy makes of it for `RANDOM`."""
    if not depth or draw(st.booleans()):
        leaf = draw(st.sampled_from(LEAVES))
        return leaf, RANDOM[leaf] if leaf in RANDOM else np.float64(leaf)
    (left, p), (right, q) = draw(arithmetic(depth - 1)), draw(arithmetic(depth - 1))
    with np.errstate(all="ignore"):
        match draw(st.sampled_from(["abs", "-", "min", "test", "infix"])):
            case "abs":
                return f"|{left}|", np.abs(p)
            case "-":
                return f"-({left})", -p
            case "min":
                return f"min({left}, {right})", np.minimum(p, q)
            case "test":
                sign = draw(st.sampled_from(sorted(TESTS)))
                return f"((({left}) {sign} ({right})) * 1)", np.float64(TESTS[sign](p, q))
            case _:
                sign = draw(st.sampled_from(sorted(BINARY)))
                return f"(({left}) {sign} ({right}))", BINARY[sign](p, q)


RANDOM = {"x": np.float64(1.7e308), "y": np.float64(-0.0), "term": np.float64(np.nan)}


@settings(max_examples=400, deadline=None)
@given(arithmetic())
def test_random_expressions_equal_numpy(pair: tuple[str, float]) -> None:
    text, expected = pair
    if len(text) > LONGEST:
        return
    found = run(read(text, WORDS), Arithmetic({k: float(v) for k, v in RANDOM.items()}))
    assert np.array_equal(found, expected, equal_nan=True)
    assert math.copysign(1, found) == math.copysign(1, expected) or math.isnan(expected)


def test_a_value_keeps_its_own_precision_where_it_is_compared() -> None:
    values = np.array([0.1, 0.2], np.float32)
    for text in ("x == 0.1", "abs(x) <= 0.1"):
        found = run(read(text, WORDS), Arithmetic({"x": values}))
        assert np.array_equal(found, [True, False])


HOSTILE = [
    "", " ", "x >", "x > ", "> > 5", "x x", "1 2", "(x > 1", "x > 1)", "|x > 1", "()", "x()",
    "f(x)", "abs", "abs x", "abs()", "abs(x, y)", "abs(x)(y)", "(x)(y)", "1(2)",
    "x.y(1)", "sum(1)",
    "mean(x)", "sum()", "quantile(loss)", "shape()", "min()", "max(x)", "x and", "and x",
    "x or or y", "not", "x not y", "x is", "x is not", "x is 5", "x is big", "x is x", "x is and",
    "is is nan", "x between", "x between 1", "x between 1 or 2 and 3", "x between (1 and 2)",
    "between and 2", "x and y", "x or 1", "not x", "not 1", "1 < x is nan",
    "x between 1 and 2 < 3",
    "x in y", "x not in y", "lambda: 1", "lambda x: x", "x if y else 1", "[x for x in y]", "{x}",
    "{1: 2}", "(x, y)", "x, y", "x := 1", "(x := 1)", "x = = 1", "x === 1", "x <> y", "x << 2",
    "x >> 2", "x & y", "x ^ y", "~x", "x @ y", "x // 2", "x ++ y", "+x", "x +", "* x", "x ! y",
    "!x", "x ? y", "x; y", "x\\y", "x # y", "x $ y", "`x`", "'a'", '"a"', "f'{x}'", 'f"{x}"',
    "b'a'", "r'a'", '"""a"""', "'", '"', "u'x'", "'a' 'b'", "__import__('os')", "__import__",
    "__class__", "x.__class__", "().__class__", "loss.__class__.__mro__",
    "x.__init__.__globals__",
    "__builtins__", "exec('1')", "eval('1')", "open('/etc/passwd')", "getattr(x, y)",
    "conv1.__dict__", "globals()", "print(x)", "import os", "del x", "return x", "yield x",
    "(yield)", "await x", "async x", "raise x", "assert x", "pass", "while x", "for x in y",
    "class x", "def x", "*x", "**x", "abs(*x)", "abs(**x)", "abs(x=)",
    "abs(x for x in y)", "x[0]",
    "x[1:2]", "1[0]", "loss[", "loss[]", "loss[ ]", "loss[-1]", "loss[x]", "loss[1.5]",
    "loss[1e3]",
    "loss[0,]", "loss[,0]", "loss[...]", "loss[None]", "loss['a']", "loss[1][", "loss[1:2:0]",
    "loss[1:2:3:4]", "loss[12345678901]", "loss[²]", "loss[٣]", "loss[1 2]", "loss[lambda: 1]",
    "loss[[0]]", "fc.weight[0", "fc.weight]", "[0]", "²", "x > ²", "1²", "x²", "٣ > 2", "x > ٣",
    "１ > 2", "x > １", "½", "x > ½", "Ⅷ", "一 > 2.", "0x10", "0b1", "0o7", "1_000", "1j",
    "1e", "1e+",
    "1.2.3", "1..2", "..", ".", "x.", ".x", "a..b", "x . y", "1e999", "9" * 400, "1e99999", "nan",
    "NaN > 1 2", "-", "--", "∞∞", "−", "≤", "x ≤", "x ≠ ≠ 1", "√x", "x → y", "x\u200by",
    "x\u0000",
    "\u0000", "x\ufeff > 1", "x > 1\u202e", "😀", "x > 😀", "e\u0301", "x > '\ud800'",
    "\\u0078 > 1",
    "%s", "{}", "{0}", "{x.__class__}", "${x}", "$(x)", "<x>", "</x>", "<script>", "x--",
    "x > 1--",
    "x if", "else", "x => 1", "x =< 1", "1 <", "< ", "> 5 6", "> 5,", ",", ", x", "abs(,)",
    "abs(x,)", "min(x,,y)", "(((((", ")))))", "((x)", "|x", "||", "|||", "| |",
    "abs(|x)", "(|x)|",
    "|(x|)", "a" * 999 + ".b > ", "not " * 200 + "x > 1", "-" * 300 + "x",
    "(" * 200 + "x" + ")" * 200, "|" * 300, "[" * 300, "abs(" * 100 + "x",
    "abs(" * 60 + "x" + ")" * 60, "2" + "**2" * 300, "-(" * 90 + "x" + ")" * 90, "x" + "[0]" * 200,
    "x > 1" + " or" * 200, "x > 1 or" * 100, "(x > 1) and (" * 60, "9**9**9**9**" * 20, "1/" * 300,
    "x." * 300, " " * 1_000_000, "x" * 1_000_000, "x > 1 or " * 1500 + "x > 1", "(" * 1_000_000,
    "1+" * 500_000 + "1", ".".join("a" * 20_000), ".".join(["ab"] * 20_000) + "[0]", "9" * 5000,
    "x > " + "9" * 5000, "\n" * 2000, "-" * 1001, "²" * 1001, "loss[" + "0," * 600 + "0]",
    "\t" * 1001 + "x > 1", "x > 1" + " " * 1_000_000, "async", "await", "None + ", "True and",
    "x is None", "x is True", "x == 'nan'", "x > 1 and'a'", "1if x else 2", "0or x", "1and 2",
    "x if x", "x..y", "x.1", "1.x", "x.²", "a.b.²", "a².b > ", "x > 1 and and y > 2", "x > 1 not",
    "(x > 1)(y > 2)", "(x > 1) (y", "x > 1 | y > 2", "x > 1 || y > 2", "x > 1 && y > 2",
    "x; import os", "x\n; y", "x > 1 if y", "not in x", "is not", "x is not not nan",
    "x isnot nan",
    "x between 1 and", "x between 1, 2", "abs(x) abs(y)", "abs (x) y", "min(x y)", "x > 5%", "5%",
    "% 5", "x %% 2", "x ***2", "* * x", "x >< 1", "!= ",
]  # fmt: skip


def test_hostile_texts_are_many() -> None:
    assert len(set(HOSTILE)) >= 300


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_are_refused_with_a_place(number: int) -> None:
    text = HOSTILE[number]
    strict = Vocabulary(frozenset({"x", "y"}), implied="", is_open=False)
    with pytest.raises(ExpressionError) as refused:
        read(text, strict)
    sentence, position = str(refused.value), refused.value.position
    assert 0 <= position <= min(len(text), LONGEST)
    assert f"character {position + 1}" in sentence
    assert len(sentence) < 300
    assert sentence.isprintable() or not text[:LONGEST].isprintable()
    assert sentence.endswith(".")


PIECES = ["x", "1", "(", ")", "|", "+", "-", "*", "<", "and", "or", "not", "is", "nan", "between"]
PIECES += ["abs", "sum", "loss", "[0]", "[:", ",", ".", "²", "'", "∞", "  ", "conv-1.weight", "**"]


def test_random_pieces_are_read_or_refused_with_a_place() -> None:
    """Whatever is typed: an expression, or a sentence; nothing else escapes."""
    chosen = random.Random(5)
    read_well = 0
    for _ in range(20_000):
        text = " ".join(chosen.choices(PIECES, k=chosen.randrange(1, 12)))
        with suppress(ExpressionError):
            expression = read(text, WORDS)
            read_well += 1
            run(expression, Arithmetic(GIVEN, Pass(ARRAYS)))
    assert read_well > 300


def test_the_place_is_the_character_at_which_reading_stopped() -> None:
    for text, at in (("x > 5 6", 6), ("x >", 3), ("x ≥ ²", 4), ("x > 1 and y ! 2", 12), ("(x", 0)):
        with pytest.raises(ExpressionError) as refused:
            read(text, WORDS)
        assert refused.value.position == at


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere.weight > 1", "not in this pass"),
        ("fc.weight[2,0]", "outside"),
        ("fc.weight[5,:]", "outside"),
        ("fc.weight[0,0,:]", "outside"),
        ("fc.weight", "array"),
        ("fc.weight + conv-1.weight.grad", "fit together"),
        ("max(fc.weight[2:2,:])", "no values"),
        ("quantile(fc.weight, 2)", "from 0 to 1"),
        ("shape(fc.weight)[7]", "outside"),
    ],
)
def test_what_the_pass_does_not_give_is_said_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words):
        number_of(read(text, WORDS), Arithmetic(GIVEN, Pass(ARRAYS)))


def test_an_expression_makes_no_array_that_is_huge() -> None:
    wide = Pass({parse("a.x"): np.zeros((9000, 1)), parse("b.x"): np.zeros((1, 9000))})
    with pytest.raises(ExpressionError, match="at once"):
        number_of(read("sum(a.x + b.x)", WORDS), Arithmetic({}, wide))


def test_long_chains_need_no_depth() -> None:
    assert value("+".join(["1"] * 500)) == 500
    assert value(" or ".join(["x>9"] * 140) + " or x > 1")
    assert value("<".join(str(k) for k in range(200)))


@pytest.mark.parametrize(
    ("text", "start"),
    [("abs(te", 4), ("x > conv-1.wei", 4), ("x > -te", 5), ("x > 5", 5), ("x ", 2), ("", 0)],
)
def test_what_is_completed_is_the_word_before_the_cursor(text: str, start: int) -> None:
    assert word_start(text, len(text)) == start
