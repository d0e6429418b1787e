"""The explanation of a step: sentence, reasons, three equations, counters, code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.debugger.steps import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.engine.program import Operation, operation_of
from backpropviz.engine.tape import Tape
from backpropviz.figures.code.block import code_block, version_switch
from backpropviz.figures.code.code import CodeVersion, code_lines
from backpropviz.figures.equations.folding import TermOrder
from backpropviz.figures.equations.formula import Formula, formula, in_symbols
from backpropviz.figures.explanation.counters import counter_row, counters
from backpropviz.figures.explanation.explained_step import ALL, ExplainedStep
from backpropviz.figures.explanation.stack import (
    Part,
    equations,
    hairline,
    paragraph,
    space,
    stacked,
)
from backpropviz.figures.roles import equation_style
from backpropviz.figures.sentences.sentences import sentences
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box, Group, Scene
from backpropviz.scene.theme import BODY, LABEL, SENTENCE, Theme

__all__ = ["ExplainedStep", "derivation_scene", "explanation"]

_PADDING = 16.0
_SENTENCE_LINE, _BODY_LINE, _LABEL_LINE = 22.0, 20.0, 16.0
UNFOLD_KEY: Final = "terms:unfold"
"""The mark that asks for all terms of a long sum, or for fewer again."""
_SCENE_WIDTH, _LEDGER_HEIGHT = 680.0, 340.0
_MOST_TERMS = 6
_TERMS, _SMALLEST_SCALE = (_MOST_TERMS, 4, 3), 0.9
"""Fewer terms are written out where they would have to be made smaller."""


@frozen
class Shown:
    """What a person chose to see: the version of the code, all terms, and their order."""

    code_version: CodeVersion = CodeVersion.LOOPS
    unfolded: bool = False
    order: TermOrder | None = None


def explanation(
    step: ExplainedStep,
    width: float,
    theme: Theme,
    *,
    code_version: CodeVersion = CodeVersion.LOOPS,
    unfolded: bool = False,
    order: TermOrder | None = None,
) -> Scene:
    """A step explained in a column of that width; as high as it needs to be.

    Without an `order` a finished long sum begins with its largest terms, any other as its loops do.
    Keys: values are addresses, terms `term:<n>`, symbols `array:<name>`; `UNFOLD_KEY` and the keys
    of `version_key` are asked for by a click.
    """
    shown = Shown(code_version, unfolded, order)
    column = stacked(_parts(step, width, theme, shown), _PADDING)
    height = column.height + _PADDING
    title = str(step.derivation.address) if step.derivation else "explanation"
    return Scene(width, height, theme.panel, column.marks, title)


def derivation_scene(derivation: Derivation, theme: Theme) -> Scene:
    """One finished value explained, with its ledger, for a notebook."""
    from backpropviz.figures.ledger.ledger import ledger

    width = _SCENE_WIDTH
    marks: tuple[Group, ...] = ()
    top = _PADDING
    if isinstance(derivation.tape, Tape):
        step = ExplainedStep(
            derivation, _operation(derivation.tape, derivation), Depth.ELEMENT, derivation.tape
        )
        column = stacked(_parts(step, width, theme, Shown()), _PADDING)
        marks = (Group(column.marks),)
        top = column.height
    box = Box(_PADDING, top + _PADDING, width - 2 * _PADDING, _LEDGER_HEIGHT)
    card = ledger(derivation, ALL, box, theme, _order(derivation))
    height = box.bottom + _PADDING
    return Scene(width, height, theme.panel, (*marks, *card), str(derivation.address))


def _operation(tape: Tape, derivation: Derivation) -> Operation | None:
    target = derivation.nest.target
    return operation_of(tape.network, tape.batch, tape.optimizer, tape.iteration, target)


def _order(derivation: Derivation) -> TermOrder:
    """A finished long sum begins with its largest terms."""
    is_long = derivation.rule is Rule.SUM and derivation.term_values.size > _MOST_TERMS
    return TermOrder.SIZE if is_long else TermOrder.POSITION


def _parts(step: ExplainedStep, width: float, theme: Theme, shown: Shown) -> Iterator[Part]:
    inner = width - 2 * _PADDING
    told = sentences(step)
    key = str(step.derivation.address) if step.derivation else ""
    yield paragraph(told.bold, SENTENCE, _SENTENCE_LINE, theme.text, inner, _PADDING, key)
    if told.plain:
        yield space(8)
        text = " ".join(told.plain)
        yield paragraph(text, BODY, _BODY_LINE, theme.text_secondary, inner, _PADDING)
    yield from _equations(step, inner, theme, shown)
    yield from _terms(step, inner, theme, shown)
    found = counters(step, theme)
    if found:
        yield space(12)
        yield hairline(inner, theme.border, _PADDING)
        yield space(12)
        yield counter_row(found, inner, _PADDING, theme)
    lines = code_lines(step, shown.code_version)
    if lines:
        yield space(12)
        yield version_switch(shown.code_version, inner, _PADDING, theme)
        yield space(2)
        yield code_block(lines, inner, _PADDING, width, theme)


def _terms(step: ExplainedStep, width: float, theme: Theme, shown: Shown) -> Iterator[Part]:
    """The way to all terms of a long sum, and where it was taken the terms."""
    derivation = step.derivation
    if derivation is None or derivation.rule not in {Rule.SUM, Rule.MAX}:
        return
    count = derivation.term_values.size
    if count <= _MOST_TERMS:
        return
    text = f"Fold the {count:,} terms" if shown.unfolded else f"Show all {count:,} terms"
    yield space(8)
    yield paragraph(text, LABEL, _LABEL_LINE, theme.update, width, _PADDING, UNFOLD_KEY)
    if shown.unfolded:
        from backpropviz.figures.explanation.term_list import term_list

        order = shown.order or TermOrder.POSITION
        yield space(4)
        yield term_list(derivation, step.progress, order, width, _PADDING, theme)


def _equations(step: ExplainedStep, width: float, theme: Theme, shown: Shown) -> Iterator[Part]:
    style = equation_style(theme)
    derivation, operation = step.derivation, step.operation
    if derivation is None:
        if operation is None or step.depth <= Depth.PHASE:
            return
        yield space(12)
        yield _label("In symbols", width, theme)
        yield from equations([in_symbols(operation.nest, step.tape)], style, width, _PADDING)
        return
    order = shown.order or (
        _order(derivation) if step.progress.current is None else TermOrder.POSITION
    )
    for most in _TERMS:
        found = formula(derivation, step.progress, most=most, order=order)
        trees = (found.symbols, found.indices, found.numbers)
        laid = equations(trees, style, width, _PADDING)
        if all(part.scale >= _SMALLEST_SCALE for part in laid):
            break
    for label, part in zip(_labels(found, order), laid, strict=True):
        yield space(12)
        yield _label(label, width, theme)
        yield space(2)
        yield part


def _labels(found: Formula, order: TermOrder) -> tuple[str, str, str]:
    where = f", where {found.where}" if found.where else ""
    largest = ", largest first" if order is TermOrder.SIZE else ""
    return "In symbols", f"With indices{where}", f"With numbers{largest}"


def _label(text: str, width: float, theme: Theme) -> Part:
    return paragraph(text, LABEL, _LABEL_LINE, theme.text_secondary, width, _PADDING)
