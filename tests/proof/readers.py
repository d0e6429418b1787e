"""Three readers of one equation: of its text, of its LaTeX, and of the marks that are drawn.

Each gives one line of plain characters: what is said, without what only sets it (braces, brackets,
`^`, the dots of products). So two readings are equal where letters, indices, numbers, signs,
fractions and remarks are the same, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

from backpropviz.scene.equation_layout import Laid
from backpropviz.scene.marks import Ellipse, Mark, Rect, Text

_REMARK = re.compile(r"\(([\d,]+) more\)|(rounding|so far|padding)")
_SET_ONLY = re.compile(r"[\s()\[\]{}|·^_√⌊⌋]")
_SIGNS = {
    r"\partial": "∂", r"\sum": "∑", r"\prod": "∏", r"\cdot": "·", r"\times": "×", r"\odot": "⊙",
    r"\pm": "±", r"\ge": "≥", r"\le": "≤", r"\ne": "≠", r"\approx": "≈", r"\dots": "…",
    r"\infty": "∞", r"\ell": "ℓ", r"\bullet": "•", r"\eta": "η", r"\mu": "μ", r"\sigma": "σ",
    r"\pi": "π",
    r"\beta": "β", r"\gamma": "γ", r"\varepsilon": "ε", r"\Delta": "Δ", r"\delta": "δ",
    r"\lambda": "λ", r"\alpha": "α", r"\rho": "ρ", r"\theta": "θ", r"\lfloor": "", r"\rfloor": "",
    r"\_": "_", r"\,": " ", r"\prime": "′",
}  # fmt: skip
_STYLES = frozenset({r"\mathbf", r"\mathrm", r"\mathit", r"\mbox", r"\mathop", r"\hspace"})
_ACCENTS = {r"\hat": "\u0302", r"\bar": "\u0304", r"\tilde": "\u0303"}
_LATEX_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)

_POWER_OF_TEN = re.compile(r" ?\\times 10\^\{(-?\d+)\}")
"""What text and picture write as `8.1e−4`."""


def of_text(text: str) -> str:
    """What one line of plain text says."""
    return canonical(text)


def of_latex(latex: str) -> str:
    """What LaTeX says: its commands are read, not its source compared."""
    tokens = _LATEX_TOKEN.findall(_POWER_OF_TEN.sub(r"e\1", latex))
    return canonical("".join(_read(iter(tokens), "")))


def _read(tokens: Iterator[str], end: str) -> Iterator[str]:
    for token in tokens:
        if token == end:
            return
        yield _meaning(token, tokens)


def _meaning(token: str, tokens: Iterator[str]) -> str:
    if token == "{":
        return "".join(_read(tokens, "}"))
    if token == r"\frac":
        return f"{_argument(tokens)}/{_argument(tokens)}"
    if token in {r"\left", r"\right"}:
        return next(tokens)
    if token == r"\hspace":
        _argument(tokens)
        return " "
    if token in _ACCENTS:
        return _argument(tokens) + _ACCENTS[token]
    if token in _STYLES or token == r"\sqrt":
        return ""
    if token in _SIGNS:
        return _SIGNS[token]
    if token.startswith("\\"):
        return token[1:]
    return {"~": " ", "-": "−", "'": "′"}.get(token, token)


def _argument(tokens: Iterator[str]) -> str:
    first = next(tokens)
    return "".join(_read(tokens, "}")) if first == "{" else _meaning(first, tokens)


def of_picture(laid: Laid) -> str:
    """What the marks say; indices and fractions are told by where they stand."""
    texts: list[str] = []
    bars: list[_Bar] = []
    for mark in _scripts_in_reading_order(list(laid.marks)):
        if isinstance(mark, Ellipse):
            texts.append("•")
        elif isinstance(mark, Text) or (isinstance(mark, Rect) and not mark.radius):
            while bars and _is_below(mark, bars[-1].rect):
                texts.append("/" if bars.pop().has_numerator else "")
            if isinstance(mark, Rect):
                bars.append(_Bar(mark))
            else:
                texts.append(mark.text)
                for bar in bars:
                    bar.has_numerator = True
    assert not bars, "a fraction without a denominator"
    return canonical(" ".join(texts))


@dataclass
class _Bar:
    """A bar that waits for what stands below it; that of a root has nothing above it."""

    rect: Rect
    has_numerator: bool = False


def _is_below(mark: Text | Rect, bar: Rect) -> bool:
    return mark.y > bar.y and bar.x - 1 <= mark.x <= bar.x + bar.width


def _scripts_in_reading_order(marks: list[Mark]) -> Iterator[Mark]:
    """An index is read before an exponent that stands above it."""
    script: list[Text] = []
    for mark in marks:
        if isinstance(mark, Text) and mark.font.size < 12 and mark.font.family != "JetBrains Mono":
            script.append(mark)
            continue
        yield from sorted(script, key=lambda text: -text.y)
        script = []
        yield mark
    yield from sorted(script, key=lambda text: -text.y)


def canonical(line: str) -> str:
    """The characters that say something; remarks between « and »."""
    told = _REMARK.sub(lambda found: f"«{found[1] or found[2]}»", line)
    plain = normalize("NFD", told).replace("½", "1/2").replace("-", "−")
    return _SET_ONLY.sub("", plain)
