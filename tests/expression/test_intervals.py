"""Sets of numbers and bounds never rule out what holds, and sets say exactly what holds."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.expression.evaluate import Arithmetic, folded, run
from backpropviz.expression.intervals import NumberSet, can_hold, solution
from backpropviz.expression.language import Vocabulary, read

WORDS = Vocabulary(frozenset({"x", "y"}))
EDGES = (0.0, 1.0, 2.5, 1e-320, 1e308, math.inf)
VALUES = np.array(
    [
        s * v
        for e in EDGES
        for v in (e, math.nextafter(e, math.inf), math.nextafter(e, -math.inf))
        for s in (1.0, -1.0)
    ]
    + [math.nan, -0.0]
)
KINDS = ("nan", "infinite", "finite", "zero", "positive", "negative")


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    """Tests of x."""
    if not depth or draw(st.integers(0, 2)) == 0:
        subject = draw(st.sampled_from(["x", "abs(x)", "-x", "|-x|", "-|x|"]))
        edge = draw(st.sampled_from(["0", "1", "-1", "2.5", "1e-320", "1e308", "∞", "-∞", "1+1.5"]))
        match draw(st.sampled_from(["compare", "mirrored", "is", "between", "chain"])):
            case "compare":
                sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
                return f"{subject} {sign} {edge}"
            case "mirrored":
                sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
                return f"{edge} {sign} {subject}"
            case "is":
                return f"{subject} is {draw(st.sampled_from(['', 'not ']))}" + draw(
                    st.sampled_from(KINDS)
                )
            case "between":
                return f"{subject} between {edge} and 1"
            case _:
                return f"-1 < {subject} <= {edge}"
    one, other = draw(conditions(depth - 1)), draw(conditions(depth - 1))
    return draw(
        st.sampled_from([f"({one}) and ({other})", f"({one}) or ({other})", f"not ({one})"])
    )


@settings(max_examples=300, deadline=None)
@given(conditions())
def test_a_solution_is_exactly_where_the_condition_holds(text: str) -> None:
    expression = folded(read(text, WORDS))
    found = solution(expression)
    assert found is not None
    holds = np.asarray(run(expression, Arithmetic({"x": VALUES})), np.bool_)
    assert np.array_equal(found.mask(VALUES), np.broadcast_to(holds, VALUES.shape))
    ordered = [end for interval in found.intervals for end in interval]
    assert ordered == sorted(ordered)
    assert (~~found) == found


ARITHMETIC = (
    "x * 2 + 1 > y",
    "x * y > 3",
    "abs(x) > 2 * abs(y)",
    "x / y < 0.5",
    "x - y == 0",
    "min(x, y, 1) > 0.5 or max(x, y) < -1",
    "not x * x < y",
    "x ** 2 > y",
    "x % 2 > 1",
    "sqrt(x) > y",
    "(x > 1) * 3 + y > 4",
    "-1 < x + y < 1 and x != y",
    "x between y and y + 0.1",
    "x is zero or y is not zero and x + y is negative",
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ARITHMETIC), *(st.floats(-9, 9) for _ in range(4)), st.integers(0, 99))
def test_bounds_rule_out_only_what_never_holds(
    text: str, a: float, b: float, c: float, d: float, seed: int
) -> None:
    names = {"x": (min(a, b), max(a, b)), "y": (min(c, d), max(c, d))}
    chosen = np.random.default_rng(seed)
    inside = {n: np.append(chosen.uniform(*ends, 60), ends * 2) for n, ends in names.items()}
    expression = read(text, WORDS)
    if np.any(run(expression, Arithmetic(inside))):
        assert can_hold(expression, names)


def test_bounds_rule_something_out() -> None:
    expression = read("abs(x) > 2 * abs(y)", WORDS)
    assert not can_hold(expression, {"x": (-1, 1), "y": (3, 4)})
    assert not can_hold(read("x * y > 3", WORDS), {"x": (-1, 1), "y": (-2, 2)})
    assert can_hold(read("x * y > 3", WORDS), {"x": (-1, math.nan), "y": (-2, 2)})


def test_sets() -> None:
    assert NumberSet().is_empty
    assert not (~NumberSet()).is_empty
    assert not NumberSet(((math.inf, math.inf),), nan=True).has_finite
    assert NumberSet(((1, 2),)) | NumberSet(((math.nextafter(2, 3), 5),)) == NumberSet(((1, 5),))
    assert solution(read("x > y", WORDS)) is None
    assert solution(read("x + 1 > 2", WORDS)) is None
