"""The current step in plain English: one sentence that says it, and a few that say why."""

from __future__ import annotations

import math

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.pooling import losers_in_general
from backpropviz.engine.kinds.protocol import Kind, Pattern
from backpropviz.engine.kinds.words import Sentences, remark
from backpropviz.engine.model import draws_masks, recorded_mode
from backpropviz.engine.nest import Factor, Nest, NestRule, Presence
from backpropviz.engine.network import Network
from backpropviz.engine.operands import Choice, Indicator
from backpropviz.engine.tape import Operation, Phase
from backpropviz.figures.explain.story import (
    Story,
    batch_sentences,
    comes_from_filter,
    gradient_sentences,
    of_sample,
    sum_over_samples,
    update_sentences,
)
from backpropviz.figures.numbers import counted, said
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.figures.view import ExplainedStep

_PHASES = {
    Phase.FORWARD: Sentences(
        "The image goes forward through every layer, up to the prediction.",
        ("Each layer keeps what it will need on the way back.",),
    ),
    Phase.LOSS: Sentences(
        "Prediction and target become one number: how wrong the network is.",
        ("Everything that follows asks what this number depends on.",),
    ),
    Phase.BACKWARD: Sentences(
        "The loss is traced back, layer by layer, to every weight and pixel.",
        ("Each layer turns the gradient of its output into those of its weights and its input.",),
    ),
    Phase.UPDATE: Sentences(
        "Every parameter takes a step against its gradient.",
        ("All steps use the old values; a gradient is not yet an update.",),
    ),
}


def overview_sentences(step: ExplainedStep) -> Sentences:
    """What happens in a larger step."""
    operation = step.operation
    if not step.has_begun:
        return Sentences(
            "Nothing has run yet.",
            ("Step over or into: what a step computes is explained here, with its numbers.",),
        )
    if operation is None:
        return Sentences(
            "The training step is complete: every value is computed.",
            (f"The loss is {said(step.tape.loss)}.",),
        )
    if step.depth is Depth.PASS:
        return Sentences(
            "One training step: forward, loss, backward, update.",
            (
                "Forward finds the loss, backward finds who is responsible, update acts on it.",
                *_mode(step.tape.network),
            ),
        )
    if step.depth is Depth.PHASE:
        return _PHASES[operation.phase]
    if step.depth is Depth.LAYER:
        return _layer(step, operation)
    return _tensor(step, operation)


def _mode(network: Network) -> tuple[str, ...]:
    """Which formulas normalization and dropout follow, as far as there are any."""
    mode = recorded_mode(network)
    if mode is None:
        return ()
    is_training = mode == "train"
    parts = []
    if network.buffered:
        whose = "the batch's own" if is_training else "the running"
        parts.append(f"batch normalization takes {whose} statistics")
    if draws_masks(network):
        parts.append("dropout drops values" if is_training else "dropout drops nothing")
    return (f"It is recorded in the mode {mode}: {' and '.join(parts)}.",)


def _layer(step: ExplainedStep, operation: Operation) -> Sentences:
    layer = operation.layer
    match operation.phase:
        case Phase.FORWARD:
            return Sentences(f"{layer} computes its output.", (operation.nest.remark,))
        case Phase.LOSS:
            return Sentences("The loss is computed.", (operation.nest.remark,))
        case Phase.UPDATE:
            return Sentences(f"The parameters of {layer} take their steps.")
        case Phase.BACKWARD:
            node = step.tape.network.by_name.get(layer)
            own = node is not None and step.tape.network.parameter_shapes(node)
            what = "its parameters and its input" if own else "its input"
            return Sentences(
                f"{layer} turns the gradient of its output into that of {what}.",
                (operation.nest.remark,),
            )


def _tensor(step: ExplainedStep, operation: Operation) -> Sentences:
    nest = operation.nest
    name = Notation.of(step.tape).short(nest.target)
    values = counted(math.prod(nest.shape), "value")
    if nest.rule is NestRule.COPY:
        return Sentences(nest.remark, (f"{name}: {values}, copied in one step.",))
    bold = _bold(step, nest) or nest.remark
    further: tuple[str, ...] = (nest.remark,) if bold != nest.remark else ()
    if _hands_back_to_winners(nest):
        further = losers_in_general(comes_from_filter=comes_from_filter(step))
    return Sentences(bold, (*further, f"{name} holds {values}, {_terms(nest)}."))


def _bold(step: ExplainedStep, nest: Nest) -> str:
    target = nest.target
    if _hands_back_to_winners(nest):
        return "Each window hands its whole gradient to the cell that won it. The losers get 0."
    about = None if step.layer is None else step.layer.about
    is_filter = isinstance(about, Kind) and about.pattern is Pattern.FILTERS
    if target.is_gradient and target.quantity == "weight" and is_filter:
        return "Each filter weight gathers from every position that it met."
    return ""


def _hands_back_to_winners(nest: Nest) -> bool:
    """Whether it is a max-pooling's way back where the first of several winners takes all."""
    return any(type(operand) is Indicator for operand in nest.by_target.operands)


def _terms(nest: Nest) -> str:
    loops = nest.by_target
    first = loops.channel_axes + loops.element_axes
    terms = math.prod(axis.size for axis in loops.axes[first:])
    if nest.rule is NestRule.FUNCTION:
        return "each a function of its operands"
    if nest.target.is_gradient and nest.target.quantity.startswith("input"):
        return f"each of at most {counted(terms, 'term')}"
    return f"each of {counted(terms, 'term')}"


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
        found = remark(story) if derivation.rule is NestRule.COPY else story.words.forward(story)
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
    if number is None or derivation.rule not in {NestRule.SUM, NestRule.MAX}:
        return ()
    if len(derivation.positions) < 2:
        return ()
    term = derivation.terms[number]
    place = f"Term {number + 1:,} of {len(derivation.positions):,}{of_sample(step, derivation)}"
    if term.presence is Presence.PADDING:
        return (f"{place} falls on padding, which counts as 0.",)
    if derivation.rule is NestRule.MAX:
        largest = said(step.progress.running(derivation))
        return (f"{place} is {said(term.value)}; the largest so far is {largest}.",)
    if len(term.operands) == 1 or isinstance(derivation.nest.by_target.operands[0], Choice):
        return (f"{place} adds {said(term.value)}.",)
    factors = " × ".join(map(_factor, term.operands))
    return (f"{place} adds {factors} = {said(term.value)}.",)


def _factor(factor: Factor) -> str:
    return factor.label if "/" in factor.label else said(factor.value)
