"""Sentences about values of the forward pass and of the loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backpropviz.engine.nest import Rule
from backpropviz.figures.number_groups import counted, said
from backpropviz.figures.sentences.later import LATER_KINDS, later_sentences
from backpropviz.figures.sentences.story import Sentences, Story

_LINEAR_TEXT = "The same filter slides over every position; nothing is turned."
_TURNED_TEXT = "The same filter slides over every position, turned by 180°: a true convolution."
_TIE_TEXTS: Mapping[object, str] = {
    "first": "the first in row-major order counts as the winner",
    "all": "each of them counts as a winner",
    "shared": "they share the gradient on the way back",
}


def forward_sentences(story: Story) -> Sentences:
    """How a value of the forward pass came about."""
    if story.is_of_loss or story.address.quantity == "loss":
        return _loss(story)
    kind = story.kind
    if kind == "conv2d":
        return _convolution(story)
    if kind == "dense":
        return _dense(story)
    if story.derivation.rule is Rule.MAX and kind != "softmax":
        return _largest(story)
    if kind in {"avg_pool2d", "global_avg_pool2d", "adaptive_avg_pool2d"}:
        return _mean(story)
    if kind == "softmax":
        return _shares(story)
    if kind in LATER_KINDS and story.derivation.rule is not Rule.COPY:
        return later_sentences(story)
    if kind in {"relu", "leaky_relu"}:
        return _rectified(story)
    return _remark(story)


def _convolution(story: Story) -> Sentences:
    padding = story.padding_count(0)
    met = counted(len(story.derivation.positions) - padding, _pixel(story))
    if padding:
        met += f" and {counted(padding, 'padding cell')}"
    verb = "adds" if story.is_complete else "has added"
    bold = f"The filter lies over {met} here and {verb} up to {said(story.value)}."
    start = story.derivation.initial
    begins = (f"The sum starts at the bias, {said(start.value)}.",) if start else ()
    return Sentences(bold, (*begins, _TURNED_TEXT if story.chosen("flip") else _LINEAR_TEXT))


def _pixel(story: Story) -> str:
    layer = story.step.operation.layer if story.step.operation else ""
    node = story.step.tape.network.by_name[layer]
    return "pixel" if node.inputs[0] == "image" else "value"


def _dense(story: Story) -> Sentences:
    inputs = counted(len(story.derivation.positions), "input")
    bold = f"{inputs.capitalize()}, each with a weight of its own, make {said(story.value)}."
    if not story.is_complete:
        bold = f"So far, the {inputs}, each with a weight of its own, make {said(story.value)}."
    quiet = int(np.count_nonzero(story.all_values(1) == 0))
    silent = (
        (f"{counted(quiet, 'input')} of them {_be(quiet)} 0 and add nothing.",) if quiet else ()
    )
    start = story.derivation.initial
    begins = (f"The sum starts at the bias, {said(start.value)}.",) if start else ()
    return Sentences(bold, (*begins, *silent))


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _largest(story: Story) -> Sentences:
    values = story.derivation.term_values
    mask = story.step.progress.mask(values.size)
    seen = values if mask is None else values[mask]
    seen = seen[seen > -np.inf]
    if not seen.size:
        return Sentences("No value of the window has been compared yet.")
    if not story.is_complete:
        bold = f"The largest of the first {counted(seen.size, 'value')} is {said(story.value)}."
    else:
        count = counted(seen.size, "value")
        bold = f"The largest of the {count} goes on: {said(story.value)}."
    equal = int(np.count_nonzero(seen == seen.max()))
    if equal > 1:
        why = f"{equal} of them are equally large; {_TIE_TEXTS[story.chosen('ties')]}."
    else:
        why = "The others have no effect on anything that follows." if story.is_complete else ""
    return Sentences(bold, (why,) if why else ())


def _mean(story: Story) -> Sentences:
    count = counted(len(story.derivation.positions), "value")
    return Sentences(
        f"{story.so_far}{'the' if story.so_far else 'The'} {count} of the window, each by its "
        f"share, make {said(story.value)}.",
        (story.derivation.nest.remark,),
    )


def _rectified(story: Story) -> Sentences:
    before = story.derivation.terms[0].operands[0].value
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {said(story.value)}.")
    if before == 0:
        at_zero = story.chosen("at_zero")
        slope = f"{at_zero:g}." if isinstance(at_zero, float) and at_zero else "0, too."
        return Sentences("The value is exactly 0 and stays 0.", (f"Its slope is taken as {slope}",))
    if story.kind == "relu":
        why = "As long as it is negative, a small change of it changes nothing."
        return Sentences(f"The value is negative ({said(before)}), so it becomes 0.", (why,))
    return Sentences(f"The value is negative, so it is scaled down to {said(story.value)}.")


def _shares(story: Story) -> Sentences:
    """A step of a softmax layer."""
    value, remark = said(story.value), story.derivation.nest.remark
    start = story.so_far or ""
    place = story.address.indices[-1] if story.address.indices else 0
    match story.address.quantity:
        case "max":
            bold = f"{start}{'the' if start else 'The'} largest input is {value}."
        case "exp":
            bold = f"Output {place} weighs {value} among the outputs."
        case "normalizer":
            bold = f"{start}{'all' if start else 'All'} outputs together weigh {value}."
        case "dot":
            bold = f"{start}{'the' if start else 'The'} mean upstream gradient is {value}."
        case _:
            bold = f"Output {place} gets the share {value}."
    return Sentences(bold, (remark,))


def _loss(story: Story) -> Sentences:
    value, quantity = said(story.value), story.address.quantity
    remark = story.derivation.nest.remark
    plain = (remark,) if remark else ()
    place = story.address.indices[-1] if story.address.indices else 0
    match quantity:
        case "loss":
            start = "The loss is" if story.is_complete else "So far, the loss is"
            return Sentences(f"{start} {value}.", plain)
        case "max":
            return Sentences(f"The largest logit is {value}.", plain)
        case "exp":
            return Sentences(f"Class {place} weighs {value} among the classes.", plain)
        case "normalizer":
            return Sentences(f"All classes together weigh {value}.", plain)
        case "probabilities":
            if story.loss_kind == "binary_cross_entropy":
                return Sentences(f"Output {place} says yes with the probability {value}.", plain)
            return Sentences(f"Class {place} gets the probability {value}.", plain)
        case "sample":
            return Sentences(f"This sample's loss is {value}.", plain)
        case "difference":
            return _difference(story)
        case _:
            return _further_loss(story, place, plain)


def _further_loss(story: Story, place: int, plain: tuple[str, ...]) -> Sentences:
    """A step of a smoothed, weighted or binary cross-entropy."""
    value, start = said(story.value), story.so_far
    match story.address.quantity:
        case "entropy":
            return Sentences(f"Output {place} has a loss of {value}.", plain)
        case "surprise":
            return Sentences(
                f"If class {place} alone were wanted, its loss would be {value}.", plain
            )
        case "wanted":
            return Sentences(f"Of class {place}, {value} is wanted.", plain)
        case "mass":
            return Sentences(f"{start}{'the' if start else 'The'} sample counts {value}.", plain)
        case "weight_sum":
            weights = f"{'the' if start else 'The'} weights of the targets"
            return Sentences(f"{start}{weights} add up to {value}.", plain)
        case _:
            return _remark(story)


def _difference(story: Story) -> Sentences:
    if story.value == 0:
        return Sentences("The prediction is the target.", ("There is nothing to mend here.",))
    side = "above" if story.value > 0 else "below"
    return Sentences(f"The prediction is {said(abs(story.value))} {side} the target.")


def _remark(story: Story) -> Sentences:
    remark = story.derivation.nest.remark
    if not remark:
        return Sentences(f"{story.address} is {said(story.value)}.")
    return Sentences(remark, (f"{story.address} is {said(story.value)}.",))
