"""What is proved of one value; each check gives '' or what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import numpy as np

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.nest import NestRule, Presence
from backpropviz.engine.operands import Indicator
from backpropviz.engine.value import parse
from backpropviz.figures.explain.code import CodeVersion
from backpropviz.figures.explain.formula import WrittenFormula, derivation_text, formula
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.symbols import equation_style
from backpropviz.figures.view import ALL, ExplainedStep, TermProgress
from backpropviz.scene.equation import (
    NumberNode,
    RowNode,
    TermNode,
    equation_latex,
    equation_text,
    walk,
)
from backpropviz.scene.equation_layout import layout_aligned
from backpropviz.scene.marks import Text
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import LIGHT
from tests.figures.code_runs import disagreement
from tests.proof.readers import of_latex, of_picture, of_text
from tests.proof.sums import shown_sum

_FLOAT32 = 1e-5
_PANEL_WIDTH = 343.0
_LINE = re.compile(r"^ +\d+ +(\S+)  = (.*?)(?:  padding)?$")
_OPERAND = re.compile(r"(\S+) \(([^()]+)\)")


def derivation_of(step: ExplainedStep) -> Derivation:
    """The derivation, which every step of a proof has."""
    assert step.derivation is not None
    return step.derivation


def terms_add_up(step: ExplainedStep) -> str:
    """initial + Σ terms + residue = the array's element; without the residue within float32."""
    found = derivation_of(step)
    value = float(step.tape[found.address.array][found.address.indices])
    terms = np.asarray(found.term_values, np.float64)
    if found.value != value:
        return f"value {found.value}, array {value}"
    if found.rule in {NestRule.MAX, NestRule.COPY}:
        made = float(terms.max())
        return "" if made == value else f"terms make {made}, array {value}"
    start = 0.0 if found.initial is None else found.initial.value
    made = math.fsum([start, *terms.tolist()])
    size = max(abs(start) + float(np.abs(terms).sum()), abs(value), _operand_size(found))
    if abs(made + found.residue - value) > 1e-9 * size:
        return f"terms {made} + residue {found.residue} are not {value}"
    return "" if abs(made - value) <= _FLOAT32 * size else f"terms make {made}, array {value}"


def _operand_size(found: Derivation) -> float:
    """A function such as p − 1 may leave a difference that is far smaller than what it is of."""
    if found.rule is not NestRule.FUNCTION:
        return 0.0
    return max(abs(factor.value) for factor in found.terms[0].operands)


def operands_resolve(step: ExplainedStep) -> str:
    """Every operand of every term has the tape's value, and together they make the term's."""
    found = derivation_of(step)
    for term in found.terms:
        for factor in term.operands:
            if factor.address is None or factor.presence is not Presence.PRESENT:
                continue
            if step.tape.value(factor.address) != factor.value:
                return f"{factor.address} is no {factor.value}"
        made = _made(found, term)
        if made is not None and not math.isclose(made, term.value, rel_tol=1e-12, abs_tol=0.0):
            return f"term {term.coordinates}: operands make {made}, term {term.value}"
    return ""


def _made(found: Derivation, term: Term) -> float | None:
    values = [factor.value for factor in term.operands]
    if term.presence is not Presence.PRESENT:
        return None if found.rule is NestRule.MAX else 0.0
    operands = found.nest.by_target.operands
    lost = any(isinstance(o, Indicator) and v == 0 for o, v in zip(operands, values, strict=True))
    if lost:
        return 0.0
    function = found.nest.function
    if function is None:
        return math.prod(values)
    return float(function(*(np.array([value]) for value in values))[0])


def text_lists_values(step: ExplainedStep) -> str:
    """The table of the text: each line's operands have the values that stand behind them."""
    for line in derivation_text(derivation_of(step)).splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        for name, number in _OPERAND.findall(found[2]):
            if "." not in name and name not in {"image", "loss"}:
                continue
            if not re.fullmatch(r"[\w.]+(\[[\d,]+\])?", name) or name[0].isdigit():
                continue
            value = step.tape.value(parse(name))
            if not math.isclose(float(decimal_of(number)), value, rel_tol=1e-8):
                return f"text: {name} is {value}, not {number}"
    return ""


def progresses(step: ExplainedStep) -> Iterator[TermProgress]:
    """The finished value, and one on its way."""
    found = derivation_of(step)
    count = found.term_values.size
    yield ALL
    if found.rule in {NestRule.SUM, NestRule.MAX} and count > 1:
        current = sum(found.address.indices) % count
        yield TermProgress(current, current + 1)


def equations_agree(step: ExplainedStep) -> str:
    """Text, LaTeX and picture of each equation say the same, and what they say adds up."""
    found = derivation_of(step)
    for progress in progresses(step):
        orders = TermOrder if found.term_values.size > 6 else (TermOrder.POSITION,)
        for order in orders:
            made = formula(found, progress, order=order)
            wrong = _readings_agree(made) or _numbers_add_up(found, made, progress)
            wrong = wrong or _same_terms(made) or _numbers_are_values(step, made, progress)
            if wrong:
                return wrong
    return ""


def _readings_agree(made: WrittenFormula) -> str:
    rows = (made.symbols, made.indices, made.numbers)
    style = equation_style(LIGHT)
    for row, laid in zip(rows, layout_aligned(rows, style, _PANEL_WIDTH), strict=True):
        text = of_text(equation_text(row))
        latex, picture = of_latex(equation_latex(row)), of_picture(laid)
        if not text == latex == picture:
            return f"text    {text}\nLaTeX   {latex}\npicture {picture}"
    return ""


def _numbers_add_up(found: Derivation, made: WrittenFormula, progress: TermProgress) -> str:
    if found.rule is not NestRule.SUM or found.term_values.size == 1:
        return ""
    style = equation_style(LIGHT)
    laid = layout_aligned((made.numbers,), style, _PANEL_WIDTH)[0]
    readings = (
        of_text(equation_text(made.numbers)),
        of_latex(equation_latex(made.numbers)),
        of_picture(laid),
    )
    sums = [shown_sum(reading) for reading in readings]
    first = sums[0]
    if first is None:
        return ""
    if not sums[0] == sums[1] == sums[2]:
        return f"read as {sums}"
    if not first.adds_up:
        return f"does not add up: {equation_text(made.numbers)}"
    total = progress.running(found)
    written = [t for t in walk(made.numbers) if isinstance(t, NumberNode) and t.bold]
    return "" if _shows(written[0].text, total) else f"total {written[0].text} for {total}"


def _same_terms(made: WrittenFormula) -> str:
    """The terms with indices are those with numbers, which may stand there twice (≈ … ≈ …)."""
    indices, numbers = _term_keys(made.indices), _term_keys(made.numbers)
    return "" if not numbers or numbers == indices else f"terms {indices} and {numbers}"


def _term_keys(row: RowNode) -> list[str]:
    return list(dict.fromkeys(n.key for n in walk(row) if isinstance(n, TermNode)))


def _numbers_are_values(step: ExplainedStep, made: WrittenFormula, progress: TermProgress) -> str:
    """Every drawn number with an address is the value there, to the digits that are shown."""
    own = str(derivation_of(step).address)
    (laid,) = layout_aligned((made.numbers,), equation_style(LIGHT), _PANEL_WIDTH)
    for mark in laid.marks:
        if not isinstance(mark, Text) or not mark.key or not re.match(r"−?[\d∞N]", mark.text):
            continue
        if mark.key.startswith("term:") or (mark.key == own and progress is not ALL):
            continue
        value = step.tape.value(parse(mark.key))
        if not _shows(mark.text, value):
            return f"{mark.key} is {value}, drawn {mark.text}"
    return ""


def _shows(text: str, value: float) -> bool:
    """Whether it is the value rounded to the digits shown; a sign may stand before it."""
    shown = decimal_of(text)
    if not shown.is_finite():
        return not math.isfinite(value)
    unit = 10.0 ** int(shown.as_tuple().exponent)
    return abs(abs(float(shown)) - abs(value)) <= 0.5000001 * unit


CHECKS: dict[str, Callable[[ExplainedStep], str]] = {
    "terms add up to the element": terms_add_up,
    "operands resolve to their values": operands_resolve,
    "the text lists the values": text_lists_values,
    "text, LaTeX and picture agree": equations_agree,
}


def code_gives_the_value(step: ExplainedStep, version: CodeVersion) -> str:
    """The program of the code lens, run as it is copied."""
    return disagreement(step, version)
