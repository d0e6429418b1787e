"""The current step in plain English: one sentence that says it, and a few that say why."""

from __future__ import annotations

from backpropviz.debugger.steps import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.words import Sentences, remark
from backpropviz.engine.nest import Factor, Presence, Rule
from backpropviz.engine.operands import Choice
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import said
from backpropviz.figures.sentences.backward import gradient_sentences
from backpropviz.figures.sentences.batch import batch_sentences, of_sample, sum_over_samples
from backpropviz.figures.sentences.overview import overview_sentences
from backpropviz.figures.sentences.story import Story
from backpropviz.figures.sentences.update import update_sentences
from backpropviz.figures.symbols import PARAMETERS

__all__ = ["Sentences", "sentences"]


def sentences(step: ExplainedStep) -> Sentences:
    """What happens in a step, with its own numbers."""
    derivation = step.derivation
    if derivation is None or step.operation is None:
        return overview_sentences(step).also(_of_tensor(step))
    story = Story(step, derivation)
    address = derivation.address
    if not story.is_finite:
        found = _not_finite(story)
    elif address.part and not address.is_gradient and address.quantity in PARAMETERS:
        found = update_sentences(story)
    elif address.is_gradient:
        found = gradient_sentences(story)
    else:
        found = remark(story) if derivation.rule is Rule.COPY else story.words.forward(story)
    return found.also((*batch_sentences(story), *_current_term(step, derivation)))


def _of_tensor(step: ExplainedStep) -> tuple[str, ...]:
    """How a whole gradient of a parameter sums over a batch."""
    operation = step.operation
    if operation is None or step.depth < Depth.TENSOR:
        return ()
    target = operation.nest.target
    is_shared = target.is_gradient and target.quantity in PARAMETERS
    return sum_over_samples(step.tape) if is_shared else ()


def _not_finite(story: Story) -> Sentences:
    """A NaN or an infinity comes from an operand or from an overflow."""
    derivation = story.derivation
    for number in story.not_finite_terms(most=1):
        term = derivation.terms[number]
        for factor in term.operands:
            if not _is_finite(factor.value):
                name = str(factor.address or factor.label)
                return Sentences(
                    f"This value is {said(story.value)}.",
                    (f"It takes it from {name}, which is {said(factor.value)}: look there.",),
                )
    return Sentences(
        f"This value is {said(story.value)}.",
        ("Its operands are finite, so it overflowed right here.",),
    )


def _is_finite(value: float) -> bool:
    return value - value == 0


def _current_term(step: ExplainedStep, derivation: Derivation) -> tuple[str, ...]:
    """What the current term adds."""
    number = step.progress.current
    if number is None or derivation.rule not in {Rule.SUM, Rule.MAX}:
        return ()
    if len(derivation.positions) < 2:
        return ()
    term = derivation.terms[number]
    place = f"Term {number + 1:,} of {len(derivation.positions):,}{of_sample(step, derivation)}"
    if term.presence is Presence.PADDING:
        return (f"{place} falls on padding, which counts as 0.",)
    if derivation.rule is Rule.MAX:
        largest = said(step.progress.running(derivation))
        return (f"{place} is {said(term.value)}; the largest so far is {largest}.",)
    if len(term.operands) == 1 or isinstance(derivation.nest.by_target.operands[0], Choice):
        return (f"{place} adds {said(term.value)}.",)
    factors = " × ".join(map(_factor, term.operands))
    return (f"{place} adds {factors} = {said(term.value)}.",)


def _factor(factor: Factor) -> str:
    return factor.label if "/" in factor.label else said(factor.value)
