"""The current step in plain English: one sentence that says it, and a few that say why."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation, sample_axis, sample_shares
from backpropviz.engine.kinds.pooling import losers_in_general
from backpropviz.engine.kinds.protocol import LOSS_NAME, TARGET, Kind, Pattern
from backpropviz.engine.kinds.words import (
    Sentences,
    Words,
    count_of_nonzero,
    handed_on,
    not_zero,
    remark,
)
from backpropviz.engine.model import draws_masks, recorded_mode
from backpropviz.engine.nest import Factor, Nest, NestRule, Operand, Presence
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.operands import Choice, Indicator
from backpropviz.engine.tape import Operation, Phase, Tape
from backpropviz.engine.value import Address, Array
from backpropviz.figures.numbers import counted, group_texts, said, said_exactly
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.figures.view import ExplainedStep, has_samples
from backpropviz.frozen import frozen


@frozen(eq=False, slots=False)
class Story:
    """One value and its surroundings."""

    step: ExplainedStep
    derivation: Derivation

    @property
    def address(self) -> Address:
        """Whose story it is."""
        return self.derivation.address

    @cached_property
    def value(self) -> float:
        return self.step.progress.running(self.derivation)

    @cached_property
    def is_complete(self) -> bool:
        return self.step.progress.mask(self.derivation.term_values.size) is None

    @property
    def so_far(self) -> str:
        """How a sentence about a sum that is not complete begins."""
        return "" if self.is_complete else "So far, "

    @property
    def is_finite(self) -> bool:
        """Whether the value is a number in the ordinary sense, or has no terms at all."""
        return math.isfinite(self.value) or self.derivation.term_values.size == 0

    def not_finite_terms(self, most: int) -> list[int]:
        """Numbers of the first terms that are NaN or infinite."""
        found = np.flatnonzero(~np.isfinite(self.derivation.term_values))
        return [int(k) for k in found[:most]]

    @property
    def layer(self) -> Any:
        return self.step.layer

    @property
    def optimizer(self) -> Any:
        return self.step.tape.optimizer

    @property
    def words(self) -> Words:
        layer = self.layer
        return Words() if layer is None else layer.about.words

    @property
    def noun(self) -> str:
        node = self._node
        return "pixel" if node is not None and node.inputs[0] == IMAGE_NAME else "value"

    @property
    def goes_into_maximum(self) -> bool:
        """Whether the one layer that reads the output keeps the largest of each window."""
        node = self._node
        readers = () if node is None else self.step.tape.network.consumers.get(node.name, ())
        reader = readers[0][0] if len(readers) == 1 else None
        return reader is not None and reader.layer.about.pattern is Pattern.LARGEST

    @property
    def comes_from_filter(self) -> bool:
        """Whether a convolution made the map that the layer reads."""
        return comes_from_filter(self.step)

    def said(self, value: float) -> str:
        return said(value)

    def said_exactly(self, value: float) -> str:
        """A setting, with all of its digits."""
        return said_exactly(value)

    def counted(self, number: int, noun: str) -> str:
        """`1 value`, `1,024 values`."""
        return counted(number, noun)

    def target_at(self, sample: int) -> int:
        """The class that a sample should be given."""
        return int(self.step.tape[TARGET].reshape(-1)[sample])

    def terms_seen(self) -> Array:
        values = self.derivation.term_values
        mask = self.step.progress.mask(values.size)
        return values if mask is None else values[mask]

    @property
    def _node(self) -> Node | None:
        operation = self.step.operation
        return self.step.tape.network.by_name.get(operation.layer) if operation else None

    @property
    def notation(self) -> Notation:
        return Notation.of(self.step.tape)

    def value_at(self, address: Address) -> float:
        return float(self.step.tape[address])

    def has(self, address: Address) -> bool:
        return address.array in self.step.tape

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self.derivation.nest.by_target.operands

    def all_values(self, number: int) -> Array:
        """The operand `number` of every term."""
        block = self.operands[number].block(self.derivation.tape, self.derivation.region)
        return self._of_terms(block)

    def _of_terms(self, block: Array) -> Array:
        """A block's entries at the terms that exist."""
        derivation = self.derivation
        flat = np.broadcast_to(block, tuple(len(r) for r in derivation.region)).reshape(-1)
        return flat if flat.size == derivation.positions.size else flat[derivation.positions]

    def padding_count(self, number: int) -> int:
        """How many terms find no cell of operand `number`, but padding."""
        derivation = self.derivation
        inside = self.operands[number].inside(derivation.tape, derivation.region)
        if inside is None:
            return 0
        found = self._of_terms(inside)
        return int(found.size - np.count_nonzero(found))

    @property
    def is_of_loss(self) -> bool:
        """Whether the operation belongs to the loss."""
        return self.address.layer == LOSS_NAME


def comes_from_filter(step: ExplainedStep) -> bool:
    """Whether a convolution made the map that a step's layer reads, each value in its place."""
    network, operation = step.tape.network, step.operation
    node = network.by_name.get(operation.layer) if operation is not None else None
    while node is not None and node.layer.about.pattern is not Pattern.FILTERS:
        is_on_the_way = node.layer.about.pattern.keeps_places
        node = network.by_name.get(node.inputs[0]) if is_on_the_way else None
    return node is not None


def batch_sentences(story: Story) -> tuple[str, ...]:
    """Nothing where there is one sample only."""
    tape, address = story.step.tape, story.address
    if tape.batch == 1:
        return ()
    if address.is_gradient and address.quantity in PARAMETERS:
        return (*sum_over_samples(tape), *_largest_share(story))
    if not address.indices or not _is_of_samples(story):
        return ()
    sample = address.indices[0]
    return (f"It belongs to sample {sample} of {tape.batch}{_target(story, sample)}.",)


def _is_of_samples(story: Story) -> bool:
    tape, array = story.step.tape, story.address.array
    shape = tape[array].shape
    return has_samples(array, shape, tape.batch) or (story.is_of_loss and shape == (tape.batch,))


def sum_over_samples(tape: Tape) -> tuple[str, ...]:
    """How a parameter's gradient is made of the samples, and where 1/N comes in."""
    count, loss = tape.batch, tape.network.loss
    if count == 1:
        return ()
    if loss.reduction == "sum":
        return (f"The loss adds up {count} samples, and so does this gradient.",)
    is_plain = loss.about.is_of_samples(loss)
    factor = f"the factor 1/{count}" if is_plain else "its factor"
    mean = f"The loss is the mean over {count} samples; {factor} came in once, at the loss"
    return (f"{mean}, so here {count} shares simply add up.",)


def of_sample(step: ExplainedStep, derivation: Derivation) -> str:
    """`, in sample 5,` where the current term of a sum over samples is in one of several."""
    axis, number = sample_axis(derivation.nest.by_target), step.progress.current
    if step.tape.batch == 1 or axis is None or number is None or sample_shares(derivation) is None:
        return ""
    return f", in sample {derivation.coordinates(number)[axis]},"


def _largest_share(story: Story) -> tuple[str, ...]:
    """The sample that adds most, where all have run."""
    shares = sample_shares(story.derivation) if story.is_complete else None
    if shares is None or not np.isfinite(shares.values).all() or not shares.values.any():
        return ()
    sample = int(np.argmax(np.abs(shares.values)))
    return (f"Sample {sample} has the largest: {said(float(shares.values[sample]))}.",)


def _target(story: Story, sample: int) -> str:
    if not story.step.tape.network.loss.about.is_of_classes:
        return ""
    target = int(np.asarray(story.step.tape[TARGET]).reshape(-1)[sample])
    names = story.step.model.class_names if story.step.model is not None else ()
    return f", whose target is {names[target] if target < len(names) else target}"


def update_sentences(story: Story) -> Sentences:
    """What happens to one parameter."""
    part = story.address.part
    if part == "next":
        parameter = story.address.of("")
        before, after = group_texts([story.value_at(parameter), story.value], 4)
        name = _noun(parameter)
        gradient = story.value_at(parameter.grad)
        if story.value_at(parameter.of("step")) == 0:
            return Sentences(f"The {name} stays at {before}.", ("Its step is 0.",))
        if before == after:
            return Sentences(
                f"The {name} stays near {before}: its step is too small to be seen here.",
                (f"The step is {said(story.value_at(parameter.of('step')))}.",),
            )
        return Sentences(
            f"The {name} goes from {before} to {after}.",
            (f"Its gradient was {said(gradient)}; the step, not the gradient, is added.",),
        )
    if part == "step":
        return _step(story)
    own = story.step.tape.optimizer.about.parts.get(part)
    if own is not None:
        return own.says(story)
    remark = story.derivation.nest.remark
    return Sentences(f"{part} is now {said(story.value)}.", (remark,) if remark else ())


def _step(story: Story) -> Sentences:
    parameter = story.address.of("")
    gradient = story.value_at(parameter.grad)
    name, value = _noun(parameter), story.value
    rate = story.step.tape.optimizer.learning_rate
    plain: tuple[str, ...] = (
        f"The learning rate is {said_exactly(rate)}, the gradient {said(gradient)}.",
    )
    if value == 0:
        return Sentences(f"The step is 0, so the {name} stays as it is.", plain)
    verb = "raises" if value > 0 else "lowers"
    if gradient == 0:
        stronger = opponent(story.step.tape, parameter)
        bold = f"The gradient is 0, but {stronger} {verb} the {name}."
    elif (gradient > 0) != (value > 0):
        uphill = "The gradient points uphill; the step goes down: "
        bold = f"{uphill}it {verb} the {name} by {said(abs(value))}."
    else:
        bold = f"The step {verb} the {name} by {said(abs(value))}, against its own gradient."
        stronger = opponent(story.step.tape, parameter)
        plain = (*plain, f"{stronger[0].upper()}{stronger[1:]} is stronger.")
    return Sentences(bold, plain)


def opponent(tape: Tape, parameter: Address) -> str:
    """What can turn a step against its own gradient."""
    decayed = parameter.of("decayed")
    if decayed.array in tape:
        with_decay, gradient = tape.value(decayed), tape.value(parameter.grad)
        if (with_decay > 0) != (gradient > 0):
            return "weight decay"
    return "the optimizer's memory of earlier gradients"


def _noun(parameter: Address) -> str:
    return "bias" if parameter.quantity == "bias" else "weight"


def gradient_sentences(story: Story) -> Sentences:
    """What a gradient says and how it came about."""
    address = story.address
    if any(isinstance(operand, Choice) for operand in story.operands):
        return _accumulated(story)
    if address.quantity in PARAMETERS:
        is_bias = address.quantity == "bias"
        why = (_why_bias(story),) if is_bias else story.words.parameter(story)
        return Sentences(direction(story), why)
    if story.is_of_loss and not address.indices:
        start = "The loss moves by 1 when the loss moves by 1: here the way back begins."
        return Sentences(start)
    if story.derivation.rule is NestRule.COPY:
        return handed_on(story)
    return story.words.gradient(story)


def direction(story: Story) -> str:
    """Which way a parameter's gradient points and what the update does about it."""
    noun = "bias" if story.address.quantity == "bias" else "weight"
    if story.value == 0:
        if not story.is_complete:
            return f"So far, this {noun} has made no difference to the loss."
        return f"Changing this {noun} by a little does not change the loss."
    verb = "raises" if story.value > 0 else "lowers"
    if not story.is_complete:
        answer = "lower" if story.value > 0 else "raise"
        return (
            f"So far, raising this {noun} by a little {verb} the loss, "
            f"so the update would {answer} it."
        )
    return f"Raising this {noun} by a little {verb} the loss, {_answer(story, noun)}."


def _answer(story: Story, noun: str) -> str:
    """What the step really does: momentum may go another way, a learning rate of 0 nowhere."""
    step = story.address.of("step")
    if not story.has(step):
        return "so the update " + ("lowers" if story.value > 0 else "raises") + " it"
    value = story.value_at(step)
    if value == 0:
        return f"but the step is 0 and the {noun} stays"
    verb = "raises" if value > 0 else "lowers"
    if (value > 0) == (story.value > 0):
        stronger = opponent(story.step.tape, story.address.of(""))
        return f"but {stronger} {verb} it even so"
    return f"so the update {verb} it"


def _why_bias(story: Story) -> str:
    upstream = story.all_values(0)
    if upstream.size == 1:
        return "The bias is added to one output, so it takes that output's upstream gradient."
    nonzero = count_of_nonzero(upstream)
    values = counted(upstream.size, "upstream value")
    rest = not_zero(nonzero, upstream.size)
    return f"The bias was added at every place, so it gathers all {values}; {rest}."


def _accumulated(story: Story) -> Sentences:
    count = counted(len(story.derivation.positions), "use")
    start = "So far, its" if story.so_far else "Its"
    bold = f"{start} {count} together pull with {said(story.value)}."
    return Sentences(bold, (story.derivation.nest.remark,))


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
            bold = f"{layer} turns the gradient of its output into that of {what}."
            return Sentences(bold, (operation.nest.remark,))


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
            if not math.isfinite(factor.value):
                name = str(factor.address or factor.label)
                return Sentences(
                    f"This value is {said(story.value)}.",
                    (f"It takes it from {name}, which is {said(factor.value)}: look there.",),
                )
    return Sentences(
        f"This value is {said(story.value)}.",
        ("Its operands are finite, so it overflowed right here.",),
    )


def _current_term(step: ExplainedStep, derivation: Derivation) -> tuple[str, ...]:
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
