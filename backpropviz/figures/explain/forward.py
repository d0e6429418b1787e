"""Sentences about values of the forward pass and of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import Address
from backpropviz.figures.explain.story import Sentences, Story
from backpropviz.figures.numbers import counted, said, said_exactly

LATER_KINDS: Final = frozenset({"batch_norm2d", "dropout", "prelu", "gelu", "silu"})
_LEFT_OUT = "The mask left it out, so"


def later_sentences(story: Story) -> Sentences:
    """How a value of the forward pass, or one that the way back keeps, came about."""
    match story.kind:
        case "batch_norm2d":
            return _batch_norm(story)
        case "dropout":
            return _dropped(story)
        case "prelu":
            return _later_rectified(story)
    before = story.derivation.terms[0].operands[0].value
    bold = f"{said(before)} is bent to {said(story.value)}."
    return Sentences(bold, (story.derivation.nest.remark,))


def later_gradient_sentences(story: Story) -> Sentences:
    """How the gradient of an input came about."""
    match story.kind:
        case "batch_norm2d":
            return _through_norm(story)
        case "dropout":
            return _through_mask(story)
    factors = story.derivation.terms[0].operands
    upstream, before = factors[0].value, factors[1].value
    if upstream == 0:
        return Sentences("Nothing comes from upstream, so nothing passes.")
    slope = said(story.value / upstream)
    bold = f"The slope here is {slope}; it turns the upstream {said(upstream)} into "
    return Sentences(f"{bold}{said(story.value)}.", (f"The value was {said(before)}.",))


def _batch_norm(story: Story) -> Sentences:
    value, remark = said(story.value), story.derivation.nest.remark
    channel = story.address.indices[1 if len(story.address.indices) == 4 else 0]
    start = story.so_far
    the = "the" if start else "The"
    if story.address.part == "next":
        return _running(story, channel)
    match story.address.quantity:
        case "mean":
            count = counted(len(story.derivation.positions), "value")
            bold = f"{start}{the} {count} of channel {channel} have the mean {value}."
        case "variance":
            bold = f"{start}{the} variance of channel {channel} is {value}."
        case "centered":
            bold = _beside_mean(story)
        case "inv_std":
            spread = 1 / story.value if story.value else float("inf")
            bold = f"One over the spread of channel {channel}, {said(spread)}, is {value}."
        case "normalized":
            bold = _in_spreads(story)
        case "upstream_sum":
            remark = "The mean of the channel has moved every value, so all of them count."
            bold = f"{start}{the} upstream gradients of channel {channel} add up to {value}."
        case "upstream_dot":
            remark = "The variance of the channel has moved every value, so all of them count."
            upstream = f"upstream gradients of channel {channel}, each times its output,"
            bold = f"{start}{the} {upstream} add up to {value}."
        case _:
            bold = _scaled(story)
    return Sentences(bold, (remark,))


def _running(story: Story, channel: int) -> Sentences:
    kept = story.address.of("")
    is_mean = kept.quantity == "running_mean"
    batch = Address(kept.layer, "mean" if is_mean else "variance").at(kept.indices)
    name = "mean" if is_mean else "variance"
    before, after = said(story.value_at(kept)), said(story.value)
    bold = f"The running {name} of channel {channel} goes from {before} to {after}."
    share = story.chosen("momentum")
    how = f"{said_exactly(share)} of the way" if isinstance(share, float) else "a step"
    unbiased = "" if is_mean else ", made a little larger since it was taken from a sample"
    why = f"It goes {how} to the batch's, {said(story.value_at(batch))}{unbiased}."
    return Sentences(bold, (why, "No gradient flows here: it is used after training."))


def _mean_name(story: Story) -> str:
    return "mean" if story.chosen("mode") == "train" else "running mean"


def _beside_mean(story: Story) -> str:
    if story.value == 0:
        return f"The value is the {_mean_name(story)} of its channel."
    side = "above" if story.value > 0 else "below"
    return f"The value is {said(abs(story.value))} {side} the {_mean_name(story)} of its channel."


def _in_spreads(story: Story) -> str:
    if story.value == 0:
        return f"The value is the {_mean_name(story)} of its channel, so it becomes 0."
    side = "above" if story.value > 0 else "below"
    distance = f"{said(abs(story.value))} spreads {side} the {_mean_name(story)}"
    return f"The value is {distance} of its channel."


def _scaled(story: Story) -> str:
    if story.chosen("affine") is False:
        return _in_spreads(story)
    normalized, weight, bias = (f.value for f in story.derivation.terms[0].operands)
    scaled = f"{said(normalized)} is scaled by {said(weight)} and shifted by {said(bias)}"
    return f"{scaled}: {said(story.value)}."


def _through_norm(story: Story) -> Sentences:
    remark, value = story.derivation.nest.remark, said(story.value)
    factors = story.derivation.terms[0].operands
    if story.chosen("mode") != "train":
        came = said(factors[0].value)
        return Sentences(f"The scale turns the upstream {came} into {value}.", (remark,))
    first = len(factors) - 5
    upstream, total, share, normalized, dot = (f.value for f in factors[first:])
    mean, variance = total * share, normalized * dot * share
    bold = "Nothing is left to pass back." if story.value == 0 else f"It hands on {value}."
    parts = (
        f"Of the upstream {said(upstream)} the mean takes off {said(mean)} "
        f"and the variance {said(variance)}; what is left is scaled."
    )
    return Sentences(bold, (parts, remark))


def _dropped(story: Story) -> Sentences:
    before, mask = (factor.value for factor in story.derivation.terms[0].operands[:2])
    remark = story.derivation.nest.remark
    if not mask:
        return Sentences(f"{_LEFT_OUT} {said(before)} becomes 0.", (remark,))
    return Sentences(f"The mask keeps it: {said(before)} becomes {said(story.value)}.", (remark,))


def _through_mask(story: Story) -> Sentences:
    upstream, mask = (factor.value for factor in story.derivation.terms[0].operands[:2])
    if not mask:
        return Sentences(f"{_LEFT_OUT} no gradient passes.", (story.derivation.nest.remark,))
    if upstream == 0:
        return Sentences("Nothing comes from upstream, so nothing passes.")
    bold = f"The mask kept it, so the upstream {said(upstream)} grows to {said(story.value)}."
    return Sentences(bold, ("On the way there the value was made larger by the same factor.",))


def _later_rectified(story: Story) -> Sentences:
    before, slope = (factor.value for factor in story.derivation.terms[0].operands[:2])
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {said(story.value)}.")
    if before == 0:
        return Sentences("The value is exactly 0 and stays 0.", ("Its slope is the learned one.",))
    scaled = f"times its learned slope {said(slope)} is {said(story.value)}"
    return Sentences(f"The value is negative: {said(before)} {scaled}.")


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
    if story.derivation.rule is NestRule.MAX and kind != "softmax":
        return _largest(story)
    if kind in {"avg_pool2d", "global_avg_pool2d", "adaptive_avg_pool2d"}:
        return _mean(story)
    if kind == "softmax":
        return _shares(story)
    if kind in LATER_KINDS and story.derivation.rule is not NestRule.COPY:
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
