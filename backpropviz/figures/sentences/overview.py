"""Sentences about steps that hold more than one value: a channel, a tensor, … the pass."""

from __future__ import annotations

import math

from backpropviz.debugger.steps import Depth
from backpropviz.engine.kinds.kind import Kind, Pattern
from backpropviz.engine.kinds.pooling import losers_in_general
from backpropviz.engine.kinds.words import Sentences
from backpropviz.engine.mode import draws_masks, recorded_mode
from backpropviz.engine.nest import Nest, Rule
from backpropviz.engine.network import Network
from backpropviz.engine.operands import Indicator
from backpropviz.engine.program import Operation, Phase
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import counted, said
from backpropviz.figures.sentences.story import comes_from_filter
from backpropviz.figures.symbols import Notation

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
    if nest.rule is Rule.COPY:
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
    if nest.rule is Rule.FUNCTION:
        return "each a function of its operands"
    if nest.target.is_gradient and nest.target.quantity.startswith("input"):
        return f"each of at most {counted(terms, 'term')}"
    return f"each of {counted(terms, 'term')}"
