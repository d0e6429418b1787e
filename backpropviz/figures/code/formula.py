"""A function's formula as Python, for numbers or for whole arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backpropviz.engine.kinds.activation import SLOPES_AT_ZERO

_CODE_OF = {
    "η": "lr",
    "λ": "decay",
    "μ": "momentum",
    "α": "alpha",
    "β": "beta",
    "ε": "eps",
    "π": "pi",
    "δ": "delta",
    "p": "drop",
    "₁": "1",
    "₂": "2",
    "ᵗ": "**t",
    "−": "-",
}
_SIGNS = (
    ("·", "*"),
    ("−", "-"),
    ("²", "**2"),
    ("³", "**3"),
    ("√", "sqrt"),
    ("½", "0.5"),
    ("≥", ">="),
)
_HALF = SLOPES_AT_ZERO[0.5]
# NumPy's booleans do not add up, so the mean of two conditions is written out.
_HALF_IN_PYTHON = "{0} * (1 if {1} > 0 else 0.5 if {1} == 0 else 0)"
_HALF_IN_NUMPY = "{0} * np.heaviside({1}, 0.5)"


def python_formula(expression: str, operands: Sequence[str]) -> str:
    """`{0} · [{1} > 0]` as `g[0,1] * (o[0,1] > 0)`."""
    text = _HALF_IN_PYTHON if expression == _HALF else _with_signs(expression)
    return _filled(text, operands)


def numpy_formula(expression: str, operands: Sequence[str]) -> str:
    """The same for arrays: `np.maximum(o, 0)`, `np.where(o > 0, o, alpha * o)`."""
    text = _HALF_IN_NUMPY if expression == _HALF else _with_signs(expression)
    text = re.sub(r"\((.+?) if (.+?) else (.+?)\)", r"np.where(\2, \1, \3)", text)
    text = re.sub(r"^(.+?) if (.+?) else (.+?)$", r"np.where(\2, \1, \3)", text)
    text = re.sub(r"\bmax\(", "np.maximum(", text)
    text = re.sub(r"(?<![\w.])(exp|log|sqrt|tanh)\(", r"np.\1(", text)
    text = re.sub(r"\berf\(", "np.vectorize(erf)(", text)
    return _filled(text, operands)


def python_constant(label: str) -> str:
    """`η` as `lr`, `1 − β₁` as `(1 - beta1)`; p, which is a pooling's output, as `drop`."""
    text = "".join(_CODE_OF.get(character, character) for character in label)
    return f"({text})" if " " in label else text


def _with_signs(expression: str) -> str:
    text = re.sub(r"(?<!\w)1?\[(.+?)\]", r"(\1)", expression)
    for sign, code in _SIGNS:
        text = text.replace(sign, code)
    return text


def _filled(text: str, operands: Sequence[str]) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: operands[int(match[1])], text)
