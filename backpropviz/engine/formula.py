"""A formula as a tree, built by operators: `x / (1 + exp(-x))`.

From the one definition it is computed, differentiated, and written as text, as Python for numbers
and as NumPy for arrays; the equations of `figures` are drawn from it, too. Operands are numbered:
`a, b = operands(2)` stand for the first two operands of a nest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from backpropviz.engine.value import Array
from backpropviz.frozen import frozen

Term: TypeAlias = "Formula | float"
"""What an operator takes: a plain number is a constant of the formula."""


@frozen
class Formula:
    """An operator with what it takes; `value` is a number's, or the place of an operand.

    The operators: `x` an operand, `#` a number, `$` a letter that stands for a number (α, π), the
    signs + − · / ^ > < ≥ ≤, `-` for the change of sign, `if`, and functions by their names.
    """

    sign: str
    parts: tuple[Formula, ...] = ()
    value: float = 0.0
    letter: str = ""

    def __add__(self, other: Term) -> Formula:
        return _made("+", self, other)

    def __radd__(self, other: float) -> Formula:
        return _made("+", other, self)

    def __sub__(self, other: Term) -> Formula:
        return _made("−", self, other)

    def __rsub__(self, other: float) -> Formula:
        return _made("−", other, self)

    def __mul__(self, other: Term) -> Formula:
        return _made("·", self, other)

    def __rmul__(self, other: float) -> Formula:
        return _made("·", other, self)

    def __truediv__(self, other: Term) -> Formula:
        return _made("/", self, other)

    def __rtruediv__(self, other: float) -> Formula:
        return _made("/", other, self)

    def __pow__(self, power: int) -> Formula:
        return _made("^", self, power)

    def __neg__(self) -> Formula:
        return _made("-", self)

    def __gt__(self, other: Term) -> Formula:
        return _made(">", self, other)

    def __lt__(self, other: Term) -> Formula:
        return _made("<", self, other)

    def __ge__(self, other: Term) -> Formula:
        return _made("≥", self, other)

    def __le__(self, other: Term) -> Formula:
        return _made("≤", self, other)

    def __call__(self, *values: Array | float) -> Array:
        """The formula's value for given operands, in their dtype."""
        return np.asarray(_computed(self, values))

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters in it, each once, in the order in which they are written."""
        return tuple(dict.fromkeys(p.letter for p in walk(self) if p.sign == "$"))

    def bound(self, values: Mapping[str, Formula]) -> Formula:
        """With formulas put in place of letters; `x0`, `x1` … are the operands."""
        name = f"x{self.value:.0f}" if self.sign == "x" else self.letter
        if name in values and self.sign in {"x", "$"}:
            return values[name]
        parts = tuple(part.bound(values) for part in self.parts)
        return Formula(self.sign, parts, self.value, self.letter)

    def text(self, names: Sequence[str]) -> str:
        """As mathematics in one line: `g · x / (1 + exp(−x))`."""
        return _written(self, _Style(names, _MATH, _POWERS, _MATH_CALLS, "[{}]"))

    def python(self, names: Sequence[str]) -> str:
        """As Python, for numbers."""
        return _written(self, _Style(names, _PYTHON, {}, _PYTHON_CALLS, "({})"))

    def numpy(self, names: Sequence[str]) -> str:
        """As NumPy, for whole arrays."""
        return _written(self, _Style(names, _PYTHON, {}, _NUMPY_CALLS, "({})"))


def operand(place: int) -> Formula:
    """The operand in a place, from 0."""
    return Formula("x", (), place)


def operands(count: int) -> tuple[Formula, ...]:
    """The first operands."""
    return tuple(operand(k) for k in range(count))


def letter(name: str) -> Formula:
    """A number that is written as a letter: α, π."""
    return Formula("$", (), 0.0, name)


def number(value: float) -> Formula:
    """A constant."""
    return Formula("#", (), value)


def unequal(x: Formula, y: Term) -> Formula:
    """1 where two differ, else 0; `!=` itself compares formulas."""
    return _made("≠", x, y)


def exp(x: Formula) -> Formula:
    """eˣ."""
    return _made("exp", x)


def log(x: Formula) -> Formula:
    """The natural logarithm."""
    return _made("log", x)


def sqrt(x: Term) -> Formula:
    """√x."""
    return _made("√", x)


def tanh(x: Formula) -> Formula:
    """The hyperbolic tangent."""
    return _made("tanh", x)


def erf(x: Formula) -> Formula:
    """The error function."""
    return _made("erf", x)


def maximum(x: Term, y: Term) -> Formula:
    """The larger of two; NaN wins."""
    return _made("max", x, y)


def minimum(x: Term, y: Term) -> Formula:
    """The smaller of two; NaN wins."""
    return _made("min", x, y)


def where(condition: Formula, then: Term, otherwise: Term) -> Formula:
    """One formula where a condition holds, else another."""
    return _made("if", then, condition, otherwise)


def step(x: Formula, at_zero: float = 0.0) -> Formula:
    """1 where x > 0, 0 where x < 0, and at exactly 0 what is asked for: 0, ½ or 1."""
    if at_zero == 0.5:
        return _made("step", x)
    return x >= 0 if at_zero else x > 0


def chained(upstream: Formula, slope: Formula) -> Formula:
    """upstream · slope; a slope that is a product itself is multiplied from left to right."""
    if slope.sign in {"·", "/"}:
        first, second = slope.parts
        return Formula(slope.sign, (chained(upstream, first), second))
    return upstream * slope


def product(factors: Sequence[Formula]) -> Formula:
    """Several formulas multiplied, from left to right."""
    first, *others = factors
    for other in others:
        first = first * other
    return first


def walk(formula: Formula) -> Iterator[Formula]:
    """The formula and all of its parts, as they are written."""
    yield formula
    for part in formula.parts:
        yield from walk(part)


def addends(formula: Formula) -> tuple[tuple[str, int], ...]:
    """Sign and place of each operand where it only adds and subtracts operands, else nothing."""
    if formula.sign in {"+", "−"}:
        first, second = formula.parts
        before = addends(first) if first.sign in {"+", "−"} else _alone("+", first)
        after = _alone(formula.sign, second)
        return (*before, *after) if before and after else ()
    return ()


def _alone(sign: str, part: Formula) -> tuple[tuple[str, int], ...]:
    return ((sign, int(part.value)),) if part.sign == "x" else ()


def _made(sign: str, *given: Term) -> Formula:
    """A formula; what multiplies by 0 or 1 or adds 0 is left out."""
    parts = tuple(g if isinstance(g, Formula) else number(g) for g in given)
    known = [part.value if part.sign == "#" else None for part in parts]
    match sign, known:
        case ("·", [0, _] | [_, 0]) | ("/", [0, _]):
            return number(0)
        case ("·", [_, -1]):
            return -parts[0]
        case ("·", [-1, _]):
            return -parts[1]
        case ("+" | "·", [neutral, _]) if neutral == (sign == "·"):
            return parts[1]
        case ("+" | "−" | "·" | "/" | "^", [_, neutral]) if neutral == (sign in "·/^"):
            return parts[0]
        case ("if", [1, _, 0]):
            return parts[1]
        case ("if", [_, _, 0]) if parts[0].sign in COMPARED:
            return parts[0] * parts[1]
    return Formula(sign, parts)


# Values ------------------------------------------------------------------------------------------


def _computed(formula: Formula, values: Sequence[Array | float]) -> Array | float:
    parts = formula.parts
    match formula.sign:
        case "x":
            return values[int(formula.value)]
        case "#":
            return formula.value
        case "$":
            return _LETTERS[formula.letter]
        case "if":
            then, condition, otherwise = (_computed(part, values) for part in parts)
            return np.where(condition, then, otherwise)
        case "·" if parts[1].sign in COMPARED or parts[1].sign == "if":
            return _computed(_chosen(*parts), values)
        case "−" if parts[0].sign == "exp" and parts[1] == number(1):
            return np.asarray(np.expm1(_computed(parts[0].parts[0], values)))
        case "^":
            base = _computed(parts[0], values)
            return np.square(base) if parts[1].value == 2 else np.power(base, int(parts[1].value))
        case sign if sign in COMPARED:
            first, second = (_computed(part, values) for part in parts)
            is_so = np.asarray(_FUNCTIONS[sign](first, second))
            return is_so.astype(np.result_type(first, second))
    return _FUNCTIONS[formula.sign](*(_computed(part, values) for part in parts))


def _chosen(factor: Formula, choice: Formula) -> Formula:
    """A product with a choice as a choice of products: what is not chosen counts 0, even 0 · ∞."""
    if choice.sign in COMPARED:
        return Formula("if", (factor, choice, number(0)))
    then, condition, otherwise = choice.parts
    return Formula("if", (factor * then, condition, factor * otherwise))


def _erf(x: Array) -> Array:
    from backpropviz.engine.kernels.elementwise import erf as found

    return found(x)


def _step(x: Array) -> Array:
    return np.asarray(np.heaviside(x, np.asarray(0.5, np.asarray(x).dtype)))


_LETTERS: Final[Mapping[str, float]] = MappingProxyType({"π": math.pi})
COMPARED: Final = frozenset("><≥≤≠")
_FUNCTIONS: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "+": np.add,
        "−": np.subtract,
        "·": np.multiply,
        "/": np.divide,
        "-": np.negative,
        ">": np.greater,
        "<": np.less,
        "≥": np.greater_equal,
        "≤": np.less_equal,
        "≠": np.not_equal,
        "exp": np.exp,
        "log": np.log,
        "√": np.sqrt,
        "tanh": np.tanh,
        "erf": _erf,
        "max": np.maximum,
        "min": np.minimum,
        "step": _step,
    }
)

# Slopes ------------------------------------------------------------------------------------------


def derivative(formula: Formula, by: Formula) -> Formula:
    """The slope of a formula in one of its operands.

    At a corner it is the slope of the branch that the condition chooses there.
    """
    if formula == by:
        return number(1)
    if by not in set(walk(formula)):
        return number(0)
    parts = formula.parts
    slopes = [derivative(part, by) for part in parts]
    if formula.sign in _RULES:
        return _RULES[formula.sign](parts, slopes)
    return _SLOPES[formula.sign](formula, parts[0]) * slopes[0]


def _quotient(parts: Sequence[Formula], slopes: Sequence[Formula]) -> Formula:
    (above, below), (first, second) = parts, slopes
    if second == number(0):
        return first / below
    return first / below - above * second / below**2


def _power(parts: Sequence[Formula], slopes: Sequence[Formula]) -> Formula:
    power = int(parts[1].value)
    return power * parts[0] ** (power - 1) * slopes[0]


_RULES: Final[Mapping[str, Callable[[Sequence[Formula], Sequence[Formula]], Formula]]] = (
    MappingProxyType(
        {
            "if": lambda parts, slopes: where(parts[1], slopes[0], slopes[2]),
            "max": lambda parts, slopes: where(parts[0] > parts[1], slopes[0], slopes[1]),
            "min": lambda parts, slopes: where(parts[0] < parts[1], slopes[0], slopes[1]),
            "+": lambda _, slopes: slopes[0] + slopes[1],
            "−": lambda _, slopes: slopes[0] - slopes[1],
            "-": lambda _, slopes: -slopes[0],
            "·": lambda parts, slopes: slopes[0] * parts[1] + parts[0] * slopes[1],
            "/": _quotient,
            "^": _power,
        }
    )
)
_SLOPES: Final[Mapping[str, Callable[[Formula, Formula], Formula]]] = MappingProxyType(
    {
        "exp": lambda whole, _: whole,
        "log": lambda _, x: 1 / x,
        "√": lambda whole, _: 1 / (2 * whole),
        "tanh": lambda whole, _: 1 - whole**2,
        "erf": lambda _, x: 2 * exp(-(x**2)) / sqrt(letter("π")),
        **dict.fromkeys((*COMPARED, "step"), lambda _, __: number(0)),
    }
)

# Writing -----------------------------------------------------------------------------------------

_LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"if": 0, **dict.fromkeys(COMPARED, 1), "+": 2, "−": 2, "·": 3, "/": 3, "-": 4, "^": 5}
)
_ATOM: Final = 9


def needs_parentheses(whole: Formula, place: int) -> bool:
    """Whether a part has to stand in parentheses; a condition as a factor has brackets anyway."""
    part, sign = whole.parts[place], whole.sign
    level = _LEVELS.get(part.sign, _ATOM)
    if sign not in _LEVELS or part.sign in COMPARED:
        return False
    match sign:
        case "if":
            return level == 0
        case "-" | "^":
            return level < _ATOM
        case "/" if place == 0:
            return level < 3 or part.sign == "/"
    return level <= _LEVELS[sign] if place else level < _LEVELS[sign]


@frozen(eq=False)
class _Style:
    """How a formula is written: names of operands, signs, powers, calls, conditions."""

    names: Sequence[str]
    signs: Mapping[str, str]
    powers: Mapping[str, str]
    calls: Mapping[str, str]
    condition: str


def _written(formula: Formula, style: _Style, *, asks: bool = False) -> str:
    """`asks`: it is what an `if` asks, so that it needs no brackets."""
    sign, parts = formula.sign, formula.parts
    texts = []
    for place, part in enumerate(parts):
        text = _written(part, style, asks=sign == "if" and place == 1)
        is_loose = needs_parentheses(formula, place) and not _is_call(text)
        texts.append(f"({text})" if is_loose else text)
    match sign:
        case "x":
            return style.names[int(formula.value)]
        case "#":
            return f"{formula.value:g}".replace("-", style.signs.get("−", "−"))
        case "$":
            return style.signs.get(formula.letter, formula.letter)
        case "if":
            return style.calls["if"].format(*texts)
        case "-":
            return f"{style.signs.get('−', '−')}{texts[0]}"
        case "^":
            return texts[0] + style.powers.get(texts[1], f"{style.signs['^']}{texts[1]}")
        case _ if sign in COMPARED:
            text = f"{texts[0]} {style.signs.get(sign, sign)} {texts[1]}"
            return text if asks else style.condition.format(text)
        case _ if sign in _LEVELS:
            return f"{texts[0]} {style.signs.get(sign, sign)} {texts[1]}"
    return (
        style.calls[sign].format(*texts) if sign in style.calls else f"{sign}({', '.join(texts)})"
    )


def _is_call(text: str) -> bool:
    """Whether it is one call already: np.where(…) needs no parentheses around it."""
    if not text.startswith("np.") or not text.endswith(")"):
        return False
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character == ")":
            return place == len(text) - 1
    return False


_MATH: Final[Mapping[str, str]] = MappingProxyType({"^": "^"})
_PYTHON: Final[Mapping[str, str]] = MappingProxyType(
    {"·": "*", "−": "-", "≥": ">=", "≤": "<=", "≠": "!=", "^": "**", "π": "pi"}
)
_POWERS: Final[Mapping[str, str]] = MappingProxyType({"2": "²", "3": "³"})
_IF_ELSE: Final = "{0} if {1} else {2}"
_MATH_CALLS: Final[Mapping[str, str]] = MappingProxyType(
    {"if": _IF_ELSE, "√": "√({0})", "step": "([{0} > 0] + [{0} ≥ 0]) / 2"}
)
_PYTHON_CALLS: Final[Mapping[str, str]] = MappingProxyType(
    # NumPy's booleans do not add up, so the mean of two conditions is written out.
    {"if": _IF_ELSE, "√": "sqrt({0})", "step": "(1 if {0} > 0 else 0.5 if {0} == 0 else 0)"}
)
_NUMPY_CALLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "if": "np.where({1}, {0}, {2})",
        "√": "np.sqrt({0})",
        "step": "np.heaviside({0}, 0.5)",
        "max": "np.maximum({0}, {1})",
        "min": "np.minimum({0}, {1})",
        "erf": "np.vectorize(erf)({0})",
        **{name: f"np.{name}({{0}})" for name in ("exp", "log", "tanh")},
    }
)
