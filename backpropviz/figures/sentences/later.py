"""Sentences about batch normalization, dropout and activations with a slope of their own."""

from __future__ import annotations

from typing import Final

from backpropviz.engine.address import Address
from backpropviz.figures.number_groups import counted, said, said_exactly
from backpropviz.figures.sentences.story import Sentences, Story

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
            return _rectified(story)
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


def _rectified(story: Story) -> Sentences:
    before, slope = (factor.value for factor in story.derivation.terms[0].operands[:2])
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {said(story.value)}.")
    if before == 0:
        return Sentences("The value is exactly 0 and stays 0.", ("Its slope is the learned one.",))
    scaled = f"times its learned slope {said(slope)} is {said(story.value)}"
    return Sentences(f"The value is negative: {said(before)} {scaled}.")
